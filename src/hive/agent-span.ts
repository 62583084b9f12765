/**
 * The span of an agent's life, or rather the spans: a long life is told in parts. A part ends, and a continuation
 * with the same name and parent begins, when it holds as many events or links as a span may, or when it is old
 * and holds any, so that a backend sees an agent while it lives.
 */
import {
  type Attributes,
  type Context,
  type Link,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  trace,
} from '@opentelemetry/api'
import { encodeTailEnd } from '../events/encode.js'
import { ATTR } from '../otel/span-mapping.js'
import type { HiveCore, SpanPart } from './core.js'

/** Links that a span may hold; the SDK drops the oldest beyond 128. */
const MAX_LINKS = 100

export class AgentSpan {
  #core: HiveCore
  #name: string
  #attributes: Attributes
  #parent: Context
  /** Trace to be in when the parent context holds no span. */
  #traceId: string
  #current!: SpanPart
  #part = 0
  #startedAt = 0
  #events = 0
  #linked = new Set<string>()

  constructor(
    core: HiveCore,
    name: string,
    attributes: Attributes,
    parent: Context,
    traceId: string,
    now: number,
  ) {
    this.#core = core
    this.#name = name
    this.#attributes = attributes
    this.#parent = parent
    this.#traceId = traceId
    this.#begin(now, [])
  }

  get spanContext(): SpanContext {
    return this.#current.span.spanContext()
  }

  /** `parent` with the current part as the active span. */
  get context(): Context {
    return trace.setSpan(this.#parent, this.#current.span)
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

  /** Begins the next part if the current one is full or, at `now`, old and not empty. */
  roll(now: number): void {
    const isFull = this.#events >= this.#core.maxEventsPerSpan
    const isOld = this.#events > 0 && now - this.#startedAt >= this.#core.maxSpanAgeMs
    if (isFull || isOld) this.#continue(now)
  }

  /** Links to the spans that messages came from, each once a part. */
  addLinks(contexts: SpanContext[], now: number): void {
    for (const context of contexts) {
      if (this.#linked.has(context.spanId)) continue
      if (this.#linked.size >= MAX_LINKS) this.#continue(now)
      this.#linked.add(context.spanId)
      this.#current.span.addLink({ context })
    }
  }

  /** Ends the life; all that is held for it must be settled. */
  end(now: number, attributes: Attributes, status?: SpanStatus): void {
    const { span } = this.#current
    span.setAttributes(attributes)
    if (status !== undefined) span.setStatus(status)
    span.end(now)
  }

  #continue(now: number): void {
    const before = this.#current
    this.#begin(now, [{ context: before.span.spanContext() }])
    before.span.setAttribute(ATTR.continued, true)
    this.#core.endPart(before, now)
  }

  #begin(now: number, links: Link[]): void {
    this.#part++
    const attributes = this.#part === 1 ? this.#attributes : { ...this.#attributes, [ATTR.part]: this.#part }
    const options = { kind: SpanKind.INTERNAL, attributes, links, startTime: now }
    const isRoot = trace.getSpanContext(this.#parent) === undefined
    // With a provider of the application's own, a part without a parent can stay in its trace only as a child.
    const asChild = isRoot && this.#part > 1 && !this.#core.canJoinTrace
    const parent = asChild ? trace.setSpan(this.#parent, this.#current.span) : this.#parent
    const span = this.#core.startSpan(this.#name, options, parent, isRoot ? this.#traceId : undefined)
    const { traceId, spanId } = span.spanContext()
    this.#current = { span, recording: span.isRecording(), tailEnd: encodeTailEnd(traceId, spanId) }
    this.#startedAt = now
    this.#events = 0
    this.#linked.clear()
  }
}
