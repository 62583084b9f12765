/** Calls that come after the end of their agent, or of the hive: none throws, none is silent. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { trace } from '@opentelemetry/api'
import type { Agent, SentMessage } from '../../src/index.js'
import {
  captureDiag,
  eventsOf,
  fixture,
  linesOf,
  oneEvent,
  runNode,
  tempFolder,
  tempHive,
  tempReceiver,
} from '../kit/hive-support.js'

/** Calls on an agent that has ended. */
const LATE: [kind: string, call: (agent: Agent, sent: SentMessage) => unknown][] = [
  ['message', (agent) => agent.message({ to: 'b', act: 'inform', subject: 's' })],
  ['drain', (agent, sent) => agent.drain([sent])],
  ['escalate', (agent) => agent.escalate({ subject: 's' })],
  ['usage', (agent) => agent.usage({ inputTokens: 1, outputTokens: 1 })],
  ['tool', (agent) => agent.tool({ name: 't', ok: true })],
  ['call', (agent) => agent.call({ host: 'h' })],
  ['wait', (agent) => agent.wait({ resource: 'r', ms: 1 })],
  ['snapshot', (agent) => agent.snapshot({ content: 'c' })],
  ['drop', (agent) => agent.drop({ to: 'b', id: 'i', reason: 'r' })],
  ['late.custom', (agent) => agent.log('late.custom')],
  ['late.plain', (agent) => agent.run(() => trace.getActiveSpan()?.addEvent('hive.late.plain'))],
]

for (const [kind, call] of LATE) {
  test(`${kind} of an agent that has ended is recorded in the file, and one line says so`, async (t) => {
    const said = captureDiag(t)
    const receiver = await tempReceiver(t)
    const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
    const sent = hive.spawn({ agentId: 'b' }).message({ to: 'a', act: 'inform', subject: 's', id: 'early' })
    const agent = hive.spawn({ agentId: 'a' })
    agent.end()
    call(agent, sent)
    await hive.shutdown()

    assert.deepEqual(said, [`hivelog: agent a has ended; its ${kind} is recorded in the file only`])
    const line = eventsOf(file).find((each) => each.kind === kind && each.id !== 'early')
    assert.equal(line?.checkpoint, 2)
    assert.equal(line?.span, receiver.one('invoke_agent a').spanId)
    assert.equal(receiver.spans.length, 2)
  })
}

test('a second end is refused, and one line says so', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  agent.end()
  agent.end({ status: 'error' })
  await hive.flush()
  assert.equal(oneEvent(file, 'exit').status, 'ok')
  assert.deepEqual(said, ['hivelog: agent a was ended already; this end is not recorded'])
})

test('an agent that has ended spawns: it is recorded under it, and one line says so', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  agent.end()
  agent.spawn({ agentId: 'b' })
  await hive.flush()
  assert.equal(eventsOf(file).at(-1)?.parent, 'a')
  assert.deepEqual(said, ['hivelog: agent a has ended and spawns b; it is recorded'])
})

test('calls after the shutdown are refused, loudly, and reject what waits for the disk', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  await hive.shutdown()
  const lines = linesOf(file).length
  const late = hive.spawn({ agentId: 'late' })
  for (let i = 0; i < 3_000; i++) late.message({ to: 'b', act: 'inform', subject: 's' })
  hive.log('late.event')
  late.end()
  assert.equal(linesOf(file).length, lines)
  assert.ok(said.some((line) => line.includes('events for') && line.includes('the log is closed')))
  await assert.rejects(hive.approve('e1', true), { code: 'ERR_HIVELOG_NOT_DURABLE' })
  await assert.rejects(agent.escalate({ subject: 's' }).durable, { code: 'ERR_HIVELOG_NOT_DURABLE' })
  await hive.shutdown()
})

test('a promise of durability that nobody awaits does not end the process when it is broken', async (t) => {
  const run = await runNode([fixture('hive-forgetful'), join(tempFolder(t), 'hive.jsonl')])
  assert.equal(run.stdout, 'still here\n')
  assert.equal(run.code, 0, run.stderr)
  assert.doesNotMatch(run.stderr, /unhandled/i)
})
