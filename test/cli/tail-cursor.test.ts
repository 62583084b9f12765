/** `hivelog tail --cursor` */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { hivelog, linesOf, MAIN } from '../kit/reader-cli.js'
import { FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const seqs = (text: string): number[] => linesOf(text).map((line) => JSON.parse(line).seq)

/** `seq` of the lines that are new to a cursor. */
async function tail(file: string, ...args: string[]): Promise<number[]> {
  const { code, stdout, stderr } = await hivelog(['tail', '--json', '--cursor', 'ui', ...args, file])
  assert.deepEqual([code, stderr], [0, ''])
  return seqs(stdout)
}

test('each run shows what is new, whatever became of the segment', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(30)
  assert.deepEqual(await tail(file), range(1, 31))
  assert.deepEqual(await tail(file), [])
  log.messages(2).rotate({ gzip: true })
  log.messages(1)
  assert.deepEqual(await tail(file), range(32, log.seq))
  assert.deepEqual((await tail(file, '--cursor', 'other')).length, log.seq)
})

test('of a hive of two logs each has a place of its own; a child log that comes later is read from its start', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const children = `${file}.agents`
  mkdirSync(children)
  const parent = new LogWriter(file).messages(4)
  const child = new LogWriter(join(children, 'coder.jsonl')).messages(2)
  const sorted = async (): Promise<number[]> => (await tail(file)).sort((a, b) => a - b)
  assert.deepEqual(await sorted(), [1, 1, 2, 2, 3, 3, 4, 5])
  assert.ok(existsSync(`${file}.cursors/ui.json`))
  assert.ok(existsSync(join(children, 'coder.jsonl.cursors', 'ui.json')))
  assert.deepEqual(await tail(file), [])
  child.messages(2)
  assert.deepEqual(await tail(file), [4, 5])
  parent.messages(1)
  child.messages(1).rotate({ gzip: true })
  new LogWriter(join(children, 'tester.jsonl')).messages(1)
  assert.deepEqual(await sorted(), [...range(1, 2), 6, ...range(6, child.seq)])
  assert.deepEqual(await tail(file), [])
})

test('-f goes on with the log of a child process that appears meanwhile', { timeout: 60_000 }, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(1)
  const child = spawn(process.execPath, [MAIN, 'tail', '-f', '-n', '1', file])
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async (): Promise<string> => (await lines.next()).value as string
  assert.ok(!(await next()).endsWith(']'))
  mkdirSync(`${file}.agents`)
  new LogWriter(join(`${file}.agents`, 'coder.jsonl')).messages(1)
  const shown = [await next(), await next()]
  assert.ok(
    shown.every((line) => line.endsWith('  [coder]')),
    shown.join('\n'),
  )
  log.messages(1)
  assert.ok(!(await next()).endsWith(']'))
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('-n is for the first use; 0 shows only what comes after it', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(9)
  assert.deepEqual(await tail(file, '-n', '3'), [8, 9, 10])
  assert.deepEqual(await tail(file, '-n', '3'), [])
  assert.deepEqual(await tail(file, '--cursor', 'new', '-n', '0'), [])
  log.messages(2)
  assert.deepEqual(await tail(file, '-n', '1'), [11, 12])
  assert.deepEqual(await tail(file, '--cursor', 'new', '-n', '0'), [11, 12])
})

test('a log without seq, for people', async (t) => {
  const file = join(scratch(t), 'log.jsonl')
  writeFileSync(file, FOREIGN)
  const first = await hivelog(['tail', '--cursor', 'ui', file])
  assert.deepEqual([first.code, linesOf(first.stdout).length], [0, 3])
  appendFileSync(file, '{"ts":1787386394433,"kind":"drain","agentId":"god","count":1}\nnot json\n')
  const second = linesOf((await hivelog(['tail', '--cursor', 'ui', file])).stdout)
  assert.equal(second.length, 2)
  assert.match(second[0] as string, /drain/)
  assert.equal(second[1], '! log.jsonl:5  invalid JSON  not json')
})

test('--kind leaves lines out for good', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(5).event('exit', { agentId: 'a', status: 'ok' }).messages(1)
  assert.deepEqual(await tail(file, '--kind', 'exit'), [7])
  assert.deepEqual(await tail(file), [])
})

