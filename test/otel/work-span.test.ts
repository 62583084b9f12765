/** A span of work that goes to a backend alone is the one that the SDK would have made, byte for byte. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Context, createTraceState, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import type { Agent } from '../../src/index.js'
import { HiveIdGenerator } from '../../src/otel/ids.js'
import { SpanRedactor } from '../../src/otel/redacted-spans.js'
import { endTime } from '../../src/otel/span-mapping.js'
import { AS_IS, workShape } from '../../src/otel/span-shapes.js'
import { WorkSpans } from '../../src/otel/work-span.js'
import { Redactor } from '../../src/redact/redact.js'
import { Scrubber } from '../../src/redact/scrub.js'
import { captureDiag, tempHive, tempReceiver } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { SECRETS } from '../kit/secrets.js'

const redactor = new Redactor()
const scrubber = new Scrubber(redactor, (content) => ({ ref: 'stored', bytes: content.length }))

/** Gives the id that it gave last. */
class SameId extends HiveIdGenerator {
  override generateSpanId(): string {
    return 'b7ad6b7169203331'
  }
}

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.constantFrom(...SECRETS.map((sample) => sample.text)),
)
const odd = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, undefined, {}, [1], 2 ** 70),
)
const work = fc.oneof(
  fc.record({
    kind: fc.constant('tool' as const),
    fields: fc.record({
      agentId: text,
      name: odd,
      ok: odd,
      ms: odd,
      error: odd,
      toolCallId: odd,
      status: odd,
    }),
  }),
  fc.record({
    kind: fc.constant('call' as const),
    fields: fc.record({ agentId: text, host: odd, method: odd, path: odd, status: odd, ms: odd, error: odd }),
  }),
  fc.record({
    kind: fc.constant('usage' as const),
    fields: fc.record({
      agentId: text,
      model: odd,
      inputTokens: odd,
      outputTokens: odd,
      costUsd: odd,
      responseId: odd,
      ms: odd,
      ttftMs: odd,
      error: odd,
    }),
  }),
)

test('what a backend gets is the same, whoever made the span', () => {
  for (const isTraced of [false, true]) {
    const provider = new BasicTracerProvider({
      idGenerator: new SameId(),
      resource: resourceFromAttributes({
        'service.name': 'hive',
        host: 'ghp_' + 'a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ',
      }),
    })
    const tracer = provider.getTracer('hivelog', '1.0.0')
    const above: Context = isTraced
      ? trace.setSpanContext(ROOT_CONTEXT, {
          traceId: '0af7651916cd43dd8448eb211c80319c',
          spanId: 'b7ad6b7169203331',
          traceFlags: 1,
          traceState: createTraceState('vendor=x'),
          isRemote: true,
        })
      : ROOT_CONTEXT
    const parent = tracer.startSpan('invoke_agent lead', {}, above)
    const under = trace.setSpan(above, parent)
    const prepare = new SpanRedactor(redactor).redact
    const sent: ReadableSpan[] = []
    const backend = { onEnd: (span: ReadableSpan) => void sent.push(span) }
    const spans = new WorkSpans(backend, new SameId(), () => true)
    fc.assert(
      fc.property(work, fc.integer({ min: 1.6e12, max: 4e12 }), ({ kind, fields }, now) => {
        const shape = () => workShape(kind, scrubber.known({ ...fields }), 'sess', AS_IS)
        const { name, kind: spanKind, attributes, status, ms } = shape()
        const startTime = now - Math.min(ms, now)
        const end = endTime(startTime, now)
        sent.length = 0
        const context = spans.tell(shape(), startTime, end, parent)
        const theirs = tracer.startSpan(name, { kind: spanKind, startTime, attributes }, under)
        if (status !== undefined) theirs.setStatus(status)
        theirs.end(end)
        if (context === undefined) {
          // It would lie in the seventies.
          assert.ok(startTime < 1e11)
          return
        }
        assert.deepEqual({ traceState: undefined, ...context }, theirs.spanContext())
        const [ours] = sent
        assert.ok(ours !== undefined)
        assert.deepEqual(ours.duration, (theirs as unknown as ReadableSpan).duration)
        assert.equal(
          Buffer.compare(bytesOf(prepare(ours)), bytesOf(prepare(theirs as unknown as ReadableSpan))),
          0,
        )
      }),
      { numRuns: cases(500, 500) },
    )
  }
})

