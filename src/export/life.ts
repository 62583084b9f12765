/**
 * One life of an agent (or what belongs to none, of a session), as spans: parts that follow one another, and spans
 * of other code inside them.
 *
 * A line names the span that its event is on, and no more. One of an agent's events on a span that was not seen
 * before is the next part of its life, or an event that instrumented code recorded on a span of its own. The lines
 * that follow tell which: when another line comes on the part before, that one goes on, so the new span lies within
 * it. So the last part is complete only when the one after it is.
 */
import type { SpanContext } from '@opentelemetry/api'
import type { AgentStatus } from '../model/state.js'
import { ATTR } from '../otel/span-mapping.js'
import type { LogEntry } from '../read/items.js'
import { type OpenSpan, RebuiltSpan, type SpanShape, type SpanSource } from './open-span.js'
import type { AgentShape, Ending, WorkShape } from './shapes.js'

/** Spans of other code that are kept open within a life. */
const MAX_INNER = 16

/** Who keeps the lives. */
export interface LifeHost {
  /** A span is in the making. */
  opened(span: OpenSpan, life: Life): void
  /** A span is complete. */
  emit(open: OpenSpan, span: RebuiltSpan): void
}

export interface LifeInput {
  /** Path of its log. */
  log: string
  /** Left out for what belongs to no agent. */
  agentId?: string
  session: string | undefined
  /** Under which it is looked up. */
  key: string
  shape: AgentShape
  parent?: SpanContext | undefined
  source: SpanSource
  /** Ordinal of the process that wrote its beginning. */
  writer: number
  /** Whether the ids of its spans are the log's own. */
  isOwn: boolean
}

/** A span of other code, within a part. */
interface Inner {
  span: OpenSpan
  parent: SpanContext
}

export class Life {
  readonly log: string
  readonly agentId: string | undefined
  readonly session: string | undefined
  readonly key: string
  readonly writer: number
  readonly isOwn: boolean
  readonly traceId: string
  readonly startTs: number
  /** `checkpoint` of its last line, -1 before the first. */
  checkpoint = -1
  lastTs: number
  lastSeq: number
  isEnded = false
  /** What the agent was last, as long as no line ended it: what is told of it where nothing ever does. */
  left: AgentStatus = 'alive'
  #host: LifeHost
  #shape: AgentShape
  #parent: SpanContext | undefined
  #source: SpanSource
  #previous: OpenSpan | undefined
  #current: OpenSpan
  #inner: Inner[] = []
  #parts = 0
  /** The first part, which is the parent of the others. */
  #first: SpanContext | undefined
  #before: SpanContext | undefined

  constructor(host: LifeHost, input: LifeInput, first: OpenSpan) {
    this.log = input.log
    this.agentId = input.agentId
    this.session = input.session
    this.key = input.key
    this.writer = input.writer
    this.isOwn = input.isOwn
    this.traceId = first.context.traceId
    this.startTs = first.startTs
    this.lastTs = first.lastTs
    this.lastSeq = first.lastSeq
    this.#host = host
    this.#shape = input.shape
    this.#parent = input.parent
    this.#source = input.source
    this.#current = first
    host.opened(first, this)
  }

  /** The part that goes on at present, as far as is known. */
  get current(): OpenSpan {
    return this.#current
  }

  /** Number of the present part, from 1. */
  get part(): number {
    return this.#parts + 1
  }

  /** Notes a line of the agent's. */
  touch({ event, seq }: LogEntry): void {
    if (event.ts > this.lastTs) this.lastTs = event.ts
    this.lastSeq = seq
    if (Number.isSafeInteger(event.checkpoint)) this.checkpoint = event.checkpoint as number
  }

  /** The open span that a line is on, which may tell that the life goes on in the part before the last one. */
  on(spanId: string): OpenSpan {
    if (this.#previous?.context.spanId === spanId) this.#goBack()
    const inner = this.#inner.find(({ span }) => span.context.spanId === spanId)
    return inner?.span ?? this.#current
  }

  /** A line of the agent's is on a span that was not seen before. */
  enter(span: OpenSpan): void {
    this.#settle()
    this.#previous = this.#current
    this.#current = span
    this.#host.opened(span, this)
  }

  /** The next part begins, for sure. */
  continueIn(span: OpenSpan): void {
    this.enter(span)
    this.#settle()
  }

  /** Whether the span may be one of other code, within the agent's. */
  mayBeInner(span: OpenSpan): boolean {
    return (
      (span === this.#current && this.#previous !== undefined) ||
      this.#inner.some((each) => each.span === span)
    )
  }

  /** A line tells what a span within the life was, and when it ended. */
  endInner(span: OpenSpan, shape: WorkShape, endTs: number): void {
    if (span === this.#current) this.#goBack()
    const at = this.#inner.findIndex((each) => each.span === span)
    const [inner] = at === -1 ? [] : this.#inner.splice(at, 1)
    if (inner === undefined) return
    this.#emit(span, { ...shape, parent: inner.parent, startTs: endTs - shape.ms, endTs })
  }

  /** Nothing went on in the part before the last one: that part is over. */
  #settle(): void {
    if (this.#previous === undefined) return
    this.#emitPart(this.#previous, this.#current.startTs, { attributes: { [ATTR.continued]: true } })
    this.#previous = undefined
  }

  /** Ends the life. @param ending left out for a session's */
  end(ending: Ending | undefined, endTs: number): void {
    this.isEnded = true
    this.#settle()
    for (const inner of this.#inner.splice(0)) this.#emitInner(inner)
    this.#emitPart(this.#current, endTs, ending ?? { attributes: {} })
  }

  /** The last span lies within the part before it, which goes on. */
  #goBack(): void {
    const previous = this.#previous
    if (previous === undefined) return
    this.#inner.push({ span: this.#current, parent: previous.context })
    this.#current = previous
    this.#previous = undefined
    const over = this.#inner.length > MAX_INNER ? this.#inner.shift() : undefined
    if (over !== undefined) this.#emitInner(over)
  }

  #emitPart(span: OpenSpan, endTs: number, ending: Ending): void {
    const part = ++this.#parts
    if (this.#before !== undefined) span.links.unshift({ context: this.#before })
    this.#before = span.context
    const parent = this.#first ?? this.#parent
    this.#first ??= span.context
    const attributes = {
      ...this.#shape.attributes,
      ...(part > 1 && { [ATTR.part]: part }),
      ...ending.attributes,
    }
    this.#emit(span, {
      name: this.#shape.name,
      parent,
      attributes,
      ...(ending.status && { status: ending.status }),
      endTs,
    })
  }

  #emitInner({ span, parent }: Inner): void {
    const attributes = this.agentId === undefined ? {} : { [ATTR.agentId]: this.agentId }
    this.#emit(span, { name: 'hive.events', parent, attributes, endTs: span.lastTs })
  }

  #emit(span: OpenSpan, shape: SpanShape): void {
    this.#host.emit(span, new RebuiltSpan(span, shape, this.#source))
    span.release()
  }
}
