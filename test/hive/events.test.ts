/** Every call of a hive that is an event on a span: its line, and the event in OpenTelemetry. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Agent } from '../../src/index.js'
import { assertLine, ENVELOPE, ENVELOPE_OF_NONE } from '../kit/hive-lines.js'
import { eventsOf, oneEvent, tempHive, tempReceiver } from '../kit/hive-support.js'

const SESSION = 'sess_mapping'

/** Calls that are a line and an event on the agent's span. */
const EVENTS: {
  kind: string
  call(agent: Agent): unknown
  fields: Record<string, unknown>
  attributes: Record<string, unknown>
}[] = [
  {
    kind: 'message',
    call: (agent) =>
      agent.message({
        to: 'lead',
        act: 'inform',
        subject: 'Done',
        id: 'm1',
        inReplyTo: 'm0',
        conversation: 'c1',
        requiresReply: false,
      }),
    fields: {
      from: 'coder',
      to: 'lead',
      act: 'inform',
      subject: 'Done',
      id: 'm1',
      inReplyTo: 'm0',
      conversation: 'c1',
      requiresReply: false,
    },
    attributes: {
      'hive.from': 'coder',
      'hive.to': 'lead',
      'hive.act': 'inform',
      'hive.subject': 'Done',
      'hive.id': 'm1',
      'hive.inReplyTo': 'm0',
      'hive.conversation': 'c1',
      'hive.requiresReply': false,
    },
  },
  {
    kind: 'drain',
    call: (agent) => agent.drain(3),
    fields: { agentId: 'coder', count: 3 },
    attributes: { 'hive.agentId': 'coder', 'hive.count': 3 },
  },
  {
    kind: 'drain',
    call: (agent) => agent.drain(['m1', { id: 'm2' }]),
    fields: { agentId: 'coder', count: 2, ids: ['m1', 'm2'] },
    attributes: { 'hive.agentId': 'coder', 'hive.count': 2, 'hive.ids': ['m1', 'm2'] },
  },
  {
    kind: 'escalate',
    call: (agent) => agent.escalate({ subject: 'Drop the table?', id: 'e1' }),
    fields: { from: 'coder', to: 'human', subject: 'Drop the table?', id: 'e1' },
    attributes: {
      'hive.from': 'coder',
      'hive.to': 'human',
      'hive.subject': 'Drop the table?',
      'hive.id': 'e1',
    },
  },
  {
    kind: 'wait',
    call: (agent) => agent.wait({ resource: 'repo.lock', ms: 40, holder: 'lead' }),
    fields: { agentId: 'coder', resource: 'repo.lock', ms: 40, holder: 'lead' },
    attributes: {
      'hive.agentId': 'coder',
      'hive.resource': 'repo.lock',
      'hive.ms': 40,
      'hive.holder': 'lead',
    },
  },
  {
    kind: 'drop',
    call: (agent) => agent.drop({ to: 'ghost', id: 'm9', reason: 'no such agent' }),
    fields: { from: 'coder', to: 'ghost', id: 'm9', reason: 'no such agent' },
    attributes: {
      'hive.from': 'coder',
      'hive.to': 'ghost',
      'hive.id': 'm9',
      'hive.reason': 'no such agent',
    },
  },
  {
    kind: 'plan.revised',
    call: (agent) =>
      agent.log('plan.revised', { steps: 4, why: 'tests', tags: ['a', 'b'], deep: { x: [1, 'y'] } }),
    fields: { agentId: 'coder', steps: 4, why: 'tests', tags: ['a', 'b'], deep: { x: [1, 'y'] } },
    attributes: {
      'hive.agentId': 'coder',
      'hive.steps': 4,
      'hive.why': 'tests',
      'hive.tags': ['a', 'b'],
      'hive.deep': '{"x":[1,"y"]}',
      'hivelog.json_fields': ['deep'],
    },
  },
]

for (const { kind, call, fields, attributes } of EVENTS) {
  test(`${kind} (${Object.keys(fields).join(', ')}) is a line and a span event of the same instant`, async (t) => {
    const receiver = await tempReceiver(t)
    const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sessionId: SESSION })
    const coder = hive.spawn({ agentId: 'coder' })
    call(coder)
    await hive.shutdown()

    const line = oneEvent(file, kind)
    assertLine(line, fields, ENVELOPE)
    assert.equal(line.session, SESSION)
    assert.equal(line.checkpoint, 1)

    const span = receiver.one('invoke_agent coder')
    assert.equal(line.trace, span.traceId)
    assert.equal(line.span, span.spanId)
    assert.equal(span.events.length, 1)
    const [event] = span.events
    assert.equal(event?.name, `hive.${kind}`)
    assert.deepEqual(event?.attributes, attributes)
    assert.equal(event?.timeUnixNano, `${line.ts}000000`)
  })
}

