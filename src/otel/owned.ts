/** What a `Hive` lets the span processor and the span exporter know about the spans that it starts itself. */
import { type Context, createContextKey } from '@opentelemetry/api'
import type { Fields } from '../format/fields.js'
import type { Recorder } from './recorder.js'

const OWNER = createContextKey('hivelog owner of the span')

/** Marks a span whose lines the hive writes directly, so that a `HiveSpanProcessor` on the same file does not. */
export const markOwned = (context: Context, recorder: Recorder): Context => context.setValue(OWNER, recorder)

export const isOwned = (context: Context, recorder: Recorder): boolean => context.getValue(OWNER) === recorder

/** The event that a span's end stands for. */
export interface SpanEvent {
  kind: string
  fields: Fields
}

const told = new WeakMap<object, SpanEvent>()

/**
 * Keeps the event that an own span's end stands for, for a plug-in that writes it too: the attributes of the span
 * say nearly the same, but a missing `ms`, say, is lost in them.
 */
export function tell(span: object, event: SpanEvent): void {
  told.set(span, event)
}

/** The event that a hive told of this span. */
export const toldOf = (span: object): SpanEvent | undefined => told.get(span)

/**
 * What the events of a span are that bear the name of a hive's: `own` and `mixed` when they come from a hive, which
 * redacted them, and can be sent as they are; `own` when there are no others.
 */
export type EventsOf = 'own' | 'mixed'

const eventsOf = new WeakMap<object, EventsOf>()

/** A hive's span begins. */
export function markOwnEvents(span: object): void {
  eventsOf.set(span, 'own')
}

/** Somebody adds an event of another name. */
export function markMixedEvents(span: object): void {
  if (eventsOf.get(span) === 'own') eventsOf.set(span, 'mixed')
}

/** There is an event with a hive's name that is as it was given, or cannot be sent as it is. */
export function unmarkOwnEvents(span: object): void {
  eventsOf.delete(span)
}

/** `undefined` for a span whose events are all to be looked through. */
export const toldOfEvents = (span: object): EventsOf | undefined => eventsOf.get(span)
