/**
 * Spans as events of hives: through the vocabularies into the session's log, whole trees of them, so that each event has
 * its agent. What waits for a span above it is kept on the disk (`<store>/spans.waiting`), and told as it is when
 * nothing more of its trace comes.
 */
import { join } from 'node:path'
import { BoundedMap } from '../../format/bounded-map.js'
import { kindOfEvent } from '../../otel/span-mapping.js'
import { SpanTeller } from '../../otel/span-teller.js'
import { tellEnded } from '../../otel/tell-ended.js'
import { claudeSpan, executionOf, isClaudeSpan } from '../coding-agents/claude-code.js'
import type { EventStore } from '../events.js'
import type { SessionLog } from '../session-log.js'
import type { Told } from '../told.js'
import { readableOf } from './readable.js'
import type { Span } from './request.js'
import { impliedSession, saidSession } from './session-of.js'
import { Spool } from './spool.js'
import { WaitingSpans } from './waiting.js'

/** Spans that wait at once. */
const MAX_WAITING = 10_000
/** What they may take in memory, and on the disk until those that were told are taken out. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024
const MAX_SPOOL_BYTES = 256 * 1024 * 1024
/** Spans that are known again at least. */
const MAX_TOLD = 100_000
/** How long a trace may be quiet while spans of it wait, milliseconds. */
const PATIENCE_MS = 300_000
const LOOK_MS = 5_000

export interface SpansAnswer {
  accepted: number
  /** Spans that are none, in words. */
  rejected: string[]
  /** What else is to be told. */
  warning: string
}

export interface SpanStoreOptions {
  events: EventStore
  /** How long a trace may be quiet while spans of it wait, milliseconds. Default 300,000. */
  patienceMs?: number
  /** Is told of what goes wrong where nobody waits for an answer. */
  onError?: (message: string) => void
}

export class SpanStore {
  readonly #events: EventStore
  readonly #patienceMs: number
  readonly #onError: (message: string) => void
  readonly #spool: Spool
  readonly #waiting = new WaitingSpans()
  /** The session of each span that was told, by trace and id. */
  readonly #told = new BoundedMap<string>(MAX_TOLD)
  /** The session of a trace, as far as one of its spans named it. */
  readonly #sessions = new BoundedMap<string>(MAX_WAITING)
  /** How runs of Claude Code's tools ended, by the spans of the tools. */
  readonly #executions = new BoundedMap<boolean>(MAX_WAITING)
  readonly #tellers = new WeakMap<SessionLog, SpanTeller>()
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  private constructor({ events, patienceMs = PATIENCE_MS, onError = () => {} }: SpanStoreOptions) {
    this.#events = events
    this.#patienceMs = patienceMs
    this.#onError = onError
    this.#spool = new Spool(join(events.root, 'spans.waiting'))
  }

  /** Goes on with what a former server left. */
  static async open(options: SpanStoreOptions): Promise<SpanStore> {
    const store = new SpanStore(options)
    const now = Date.now()
    for (const span of await store.#spool.read()) {
      store.#waiting.add(span, now)
      store.#waiting.weigh(span, Buffer.byteLength(JSON.stringify(span)))
    }
    store.#timer = setInterval(() => store.#lookForQuiet(), Math.min(LOOK_MS, store.#patienceMs)).unref()
    return store
  }

