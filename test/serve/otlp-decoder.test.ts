/** The decoder of Protocol Buffers, against another one, and against anything at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import fc from 'fast-check'
import { readableOf } from '../../src/serve/otlp/readable.js'
import { logRecordsIn, RequestError, type Span, spansIn } from '../../src/serve/otlp/request.js'
import { decodeRequest, TooManyError, WireError } from '../../src/serve/otlp/wire.js'
import { cases } from '../kit/long-run.js'
import { requestOf } from '../kit/otlp-protobuf.js'

const hex = (digits: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((all) => all.map((each) => each.toString(16)).join(''))
    .filter((id) => !/^0+$/.test(id))
const value = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.boolean(),
  fc.maxSafeInteger(),
  // A whole number is sent as one, as far as it is safe.
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Number.isInteger(number)),
  fc.array(fc.string()),
)
const attributes = fc.dictionary(fc.string({ minLength: 1 }), value, { maxKeys: 5 })
const time = fc.tuple(fc.integer({ min: 1, max: 4_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }))
const anySpan: fc.Arbitrary<Span> = fc.record({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: fc.option(hex(16), { nil: undefined }),
  isParentRemote: fc.constant(false),
  name: fc.string(),
  kind: fc.integer({ min: 1, max: 5 }),
  start: time,
  end: time,
  attributes,
  events: fc.array(fc.record({ name: fc.string(), time, attributes }), { maxLength: 3 }),
  droppedEvents: fc.nat(100),
  status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: fc.string({ minLength: 1 }) }),
  resource: fc.constant({ 'service.name': 'x' }),
  scope: fc.constant({ name: 'test' }),
})

const encoded = (spans: readonly Span[]): Uint8Array =>
  ProtobufTraceSerializer.serializeRequest(
    spans.map((span) => ({ ...readableOf(span), resource: resourceFromAttributes(span.resource as never) })),
  ) as Uint8Array

/** `bigint` as its digits, and what is not read here left out. */
function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each) =>
      key.startsWith('dropped') || key === 'schemaUrl' || key === 'links'
        ? undefined
        : typeof each === 'bigint'
          ? String(each)
          : each,
    ),
  )
}

test('what the SDK encodes is decoded as another decoder does, and to the same spans', () => {
  fc.assert(
    fc.property(fc.array(anySpan, { minLength: 1, maxLength: 4 }), (spans) => {
      const bytes = encoded(spans)
      const decoded = decodeRequest(bytes, 'traces', 1_000_000)
      const ofOther = comparable(requestOf(Buffer.from(bytes)))
      const found = spansIn(decoded)
      assert.deepEqual(
        found.map((span) => [
          span?.traceId,
          span?.spanId,
          span?.parentSpanId,
          span?.name,
          span?.start,
          span?.end,
        ]),
        spansIn(ofOther).map((span) => [
          span?.traceId,
          span?.spanId,
          span?.parentSpanId,
          span?.name,
          span?.start,
          span?.end,
        ]),
      )
      const byId = new Map(found.map((span) => [`${span?.traceId}${span?.spanId}`, span]))
      for (const span of spans) {
        const back = byId.get(span.traceId + span.spanId) as Span
        assert.deepEqual(back.attributes, { ...span.attributes })
        assert.deepEqual(
          back.events.map((event) => [event.name, event.time, event.attributes]),
          span.events.map((event) => [event.name, event.time, { ...event.attributes }]),
        )
        assert.equal(back.kind, span.kind)
        assert.equal(back.status.code, span.status.code)
      }
    }),
    { numRuns: cases(100, 100) },
  )
})

/** All that may come of bytes: a value, or a refusal in words. */
function take(bytes: Uint8Array): void {
  for (const signal of ['traces', 'logs', 'metrics'] as const) {
    try {
      const decoded = decodeRequest(bytes, signal, 10_000)
      if (signal === 'traces') spansIn(decoded)
      if (signal === 'logs') logRecordsIn(decoded)
    } catch (error) {
      const isRefusal =
        error instanceof WireError || error instanceof TooManyError || error instanceof RequestError
      assert.ok(isRefusal, (error as Error).stack)
    }
  }
}

test('any bytes are decoded or refused', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), take), { numRuns: cases(3_000, 3_000) })
})

test('every truncation of a request is refused, or ends between two fields', () => {
  const [span] = fc.sample(anySpan, { numRuns: 1, seed: 7 }) as [Span]
  const bytes = encoded([{ ...span, attributes: { text: 'some text', count: 7 } }])
  for (let length = 1; length < bytes.length; length++) {
    assert.throws(() => decodeRequest(bytes.subarray(0, length), 'traces', 10_000), WireError, `${length}`)
  }
})

test('requests with bytes changed, put in and taken out are decoded or refused', () => {
  const bytes = encoded(fc.sample(anySpan, { numRuns: 3, seed: 11 }))
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.uint8Array({ maxLength: 6 }), fc.nat(6), (at, put, out) => {
      take(Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + out)]))
    }),
    { numRuns: cases(3_000, 3_000) },
  )
})

/** JSON that has the names of the protocol, with anything in their places. */
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6 },
    fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), hex(32), hex(16), fc.constant('17')),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...[
          'resourceSpans',
          'resourceLogs',
          'scopeSpans',
          'scopeLogs',
          'spans',
          'logRecords',
          'resource',
          'scope',
        ],
        ...[
          'attributes',
          'key',
          'value',
          'stringValue',
          'intValue',
          'arrayValue',
          'kvlistValue',
          'values',
          'body',
        ],
        ...[
          'traceId',
          'spanId',
          'timeUnixNano',
          'startTimeUnixNano',
          'endTimeUnixNano',
          'events',
          'status',
          'name',
        ],
        '__proto__',
      ),
      tie('tree'),
      { maxKeys: 6 },
    ),
  ),
}))

test('any JSON is read or refused', () => {
  const read = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      assert.ok(error instanceof RequestError, (error as Error).stack)
    }
  }
  const wrap = (value: unknown): unknown[] => [
    value,
    { resourceSpans: [{ scopeSpans: [{ spans: [value] }] }] },
    { resourceLogs: [{ resource: value, scopeLogs: [{ logRecords: [value, { attributes: [value] }] }] }] },
  ]
  fc.assert(
    fc.property(tree, (value) => {
      for (const request of wrap(value)) {
        read(() => {
          for (const span of spansIn(request)) if (span !== undefined) readableOf(span)
        })
        read(() => logRecordsIn(request))
      }
    }),
    { numRuns: cases(2_000, 2_000) },
  )
})

test('values that lie deep in each other, and endless ones, are refused', () => {
  // ArrayValue in AnyValue in ArrayValue …, each of which says its length.
  let inner: Buffer = Buffer.alloc(0)
  const wrap = (tag: number, body: Buffer): Buffer => {
    const length: number[] = []
    for (let left = body.length; ; left >>>= 7) {
      length.push(left > 127 ? (left & 127) | 128 : left)
      if (left <= 127) break
    }
    return Buffer.concat([Buffer.from([tag, ...length]), body])
  }
  for (let i = 0; i < 200; i++) inner = wrap(0x2a, wrap(0x0a, inner))
  const attribute = wrap(0x32, wrap(0x12, inner))
  const request = wrap(0x0a, wrap(0x12, wrap(0x12, attribute)))
  assert.throws(() => decodeRequest(request, 'logs', 1_000_000), /deep/)
  const groups = Buffer.alloc(100_000, 0x0b)
  assert.throws(() => decodeRequest(groups, 'logs', 1_000_000), WireError)
})
