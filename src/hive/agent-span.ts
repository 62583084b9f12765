/**
 * The span of an agent's life, or rather the spans: a long life is told in parts. A part ends, and a continuation
 * with the same name and parent begins, when it holds as many events or links as a span may, or when it is old
 * and holds any, so that a backend sees an agent while it lives. Where there is no parent, the first part is that of
 * the others.
 */
import {
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  trace,
} from '@opentelemetry/api'
import { markOwnEvents, type SpanEvent, tell, unmarkOwnEvents } from '../otel/owned.js'
import { interceptEvents, type PlainEvent } from '../otel/plain-events.js'
import { ATTR, endTime } from '../otel/span-mapping.js'
import type { HiveCore, SpanPart } from './core.js'

/** Links that a span may hold; the SDK drops the oldest beyond 128. */
const MAX_LINKS = 100

export interface AgentSpanOptions {
  name: string
  attributes: Attributes
  /** Context in which the first part and all that follow begin. */
  parent: Context
  /** Epoch milliseconds. */
  now: number
  /** Records an event that somebody else adds to a part; see `interceptEvents`. */
  onEvent(event: PlainEvent): boolean
}

export class AgentSpan {
  #core: HiveCore
  #options: AgentSpanOptions
  #current!: SpanPart
  /** The first part, if it has no parent. */
  #root: Span | undefined
  #part = 0
  #events = 0
  #linked = new Set<string>()

  constructor(core: HiveCore, options: AgentSpanOptions) {
    this.#core = core
    this.#options = options
    this.#begin(options.now, [])
  }

  get spanContext(): SpanContext {
    return this.#current.span.spanContext()
  }

  /** The parent context with the current part as the active span. */
  get context(): Context {
    return trace.setSpan(this.#options.parent, this.#current.span)
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
    if (this.#current.span === this.#root) this.#continue(now)
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
  end(now: number, attributes: Attributes = {}, status?: SpanStatus, event?: SpanEvent): void {
    const { span } = this.#current
    span.setAttributes(attributes)
    if (status !== undefined) span.setStatus(status)
    if (event !== undefined) tell(span, event)
    span.end(endTime(this.#current.startTs, now))
  }

  #continue(now: number): void {
    const before = this.#current
    this.#begin(now, [{ context: before.span.spanContext() }])
    before.span.setAttribute(ATTR.continued, true)
    this.#core.endPart(before, now)
  }

  #begin(now: number, links: Link[]): void {
    this.#part++
    const { name, parent, onEvent } = this.#options
    const attributes = { ...this.#options.attributes, ...(this.#part > 1 && { [ATTR.part]: this.#part }) }
    const options = { kind: SpanKind.INTERNAL, attributes, links, startTime: now }
    const isRoot = trace.getSpanContext(parent) === undefined
    const under = this.#root === undefined ? parent : trace.setSpan(parent, this.#root)
    const span = this.#core.startSpan(name, options, under, isRoot && this.#root === undefined)
    if (isRoot) this.#root ??= span
    const addEvent = interceptEvents(span, onEvent)
    markOwnEvents(span)
    this.#current = {
      span,
      addEvent,
      recording: span.isRecording(),
      onUnsayable: () => unmarkOwnEvents(span),
      tail: this.#core.tailOf(span.spanContext()),
      startTs: now,
      startedAt: performance.now(),
    }
    this.#events = 0
    this.#linked.clear()
  }
}
