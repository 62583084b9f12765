/** A long life is told in parts: the span of an agent is continued in another when it is full, or old. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { eventsOf, tempHive, tempReceiver, until } from '../kit/hive-support.js'
import type { ReceivedSpan } from '../kit/otlp-receiver.js'

const wait = { resource: 'r', ms: 1 }
const partOf = ({ attributes }: ReceivedSpan): unknown => attributes['hive.span.part']

test('a span that is full is continued at the next event, not before', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 3 })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 3; i++) agent.wait(wait)
  agent.end()
  const other = hive.spawn({ agentId: 'b' })
  for (let i = 0; i < 4; i++) other.wait(wait)
  other.end()
  await hive.shutdown()

  assert.deepEqual(receiver.named('invoke_agent a').map(partOf), [undefined])
  const parts = receiver.spans.filter(({ name }) => name === 'invoke_agent b')
  assert.deepEqual(parts.map(partOf), [undefined, 2])
  assert.deepEqual(
    parts.map(({ events }) => events.length),
    [3, 1],
  )
})

test('the parts follow one another in time, and only the last tells how it ended', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 1 })
  const agent = hive.spawn({ agentId: 'a', model: 'm' })
  for (let i = 0; i < 3; i++) agent.wait(wait)
  agent.end({ error: 'out of luck' })
  await hive.shutdown()

  const parts = receiver.spans.sort((x, y) => Number(partOf(x) ?? 1) - Number(partOf(y) ?? 1))
  assert.equal(parts.length, 3)
  parts.forEach((part, i) => {
    const next = parts[i + 1]
    if (next !== undefined) assert.equal(part.endMs, next.startMs)
    assert.equal(part.attributes['gen_ai.request.model'], 'm')
    assert.equal(part.status.code ?? 0, next === undefined ? 2 : 0)
    assert.equal(part.attributes['hive.agent.exit_status'], next === undefined ? 'error' : undefined)
  })
  const kinds = eventsOf(file).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['spawn', 'wait', 'wait', 'wait', 'exit'], 'a part is no agent of its own')
})

test('the span of an agent that is idle is sent when it is old, so that a backend sees it', async (t) => {
  const receiver = await tempReceiver(t)
  process.env.OTEL_BSP_SCHEDULE_DELAY = '10'
  t.after(() => {
    delete process.env.OTEL_BSP_SCHEDULE_DELAY
  })
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, maxSpanAgeMs: 50 })
  const agent = hive.spawn({ agentId: 'a' })
  hive.log('session.event')
  agent.wait(wait)
  await until(() => receiver.named('invoke_agent a').length > 0, 'the first part of an idle agent')
  await until(() => receiver.named('hive.session').length > 0, 'the first part of the session')

  assert.equal(agent.ended, false)
  const [first] = receiver.named('invoke_agent a')
  assert.equal(first?.events.length, 1)
  assert.equal(first?.attributes['hive.span.continued'], true)
  assert.ok(first && first.endMs - first.startMs >= 50)
})

test('an old span that holds no event is not continued', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, maxSpanAgeMs: 20 })
  hive.spawn({ agentId: 'idle' })
  const busy = hive.spawn({ agentId: 'busy' })
  busy.wait(wait)
  const first = busy.spanContext.spanId
  await until(() => busy.spanContext.spanId !== first, 'the continuation of the other span')
  await hive.shutdown()
  assert.deepEqual(receiver.named('invoke_agent idle').map(partOf), [undefined])
})

test('a span that is full and not old waits for its next event', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { hive } = tempHive(t, { maxEventsPerSpan: 2 })
  const agent = hive.spawn({ agentId: 'a' })
  agent.wait(wait)
  agent.wait(wait)
  const first = agent.spanContext.spanId
  t.mock.timers.tick(60_000)
  assert.equal(agent.spanContext.spanId, first)
  agent.wait(wait)
  assert.notEqual(agent.spanContext.spanId, first)
})

test('an event finds an old span continued, before any timer comes', async (t) => {
  const { hive, file } = tempHive(t, { maxSpanAgeMs: 1 })
  const agent = hive.spawn({ agentId: 'a' })
  agent.wait(wait)
  const began = Date.now()
  while (Date.now() - began < 3);
  agent.wait(wait)
  await hive.shutdown()
  const [first, second] = eventsOf(file).filter(({ kind }) => kind === 'wait')
  assert.notEqual(first?.span, second?.span)
})

test('an old span is continued though the clock was set back', async (t) => {
  const { hive, file } = tempHive(t, { maxSpanAgeMs: 1 })
  const agent = hive.spawn({ agentId: 'a' })
  agent.wait(wait)
  const began = performance.now()
  while (performance.now() - began < 3);
  const { now } = Date
  t.mock.method(Date, 'now', () => now() - 3_600_000)
  agent.wait(wait)
  t.mock.reset()
  await hive.shutdown()
  const [first, second] = eventsOf(file).filter(({ kind }) => kind === 'wait')
  assert.notEqual(first?.span, second?.span)
})

test('what runs in an agent nests under the part that it began in', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 1 })
  const agent = hive.spawn({ agentId: 'a' })
  const tracer = hive.tracerProvider.getTracer('app')
  agent.wait(wait)
  agent.wait(wait)
  agent.run(() => tracer.startSpan('inside').end())
  await hive.shutdown()
  const second = receiver.named('invoke_agent a').find((span) => partOf(span) === 2)
  assert.equal(receiver.one('inside').parentSpanId, second?.spanId)
})

test('later parts lie under the first, and what an agent begins under the part that it is on', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 1 })
  const lead = hive.spawn({ agentId: 'lead' })
  const worker = lead.spawn({ agentId: 'worker' })
  for (let i = 1; i <= 3; i++) {
    worker.wait(wait)
    worker.tool({ name: `tool ${i}`, ok: true })
    worker.call({ host: `host ${i}` })
    worker.usage({ model: `m ${i}`, inputTokens: 1, outputTokens: 1 })
    worker.spawn({ agentId: `helper ${i}` }).end()
  }
  hive.log('tick')
  hive.log('tick')
  await hive.shutdown()

  const parts = receiver
    .named('invoke_agent worker')
    .sort((x, y) => Number(partOf(x) ?? 1) - Number(partOf(y) ?? 1))
  assert.deepEqual(parts.map(partOf), [undefined, 2, 3])
  const [first] = parts
  assert.equal(first?.parentSpanId, receiver.one('invoke_agent lead').spanId)
  for (const [i, part] of parts.entries()) {
    if (i > 0) {
      assert.equal(part.parentSpanId, first?.spanId)
      assert.deepEqual(
        part.links.map(({ spanId }) => spanId),
        [parts[i - 1]?.spanId],
      )
    }
    const under = ['execute_tool tool', 'host', 'chat m', 'invoke_agent helper']
    for (const name of under) assert.equal(receiver.one(`${name} ${i + 1}`).parentSpanId, part.spanId, name)
  }
  const [one, two] = receiver.named('hive.session')
  assert.equal(two?.parentSpanId, one?.spanId)
})

test('in a provider of the application’s own the parts stay in one trace', async (t) => {
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const { hive, file } = tempHive(t, { tracerProvider, maxEventsPerSpan: 1 })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 3; i++) agent.wait(wait)
  agent.end()
  await hive.flush()

  const spans = exporter.getFinishedSpans()
  assert.equal(spans.length, 3)
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)
  assert.equal(new Set(eventsOf(file).map(({ trace }) => trace)).size, 1)
})

test('OTEL_SPAN_EVENT_COUNT_LIMIT bounds a part, so that the SDK drops nothing', async (t) => {
  process.env.OTEL_SPAN_EVENT_COUNT_LIMIT = '5'
  t.after(() => {
    delete process.env.OTEL_SPAN_EVENT_COUNT_LIMIT
  })
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 20; i++) agent.wait(wait)
  await hive.shutdown()
  assert.deepEqual(
    receiver
      .named('invoke_agent a')
      .map(({ events, droppedEventsCount }) => [events.length, droppedEventsCount]),
    [
      [5, 0],
      [5, 0],
      [5, 0],
      [5, 0],
    ],
  )
})
