/** A span that came as the SDK's own shape, which the vocabularies read. */
import type { Attributes, HrTime, SpanContext } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { Span } from './request.js'

const contextOf = (traceId: string, spanId: string, isRemote: boolean): SpanContext => ({
  traceId,
  spanId,
  traceFlags: 1,
  ...(isRemote && { isRemote }),
})

export function readableOf(span: Span): ReadableSpan {
  const { traceId, spanId, parentSpanId, name, start, end, status } = span
  const context = contextOf(traceId, spanId, false)
  return {
    name,
    // The protocol begins with 1: 0 is not said.
    kind: Math.max(0, span.kind - 1),
    spanContext: () => context,
    ...(parentSpanId !== undefined && {
      parentSpanContext: contextOf(traceId, parentSpanId, span.isParentRemote),
    }),
    startTime: start,
    endTime: end,
    duration: between(start, end),
    status,
    attributes: span.attributes as Attributes,
    links: [],
    events: span.events.map((event) => ({ ...event, attributes: event.attributes as Attributes })),
    ended: true,
    resource: { attributes: span.resource as Attributes } as ReadableSpan['resource'],
    instrumentationScope: span.scope,
    droppedAttributesCount: 0,
    droppedEventsCount: span.droppedEvents,
    droppedLinksCount: 0,
  }
}

function between([fromSeconds, fromNanos]: HrTime, [seconds, nanos]: HrTime): HrTime {
  const nanosLeft = nanos - fromNanos
  if (seconds < fromSeconds || (seconds === fromSeconds && nanosLeft < 0)) return [0, 0]
  return nanosLeft < 0
    ? [seconds - fromSeconds - 1, nanosLeft + 1_000_000_000]
    : [seconds - fromSeconds, nanosLeft]
}
