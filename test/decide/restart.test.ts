/** What was asked before a restart is decided once by code too: the log tells what this process cannot know. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { trace } from '@opentelemetry/api'
import { putDecision } from '../../src/decide/decisions.js'
import { type AlreadyDecidedError, type Hive, type HiveOptions, startHive } from '../../src/index.js'
import { approvals, isTaken, until } from '../kit/deciding.js'
import { captureDiag, defer, eventsOf, runNode, tempFolder, tempHive } from '../kit/hive-support.js'

const RESTART = fileURLToPath(new URL('../programs/approving-restart.js', import.meta.url))
const OPTIONS: HiveOptions = { otlp: false, rotate: { maxBytes: 4_096, gzip: true } }

function opened(t: TestContext, file: string): Hive {
  const hive = startHive({ ...OPTIONS, file })
  defer(t, () => hive.shutdown())
  return hive
}

/** A log in which `decided` was asked and decided by ana, and `open` asked, by a process that has ended. */
async function oldLog(t: TestContext, events = 3): Promise<string> {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = opened(t, file)
  const agent = hive.spawn({ agentId: 'coder' })
  agent.escalate({ id: 'decided', subject: '?' })
  agent.escalate({ id: 'open', subject: '?' })
  await hive.approve('decided', false, { by: 'ana', note: 'never' })
  for (let i = 0; i < events; i++) agent.log('step', { i, text: 'x'.repeat(40) })
  await hive.shutdown()
  return file
}

const twice =
  (by: string, approve: boolean) =>
  (error: AlreadyDecidedError): boolean => {
    assert.equal(error.code, 'ERR_HIVELOG_DECIDED')
    assert.deepEqual([error.decision.by, error.decision.approve], [by, approve])
    return true
  }

for (const [where, events] of [
  ['the log', 3],
  ['an archive', 200],
] as const) {
  test(`what was decided before the restart is refused, with the decision that holds, from ${where}`, async (t) => {
    const file = await oldLog(t, events)
    const [first] = (events > 3 ? [] : approvals(file)).map(({ ts }) => ts)
    const said = captureDiag(t)
    const hive = opened(t, file)
    await assert.rejects(hive.approve('decided', true, { by: 'bo' }), (error: AlreadyDecidedError) => {
      assert.equal(error.decision.note, 'never')
      if (first !== undefined) assert.equal(error.decision.ts, first)
      return twice('ana', false)(error)
    })
    await hive.approve('open', true, { by: 'bo' })
    await assert.rejects(hive.approve('open', false, { by: 'cy' }), twice('bo', true))
    assert.deepEqual(
      approvals(file)
        .filter(({ ts }) => ts !== first)
        .map(({ id, by, via }) => [id, by, via]),
      [['open', 'bo', 'code']],
    )
    assert.equal(said.length, 2, 'nothing is said but that both were decided')
    assert.ok(said.every((line) => / was (approved|rejected) by /.test(line)))
  })
}

test('of two parts of the program that decide in one moment the first holds', async (t) => {
  const hive = opened(t, await oldLog(t))
  const both = await Promise.allSettled([
    hive.approve('open', true, { by: 'bo' }),
    hive.approve('open', false, { by: 'cy' }),
  ])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(approvals(hive.file as string).filter(({ id }) => id === 'open').length, 1)
})

test('with a decision beside the log it is decided once too', async (t) => {
  for (let round = 0; round < 5; round++) {
    const file = await oldLog(t)
    putDecision(file, { id: 'open', approve: false, by: 'ana', via: 'cli', ts: Date.now() })
    const hive = opened(t, file)
    await new Promise((done) => setTimeout(done, round))
    const told = await hive.approve('open', true, { by: 'bo' }).then(
      () => 'bo',
      (error: AlreadyDecidedError) => error.decision.by,
    )
    await until(() => isTaken(file))
    await hive.flush()
    assert.deepEqual(
      approvals(file)
        .filter(({ id }) => id === 'open')
        .map(({ by }) => by),
      [told],
    )
  }
})

