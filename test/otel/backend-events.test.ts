/** Events that are kept for a backend alone are those that the SDK would have made, byte for byte. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Span, trace } from '@opentelemetry/api'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { BasicTracerProvider, type ReadableSpan, type TimedEvent } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import type { Agent } from '../../src/index.js'
import { BackendEvent, BackendEvents } from '../../src/otel/backend-events.js'
import { SpanRedactor } from '../../src/otel/redacted-spans.js'
import { toAttributes, toHrTime } from '../../src/otel/span-mapping.js'
import { TraceRequest } from '../../src/otel/trace-request.js'
import { Owners, recordOf, type SpanRecord } from '../../src/record/owners.js'
import { Redactor } from '../../src/redact/redact.js'
import { Scrubber } from '../../src/redact/scrub.js'
import { captureDiag, tempHive, tempReceiver } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { SECRETS } from '../kit/secrets.js'

const redactor = new Redactor()
const scrubber = new Scrubber(redactor, (content) => ({ ref: 'stored', bytes: content.length }))
const tracer = new BasicTracerProvider().getTracer('hivelog', '1.0.0')

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 150 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
    .map((codes) => String.fromCharCode(...codes)),
  // Lengths at which a text, with the name before it, is written in another way.
  fc.integer({ min: 70, max: 130 }).map((length) => 'a'.repeat(length)),
  fc.constantFrom(...SECRETS.map((sample) => sample.text)),
)
const odd = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, undefined, {}, [1, 2], ['a', 1], 2 ** 70, -(2 ** 63), 10n),
)
const name = fc.oneof(
  fc.constantFrom(
    'to',
    'subject',
    'costUsd',
    'inputTokens',
    'n',
    'ünder',
    '中',
    'x'.repeat(97),
    'x'.repeat(250),
  ),
  fc.string({ maxLength: 20 }),
)
const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('message'),
      fields: fc.record({ from: text, to: text, act: text, subject: text, id: text }),
    }),
  },
  fc.record({
    kind: fc.constantFrom('message', 'drain', 'wait', 'usage', 'own.kind', 'ü'),
    fields: fc.dictionary(name, odd, { maxKeys: 8, noNullPrototype: true }),
  }),
  fc.record({
    kind: fc.constant('usage'),
    fields: fc.record({ model: text, inputTokens: fc.nat() }),
  }),
  fc.record({
    kind: fc.constant('many'),
    fields: fc
      .integer({ min: 95, max: 140 })
      .map((count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, i]))),
  }),
)
const ts = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1.6e12, max: 1.6e12 + 5 }) },
  fc.maxSafeInteger(),
  fc.constantFrom(0, -1, 999, 2 ** 64 / 1e6),
)
const lists = fc.oneof(
  fc.array(fc.tuple(fc.constant(1.6e12), event), { maxLength: 8 }),
  fc.array(fc.tuple(fc.constant(1.6e12), event), { minLength: 120, maxLength: 140 }),
  fc.array(fc.tuple(ts, event), { maxLength: 3 }),
)

const started = (): Span => tracer.startSpan('invoke_agent lead', { startTime: 1.6e12 })
const readable = (span: Span): ReadableSpan => span as unknown as ReadableSpan

test('a request of them is the SDK’s, in Protocol Buffers and in JSON, whatever the events hold', () => {
  const request = new TraceRequest()
  const prepare = new SpanRedactor(redactor).redact
  let kept = 0
  fc.assert(
    fc.property(lists, (events) => {
      const [ours, theirs] = [started(), started()]
      Object.assign(theirs.spanContext(), ours.spanContext())
      const add = new BackendEvents(() => true).adderOf(ours)
      assert.ok(add !== undefined)
      // Those of a hive’s spans are sent as they are, unless one of them cannot be said.
      new Owners().own(ours.spanContext(), 'sess')
      const record = recordOf(ours.spanContext()) as SpanRecord
      record.events = 'own'
      for (const [at, { kind, fields }] of events) {
        const scrubbed = scrubber.known({ ...fields })
        const theirOwn = [`hive.${kind}`, toAttributes(kind, scrubbed), toHrTime(at)] as const
        theirs.addEvent(...theirOwn)
        if (add(at, kind, scrubbed)) kept++
        else {
          ours.addEvent(...theirOwn)
          record.noteUncheckedEvent()
        }
      }
      for (const span of [ours, theirs]) span.end(1.6e12 + 7)
      const clean = prepare(readable(theirs))
      assert.deepEqual(
        Buffer.from(request.of([prepare(readable(ours))])),
        Buffer.from(ProtobufTraceSerializer.serializeRequest([clean]) as Uint8Array),
      )
      assert.deepEqual(
        JSON.parse(
          Buffer.from(
            JsonTraceSerializer.serializeRequest([prepare(readable(ours))]) as Uint8Array,
          ).toString(),
        ),
        JSON.parse(Buffer.from(JsonTraceSerializer.serializeRequest([clean]) as Uint8Array).toString()),
      )
    }),
    { numRuns: cases(200, 200), endOnFailure: true },
  )
  assert.ok(kept > 500, `${kept} were kept`)
})

test('more names of fields than are remembered', () => {
  const request = new TraceRequest()
  for (let from = 0; from < 2_000; from += 500) {
    const span = started()
    const add = new BackendEvents(() => true).adderOf(span)
    for (let i = from; i < from + 500; i += 5) {
      const names = Array.from({ length: 5 }, (_, n) => [`f${i + n}`, `value ${n}`])
      assert.equal(add?.(1.6e12, 'own', Object.fromEntries(names)), true)
    }
    assert.deepEqual(
      Buffer.from(request.of([readable(span)])),
      Buffer.from(ProtobufTraceSerializer.serializeRequest([readable(span)]) as Uint8Array),
    )
  }
})

test('a span that has ended takes no more of them', () => {
  const span = started()
  const add = new BackendEvents(() => true).adderOf(span)
  assert.equal(add?.(1.6e12, 'message', { to: 'a' }), true)
  span.end()
  assert.equal(add?.(1.6e12, 'message', { to: 'b' }), false)
  assert.equal(readable(span).events.length, 1)
})

const silent = () => ({
  onStart() {},
  onEnd() {},
  forceFlush: async () => {},
  shutdown: async () => {},
})

/** What an agent and the code in its run put on its span. */
function doWork(agent: Agent): void {
  agent.message({ to: 'coder', act: 'request', subject: 'the schema' })
  agent.message({ to: 'coder', act: 'request', subject: 'ünder', conversation: 'c1', requiresReply: true })
  agent.wait({ resource: 'lock', ms: 3.5 })
  agent.log('own.kind', { text: `key ${SECRETS[0]?.text}`, list: [1, 'a'], nested: { n: 2 ** 70 } })
  agent.drain(['m1', 'm2'])
}