  /**
   * Takes spans; resolves when they are told, or wait, on the disk.
   * @param mayDecide whether the sender is one whose approvals count
   */
  async add(given: readonly (Span | undefined)[], mayDecide: boolean): Promise<SpansAnswer> {
    const spans = given.filter((span) => span !== undefined)
    const rejected = given.filter((span) => span === undefined).map(() => 'a span has no valid ids or times')
    const told = spans.map((span) => this.#toldByClaude(span)).filter((each) => each !== undefined)
    if (told.length > 0) await this.#events.tell(told)
    const others = spans.filter(({ name }) => !isClaudeSpan(name))
    const counts = { approvals: 0 }
    const durable = await this.#inTurn(() => this.#take(others, mayDecide, counts))
    await Promise.all(durable)
    await this.#inTurn(() => this.#clear())
    const warning =
      counts.approvals > 0 ? 'approvals were left out: they need a token with the scope decide' : ''
    return { accepted: spans.length, rejected, warning }
  }

  /** What waits stays on the disk. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#last
    await this.#spool.close()
  }

  async #take(
    given: readonly Span[],
    mayDecide: boolean,
    counts: { approvals: number },
  ): Promise<Promise<void>[]> {
    const fresh: Span[] = []
    const traces = new Set<string>()
    const now = Date.now()
    for (const span of given) {
      traces.add(span.traceId)
      if (this.#told.has(keyOf(span)) || this.#waiting.has(span)) continue
      const kept: Span = mayDecide ? { ...span, mayDecide } : withoutApprovals(span, counts)
      const redacted = this.#spool.redacted(kept)
      const session = saidSession(span.attributes, span.resource)
      if (session !== undefined && !this.#sessions.has(span.traceId))
        this.#sessions.set(span.traceId, session)
      this.#waiting.add(redacted, now)
      fresh.push(redacted)
    }
    const durable: Promise<void>[] = []
    for (const traceId of traces) {
      for (const tree of this.#waiting.take(traceId, this.#isTop)) await this.#tell(tree, durable, counts)
    }
    const lines: string[] = []
    for (const span of fresh) {
      if (!this.#waiting.has(span)) continue
      const line = JSON.stringify(span)
      this.#waiting.weigh(span, Buffer.byteLength(line))
      lines.push(line)
    }
    if (lines.length > 0) durable.push(quietly(this.#spool.append(lines)))
    while (this.#waiting.size > MAX_WAITING || this.#waiting.bytes > MAX_WAITING_BYTES) {
      for (const tree of this.#waiting.takeAll(this.#waiting.oldest as string))
        await this.#tell(tree, durable, counts)
    }
    return durable
  }

  /** Whether it is known what is above it: nothing, or what was told. */
  readonly #isTop = ({ traceId, parentSpanId }: Span): boolean =>
    parentSpanId === undefined || this.#told.has(traceId + parentSpanId)

  /**
   * @param durable is given what resolves when it is on the disk; if it does not get there, the spans wait again
   * @param counts counts approvals of senders whose do not count: what a run goes on with may say one too
   */
  async #tell(
    tree: readonly Span[],
    durable: Promise<void>[],
    counts: { approvals: number } = { approvals: 0 },
  ): Promise<void> {
    const deciding = new Set(tree.filter(({ mayDecide }) => mayDecide === true).map(keyOf))
    const session = this.#sessionOf(tree)
    await this.#events.with(session, (log) => {
      for (const span of tree) this.#told.set(keyOf(span), session)
      log.spanMayDecide = (span) => {
        if (deciding.has(keyOf(span))) return true
        counts.approvals++
        return false
      }
      tellEnded(tree.map(readableOf), this.#tellerOf(log, session), log.spanRecorder.owners)
      const stored = this.#events
        .durable(session, log, () => log.spansDurable())
        .catch((error) => {
          for (const span of tree) {
            this.#told.delete(keyOf(span))
            this.#waiting.add(span, Date.now())
          }
          throw error
        })
      durable.push(quietly(stored))
    })
  }

  #toldByClaude(span: Span): Told | undefined {
    if (!isClaudeSpan(span.name)) return undefined
    const { name, traceId, spanId, parentSpanId, attributes, resource, end } = span
    const succeeded = executionOf(span)
    if (succeeded !== undefined && parentSpanId !== undefined)
      this.#executions.set(traceId + parentSpanId, succeeded)
    return claudeSpan({
      name,
      session: saidSession(attributes, resource) ?? impliedSession(traceId, resource),
      ts: end[0] * 1000 + Math.floor(end[1] / 1_000_000),
      contentKey: `span:${traceId}${spanId}`,
      attributes,
      spanId,
      parentSpanId,
      ids: { trace: traceId, span: spanId },
      succeeded: this.#executions.get(keyOf(span)),
    })
  }

  #sessionOf(tree: readonly Span[]): string {
    const [{ traceId, parentSpanId, resource }] = tree.slice(-1) as [Span]
    const said = [...tree].reverse().map((span) => saidSession(span.attributes, span.resource))
    const first = said.find((session) => session !== undefined)
    const above = parentSpanId === undefined ? undefined : this.#told.get(traceId + parentSpanId)
    return first ?? above ?? this.#sessions.get(traceId) ?? impliedSession(traceId, resource)
  }

  #tellerOf(log: SessionLog, session: string): SpanTeller {
    let teller = this.#tellers.get(log)
    if (teller === undefined) {
      teller = new SpanTeller(log.spanRecorder, session)
      this.#tellers.set(log, teller)
    }
    return teller
  }

  #lookForQuiet(): void {
    const traces = this.#waiting.quietSince(Date.now() - this.#patienceMs)
    if (traces.length === 0) return
    this.#inTurn(async () => {
      const durable: Promise<void>[] = []
      for (const traceId of traces) {
        for (const tree of this.#waiting.takeAll(traceId)) await this.#tell(tree, durable)
      }
      await Promise.all(durable)
      await this.#clear()
    }).catch((error: Error) => this.#onError(`spans that waited could not be written: ${error.message}`))
  }

  async #clear(): Promise<void> {
    if (this.#waiting.size === 0) await this.#spool.replace([])
    else if (this.#spool.size > MAX_SPOOL_BYTES)
      await this.#spool.replace([...this.#waiting.all()].map((span) => JSON.stringify(span)))
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#last.then(act)
    this.#last = result.catch(() => {})
    return result
  }
}

/** It may fail before somebody waits for it. */
function quietly(promise: Promise<void>): Promise<void> {
  promise.catch(() => {})
  return promise
}

const keyOf = ({ traceId, spanId }: Pick<Span, 'traceId' | 'spanId'>): string => traceId + spanId

function withoutApprovals(span: Span, counts: { approvals: number }): Span {
  const events = span.events.filter(({ name }) => kindOfEvent(name) !== 'approval')
  counts.approvals += span.events.length - events.length
  return events.length === span.events.length ? span : { ...span, events }
}
