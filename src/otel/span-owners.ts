/**
 * Which agent ended spans belong to. A span is exported when it ends, so that of a tool comes before that of the
 * agent it ran under, maybe in an earlier batch: it waits here until the spans above it have come.
 */
import { diag } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { AgentRef } from './foreign-spans.js'

/** Spans that wait, and that are remembered of each sort. */
const MAX_SPANS = 10_000

export class SpanOwners {
  #agents = new Map<string, AgentRef>()
  /** Parents of spans whose agent is not known. */
  #parents = new Map<string, string>()
  /** By the nearest span above them that has not come. */
  #waiting = new Map<string, ReadableSpan[]>()
  #waitingCount = 0
  #hasWarned = false

  /** The agent of an ended span, or of one under it. */
  agentOf(spanId: string): AgentRef | undefined {
    return this.#agents.get(this.#top(spanId))
  }

  /** A span is this agent's: gives those that waited to know. */
  settle(spanId: string, agent: AgentRef): ReadableSpan[] {
    remember(this.#agents, spanId, agent)
    return this.#take(spanId)
  }

  /** A span is nobody's. */
  forget(spanId: string): void {
    this.#take(spanId)
  }

  /** A span is whosever its parent is, which is not known yet; `work` is the span if it is to be written then. */
  wait(spanId: string, parentId: string, work: ReadableSpan | undefined): void {
    remember(this.#parents, spanId, parentId)
    const top = this.#top(parentId)
    for (const each of this.#take(spanId)) this.#add(each, top)
    if (work !== undefined) this.#add(work, top)
  }

  #top(spanId: string): string {
    let top = spanId
    for (let next = this.#parents.get(top); next !== undefined; next = this.#parents.get(top)) top = next
    return top
  }

  #add(span: ReadableSpan, top: string): void {
    if (this.#waitingCount >= MAX_SPANS) this.#forgetOldest()
    const others = this.#waiting.get(top)
    if (others === undefined) this.#waiting.set(top, [span])
    else others.push(span)
    this.#waitingCount++
  }

  #take(top: string): ReadableSpan[] {
    const spans = this.#waiting.get(top) ?? []
    this.#waiting.delete(top)
    this.#waitingCount -= spans.length
    return spans
  }

  #forgetOldest(): void {
    const [oldest] = this.#waiting
    if (oldest === undefined) return
    const [top, spans] = oldest
    spans.shift()
    this.#waitingCount--
    if (spans.length === 0) this.#waiting.delete(top)
    if (this.#hasWarned) return
    this.#hasWarned = true
    diag.warn(
      `hivelog: over ${MAX_SPANS} spans wait for their agent's span to end, and the oldest are not recorded; ` +
        'register a HiveSpanProcessor, which records them as they happen',
    )
  }
}

function remember<T>(map: Map<string, T>, spanId: string, value: T): void {
  map.set(spanId, value)
  if (map.size <= MAX_SPANS) return
  const [oldest] = map.keys()
  map.delete(oldest as string)
}
