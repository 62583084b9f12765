import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { hivelog, linesOf, MAIN } from '../kit/reader-cli.js'
import { FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

test('--json gives the lines as they are in the file, archived segments included', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).message('ünïcode \u0000 "x"').messages(3)
  const archived = log.rotate()
  log.messages(2)
  const all = readFileSync(archived, 'utf8') + readFileSync(file, 'utf8')
  const { code, stdout, stderr } = await hivelog(['cat', '--json', file])
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(stdout, all)
  assert.equal(
    (await hivelog(['tail', '-n', '5', '--json', file])).stdout,
    all.split('\n').slice(-6).join('\n'),
  )
})

test('--kind and --agent choose, and can be given several times', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file)
    .message()
    .event('tool', { agentId: 'coder', name: 'grep', ok: true })
    .event('escalate', { from: 'tester', to: 'human', subject: 'May I?', id: 'e-1' })
    .event('exit', { agentId: 'lead', status: 'ok' })
    .raw('not json\n')
  const kinds = async (args: string[]): Promise<string[]> =>
    linesOf((await hivelog([...args, '--json', file])).stdout).map((line) => JSON.parse(line).kind)
  for (const command of [['cat'], ['tail', '-n', '99']]) {
    assert.deepEqual(await kinds([...command, '--kind', 'tool']), ['tool'])
    assert.deepEqual(await kinds([...command, '--kind', 'tool', '--kind', 'exit']), ['tool', 'exit'])
    assert.deepEqual(await kinds([...command, '--agent', 'coder']), ['message', 'tool'])
    assert.deepEqual(await kinds([...command, '--agent', 'human']), ['escalate'])
    assert.deepEqual(await kinds([...command, '--agent', 'lead', '--agent', 'human']), [
      'message',
      'escalate',
      'exit',
    ])
    assert.deepEqual(await kinds([...command, '--agent', 'coder', '--kind', 'tool']), ['tool'])
    assert.deepEqual(await kinds([...command, '--kind', 'none']), [])
  }
  assert.deepEqual(await kinds(['tail', '-n', '1', '--kind', 'message']), ['message'])
})

test('a malformed line is shown in its place; with --json it is told of on standard error', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).raw('{"ts":1,\x1b[2J\n').message()
  const plain = await hivelog(['cat', file])
  assert.deepEqual([plain.code, plain.stderr], [0, ''])
  assert.equal(linesOf(plain.stdout)[1], '! hive.jsonl:2  JSON cut short  {"ts":1,\\u001b[2J')
  const json = await hivelog(['cat', '--json', file])
  assert.equal(json.code, 0)
  assert.equal(json.stderr, `hivelog: ${file} line 2: JSON cut short; left out\n`)
  assert.equal(linesOf(json.stdout).length, 2)
})

test('cat takes several files, and - for standard input', async (t) => {
  const folder = scratch(t)
  new LogWriter(join(folder, 'a.jsonl'))
  const { stdout } = await hivelog(['cat', '--json', 'a.jsonl', '-', 'a.jsonl'], {
    cwd: folder,
    input: FOREIGN,
  })
  const line = readFileSync(join(folder, 'a.jsonl'), 'utf8')
  assert.equal(stdout, line + FOREIGN + line)
})

test('what could be read before an error is still printed', async (t) => {
  const folder = scratch(t)
  new LogWriter(join(folder, 'a.jsonl'))
  const { code, stdout } = await hivelog(['cat', '--json', 'a.jsonl', 'none.jsonl'], { cwd: folder })
  assert.equal(code, 2)
  assert.equal(stdout, readFileSync(join(folder, 'a.jsonl'), 'utf8'))
})

test('a reader that goes away (| head) ends it quietly', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(50_000)
  for (const command of ['cat', 'tail']) {
    const child = spawn(process.execPath, [
      MAIN,
      command,
      ...(command === 'tail' ? ['-n', '99999'] : []),
      file,
    ])
    let stderr = ''
    child.stderr.on('data', (data) => {
      stderr += data
    })
    await once(child.stdout, 'data')
    child.stdout.destroy()
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.equal(stderr, '')
  }
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`tail -f shows new lines across a rotation, and ends with 0 on ${signal}`, {
    timeout: 60_000,
  }, async (t) => {
    const file = join(scratch(t), 'hive.jsonl')
    const log = new LogWriter(file).message('one').message('two')
    const child = spawn(process.execPath, [MAIN, 'tail', '-f', '-n', '1', '--kind', 'message', file])
    t.after(() => child.kill('SIGKILL'))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const subject = async (): Promise<string | undefined> => /"(.*)"$/.exec((await lines.next()).value)?.[1]
    assert.equal(await subject(), 'two')
    log.message('three')
    assert.equal(await subject(), 'three')
    log.message('four').rotate()
    log.message('five')
    assert.equal(await subject(), 'four')
    assert.equal(await subject(), 'five')
    child.kill(signal)
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })
}

test('tail -f waits for a file that is not there yet', { timeout: 60_000 }, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const child = spawn(process.execPath, [MAIN, 'tail', '-f', '--json', file])
  t.after(() => child.kill('SIGKILL'))
  const first = once(child.stdout, 'data')
  writeFileSync(file, '')
  appendFileSync(file, '{"ts":1,"kind":"x"}\n')
  assert.equal(String((await first)[0]), '{"ts":1,"kind":"x"}\n')
})
