/** A request of spans is byte for byte what OpenTelemetry's own serializer makes of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTraceState, type HrTime, type SpanContext } from '@opentelemetry/api'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { TraceRequest } from '../../src/otel/trace-request.js'
import { cases, seedOfRun } from '../kit/long-run.js'

const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  // Halves of surrogate pairs too.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
    .map((codes) => String.fromCharCode(...codes)),
  fc.constantFrom(
    '',
    ...[92, 99, 100, 101].map((length) => 'a'.repeat(length)),
    'ü'.repeat(48),
    'b'.repeat(20_000),
  ),
)
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(
    0,
    -0,
    -1,
    127,
    128,
    2 ** 31,
    2 ** 32,
    2 ** 32 + 1,
    2 ** 53,
    2 ** 62,
    2 ** 63,
    -(2 ** 63),
    1e300,
  ),
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    number,
    fc.boolean(),
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(null, undefined),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
}))
const attributes = fc.dictionary(text, value, { maxKeys: 6 }) as fc.Arbitrary<ReadableSpan['attributes']>
const time = fc.tuple(
  fc.integer({ min: 0, max: 2 ** 33 }),
  fc.integer({ min: 0, max: 999_999_999 }),
) as fc.Arbitrary<HrTime>
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((list) => Buffer.from(list).toString('hex'))
const context: fc.Arbitrary<SpanContext> = fc
  .record({
    traceId: hex(16),
    spanId: hex(8),
    traceFlags: fc.integer({ min: 0, max: 255 }),
    isRemote: fc.constantFrom(true, false, undefined),
    state: fc.constantFrom('', 'a=b', 'vendor=x,other=y'),
  })
  .map(({ state, isRemote, ...ids }) => ({
    ...ids,
    ...(isRemote !== undefined && { isRemote }),
    ...(state !== '' && { traceState: createTraceState(state) }),
  }))
const dropped = fc.oneof(fc.constant(0), fc.nat(100_000))
const RESOURCES = [
  resourceFromAttributes({ 'service.name': 'one', pid: 7 }),
  resourceFromAttributes({}, { schemaUrl: 'https://example.com/1' }),
]
const SCOPES = [
  { name: 'hivelog', version: '1.2.3' },
  { name: 'ünder', schemaUrl: 'https://example.com/2' },
  { name: 'x', attributes: { a: 1, b: ['c'] }, droppedAttributesCount: 3 },
]
const span = fc
  .record({
    name: text,
    kind: fc.integer({ min: 0, max: 4 }),
    own: context,
    parent: fc.option(context, { nil: undefined }),
    startTime: time,
    endTime: time,
    status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: fc.option(text, { nil: undefined }) }),
    attributes,
    links: fc.array(
      fc.record({ context, attributes, droppedAttributesCount: dropped }, { requiredKeys: ['context'] }),
      {
        maxLength: 4,
      },
    ),
    events: fc.array(
      fc.record(
        { time, name: text, attributes, droppedAttributesCount: dropped },
        { requiredKeys: ['time', 'name'] },
      ),
      { maxLength: 6 },
    ),
    resource: fc.constantFrom(...RESOURCES),
    instrumentationScope: fc.constantFrom(...SCOPES),
    droppedAttributesCount: dropped,
    droppedEventsCount: dropped,
    droppedLinksCount: dropped,
  })
  .map(({ own, parent, ...rest }) => {
    const made = {
      ...rest,
      spanContext: () => own,
      ...(parent !== undefined && { parentSpanContext: parent }),
    }
    return made as unknown as ReadableSpan
  })

test('what is sent is what OpenTelemetry’s serializer would send, request after request', () => {
  const request = new TraceRequest()
  fc.assert(
    fc.property(fc.array(span, { maxLength: 12 }), (spans) => {
      const theirs = ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array
      assert.equal(Buffer.compare(request.of(spans), theirs), 0)
    }),
    { numRuns: cases(300, 100), seed: seedOfRun() },
  )
})

test('a request of mebibytes, and the next one', () => {
  const request = new TraceRequest()
  const [some] = fc.sample(span, { numRuns: 1, seed: 1 })
  const many = Array.from({ length: 200 }, (_, i) => ({
    ...(some as ReadableSpan),
    attributes: { text: 'é'.repeat(i * 300), plain: 'x'.repeat(i * 100) },
  }))
  for (const spans of [many, many.slice(0, 2), []]) {
    const theirs = ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array
    assert.equal(Buffer.compare(request.of(spans), theirs), 0)
  }
})

test('a span that cannot be written spoils no request after it', () => {
  const request = new TraceRequest()
  const [some] = fc.sample(span, { numRuns: 1, seed: 2 }) as [ReadableSpan]
  const broken = {
    ...some,
    spanContext() {
      throw new Error('broken')
    },
  }
  assert.throws(() => request.of([some, broken]), /broken/)
  const theirs = ProtobufTraceSerializer.serializeRequest([some]) as Uint8Array
  assert.equal(Buffer.compare(request.of([some]), theirs), 0)
})

test('more names of attributes than are remembered, in one order and in the other', () => {
  const request = new TraceRequest()
  const [some] = fc.sample(span, { numRuns: 1, seed: 3 }) as [ReadableSpan]
  const names = Array.from({ length: 1_500 }, (_, i) => `name.${i}`)
  const spans = [names, [...names].reverse(), names.slice(1_400), names.slice(0, 3)].map((each) => ({
    ...some,
    attributes: Object.fromEntries(each.map((name, i) => [name, i % 3 === 0 ? i : `value ${i}`])),
  }))
  const theirs = ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array
  assert.equal(Buffer.compare(request.of(spans), theirs), 0)
})
