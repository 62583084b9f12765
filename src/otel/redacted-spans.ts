/**
 * Spans as they may leave over hivelog's own OTLP: redacted, whoever made them. Copies, and only where something had
 * to change: the spans themselves go to the application's own processors and exporters as they are.
 *
 * What the SDK cut before (`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`) may hold the beginning of a secret that is too short
 * to be known as one. Baggage is on no span.
 */
import type { Attributes, AttributeValue, HrTime, SpanContext, TraceState } from '@opentelemetry/api'
import type { InstrumentationScope } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base'
import { brief, toPlain } from '../format/quote.js'
import { recordOf } from '../record/owners.js'
import { type Redactor, SECRET_KEY_MASK } from '../redact/redact.js'
import { isSecretArgument, isSecretField, scrubWith } from '../redact/scrub.js'
import { EVENT_PREFIX, isSayable, MAX_SECONDS } from './span-mapping.js'
import { WorkSpan } from './work-span.js'

/** Stands for a text that could not be looked through: a pattern of the user's own threw. */
const UNCHECKED = '[redacted:unchecked]'
/** Names of attributes are few and come again and again. */
const MAX_NAMES = 4096
const MAX_NAME_LENGTH = 256
/** Of the OpenTelemetry API; plain JavaScript can pass others. */
const KINDS: readonly number[] = [0, 1, 2, 3, 4]
const STATUS_CODES: readonly number[] = [0, 1, 2]

type Link = ReadableSpan['links'][number]

export class SpanRedactor {
  #redactor: Redactor
  #names = new Map<string, string>()
  #resources = new WeakMap<Resource, Resource>()
  #scopes = new WeakMap<InstrumentationScope, InstrumentationScope>()

  constructor(redactor: Redactor) {
    this.#redactor = redactor
  }

  /**
   * The span, or a copy of it without its secrets, and without what no OTLP request can say: one such value would have
   * the backend refuse all spans of the request.
   */
  readonly redact = (span: ReadableSpan): ReadableSpan => {
    try {
      return span instanceof WorkSpan && this.#isClean(span) ? span : this.#span(span)
    } catch {
      // Whoever made it: the trace keeps its shape.
      return {
        ...copyOf(span),
        name: brief(span.name),
        status: { code: 0 },
        attributes: {},
        events: [],
        links: [],
      }
    }
  }

