/** The `traceparent` of W3C Trace Context: how the context of a span is written as one text. */
import { type SpanContext, TraceFlags } from '@opentelemetry/api'

/** Version, trace id, span id, flags, and what a later version may add. */
const SHAPE = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** Version 00. */
export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`
}

/** `undefined`: it is none. Of a version after 00 what that may have added is passed over, as W3C asks. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const found = SHAPE.exec(text.trim())
  if (found === null) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = found
  if (version === '00' && more !== undefined) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) }
}
