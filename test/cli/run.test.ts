/** A run of the command in a process that does other things too: it uses what it is given, and leaves nothing. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { run } from '../../src/cli/main.js'
import { Collected, hivelog, linesOf } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const none = (): Readable => Readable.from([])

test('runs that overlap have each its own input, output and environment', async (t) => {
  const cwd = scratch(t)
  const log = (name: string): string => new LogWriter(join(cwd, `${name}.jsonl`)).messages(2000).file
  const [first, second] = [log('first'), log('second')]
  new LogWriter(second).message('only here')
  const runs = [first, second, first].map(async (file) => {
    const [stdout, stderr] = [new Collected(), new Collected()]
    const code = await run(['cat', '--json'], { stdin: none(), stdout, stderr, env: { HIVELOG_FILE: file } })
    return { code, text: stdout.text, error: stderr.text }
  })
  const bad = new Collected()
  const wrong = run(['tial'], { stdin: none(), stdout: new Collected(), stderr: bad, env: {} })
  const piped = new Collected()
  const slow = new PassThrough()
  const reading = run(['cat', '-'], { stdin: slow, stdout: piped, stderr: new Collected(), env: {} })
  const [one, two, three] = await Promise.all(runs)
  slow.end('{"ts":1787386181194,"kind":"idle","agentId":"late"}\n')
  assert.equal(await wrong, 2)
  assert.equal(await reading, 0)
  assert.match(bad.text, /^hivelog: there is no command 'tial'; did you mean tail\? see hivelog --help\n$/)
  assert.match(piped.text, /^\S+ .*late.*\n$/)
  assert.deepEqual(one, three)
  assert.deepEqual([one?.code, one?.error, two?.code, two?.error], [0, '', 0, ''])
  assert.equal(linesOf(one?.text ?? '').length, 2001)
  assert.equal(linesOf(two?.text ?? '').length, 2003)
  assert.match(two?.text ?? '', /only here/)
})

test('colours are for the terminal that the run writes to', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl')).message('x'.repeat(200))
  const colored = async (terminal: number, env: Record<string, string>): Promise<boolean> =>
    (await hivelog(['cat'], { cwd, env, terminal })).stdout.includes('\x1b[')
  assert.equal(await colored(0, {}), false)
  assert.equal(await colored(80, { TERM: 'xterm' }), true)
  assert.equal(await colored(80, { TERM: 'dumb' }), false)
  assert.equal(await colored(80, { TERM: 'xterm', NO_COLOR: '1' }), false)
  assert.equal(await colored(0, { FORCE_COLOR: '1' }), true)
  const { stdout } = await hivelog(['cat'], { cwd, env: { NO_COLOR: '1' }, terminal: 60 })
  assert.equal(Math.max(...linesOf(stdout).map((line) => line.length)), 60)
})

test('the keys of --step come from the input of the run', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl')).messages(5)
  const { code, stdout } = await hivelog(['replay', '--step', '--json'], { cwd, input: '  q' })
  assert.equal(code, 0)
  assert.equal(linesOf(stdout).length, 2)
})

test('a run leaves the process as it was', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl')).message()
  const listeners = (): number[] =>
    ['SIGINT', 'SIGTERM', 'exit', 'uncaughtException'].map((name) => process.listenerCount(name))
  const before = [process.cwd(), process.exitCode, ...listeners()]
  await hivelog(['tail', '--cursor', 'ui'], { cwd })
  await hivelog(['verify', 'none.jsonl'], { cwd })
  assert.deepEqual([process.cwd(), process.exitCode, ...listeners()], before)
})