  /** Whether nothing is to be done to a span whose texts were redacted before it was made of them. */
  #isClean({
    attributes,
    startTime,
    endTime,
    resource,
    instrumentationScope,
    parentSpanContext,
  }: WorkSpan): boolean {
    for (const name in attributes) {
      const value = attributes[name]
      if (typeof value === 'number' && !isSayable(value)) return false
    }
    return (
      parentSpanContext.traceState === undefined &&
      timeOr(startTime, endTime) === startTime &&
      timeOr(endTime, startTime) === endTime &&
      this.#resource(resource) === resource &&
      this.#scope(instrumentationScope) === instrumentationScope
    )
  }

  #span(span: ReadableSpan): ReadableSpan {
    const context = span.spanContext()
    const cleanContext = this.#context(context)
    const name = this.#anyText(span.name)
    const status = this.#status(span.status)
    const attributes = this.#attributes(span.attributes)
    const startTime = timeOr(span.startTime, [0, 0])
    const endTime = timeOr(span.endTime, startTime)
    const events = this.#events(span, startTime)
    const sound = span.links.every(isSound) ? span.links : span.links.filter(isSound)
    const links = mapped(sound, (link) => this.#link(link))
    const resource = this.#resource(span.resource)
    const instrumentationScope = this.#scope(span.instrumentationScope)
    const kind = KINDS.includes(span.kind) ? span.kind : 0
    if (
      cleanContext === context &&
      name === span.name &&
      kind === span.kind &&
      status === span.status &&
      attributes === span.attributes &&
      startTime === span.startTime &&
      endTime === span.endTime &&
      events === span.events &&
      links === span.links &&
      resource === span.resource &&
      instrumentationScope === span.instrumentationScope
    ) {
      return span
    }
    const droppedLinksCount = span.droppedLinksCount + span.links.length - links.length
    const spanContext = () => cleanContext
    const clean = { name, kind, spanContext, status, attributes, startTime, endTime, events, links, resource }
    return { ...copyOf(span), ...clean, instrumentationScope, droppedLinksCount }
  }

  /** Plain JavaScript can give a span any name. */
  #anyText(text: unknown): string {
    return this.#text(typeof text === 'string' ? text : brief(text))
  }

  #text(text: string): string {
    try {
      return this.#redactor.string(text)
    } catch {
      return UNCHECKED
    }
  }

  #status(status: ReadableSpan['status']): ReadableSpan['status'] {
    const code = STATUS_CODES.includes(status.code) ? status.code : 0
    const { message } = status
    const clean = typeof message === 'string' ? this.#text(message) : undefined
    if (clean === message && code === status.code) return status
    return { code, ...(clean !== undefined && { message: clean }) }
  }

  #events(span: ReadableSpan, spanStart: HrTime): TimedEvent[] {
    const { events } = span
    const told = recordOf(span.spanContext())?.events
    // Nearly all spans of a hive hold nothing else, and it looked through them when it made them.
    if (told === 'own') return events
    return mapped(events, (event) => {
      return told === 'mixed' && isHiveEvent(event) ? event : this.#event(event, spanStart)
    })
  }

  #event(event: TimedEvent, spanStart: HrTime): TimedEvent {
    const time = timeOr(event.time, spanStart)
    const name = this.#anyText(event.name)
    const attributes = event.attributes && this.#attributes(event.attributes)
    if (name === event.name && attributes === event.attributes && time === event.time) return event
    return { ...event, name, time, ...(attributes !== undefined && { attributes }) }
  }

  #link(link: Link): Link {
    const context = this.#context(link.context)
    const attributes = link.attributes && this.#attributes(link.attributes)
    if (context === link.context && attributes === link.attributes) return link
    return { ...link, context, ...(attributes !== undefined && { attributes }) }
  }

  /** A trace state is other vendors' text, and goes along. */
  #context(context: SpanContext): SpanContext {
    const text = context.traceState?.serialize()
    if (text === undefined) return context
    const clean = this.#text(text)
    if (clean === text) return context
    const { traceState } = context
    return { ...context, traceState: { ...(traceState as TraceState), serialize: () => clean } }
  }

  /** All spans of a provider share one; where it still waits for a value, the next span asks again. */
  #resource(resource: Resource): Resource {
    const known = this.#resources.get(resource)
    if (known !== undefined) return known
    const attributes = this.#attributes(resource.attributes)
    const { schemaUrl } = resource
    const clean: Resource =
      attributes === resource.attributes
        ? resource
        : {
            attributes,
            ...(schemaUrl !== undefined && { schemaUrl }),
            merge: (other) => resource.merge(other),
            getRawAttributes: () => Object.entries(attributes),
          }
    if (resource.asyncAttributesPending !== true) this.#resources.set(resource, clean)
    return clean
  }

  #scope(scope: InstrumentationScope): InstrumentationScope {
    let clean = this.#scopes.get(scope)
    if (clean === undefined) {
      const { attributes } = scope as { attributes?: Attributes }
      const cleaned = {
        ...scope,
        name: this.#text(scope.name),
        ...(scope.version !== undefined && { version: this.#text(scope.version) }),
        ...(attributes !== undefined && { attributes: this.#attributes(attributes) }),
      }
      const isSame = Object.entries(cleaned).every(
        ([name, value]) => scope[name as keyof typeof scope] === value,
      )
      clean = isSame ? scope : cleaned
      this.#scopes.set(scope, clean)
    }
    return clean
  }

  #attributes<T extends Attributes>(attributes: T): T {
    let changed: Map<string, unknown> | undefined
    let isRenamed = false
    for (const name of Object.keys(attributes)) {
      const value = attributes[name]
      const clean = this.#value(name, value)
      if (clean !== value) {
        changed ??= new Map()
        changed.set(name, clean)
      }
      isRenamed ||= this.#name(name) !== name
    }
    if (changed === undefined && !isRenamed) return attributes
    const entries = Object.entries(attributes).map(([name, value]) => {
      return [this.#name(name), changed?.has(name) ? changed.get(name) : value] as const
    })
    return Object.fromEntries(entries) as T
  }

  #name(name: string): string {
    let clean = this.#names.get(name)
    if (clean === undefined) {
      clean = this.#text(name)
      if (this.#names.size < MAX_NAMES && name.length <= MAX_NAME_LENGTH) this.#names.set(name, clean)
    }
    return clean
  }

  #value(name: string, value: AttributeValue | undefined): unknown {
    if (value === undefined || value === null || typeof value === 'boolean') return value
    if (isSecretField(this.#redactor, name, value)) return SECRET_KEY_MASK
    if (typeof value === 'string') return this.#text(value)
    if (typeof value === 'number') return sayable(value)
    if (Array.isArray(value)) return this.#list(value)
    // The SDK 2 lets nothing else pass; others may.
    if ((value as unknown) instanceof Uint8Array) return this.#bytes(value as Uint8Array)
    return toPlain(value, scrubWith(this.#redactor))
  }

  #list(list: readonly unknown[]): unknown {
    return mapped(list, (item, i) => {
      if (typeof item === 'string') {
        return isSecretArgument(list[i - 1], this.#redactor) ? SECRET_KEY_MASK : this.#text(item)
      }
      if (typeof item === 'number') return sayable(item)
      return typeof item === 'object' && item !== null ? toPlain(item, scrubWith(this.#redactor)) : item
    })
  }

  /** As text of one byte a character, so that all that is no secret stays as it is. */
  #bytes(bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
    const clean = this.#text(text)
    return clean === text ? bytes : Buffer.from(clean, 'latin1')
  }
}

/** A copy to change, of what a span object may hold or compute. */
function copyOf(span: ReadableSpan): ReadableSpan {
  const { name, kind, parentSpanContext, startTime, endTime, status, attributes, links, events } = span
  const { duration, ended, resource, instrumentationScope } = span
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount } = span
  return {
    name,
    kind,
    spanContext: () => span.spanContext(),
    ...(parentSpanContext !== undefined && { parentSpanContext }),
    startTime: timeOr(startTime, [0, 0]),
    endTime: timeOr(endTime, timeOr(startTime, [0, 0])),
    status,
    attributes,
    links,
    events,
    duration,
    ended,
    resource,
    instrumentationScope,
    droppedAttributesCount,
    droppedEventsCount,
    droppedLinksCount,
  }
}

/** Whether a link leads to a span. */
const isSound = (link: Link): boolean =>
  typeof link?.context?.traceId === 'string' && typeof link.context.spanId === 'string'

/** The very same list when no item changes. */
function mapped<T>(list: readonly T[], change: (item: T, i: number) => T): T[] {
  let out: T[] | undefined
  for (let i = 0; i < list.length; i++) {
    const item = list[i] as T
    const changed = change(item, i)
    if (changed !== item) out ??= list.slice(0, i)
    out?.push(changed)
  }
  return out ?? (list as T[])
}

/** A time that OTLP cannot say would have the backend refuse the whole request. */
function timeOr(time: HrTime, fallback: HrTime): HrTime {
  const [seconds, nanos] = time
  return seconds >= 0 && seconds < MAX_SECONDS && nanos >= 0 && nanos < MAX_SECONDS ? time : fallback
}

/** A number that it cannot say likewise. */
const sayable = (value: number): number | string => (isSayable(value) ? value : String(value))

const isHiveEvent = ({ name }: TimedEvent): boolean =>
  typeof name === 'string' && name.startsWith(EVENT_PREFIX)
