/** Hive events that code adds to a span itself, with the plain `span.addEvent('hive.…', …)` of OpenTelemetry. */
import { type Attributes, diag, type Span } from '@opentelemetry/api'
import { unreadable } from '../format/fields.js'
import { brief } from '../format/quote.js'
import { recordOf } from '../record/owners.js'
import { type AddEvent, adderOf, type Hearer, hear } from './heard-spans.js'
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

/**
 * Is given every hive event that is added to a span. One that it does not take, and any other event, goes on the span
 * as it is.
 */
export abstract class PlainEvents implements Hearer {
  before: Hearer | undefined

  /**
   * May be given anything that plain JavaScript can pass; what it throws is told, not thrown on.
   * @param addEvent adds an event that is not given to this
   */
  abstract take(event: PlainEvent, addEvent: AddEvent): boolean

  added(span: Span, addEvent: AddEvent, ...[name, attributesOrTime, time]: Parameters<AddEvent>): Span {
    const kind = kindOfEvent(name)
    if (kind === undefined) {
      recordOf(span.spanContext())?.noteOtherEvent()
      return addEvent(name, attributesOrTime, time)
    }
    if (isTaken(this, addEvent, kind, attributesOrTime, time)) return span
    recordOf(span.spanContext())?.noteUncheckedEvent()
    return addEvent(name, attributesOrTime, time)
  }
}

function isTaken(
  events: PlainEvents,
  addEvent: AddEvent,
  kind: string,
  attributesOrTime: unknown,
  time: unknown,
): boolean {
  try {
    return events.take(read(kind, attributesOrTime, time), addEvent)
  } catch (error) {
    diag.error(`hivelog: event ${EVENT_PREFIX + kind} could not be recorded: ${brief(error)}`)
    return false
  }
}

class Taken extends PlainEvents {
  readonly take: (event: PlainEvent) => boolean

  constructor(take: (event: PlainEvent) => boolean) {
    super()
    this.take = take
  }
}

/**
 * Has every hive event that is added to `span` from now on given to `take`, see `PlainEvents`.
 * @returns how to add an event that is not given to it
 */
export function interceptEvents(span: Span, take: (event: PlainEvent) => boolean): AddEvent {
  const addEvent = adderOf(span)
  hear(span, new Taken(take))
  return addEvent
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
