/** Hive events that code adds to a span itself, with the plain `span.addEvent('hive.…', …)` of OpenTelemetry. */
import { type Attributes, diag, type Span } from '@opentelemetry/api'
import { unreadable } from '../format/fields.js'
import { brief } from '../format/quote.js'
import { recordOf } from '../record/owners.js'
import { EVENT_PREFIX, isTime, kindOfEvent, toMillis } from './span-mapping.js'

export interface PlainEvent {
  kind: string
  attributes: Attributes | undefined
  /** Epoch milliseconds. */
  at: number
  /** Whether a time was given with it. */
  isTimed: boolean
  /** False where what was given cannot even be looked at; a note of that is in the attributes. */
  isReadable: boolean
}

type AddEvent = Span['addEvent']

/**
 * Has every hive event that is added to `span` from now on given to `take`. One that it does not take, and any other
 * event, goes on the span as it is. The SDK tells a processor of a span's start and end only, so events are taken
 * where they are added.
 * @param take may be given anything that plain JavaScript can pass; what it throws is told, not thrown on
 * @returns the span's own `addEvent`
 */
export function interceptEvents(span: Span, take: (event: PlainEvent) => boolean): AddEvent {
  const addEvent = span.addEvent.bind(span)
  const listening: AddEvent = (name, attributesOrTime, time) => {
    const kind = kindOfEvent(name)
    if (kind === undefined) {
      recordOf(span.spanContext())?.noteOtherEvent()
      return addEvent(name, attributesOrTime, time)
    }
    if (isTaken(take, kind, attributesOrTime, time)) return span
    recordOf(span.spanContext())?.noteUncheckedEvent()
    return addEvent(name, attributesOrTime, time)
  }
  // Not assigned where it is written: V8 puts a function literal that is assigned to a property among its long-lived
  // objects, and from there each would keep its span, with all events, until the next full garbage collection.
  Object.defineProperty(span, 'addEvent', { value: listening, writable: true, configurable: true })
  return addEvent
}

function isTaken(
  take: (event: PlainEvent) => boolean,
  kind: string,
  attributesOrTime: unknown,
  time: unknown,
): boolean {
  try {
    return take(read(kind, attributesOrTime, time))
  } catch (error) {
    diag.error(`hivelog: event ${EVENT_PREFIX + kind} could not be recorded: ${brief(error)}`)
    return false
  }
}

function read(kind: string, attributesOrTime: unknown, time: unknown): PlainEvent {
  try {
    // As the SDK does.
    const given = isTime(time) ? time : isTime(attributesOrTime) ? attributesOrTime : undefined
    const attributes = isAttributes(attributesOrTime) ? attributesOrTime : undefined
    return { kind, attributes, at: toMillis(given), isTimed: given !== undefined, isReadable: true }
  } catch (error) {
    // A revoked proxy.
    const attributes = { value: unreadable(error) }
    return { kind, attributes, at: toMillis(undefined), isTimed: false, isReadable: false }
  }
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