test('a snapshot is stored beside the log, and the line says where', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const coder = hive.spawn({ agentId: 'coder' })
  const stored = coder.snapshot({ label: 'before edit', content: { files: ['a.ts'], apiKey: 'abc' } })
  await hive.shutdown()

  assertLine(oneEvent(file, 'snapshot'), { agentId: 'coder', label: 'before edit', ...stored }, ENVELOPE)
  const content = readFileSync(`${file}.artifacts/${stored.ref.slice(0, 2)}/${stored.ref}`, 'utf8')
  assert.equal(content, '{"files":["a.ts"],"apiKey":"[redacted:key]"}')
  assert.equal(Buffer.byteLength(content), stored.bytes)
  const [event] = receiver.one('invoke_agent coder').events
  assert.deepEqual(event?.attributes, {
    'hive.agentId': 'coder',
    'hive.label': 'before edit',
    'hive.ref': stored.ref,
    'hive.bytes': stored.bytes,
  })
})

test('an approval lands on the span that escalated; it is no event of the agent', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sessionId: SESSION })
  const coder = hive.spawn({ agentId: 'coder' })
  const { id } = coder.escalate({ subject: 'Drop the table?' })
  await hive.approve(id, false, { by: 'ana', note: 'never' })
  coder.message({ to: 'lead', act: 'inform', subject: 'Refused' })
  await hive.shutdown()

  const line = oneEvent(file, 'approval')
  assertLine(line, { id, approve: false, by: 'ana', via: 'code', note: 'never' }, ENVELOPE_OF_NONE)
  const span = receiver.one('invoke_agent coder')
  assert.equal(line.span, span.spanId)
  assert.deepEqual(
    span.events.map(({ name }) => name),
    ['hive.escalate', 'hive.approval', 'hive.message'],
  )
  assert.equal(span.events[1]?.timeUnixNano, `${line.ts}000000`)
  assert.equal(oneEvent(file, 'message').checkpoint, 2)
})

test('an approval for an agent that has ended lands on the span of the session', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sessionId: SESSION })
  const coder = hive.spawn({ agentId: 'coder' })
  const { id } = coder.escalate({ subject: 'Drop the table?' })
  coder.end()
  await hive.approve(id, true)
  await hive.shutdown()

  const session = receiver.one('hive.session')
  assert.deepEqual(session.attributes, { 'gen_ai.conversation.id': SESSION, 'session.id': SESSION })
  assert.equal(session.traceId, receiver.one('invoke_agent coder').traceId)
  assert.equal(oneEvent(file, 'approval').span, session.spanId)
  assert.deepEqual(
    session.events.map(({ name }) => name),
    ['hive.approval'],
  )
})

test('what is nobody’s event is on the span of the session, without a checkpoint', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const sent = hive.message({ from: 'human', to: 'lead', act: 'request', subject: 'Begin' })
  hive.log('hive.started', { by: 'cron' })
  await hive.shutdown()

  const session = receiver.one('hive.session')
  const message = oneEvent(file, 'message')
  const fields = { from: 'human', to: 'lead', act: 'request', subject: 'Begin', id: sent.id }
  assertLine(message, fields, ENVELOPE_OF_NONE)
  assertLine(oneEvent(file, 'hive.started'), { by: 'cron' }, ENVELOPE_OF_NONE)
  assert.equal(message.span, session.spanId)
  assert.deepEqual(
    session.events.map(({ name, ms }) => [name, ms]),
    [
      ['hive.message', message.ts],
      ['hive.hive.started', oneEvent(file, 'hive.started').ts],
    ],
  )
})

test('there is no span of the session when nothing is on it', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  hive.spawn({ agentId: 'coder' })
  await hive.shutdown()
  assert.deepEqual(
    receiver.spans.map(({ name }) => name),
    ['invoke_agent coder'],
  )
})

test('checkpoints count the events of each agent from 0, over all kinds', async (t) => {
  const { hive, file } = tempHive(t)
  const everything = (agent: Agent): void => {
    agent.message({ to: 'x', act: 'inform', subject: 's' })
    agent.drain(1)
    void agent.escalate({ subject: 's' })
    agent.usage({ inputTokens: 1, outputTokens: 1 })
    agent.tool({ name: 't', ok: true })
    agent.call({ host: 'h' })
    agent.wait({ resource: 'r', ms: 1 })
    agent.snapshot({ content: 'c' })
    agent.drop({ to: 'x', id: 'i', reason: 'r' })
    agent.log('custom', {})
  }
  const [a, b] = [hive.spawn({ agentId: 'a' }), hive.spawn({ agentId: 'b' })]
  everything(a)
  everything(b)
  everything(a)
  a.end()
  const again = hive.spawn({ agentId: 'a' })
  again.drain(1)
  await hive.shutdown()

  const checkpoints = (span: string | undefined) => {
    const trunk = eventsOf(file).filter((line) => (line.agentId ?? line.from) === span)
    return trunk.map(({ checkpoint }) => checkpoint)
  }
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)
  assert.deepEqual(checkpoints('b'), upTo(12))
  assert.deepEqual(checkpoints('a'), [...upTo(22), ...upTo(3)])
})