test('a lost cursor is one line that offers --from-oldest, which goes on', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(5)
  await tail(file)
  const first = log.messages(1).rotate()
  log.messages(2)
  rmSync(first)
  const { code, stdout, stderr } = await hivelog(['tail', '--cursor', 'ui', file])
  assert.deepEqual([code, stdout], [2, ''])
  assert.equal(
    stderr,
    `hivelog: cursor 'ui' is lost: its segment hive.000000000001.jsonl is gone; ` +
      `the oldest line to go on with is seq 9 in ${file}; begin there with --from-oldest\n`,
  )
  const onward = await hivelog(['tail', '--cursor', 'ui', '--from-oldest', '--json', file])
  assert.equal(onward.code, 0)
  assert.match(onward.stderr, /cursor 'ui' is lost: .* is gone; going on with the oldest line/)
  assert.deepEqual(seqs(onward.stdout), range(9, log.seq))
  assert.deepEqual(await tail(file, '--from-oldest'), [])
})

const BAD: [args: string[], message: RegExp][] = [
  [['--cursor', 'a/b', 'hive.jsonl'], /'a\/b' is no name for a cursor: it needs 1 to 64 of A-Z a-z 0-9/],
  [['--cursor', 'ui', 'none.jsonl'], /cannot read none\.jsonl: there is no such file/],
  [['--cursor', 'ui', '.'], /cannot read \.: it is a directory/],
  [['--cursor', 'ui', '-'], /tail needs a file/],
  [
    ['--cursor', 'damaged', 'hive.jsonl'],
    /damaged\.json is damaged: it is not JSON; delete it to begin anew/,
  ],
  [['--from-oldest', 'hive.jsonl'], /--from-oldest is for a cursor: give --cursor NAME too/],
  [['--cursor'], /argument missing; see hivelog tail --help/],
]

for (const [args, message] of BAD) {
  test(`bad use is one line and exit code 2: tail ${args.join(' ')}`, async (t) => {
    const cwd = scratch(t)
    new LogWriter(join(cwd, 'hive.jsonl'))
    await hivelog(['tail', '--cursor', 'damaged', 'hive.jsonl'], { cwd })
    writeFileSync(join(cwd, 'hive.jsonl.cursors/damaged.json'), '{')
    const { code, stdout, stderr } = await hivelog(['tail', ...args], { cwd })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  })
}

test('what a reader that goes away did not take is shown by the next run', { timeout: 60_000 }, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(2_500)
  const child = spawn(process.execPath, [MAIN, 'tail', '--json', '--cursor', 'ui', file])
  t.after(() => child.kill('SIGKILL'))
  let written = 0
  child.stdout.on('data', (data) => {
    written += data.length
    child.stdout.destroy()
  })
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.ok(written > 0)
  const cursor = `${file}.cursors/ui.json`
  const seq = existsSync(cursor) ? JSON.parse(readFileSync(cursor, 'utf8')).seq : 0
  assert.ok(seq < 2_501, 'what nobody took is not processed')
  assert.deepEqual(await tail(file), range(seq + 1, 2_501))
})

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`-f goes on across rotation; after ${signal} the next run goes on where it was`, {
    timeout: 60_000,
  }, async (t) => {
    const file = join(scratch(t), 'hive.jsonl')
    const log = new LogWriter(file).messages(4)
    const child = spawn(process.execPath, [MAIN, 'tail', '-f', '--json', '--cursor', 'ui', file])
    t.after(() => child.kill('SIGKILL'))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const next = async (): Promise<number> => JSON.parse((await lines.next()).value as string).seq
    for (let seq = 1; seq <= 5; seq++) assert.equal(await next(), seq)
    // It has caught up and saved that.
    while (!existsSync(`${file}.cursors/ui.json`)) await setTimeout(5)
    log.rotate({ gzip: true })
    log.messages(2)
    for (let seq = 6; seq <= log.seq; seq++) assert.equal(await next(), seq)
    child.kill(signal)
    await once(child, 'exit')
    const last = log.seq
    log.messages(1)
    const found = await tail(file)
    assert.deepEqual(found.slice(-1), [last + 1])
    if (signal === 'SIGINT') assert.equal(found.length, 1)
    else assert.deepEqual(found, range(found[0] as number, last + 1))
    assert.ok((found[0] as number) >= 6, 'what was saved does not come again')
  })
}

test('the help of tail fits 80 columns', async () => {
  const { stdout } = await hivelog(['tail', '--help'])
  for (const line of linesOf(stdout)) assert.ok(line.length <= 80, line)
  assert.match(stdout, /--from-oldest/)
})
