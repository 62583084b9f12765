/** The lives that are open while a log is read, found by agent and by span, and bounded in what they hold. */
import type { SpanContext } from '@opentelemetry/api'
import { BoundedMap } from './bounded-map.js'
import { Life, type LifeInput } from './life.js'
import type { OpenSpan, RebuiltSpan } from './open-span.js'
import { type Ending, LOST } from './shapes.js'

/** How much is held of spans that are not complete. Beyond it the lives that were silent longest are ended. */
const MAX_EVENTS = 60_000
const MAX_BYTES = 24 * 1024 * 1024
const MAX_LIVES = 10_000
/** Spans that are remembered after their end, at least. */
const MAX_ENDED = 20_000

export class Lives {
  /** Lives that were ended to bound memory. */
  evicted = 0
  /** Agents whose exit no line tells. */
  lost = 0
  #take: (span: RebuiltSpan) => void
  #all = new Set<Life>()
  #byKey = new Map<string, Life[]>()
  #bySpan = new Map<string, Life>()
  #ended = new BoundedMap<true>(MAX_ENDED)
  #lastParts = new BoundedMap<SpanContext>(MAX_LIVES)
  /** Of each agent the file that it was in first, and its last part there. */
  #origins = new BoundedMap<{ file: number; context: SpanContext }>(MAX_LIVES)
  #file = 0
  #events = 0
  #bytes = 0

  /** @param take is given each span when it is complete */
  constructor(take: (span: RebuiltSpan) => void) {
    this.#take = take
  }

  [Symbol.iterator](): Iterator<Life> {
    return this.#all.values()
  }

  /** The open lives of an agent, oldest first. */
  of(key: string): readonly Life[] {
    return this.#byKey.get(key) ?? []
  }

  /** The open life that a span belongs to. */
  withSpan(traceId: string, spanId: string): Life | undefined {
    return this.#bySpan.get(traceId + spanId)
  }

  /** Whether the span has been complete for some time. */
  hasEnded(traceId: string, spanId: string): boolean {
    return this.#ended.has(traceId + spanId)
  }

  /** The span that an agent is on at `ts`, or was on last. */
  spanOf(key: string, ts: number): SpanContext | undefined {
    return this.of(key).at(-1)?.partAt(ts) ?? this.#lastParts.get(key)
  }

  /** The span that an agent was on in an earlier file; `undefined` if it was in none. */
  originOf(key: string): SpanContext | undefined {
    const origin = this.#origins.get(key)
    return origin === undefined || origin.file === this.#file ? undefined : origin.context
  }

  /** What follows is from another file; all lives have ended. */
  beginFile(): void {
    this.#file++
  }

  begin(input: LifeInput, first: OpenSpan): Life {
    const life = new Life(this, input, first)
    this.#all.add(life)
    const same = this.#byKey.get(input.key)
    if (same === undefined) this.#byKey.set(input.key, [life])
    else same.push(life)
    return life
  }

  end(life: Life, ending: Ending | undefined, endTs: number): void {
    if (!this.#all.delete(life)) return
    const { context } = life.current
    this.#lastParts.set(life.key, context)
    if (life.isOwn && this.originOf(life.key) === undefined) {
      this.#origins.set(life.key, { file: this.#file, context })
    }
    const others = this.of(life.key).filter((each) => each !== life)
    if (others.length === 0) this.#byKey.delete(life.key)
    else this.#byKey.set(life.key, others)
    life.end(ending, endTs)
  }

  /** Ends a life whose end no line tells, at its last event. */
  lose(life: Life): void {
    if (life.agentId !== undefined) this.lost++
    this.end(life, life.agentId === undefined ? undefined : LOST, life.lastTs)
  }

  /** A line went on a span: sees to it that all the open ones together do not hold too much. */
  held(events: number, bytes: number): void {
    this.#events += events
    this.#bytes += bytes
    if (this.#events > MAX_EVENTS || this.#bytes > MAX_BYTES || this.#all.size > MAX_LIVES) this.#evict()
  }

  #evict(): void {
    for (const life of [...this.#all].sort((a, b) => a.lastSeq - b.lastSeq)) {
      const isFew = this.#events <= MAX_EVENTS / 2 && this.#bytes <= MAX_BYTES / 2
      if (isFew && this.#all.size <= MAX_LIVES / 2) return
      this.evicted++
      this.lose(life)
    }
  }

  /** Of a life. */
  opened(span: OpenSpan, life: Life): void {
    this.#bySpan.set(keyOf(span), life)
  }

  /** Of a life, or of work that has its span to itself. */
  emit(open: OpenSpan, span: RebuiltSpan): void {
    const key = keyOf(open)
    this.#bySpan.delete(key)
    this.#ended.set(key, true)
    this.#events -= open.events.length
    this.#bytes -= open.bytes
    this.#take(span)
  }
}

/** The id of a span is its own in its trace only. */
const keyOf = ({ context }: OpenSpan): string => context.traceId + context.spanId
