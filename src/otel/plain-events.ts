/** Hive events that code adds to a span itself, with the plain `span.addEvent('hive.…', …)` of OpenTelemetry. */
import type { Attributes, Span, TimeInput } from '@opentelemetry/api'
import { kindOfEvent, toMillis } from './span-mapping.js'

export interface PlainEvent {
  kind: string
  attributes: Attributes | undefined
  /** Epoch milliseconds. */
  at: number
}

/**
 * Has every hive event that is added to `span` from now on given to `take`; one that it does not take, and any
 * other event, goes on the span as it is. The SDK tells a processor of a span's start and end only, so events are
 * taken where they are added.
 * @returns the span's own `addEvent`
 */
export function interceptEvents(span: Span, take: (event: PlainEvent) => boolean): Span['addEvent'] {
  const addEvent = span.addEvent.bind(span)
  const listening: Span['addEvent'] = (name, attributesOrTime, time) => {
    const kind = kindOfEvent(name)
    if (kind !== undefined) {
      const hasAttributes = isAttributes(attributesOrTime)
      const at = toMillis(hasAttributes ? time : (time ?? (attributesOrTime as TimeInput | undefined)))
      if (take({ kind, attributes: hasAttributes ? attributesOrTime : undefined, at })) return span
    }
    return addEvent(name, attributesOrTime, time)
  }
  // Not assigned where it is written: V8 puts a function literal that is assigned to a property among its long-lived
  // objects, and from there each would keep its span, with all events, until the next full garbage collection.
  Object.defineProperty(span, 'addEvent', { value: listening, writable: true, configurable: true })
  return addEvent
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
