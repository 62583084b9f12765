/** The context of a span as one text, read as OpenTelemetry's own package reads it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTraceParent } from '@opentelemetry/core'
import fc from 'fast-check'
import { formatTraceparent, parseTraceparent } from '../../src/otel/traceparent.js'
import { cases } from '../kit/long-run.js'

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
    .map((each) => each.join(''))

const part = (digits: number) =>
  fc.oneof({ weight: 8, arbitrary: hex(digits) }, hex(digits - 1), fc.constant('0'.repeat(digits)))

const traceparents = fc
  .tuple(
    fc.oneof(fc.constantFrom('00', 'ff', '01', 'FF'), hex(2)),
    part(32),
    part(16),
    part(2),
    fc.constantFrom('', '-', '-more', 'x'),
  )
  .map(([version, traceId, spanId, flags, more]) => `${version}-${traceId}-${spanId}-${flags}${more}`)

test('a traceparent is read as by @opentelemetry/core', () => {
  fc.assert(
    fc.property(fc.oneof(traceparents, fc.string()), (text) => {
      assert.deepEqual(parseTraceparent(text), parseTraceParent(text) ?? undefined)
    }),
    { numRuns: cases(2_000, 2_000) },
  )
})

test('what is written is read again', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 1 }), (traceId, spanId, traceFlags) => {
      const isNone = /^0+$/.test(traceId) || /^0+$/.test(spanId)
      const context = { traceId, spanId, traceFlags }
      assert.deepEqual(parseTraceparent(formatTraceparent(context)), isNone ? undefined : context)
    }),
  )
})
