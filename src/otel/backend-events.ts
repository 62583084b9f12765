/**
 * Events of a hive's on the spans of its agents, where a backend alone hears of them: what the SDK copies twice, with
 * attributes of which each is looked at, is kept as the fields that the line was made of until it is sent.
 */
import type { Attributes, HrTime, Span } from '@opentelemetry/api'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base'
import type { Fields } from '../format/fields.js'
import { isSayable, MAX_SECONDS, prefix, toAttributes, toHrTime } from './span-mapping.js'

/** The SDK keeps 128 events of a span, and 128 attributes of an event: what may reach that is left to it. */
const MAX_EVENTS = 128
const MAX_FIELDS = 100

/** What the SDK would make of an event, made when somebody asks. */
export class BackendEvent implements TimedEvent {
  readonly ts: number
  readonly kind: string
  /** Texts, numbers that OTLP can say, and booleans alone. */
  readonly fields: Fields
  #attributes: Attributes | undefined

  /** @param fields see `isPlain` */
  constructor(ts: number, kind: string, fields: Fields) {
    this.ts = ts
    this.kind = kind
    this.fields = fields
  }

  get name(): string {
    return prefix(this.kind)
  }

  get time(): HrTime {
    return toHrTime(this.ts)
  }

  get attributes(): Attributes {
    this.#attributes ??= toAttributes(this.kind, this.fields)
    return this.#attributes
  }

  get droppedAttributesCount(): 0 {
    return 0
  }
}

/** Whether an event can be sent as it is, each of its fields as the attribute of its name. */
function isPlain(ts: number, kind: string, fields: Fields): boolean {
  // Of model calls some fields have names of their own.
  if (kind === 'usage' || !(ts >= 0 && ts < MAX_SECONDS * 1_000)) return false
  let count = 0
  for (const name in fields) {
    const value = fields[name]
    const type = typeof value
    if (type === 'number') {
      if (!isSayable(value as number)) return false
    } else if (type !== 'string' && type !== 'boolean' && type !== 'undefined') return false
    count++
  }
  return count <= MAX_FIELDS
}

/** Puts events on spans of the SDK's. */
export class BackendEvents {
  #isAlone: () => boolean

  /** @param isAlone whether still nobody but the backend listens to the provider's spans */
  constructor(isAlone: () => boolean) {
    this.#isAlone = isAlone
  }

  /**
   * What puts an event on `span`, and tells whether it did; if not, the SDK must. `undefined` when it must with all,
   * since others may hear of the span, or look at it.
   * @param fields scrubbed
   */
  adderOf(span: Span): ((ts: number, kind: string, fields: Fields) => boolean) | undefined {
    const events = eventsOf(span)
    if (events === undefined || !this.#isAlone()) return undefined
    return (ts, kind, fields) => {
      if (events.length >= MAX_EVENTS || !isPlain(ts, kind, fields) || !span.isRecording()) return false
      events.push(new BackendEvent(ts, kind, fields))
      return true
    }
  }

  /** A span is about to end: those who listen since it began get the SDK's own events. */
  settle(span: Span): void {
    const events = this.#isAlone() ? undefined : eventsOf(span)
    if (events === undefined) return
    for (let i = 0; i < events.length; i++) {
      const event = events[i]
      if (!(event instanceof BackendEvent)) continue
      const { name, attributes, time, droppedAttributesCount } = event
      events[i] = { name, attributes, time, droppedAttributesCount }
    }
  }
}

function eventsOf(span: Span): TimedEvent[] | undefined {
  const { events } = span as Partial<ReadableSpan>
  return Array.isArray(events) ? events : undefined
}
