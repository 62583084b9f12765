/** A drain links to the spans whose messages it took. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { Agent, SentMessage } from '../../src/index.js'
import { captureDiag, eventsOf, oneEvent, tempHive, tempReceiver, until } from '../kit/hive-support.js'

test('a drain links to the span of each sender once, and names the messages', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const lead = hive.spawn({ agentId: 'lead' })
  const [a, b, reader] = ['a', 'b', 'reader'].map((agentId) => lead.spawn({ agentId }))
  assert.ok(a && b && reader)
  const note = { to: 'reader', act: 'inform', subject: 's' }
  const sent = [a.message(note), a.message(note), b.message(note)]
  reader.drain(sent)
  await hive.shutdown()

  const span = receiver.one('invoke_agent reader')
  const senders = [receiver.one('invoke_agent a'), receiver.one('invoke_agent b')]
  assert.deepEqual(
    span.links,
    senders.map(({ traceId, spanId }) => ({ traceId, spanId })),
  )
  assert.deepEqual(
    oneEvent(file, 'drain').ids,
    sent.map(({ id }) => id),
  )
})

test('a message that came as JSON from another process links by its traceparent', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const sender = hive.spawn({ agentId: 'sender' })
  const sent = JSON.parse(
    JSON.stringify(sender.message({ to: 'reader', act: 'inform', subject: 's' })),
  ) as SentMessage
  assert.match(sent.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  const elsewhere = { id: 'far', traceparent: `00-${'0c'.repeat(16)}-${'0d'.repeat(8)}-01` }
  sender.spawn({ agentId: 'reader' }).drain([sent, elsewhere])
  await hive.shutdown()

  const { traceId, spanId } = receiver.one('invoke_agent sender')
  assert.deepEqual(receiver.one('invoke_agent reader').links, [
    { traceId, spanId },
    { traceId: '0c'.repeat(16), spanId: '0d'.repeat(8) },
  ])
})

test('a traceparent that is none is no link, and no error', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const bad = ['', 'x', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`, Symbol('none')]
  const messages = bad.map((traceparent, i) => ({ id: `m${i}`, traceparent: traceparent as string }))
  hive.spawn({ agentId: 'reader' }).drain(messages)
  await hive.shutdown()
  assert.deepEqual(receiver.one('invoke_agent reader').links, [])
  assert.deepEqual(oneEvent(file, 'drain').ids, ['m0', 'm1', 'm2', 'm3'])
  assert.deepEqual(said, [])
})

test('more senders than a span may have links go on continuation spans, and none is lost', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const count = 250
  const senders = Array.from({ length: count }, (_, i) => hive.spawn({ agentId: `sender-${i}` }))
  const sent = senders.map((sender) => sender.message({ to: 'reader', act: 'inform', subject: 's' }))
  const reader = senders[0]?.spawn({ agentId: 'reader' })
  reader?.drain(sent)
  await hive.shutdown()

  const parts = receiver.named('invoke_agent reader')
  assert.equal(parts.length, 3)
  const linked = new Set(parts.flatMap(({ links }) => links.map(({ spanId }) => spanId)))
  const spawns = eventsOf(file).filter(({ kind, agentId }) => kind === 'spawn' && agentId !== 'reader')
  assert.equal(spawns.length, count)
  for (const { span } of spawns) assert.ok(linked.has(span as string))
  for (const part of parts) assert.equal(part.droppedLinksCount, 0)
  assert.deepEqual(said, [])
})

test('the links of a drain are on the part of the span that holds its event', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 2 })
  const sent = hive.spawn({ agentId: 'sender' }).message({ to: 'reader', act: 'inform', subject: 's' })
  const reader = hive.spawn({ agentId: 'reader' })
  reader.wait({ resource: 'r', ms: 1 })
  reader.wait({ resource: 'r', ms: 1 })
  reader.drain([sent])
  await hive.shutdown()

  const { span } = oneEvent(file, 'drain')
  const part = receiver.named('invoke_agent reader').find(({ spanId }) => spanId === span)
  const sender = receiver.one('invoke_agent sender')
  assert.ok(part?.links.some(({ spanId }) => spanId === sender.spanId))
})

test('links that fit on one part are on the part of their drain, however many were before', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const lead = hive.spawn({ agentId: 'lead' })
  const senders = Array.from({ length: 130 }, (_, i) => lead.spawn({ agentId: `sender-${i}` }))
  const sent = senders.map((sender) => sender.message({ to: 'reader', act: 'inform', subject: 's' }))
  const reader = lead.spawn({ agentId: 'reader' })
  reader.drain(sent.slice(0, 70))
  reader.drain(sent.slice(70))
  await hive.shutdown()

  const drains = eventsOf(file).filter(({ kind }) => kind === 'drain')
  const parts = drains.map(({ span }) => receiver.spans.find(({ spanId }) => spanId === span))
  // The second part also links to the first.
  assert.deepEqual(
    parts.map((part) => part?.links.length),
    [70, 61],
  )
})

test('what travels says whether the trace is sent, to who drains and to a child process', (t) => {
  for (const [sampler, flags] of [
    [new AlwaysOnSampler(), '01'],
    [new AlwaysOffSampler(), '00'],
  ] as const) {
    const { hive } = tempHive(t, { sampler })
    const agent = hive.spawn({ agentId: 'a' })
    const { traceId, spanId } = agent.spanContext
    const traceparent = `00-${traceId}-${spanId}-${flags}`
    const sent = agent.message({ to: 'b', act: 'inform', subject: 's' })
    assert.deepEqual(JSON.parse(JSON.stringify(sent)), { id: sent.id, traceparent })
    assert.equal(agent.env().TRACEPARENT, traceparent)
  }
})

test('a link to a span of this process is no remote one; one that came as text is', async (t) => {
  const others = new InMemorySpanExporter()
  const { hive } = tempHive(t, { spanProcessors: [new SimpleSpanProcessor(others)] })
  const lead = hive.spawn({ agentId: 'lead' })
  const [near, far] = ['near', 'far'].map((agentId) => lead.spawn({ agentId })) as [Agent, Agent]
  const messages = [near, far].map((agent) => agent.message({ to: 'reader', act: 'inform', subject: 's' }))
  const reader = lead.spawn({ agentId: 'reader' })
  reader.drain([messages[0] as SentMessage, JSON.parse(JSON.stringify(messages[1]))])
  const contexts = [near.spanContext, far.spanContext]
  reader.end()
  const ended = () => others.getFinishedSpans().find(({ name }) => name === 'invoke_agent reader')
  await until(() => ended() !== undefined, 'the span')
  const links = ended()?.links ?? []
  assert.deepEqual(
    links.map(({ context }) => [context.spanId, context.isRemote === true]),
    [
      [contexts[0]?.spanId, false],
      [contexts[1]?.spanId, true],
    ],
  )
})

test('drains that fit on one part begin no other', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const lead = hive.spawn({ agentId: 'lead' })
  const sent = Array.from({ length: 100 }, (_, i) =>
    lead.spawn({ agentId: `s-${i}` }).message({ to: 'reader', act: 'inform', subject: 's' }),
  )
  const reader = lead.spawn({ agentId: 'reader' })
  reader.drain(sent.slice(0, 50))
  reader.drain(sent.slice(50))
  reader.drain(sent.slice(0, 10))
  await hive.shutdown()
  assert.equal(receiver.one('invoke_agent reader').links.length, 100, 'each once')
})
