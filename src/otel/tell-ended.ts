/** Tells what spans stand for that have ended and lie under one another, in the order in which it happened. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { Owners } from '../record/owners.js'
import { timelineOf } from './ended-spans.js'
import { hrToMillis, kindOfEvent, toFields } from './span-mapping.js'
import type { SpanNode } from './span-node.js'
import type { SpanTeller } from './span-teller.js'

/** @param spans in the order of their ends */
export function tellEnded(spans: readonly ReadableSpan[], teller: SpanTeller, owners: Owners): void {
  const nodes = new Map<ReadableSpan, SpanNode>()
  for (const { span, event, isStart } of timelineOf(spans)) {
    const node = nodes.get(span)
    if (event !== undefined) {
      const kind = kindOfEvent(event.name)
      if (kind === undefined || node === undefined) continue
      teller.event(node, hrToMillis(event.time), kind, toFields(kind, event.attributes))
    } else if (isStart) {
      const begun = teller.begin(span, owners.of(span.parentSpanContext), localParentOf(span))
      nodes.set(span, begun)
      owners.remember(span.spanContext(), begun)
      teller.decide(begun, span)
    } else if (node !== undefined) teller.end(node, span)
  }
}

/** Id of the span's parent, if that is a span of this process. */
export function localParentOf({ parentSpanContext: parent }: ReadableSpan): string | undefined {
  return parent === undefined || parent.isRemote === true ? undefined : parent.spanId
}