test('what is asked again is open again', async (t) => {
  const hive = opened(t, await oldLog(t))
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ id: 'decided', subject: 'and now?' })
  await hive.approve('decided', true, { by: 'bo' })
  assert.equal((await asked.decision).by, 'bo')
})

test('what a child process asked is its own log’s, and is recorded as it was before', async (t) => {
  const file = await oldLog(t)
  const below = opened(t, join(`${file}.agents`, 'child.jsonl'))
  const worker = below.spawn({ agentId: 'worker' })
  const hive = opened(t, file)
  for (const approve of [true, false]) {
    await worker.escalate({ id: 'child-ask', subject: '?' }).durable
    await hive.approve('child-ask', approve, { by: 'bo' })
  }
  assert.deepEqual(
    approvals(file)
      .filter(({ id }) => id === 'child-ask')
      .map(({ approve }) => approve),
    [true, false],
  )
})

test('the order of the calls is the order of the lines', async (t) => {
  const file = await oldLog(t)
  const hive = opened(t, file)
  const before = hive.spawn({ agentId: 'before' })
  void hive.approve('open', true, { by: 'bo' })
  hive.spawn({ agentId: 'after' })
  before.end()
  await hive.flush()
  assert.deepEqual(
    eventsOf(file)
      .slice(-4)
      .map(({ kind }) => kind),
    ['spawn', 'approval', 'spawn', 'exit'],
  )
})

test('of a question further back than is read, the decision is recorded', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const first = startHive({ otlp: false, file, fsync: 'no' })
  const agent = first.spawn({ agentId: 'coder' })
  agent.escalate({ id: 'long ago', subject: '?' })
  void first.approve('long ago', true, { by: 'ana' })
  const text = 'x'.repeat(1_000)
  for (let i = 0; i < 66_000; i++) {
    agent.log('step', { i, text })
    if (i % 1_000 === 0) await first.flush()
  }
  agent.escalate({ id: 'just now', subject: '?' })
  void first.approve('just now', true, { by: 'ana' })
  await first.shutdown()
  const said = captureDiag(t)
  const hive = startHive({ otlp: false, file, fsync: 'no' })
  defer(t, () => hive.shutdown())
  await assert.rejects(hive.approve('just now', false, { by: 'bo' }), twice('ana', true))
  await hive.approve('long ago', false, { by: 'bo' })
  assert.match(said[1] ?? '', /"long ago", which no agent of this hive has escalated; it is recorded/)
})

test('what a span asked is decided once, without a restart', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  agent.run(() =>
    trace.getActiveSpan()?.addEvent('hive.escalate', { 'hive.id': 'by-span', 'hive.subject': '?' }),
  )
  await hive.approve('by-span', true, { by: 'bo' })
  await assert.rejects(hive.approve('by-span', false, { by: 'cy' }), twice('bo', true))
  assert.equal(approvals(file).length, 1)
})

test('what nobody asked is recorded, and said, as often as it is given', async (t) => {
  const file = await oldLog(t)
  const said = captureDiag(t)
  const hive = opened(t, file)
  await hive.approve('elsewhere', true)
  await hive.approve('elsewhere', true)
  assert.equal(approvals(file).filter(({ id }) => id === 'elsewhere').length, 2)
  assert.equal(said.filter((line) => /which no agent of this hive has escalated/.test(line)).length, 2)
})

for (const how of ['exit', 'shutdown', 'flush']) {
  test(`a decision just before the end is in the log: ${how}`, async (t) => {
    const file = await oldLog(t)
    const { stderr } = await runNode([RESTART, file, 'open', how])
    assert.equal(stderr, '')
    assert.equal(eventsOf(file).filter(({ kind, id }) => kind === 'approval' && id === 'open').length, 1)
  })
}
