/**
 * The span of an agent's life, or rather the spans: a long life is told in parts. A part ends, and a continuation
 * with the same name begins, when it holds as many events or links as a span may, or when it is old and holds any, so
 * that a backend sees an agent while it lives. The first part is the parent of the others: there they stay together,
 * where those beside them would be strewn among all that the parent of the agent has under it.
 */
import {
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  trace,
} from '@opentelemetry/api'
import { interceptEvents, type PlainEvent } from '../otel/plain-events.js'
import { ATTR, endTime, MAX_SECONDS, prefix, toAttributes, toHrTime } from '../otel/span-mapping.js'
import type { Ending } from '../otel/span-shapes.js'
import { type Life, recordOf, type SpanEvent } from '../record/owners.js'
import type { Listener, Place } from '../record/recorder.js'
import type { HiveCore } from './core.js'

/** Links that a span may hold; the SDK drops the oldest beyond 128. */
const MAX_LINKS = 100

export interface AgentSpanOptions {
  name: string
  /** Of the agent whose life it is. */
  life: Life | undefined
  attributes: Attributes
  /** Context in which the first part begins. */
  parent: Context
  /** Epoch milliseconds. */
  now: number
  /** Records an event that somebody else adds to a part; see `interceptEvents`. */
  onEvent(event: PlainEvent): boolean
}

/** One span of an agent's life. */
export interface SpanPart {
  readonly span: Span
  /** Where its events happen. */
  readonly events: Place
  /** The same for a line that is no event on it. */
  readonly line: Place
  /** Epoch milliseconds. */
  readonly startTs: number
  /** The same moment by the clock that nobody sets. */
  readonly startedAt: number
}

/** What an agent needs of the span of its life. */
export type LifeSpan = Pick<
  AgentSpan,
  | 'spanContext'
  | 'context'
  | 'workContext'
  | 'take'
  | 'part'
  | 'rollIfOld'
  | 'addLinks'
  | 'end'
  | 'core'
  | 'moveTo'
>

export class AgentSpan {
  #core: HiveCore
  #options: AgentSpanOptions
  #current!: SpanPart
  /** Context in which the next part begins. */
  #under: Context
  /** Whether the first part has no parent. */
  #isRoot: boolean
  #part = 0
  #events = 0
  #linked = new Set<string>()
  #workContext: Context | undefined

  constructor(core: HiveCore, options: AgentSpanOptions) {
    this.#core = core
    this.#options = options
    this.#under = options.parent
    this.#isRoot = trace.getSpanContext(options.parent) === undefined
    core.beforeSpan()
    this.#begin(options.now, [])
  }

  get spanContext(): SpanContext {
    return this.#current.span.spanContext()
  }

