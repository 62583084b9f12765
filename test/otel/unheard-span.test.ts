/** A span that nobody hears of has the context that the SDK would give it, by the sampler that is its default. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Context, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import { TraceState } from '@opentelemetry/core'
import { createAlwaysRecordSampler } from '@opentelemetry/sdk-trace'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { HiveIdGenerator } from '../../src/otel/ids.js'
import { defaultSampler } from '../../src/otel/sampler.js'
import { UnheardTracer } from '../../src/otel/unheard-span.js'

const sdk = new BasicTracerProvider({ sampler: createAlwaysRecordSampler(defaultSampler()) }).getTracer('sdk')
const unheard = new UnheardTracer(new HiveIdGenerator())

const under = (context: SpanContext): Context => trace.setSpanContext(ROOT_CONTEXT, context)
const ids = { traceId: '0a'.repeat(16), spanId: '0b'.repeat(8) }

for (const [what, context, isOwnTrace] of [
  ['no parent', ROOT_CONTEXT, true],
  ['a sampled parent', under({ ...ids, traceFlags: 1 }), false],
  ['a remote parent that is not sampled', under({ ...ids, traceFlags: 0, isRemote: true }), false],
  ['a parent with a trace state', under({ ...ids, traceFlags: 1, traceState: new TraceState('a=1') }), false],
  ['a parent with flags of a later version', under({ ...ids, traceFlags: 3 }), false],
  ['a parent that is none', under({ ...ids, spanId: '0'.repeat(16), traceFlags: 1 }), true],
] as const) {
  test(`under ${what}`, () => {
    const [ours, theirs] = [unheard, sdk].map((tracer) => tracer.startSpan('s', {}, context))
    const [mine, wanted] = [ours, theirs].map((span) => (span as typeof ours & object).spanContext())
    assert.ok(mine !== undefined && wanted !== undefined)
    assert.equal(mine.traceFlags, wanted.traceFlags)
    assert.equal(mine.traceState?.serialize(), wanted.traceState?.serialize())
    assert.equal(mine.traceId === ids.traceId, !isOwnTrace)
    assert.equal(wanted.traceId === ids.traceId, !isOwnTrace)
    assert.match(mine.spanId, /^[0-9a-f]{16}$/)
    assert.match(mine.traceId, /^[0-9a-f]{32}$/)
    assert.ok(trace.isSpanContextValid(mine))
    assert.notEqual(mine.spanId, unheard.startSpan('s', {}, context).spanContext().spanId)
  })
}

test('it records until it has ended', () => {
  const span = unheard.startSpan('s', {}, ROOT_CONTEXT)
  assert.ok(span.isRecording())
  assert.equal(
    span.setAttribute('a', 1).setAttributes({ b: 2 }).addEvent('e').setStatus({ code: 1 }).updateName('n'),
    span,
  )
  span.recordException(new Error('e'))
  span.end()
  assert.equal(span.isRecording(), false)
})
