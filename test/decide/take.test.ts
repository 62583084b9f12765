/** A hive takes what people decided: one approval for each escalation, whatever way it came, and whoever was down. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { trace } from '@opentelemetry/api'
import { type Decision, putDecision } from '../../src/decide/decisions.js'
import { startHive } from '../../src/index.js'
import {
  captureDiag,
  defer,
  eventsOf,
  type Line,
  oneEvent,
  tempFolder,
  tempHive,
} from '../kit/hive-support.js'

const WAITER = fileURLToPath(new URL('../programs/decision-waiter.js', import.meta.url))

const put = (log: string, id: string, more: Partial<Decision> = {}) =>
  putDecision(log, { id, approve: true, by: 'ana', via: 'cli', ts: Date.now(), ...more })
const approvals = (log: string): Line[] => eventsOf(log).filter(({ kind }) => kind === 'approval')

/** Waits for what another process, or the background, does; the runner's own limit ends it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((done) => setTimeout(done, 5))
}
const isTaken = (log: string): boolean => readdirSync(`${log}.decisions`).length === 0

function waiter(t: TestContext, log: string, count: number, how: 'wait' | 'leave') {
  const child = spawn(process.execPath, [WAITER, log, String(count), how], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return { child, exit: once(child, 'exit'), next: async () => (await lines.next()).value as string }
}

test('a decision beside the log becomes the approval, the agent hears of it, and the file goes', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  const asked = agent.escalate({ subject: 'Drop the table?' })
  await asked.durable
  assert.deepEqual(put(file, asked.id, { approve: false, note: 'never' }), { put: true })
  const { ts, ...made } = await asked.decision
  assert.deepEqual(made, { approve: false, by: 'ana', via: 'cli', note: 'never' })
  const line = oneEvent(file, 'approval')
  assert.deepEqual(
    [line.id, line.approve, line.by, line.via, line.note],
    [asked.id, false, 'ana', 'cli', 'never'],
  )
  assert.ok(Math.abs(ts - line.ts) < 1_000)
  assert.equal(line.span, oneEvent(file, 'escalate').span, 'it lands on the span that escalated')
  await until(() => isTaken(file))
})

test('code decides by the way `code`, and the second who decides hears of the first', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ subject: '?' })
  await hive.approve(asked.id, true, { by: 'bo' })
  const { ts: _, ...made } = await asked.decision
  assert.deepEqual(made, { approve: true, by: 'bo', via: 'code', note: undefined })
  await assert.rejects(hive.approve(asked.id, false, { by: 'cy' }), (error: Error) => {
    assert.match(error.message, /was approved by "bo" \(code\) at \d{4}-/)
    assert.equal((error as Error & { code: string }).code, 'ERR_HIVELOG_DECIDED')
    const { decision } = error as Error & { decision: { by: string; approve: boolean } }
    assert.deepEqual([decision.by, decision.approve], ['bo', true])
    return true
  })
  // Somebody decided in the same moment, and comes late.
  put(file, asked.id, { approve: false, by: 'di' })
  await until(() => isTaken(file))
  const [line, ...more] = approvals(file)
  assert.deepEqual([line?.by, line?.via, more], ['bo', 'code', []])
  assert.equal(said.length, 1)
})

test('what is asked again under its id is decided again', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  for (const approve of [true, false]) {
    const asked = agent.escalate({ id: 'same', subject: '?' })
    await asked.durable
    put(file, 'same', { approve })
    assert.equal((await asked.decision).approve, approve)
    await until(() => isTaken(file))
  }
  assert.deepEqual(
    approvals(file).map(({ approve }) => approve),
    [true, false],
  )
})

test('after its time the promise is given up, and the escalation can be decided all the same', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  const asked = agent.escalate({ subject: '?', timeoutMs: 20 })
  await assert.rejects(asked.decision, {
    code: 'ERR_HIVELOG_NOT_DECIDED',
    name: 'NotDecidedError',
    id: asked.id,
  })
  await hive.flush()
  assert.equal(approvals(file).length, 0)
  put(file, asked.id)
  await until(() => isTaken(file))
  assert.equal(oneEvent(file, 'approval').by, 'ana')
  await assert.rejects(
    asked.decision,
    { code: 'ERR_HIVELOG_NOT_DECIDED' },
    'a promise does not change its mind',
  )
  assert.deepEqual(said, [])
  agent.escalate({ subject: '?', timeoutMs: -1 })
  assert.match(said.join(), /`timeoutMs` of an escalation of agent coder is -1/)
})

test('an agent cannot decide, neither in code nor beside the log', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const lead = hive.spawn({ agentId: 'lead', isGod: true })
  const asked = lead.spawn({ agentId: 'coder' }).escalate({ subject: '?' })
  await asked.durable
  for (const by of ['coder', 'lead'])
    await assert.rejects(hive.approve(asked.id, true, { by }), { code: 'ERR_HIVELOG_DECISION' })
  put(file, asked.id, { by: 'coder' })
  await until(() => isTaken(file))
  await hive.flush()
  assert.equal(approvals(file).length, 0)
  assert.equal(said.filter((line) => line.includes('only people decide')).length, 3)
  put(file, asked.id, { by: 'ana' })
  assert.equal((await asked.decision).by, 'ana')
})

test('two hives on one log decide once, and the right agent hears of it', async (t) => {
  const { hive, file } = tempHive(t)
  const other = startHive({ file, fsync: 'no' })
  defer(t, () => other.shutdown())
  const one = hive.spawn({ agentId: 'a' }).escalate({ subject: '?' })
  const two = other.spawn({ agentId: 'b' }).escalate({ subject: '?' })
  await Promise.all([one.durable, two.durable])
  put(file, two.id, { by: 'bo' })
  put(file, one.id, { by: 'ana' })
  assert.deepEqual([(await one.decision).by, (await two.decision).by], ['ana', 'bo'])
  await until(() => isTaken(file))
  assert.equal(approvals(file).length, 2)
})

test('an escalation that a span tells, without a call of hivelog, is decided too', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  // Something of this life, so that the desk looks.
  agent.escalate({ subject: 'other' })
  agent.run(() =>
    trace.getActiveSpan()?.addEvent('hive.escalate', { 'hive.id': 'plain', 'hive.subject': '?' }),
  )
  await hive.flush()
  put(file, 'plain')
  await until(() => isTaken(file))
  assert.equal(oneEvent(file, 'approval').id, 'plain')
})

test('what nobody escalated is left there, and told once; it decides nothing that is asked later', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  await agent.escalate({ subject: 'other' }).durable
  put(file, 'nobody')
  await until(() => said.length > 0)
  assert.match(
    said.join('\n'),
    /^[^\n]*a decision waits for "nobody", which nobody escalated in this log[^\n]*$/,
  )
  assert.equal(isTaken(file), false)
  await pause(2)
  const asked = agent.escalate({ id: 'nobody', subject: '?' })
  await until(() => isTaken(file))
  assert.match(said.join('\n'), /the decision of "nobody" \(approved by "ana" at .*\) is of another question/)
  put(file, 'nobody', { by: 'bo' })
  assert.equal((await asked.decision).by, 'bo')
})

test('a folder that others can write is not read, and told', {
  skip: process.getuid === undefined,
}, async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  mkdirSync(`${file}.decisions`, { mode: 0o700 })
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ subject: '?' })
  await asked.durable
  put(file, asked.id, { by: 'mallory' })
  chmodSync(`${file}.decisions`, 0o777)
  await hive.shutdown()
  const next = startHive({ file, fsync: 'no' })
  defer(t, () => next.shutdown())
  await until(() => said.length > 0)
  assert.match(said.join(), /can be written by others/)
  await next.flush()
  assert.equal(approvals(file).length, 0)
})

test('without a file there is nothing beside it; code decides', async (t) => {
  const { hive } = tempHive(t, { file: false })
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ subject: '?' })
  await hive.approve(asked.id, true, { by: 'ana' })
  assert.equal((await asked.decision).by, 'ana')
})

test('who waits keeps the process up, and who does not is not kept', async (t) => {
  const log = join(tempFolder(t), 'hive.jsonl')
  const waiting = waiter(t, log, 2, 'wait')
  assert.equal(await waiting.next(), 'asked')
  put(log, 'ask-1', { note: 'n' })
  put(log, 'ask-0', { approve: false })
  assert.deepEqual(JSON.parse(await waiting.next()), { id: 'ask-0', approve: false, by: 'ana', via: 'cli' })
  assert.deepEqual(JSON.parse(await waiting.next()), {
    id: 'ask-1',
    approve: true,
    by: 'ana',
    via: 'cli',
    note: 'n',
  })
  assert.deepEqual(await waiting.exit, [0, null])

  const leaving = waiter(t, join(tempFolder(t), 'hive.jsonl'), 2, 'leave')
  assert.deepEqual(await leaving.exit, [0, null])
})

test('a decision for a hive that is down waits for it, in the log of a child process too', async (t) => {
  const folder = tempFolder(t)
  for (const log of [join(folder, 'hive.jsonl'), join(folder, 'hive.jsonl.agents', 'coder.jsonl')]) {
    const down = waiter(t, log, 3, 'wait')
    assert.equal(await down.next(), 'asked')
    down.child.kill('SIGKILL')
    await down.exit
    put(log, 'ask-2', { by: 'ana' })
    const next = startHive({ file: log, fsync: 'no' })
    await until(() => isTaken(log))
    put(log, 'ask-0', { by: 'bo', approve: false })
    await until(() => isTaken(log))
    await next.shutdown()
    assert.deepEqual(
      approvals(log).map(({ id, by, approve }) => [id, by, approve]),
      [
        ['ask-2', 'ana', true],
        ['ask-0', 'bo', false],
      ],
    )
  }
})

test('killed at any moment between decision and line, each is decided once', async (t) => {
  for (const delay of [0, 1, 2, 4, 7, 11, 16]) {
    const log = join(tempFolder(t), 'hive.jsonl')
    const ids = Array.from({ length: 20 }, (_, i) => `ask-${i}`)
    const hive = waiter(t, log, ids.length, 'wait')
    assert.equal(await hive.next(), 'asked')
    for (const id of ids) put(log, id)
    await new Promise((done) => setTimeout(done, delay))
    hive.child.kill('SIGKILL')
    await hive.exit
    const next = startHive({ file: log, fsync: 'no' })
    await until(() => isTaken(log))
    await next.shutdown()
    assert.deepEqual(
      approvals(log)
        .map(({ id }) => id)
        .sort(),
      [...ids].sort(),
    )
  }
})
