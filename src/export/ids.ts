/**
 * Trace and span ids: those that lines carry, and for lines that carry none, ids derived from what the log says, so
 * that the same log always gives the same ids, also when it has grown or has another name.
 */
import { createHash } from 'node:crypto'
import { type SpanContext, TraceFlags } from '@opentelemetry/api'
import type { HiveEvent } from '../format/kinds.js'

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/

/** The span that a line names; `undefined` when it names none that there can be. */
export function idsOf({ trace, span }: HiveEvent): { traceId: string; spanId: string } | undefined {
  return typeof trace === 'string' && typeof span === 'string' && TRACE_ID.test(trace) && SPAN_ID.test(span)
    ? { traceId: trace, spanId: span }
    : undefined
}

export const contextOf = (traceId: string, spanId: string): SpanContext => ({
  traceId,
  spanId,
  traceFlags: TraceFlags.SAMPLED,
})

/** What tells one log from another: its first event, which never changes. */
export function identityOf(event: HiveEvent): string {
  const hash = createHash('sha256')
  for (const [name, value] of Object.entries(event)) {
    if (typeof value !== 'object') hash.update(`${JSON.stringify(name)}:${JSON.stringify(value)}\n`)
  }
  return hash.digest('hex')
}

export const derivedTraceId = (...of: (string | number)[]): string => digest('trace', of).slice(0, 32)
export const derivedSpanId = (...of: (string | number)[]): string => digest('span', of).slice(0, 16)

function digest(what: string, of: (string | number)[]): string {
  return createHash('sha256')
    .update(JSON.stringify(['hivelog', what, ...of]))
    .digest('hex')
}