const bytesOf = (span: ReadableSpan): Uint8Array =>
  ProtobufTraceSerializer.serializeRequest([span]) as Uint8Array

/** Each kind of work, as it goes well and as it fails. */
function doWork(agent: Agent): void {
  agent.tool({ name: 'grep', ok: true, ms: 3 })
  agent.tool({ name: 'x'.repeat(100), ok: false, ms: 3.5, error: 'no such file' })
  agent.call({ host: 'example.com', method: 'GET', path: '/a', status: 503, ms: 2 })
  agent.usage({ model: 'm', inputTokens: 1, outputTokens: 2, ms: 5 })
}

/** The work's spans that a backend gets, without what differs from run to run. */
async function told(t: TestContext, options: object = {}) {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, sessionId: 'sess', ...options })
  const agent = hive.spawn({ agentId: 'lead' })
  doWork(agent)
  await hive.shutdown()
  const lead = receiver.one('invoke_agent lead')
  return receiver.spans
    .filter(({ name }) => name !== 'invoke_agent lead')
    .map(({ name, kind, attributes, status, parentSpanId, traceId, startMs, endMs }) => ({
      name,
      kind,
      attributes,
      status,
      isUnder: parentSpanId === lead.spanId && traceId === lead.traceId,
      ms: Math.round((endMs - startMs) * 10) / 10,
    }))
}

const silent = () => ({
  onStart() {},
  onEnd() {},
  forceFlush: async () => {},
  shutdown: async () => {},
})

test('a hive with a backend alone sends what one sends that others listen to', async (t) => {
  captureDiag(t)
  const alone = await told(t)
  assert.equal(alone.length, 4)
  assert.ok(alone.every(({ isUnder }) => isUnder))
  assert.deepEqual(alone, await told(t, { spanProcessors: [silent()] }))
})

test('the limits of the environment hold, and a sampler is asked', async (t) => {
  captureDiag(t)
  process.env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT = '7'
  t.after(() => delete process.env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT)
  const names = (await told(t)).map(({ attributes }) => attributes['gen_ai.tool.name'])
  assert.deepEqual(names.slice(0, 2), ['grep', 'xxxxxxx'])
  delete process.env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT

  const asked: string[] = []
  const sampler = {
    shouldSample(_context: unknown, _trace: string, name: string) {
      asked.push(name)
      return { decision: name === 'chat m' ? 0 : 2 }
    },
    toString: () => 'by name',
  }
  const sent = await told(t, { sampler })
  assert.ok(asked.includes('chat m'))
  assert.equal(sent.length, 3)
})

test('a processor that somebody puts into the hive’s provider hears of the work from then on', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const agent = hive.spawn({ agentId: 'lead' })
  agent.tool({ name: 'before', ok: true, ms: 1 })
  const heard: string[] = []
  const holder = (hive.tracerProvider as unknown as { _activeSpanProcessor: { _spanProcessors: unknown[] } })
    ._activeSpanProcessor
  holder._spanProcessors = [
    ...holder._spanProcessors,
    { ...silent(), onEnd: ({ name }: ReadableSpan) => void heard.push(name) },
  ]
  agent.tool({ name: 'after', ok: true, ms: 1 })
  assert.deepEqual(heard, ['execute_tool after'])
  await hive.shutdown()
  assert.ok(receiver.one('execute_tool before') && receiver.one('execute_tool after'))
})