/** The events on the agent's span that a backend gets. */
async function told(t: TestContext, options: object = {}) {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, sessionId: 'sess', ...options })
  const agent = hive.spawn({ agentId: 'lead' })
  doWork(agent)
  // Within a turn code of the application's comes first; what the hive has settled lies before it.
  await hive.flush()
  agent.run(() => trace.getActiveSpan()?.addEvent('of the application', { n: 1 }))
  agent.message({ to: 'coder', act: 'inform', subject: 'last' })
  await hive.shutdown()
  return receiver.one('invoke_agent lead').events.map(({ name, attributes }) => {
    const { 'hive.id': id, ...others } = attributes
    return { name, attributes: others, hasId: typeof id === 'string' }
  })
}

test('a hive with a backend alone sends the events that one sends whose spans others hear', async (t) => {
  captureDiag(t)
  const alone = await told(t)
  assert.deepEqual(
    alone.map(({ name }) => name),
    [
      'hive.message',
      'hive.message',
      'hive.wait',
      'hive.own.kind',
      'hive.drain',
      'of the application',
      'hive.message',
    ],
  )
  assert.deepEqual(alone, await told(t, { spanProcessors: [silent()] }))
})

test('the limits that the environment sets to events hold', async (t) => {
  captureDiag(t)
  process.env.OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT = '2'
  t.after(() => delete process.env.OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT)
  const [first] = await told(t)
  assert.deepEqual(first, {
    name: 'hive.message',
    attributes: { 'hive.from': 'lead', 'hive.to': 'coder' },
    hasId: false,
  })
})

/** What the processors of the application get of an agent's span. */
async function heardBy(t: TestContext, join: 'from the start' | 'while it lives'): Promise<TimedEvent[]> {
  const receiver = await tempReceiver(t)
  const heard: TimedEvent[] = []
  const theirs = {
    ...silent(),
    onEnd: ({ name, events }: ReadableSpan) => {
      if (name === 'invoke_agent lead') heard.push(...events)
    },
  }
  const { hive } = tempHive(t, {
    otlp: { url: receiver.url },
    ...(join === 'from the start' && { spanProcessors: [theirs] }),
  })
  const agent = hive.spawn({ agentId: 'lead' })
  doWork(agent)
  await hive.flush()
  if (join === 'while it lives') {
    const holder = (
      hive.tracerProvider as unknown as { _activeSpanProcessor: { _spanProcessors: unknown[] } }
    )._activeSpanProcessor
    holder._spanProcessors = [...holder._spanProcessors, theirs]
  }
  agent.end()
  await hive.shutdown()
  return heard
}

test('a processor of the application gets the SDK’s own events, also one that comes while a span lives', async (t) => {
  captureDiag(t)
  const shapeOf = ({ time, attributes, ...rest }: TimedEvent) => ({
    ...rest,
    isTimed: time.length === 2,
    names: Object.keys(attributes ?? {}),
  })
  const fromStart = await heardBy(t, 'from the start')
  const late = await heardBy(t, 'while it lives')
  assert.equal(late.length, 5)
  for (const heard of [fromStart, late]) assert.ok(heard.every((each) => !(each instanceof BackendEvent)))
  assert.deepEqual(late.map(shapeOf), fromStart.map(shapeOf))
})