  /** The parent context with the current part as the active span. */
  get context(): Context {
    return trace.setSpan(this.#options.parent, this.#current.span)
  }

  /** The same for spans that the hive starts under it. */
  get workContext(): Context {
    this.#workContext ??= this.#core.recorder.owners.mark(this.context)
    return this.#workContext
  }

  /** The part that an event at `now` goes on: a new one if the current one is full, or old and not empty. */
  take(now: number): SpanPart {
    this.roll(now)
    this.#events++
    return this.#current
  }

  /** The current part, for something that is no event on it. */
  get part(): SpanPart {
    return this.#current
  }

  /** Begins the next part, at `now`, if the current one is full, or old and not empty. */
  roll(now: number): void {
    // The wall clock, which is at hand, tells when to look at the other, unless it was set.
    const age = now - this.#current.startTs
    if (this.#events >= this.#core.maxEventsPerSpan) this.#continue(now)
    else if (age >= this.#core.maxSpanAgeMs || age < 0) this.rollIfOld(now)
  }

  /** Begins the next part, at `now`, if the current one is old and not empty: one that is full waits for an event. */
  rollIfOld(now: number): void {
    const age = performance.now() - this.#current.startedAt
    if (this.#events > 0 && age >= this.#core.maxSpanAgeMs) this.#continue(now)
  }

  /** Links to the spans that messages came from, each once a part. */
  addLinks(contexts: SpanContext[], now: number): void {
    // Before the links, so that they are on the part that their event goes on.
    this.roll(now)
    // Jaeger takes a span's first link for its parent if there is none, and so draws a root under those that it
    // spawned, which is nowhere.
    if (this.#isRoot && this.#part === 1) this.#continue(now)
    const fresh = new Set(contexts.map(({ spanId }) => spanId).filter((spanId) => !this.#linked.has(spanId)))
    if (this.#linked.size > 0 && this.#linked.size + fresh.size > MAX_LINKS) this.#continue(now)
    for (const context of contexts) {
      if (this.#linked.has(context.spanId)) continue
      if (this.#linked.size >= MAX_LINKS) this.#continue(now)
      this.#linked.add(context.spanId)
      this.#current.span.addLink({ context })
    }
  }

  /** Ends the life; all that is held for it must be settled. `event` is what its end stands for. */
  end(now: number, ending?: Ending, event?: SpanEvent): void {
    const { span } = this.#current
    if (ending !== undefined) span.setAttributes(ending.attributes)
    if (ending?.status !== undefined) span.setStatus(ending.status)
    const record = recordOf(span.spanContext())
    if (record !== undefined) record.event = event
    this.#core.endSpan(span, endTime(this.#current.startTs, now))
  }

  /** The hive that tells it. */
  get core(): HiveCore {
    return this.#core
  }

  /** Another hive on the same log goes on telling it, in a new part: the one that did ends. */
  moveTo(core: HiveCore, now: number): void {
    const before = this.#core
    if (core === before) return
    this.#core = core
    this.#continue(now, before)
  }

  /** @param core of the part before */
  #continue(now: number, core = this.#core): void {
    const before = this.#current
    this.#begin(now, [{ context: before.span.spanContext() }])
    before.span.setAttribute(ATTR.continued, true)
    // After the events that are held for it.
    core.recorder.after(now, () => core.endSpan(before.span, endTime(before.startTs, now)))
  }

  #begin(now: number, links: Link[]): void {
    this.#part++
    const core = this.#core
    const { name, life, parent, onEvent } = this.#options
    const attributes = { ...this.#options.attributes, ...(this.#part > 1 && { [ATTR.part]: this.#part }) }
    const options = { kind: SpanKind.INTERNAL, attributes, links, startTime: now }
    const span = core.startPart(name, options, this.#under, life, this.#isRoot && this.#part === 1)
    // The span itself would be held, with all its events, until the life is over.
    if (this.#part === 1) this.#under = trace.setSpanContext(parent, span.spanContext())
    const addEvent = interceptEvents(span, onEvent)
    const line = core.placeOf(span)
    const events = core.isHeard(span) ? core.placeOf(span, eventAdder(core, span, addEvent)) : line
    this.#current = { span, events, line, startTs: now, startedAt: performance.now() }
    this.#workContext = undefined
    this.#events = 0
    this.#linked.clear()
  }
}

/**
 * Puts the hive's events on a span.
 * @param addEvent the span's own, which no one listens to
 */
function eventAdder({ backendEvents }: HiveCore, span: Span, addEvent: Span['addEvent']): Listener {
  const record = recordOf(span.spanContext())
  if (record !== undefined) record.events = 'own'
  // One holds what cannot be sent as it is.
  const onUnsayable = (): void => record?.noteUncheckedEvent()
  const addPlain = backendEvents?.adderOf(span)
  return (ts, kind, fields) => {
    if (addPlain?.(ts, kind, fields) === true) return
    addEvent(prefix(kind), toAttributes(kind, fields, onUnsayable), toHrTime(ts))
    if (!(ts >= 0 && ts < MAX_SECONDS * 1_000)) onUnsayable()
  }
}
