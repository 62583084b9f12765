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

const ownEvents = new WeakSet<object>()

/** All that is added to this span under the name of a hive's event comes from a hive, which redacted it. */
export function markOwnEvents(span: object): void {
  ownEvents.add(span)
}

/** Something is added to the span as it is. */
export function unmarkOwnEvents(span: object): void {
  ownEvents.delete(span)
}

/** Whether no one but a hive added events under the name of a hive's to this span. */
export const holdsOwnEventsOnly = (span: object): boolean => ownEvents.has(span)
