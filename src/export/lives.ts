/** The lives that are open while a log is read, found by agent and by span, and bounded in what they hold. */
import type { SpanContext } from '@opentelemetry/api'
import { BoundedMap } from '../format/bounded-map.js'
import { ATTR } from '../otel/span-mapping.js'
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
  /** Lives that were lost with their process. */
  lost = 0
  /** Lives of agents that nothing ended, as far as the logs tell. */
  open = 0
  #take: (span: RebuiltSpan) => void
  #all = new Set<Life>()
  #byKey = new Map<string, Life[]>()
  #bySpan = new Map<string, Life>()
  #ended = new BoundedMap<true>(MAX_ENDED)
  #lastParts = new BoundedMap<SpanContext>(MAX_LIVES)
  #byAgent = new Map<string, Life>()
  /** Of each agent its first life: where other logs of the hive have it, it went on there. */
  #origins = new BoundedMap<Life>(MAX_LIVES)
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

  /** The span that an agent is on at `ts`, or was on last, in the log that had it first, if that is another one. */
  originOf(log: string, session: string | undefined, agentId: string, ts: number): SpanContext | undefined {
    const origin = this.#origins.get(originKey(session, agentId))
    return origin === undefined || origin.log === log ? undefined : origin.partAt(ts)
  }

  /** The last open life of an agent in a log. */
  ofAgent(log: string, agentId: string): Life | undefined {
    return this.#byAgent.get(agentKey(log, agentId))
  }

  begin(input: LifeInput, first: OpenSpan): Life {
    const life = new Life(this, input, first)
    this.#all.add(life)
    const same = this.#byKey.get(input.key)
    if (same === undefined) this.#byKey.set(input.key, [life])
    else same.push(life)
    const { agentId, log, session } = life
    if (agentId !== undefined) {
      this.#byAgent.set(agentKey(log, agentId), life)
      const origin = originKey(session, agentId)
      if (life.isOwn && !this.#origins.has(origin)) this.#origins.set(origin, life)
    }
    return life
  }

  end(life: Life, ending: Ending | undefined, endTs: number): void {
    if (!this.#all.delete(life)) return
    const { context } = life.current
    this.#lastParts.set(life.key, context)
    const { agentId, log } = life
    if (agentId !== undefined && this.ofAgent(log, agentId) === life)
      this.#byAgent.delete(agentKey(log, agentId))
    if (ending?.attributes[ATTR.exitStatus] === 'lost') this.lost++
    const others = this.of(life.key).filter((each) => each !== life)
    if (others.length === 0) this.#byKey.delete(life.key)
    else this.#byKey.set(life.key, others)
    life.end(ending, endTs)
  }

  /** Ends a life whose end no line tells, at its last event: with what is known of the agent. */
  close(life: Life): void {
    if (life.agentId === undefined) this.end(life, undefined, life.lastTs)
    else if (life.left === 'lost') this.end(life, LOST, life.lastTs)
    else {
      this.open++
      this.end(life, { attributes: { [ATTR.exitStatus]: life.left } }, life.lastTs)
    }
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
      this.close(life)
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

const agentKey = (log: string, agentId: string): string => `${log}\n${agentId}`
const originKey = (session: string | undefined, agentId: string): string => `${session ?? ''}\n${agentId}`

/** The id of a span is its own in its trace only. */
const keyOf = ({ context }: OpenSpan): string => context.traceId + context.spanId
