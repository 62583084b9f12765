import { type Context, context, diag, ROOT_CONTEXT, TraceFlags } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { timerMs } from '../format/options.js'
import { brief } from '../format/quote.js'
import { countFromEnv } from './sampler.js'
import { sdk } from './sdk.js'
import type { Backend } from './shutdown.js'

/**
 * Spans, events and links that may wait for the backend, 100 MiB or so. The SDK counts spans, 2,048 of them, which a
 * burst of tools fills in a moment; what a span holds is what takes memory.
 */
const MAX_WEIGHT = 250_000
/**
 * Spans, events and links of one request. An agent's span holds up to 100 events, so the 512 spans of a batch could
 * make a request of 20 MiB, which is what collectors refuse, and building it would hold up the event loop for a
 * tenth of a second.
 */
const MAX_REQUEST_WEIGHT = 2_000
/** Requests that are under way at a time; while the backend is away, one that tries whether it is back. */
const MAX_OPEN = 4
/** How long to wait for a backend that is away: a second, then half as long again each time, give or take a fifth. */
const FIRST_BACKOFF_MS = 1_000
const BACKOFF_GROWTH = 1.5
const MAX_BACKOFF_MS = 5_000
const BACKOFF_JITTER = 0.2
/** One failure may be a connection that was just closed; the second says that the backend is away. */
const ATTEMPTS_UNTIL_TOLD = 2
/** A ref'd timer without an end, for a process that has nothing else to do than to wait. */
const FOREVER_MS = 2 ** 30

/** What became of a request. */
export type Outcome =
  /** The backend has it, without `rejected` of its spans. */
  | { status: 'sent'; rejected?: number; why?: string }
  /** The backend is away, or asks to be left alone for `afterMs`. */
  | { status: 'retry'; why: string; afterMs?: number }
  /** It will never take it. */
  | { status: 'refused'; why: string }

/** What takes spans to a backend. */
export interface SpanSender<Body> {
  /** Milliseconds after which a request that is not answered has failed. */
  readonly timeoutMs: number
  /** Builds a request, once however often it is sent. */
  build(spans: readonly ReadableSpan[]): Promise<Body>
  send(body: Body): Promise<Outcome>
  /** Ends all requests that are under way, and their connections; nothing is sent after. */
  close(): void
}

export interface BoundedProcessorOptions {
  /** Spans, events and links that may wait. Default 250,000. */
  maxWeight?: number
  /** Spans that may wait. Default: `OTEL_BSP_MAX_QUEUE_SIZE`, else no such bound. */
  maxSpans?: number
  /** Milliseconds of the first wait for a backend that is away. Default 1,000. */
  backoffMs?: number
}

/** The spans of one request. */
interface Chunk<Body> {
  spans: ReadableSpan[]
  weight: number
  /** The number of its last span, counted over all that came. */
  last: number
  body?: Body
}

interface Waiter {
  /** The number of the last span that is waited for. */
  last: number
  resolve(): void
  reject(error: Error): void
}

/**
 * A batch processor whose queue is bounded by what the spans in it hold. While the backend is away they wait in it, and
 * go in order when it is back; what is not sent is said: once when that begins, and how many when it is over. (The
 * SDK's drops spans without a word, gives up a batch that fails, and ends no request that was given up.)
 */
export class BoundedProcessor<Body> implements SpanProcessor, Backend {
  #sender: SpanSender<Body>
  #maxWeight: number
  #maxSpans: number
  #backoffMs: number
  #maxBatch: number
  #delayMs = countFromEnv('OTEL_BSP_SCHEDULE_DELAY') ?? 5_000

  /** Spans that no request was made of; those before `#head` are gone. */
  #queue: ReadableSpan[] = []
  #head = 0
  /** What the spans from `#head` hold. */
  #queuedWeight = 0
  /** All that waits, in the queue and in requests. */
  #weight = 0
  #spans = 0
  /** How many spans came since the start. */
  #count = 0
  /** Spans of the queue that go now, whether they fill a request or not. */
  #due = 0

  /** Requests under way, and requests that the backend could not take, by age. */
  #open = new Set<Chunk<Body>>()
  #again: Chunk<Body>[] = []
  #isTurnSet = false
  #delay: NodeJS.Timeout | undefined
  #backoff: NodeJS.Timeout | undefined
  #backoffEnds = 0
  /** Whether the backend itself said when to come back. */
  #isAskedToWait = false
  /** Waits since the backend took something. */
  #attempts = 0
  #why = ''
  #isAwayTold = false

  /** Spans that were not sent since the last word about it. */
  #lost = 0
  #waiters = new Set<Waiter>()
  #awake: NodeJS.Timeout | undefined
  #ended: Promise<void> | undefined
  #mustEndBy = Number.POSITIVE_INFINITY
  #isClosed = false
  /** Spans that the backend refused while all ends, and why it refused the first. */
  #unsent = 0
  #unsentWhy = ''

  constructor(sender: SpanSender<Body>, options: BoundedProcessorOptions = {}) {
    this.#sender = sender
    this.#maxWeight = options.maxWeight ?? MAX_WEIGHT
    this.#maxSpans = options.maxSpans ?? countFromEnv('OTEL_BSP_MAX_QUEUE_SIZE') ?? Number.POSITIVE_INFINITY
    // A queue that is full has something to send.
    this.#maxBatch = Math.min(countFromEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? 512, this.#maxSpans)
    this.#backoffMs = options.backoffMs ?? FIRST_BACKOFF_MS
  }

  onStart(_span: Span, _parentContext: Context): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#ended !== undefined) return
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
    const weight = weightOf(span)
    if (this.#weight + weight > this.#maxWeight || this.#spans >= this.#maxSpans) {
      this.#lose(1, this.#attempts > 0 ? this.#why : 'the trace backend is too slow')
      return
    }
    this.#weight += weight
    this.#queuedWeight += weight
    this.#spans++
    this.#count++
    this.#queue.push(span)
    if (this.#isFull()) this.#sendInTurn()
    else if (this.#delay === undefined) this.#startDelay()
  }

  /**
   * Sends all that was recorded so far.
   * @throws what kept the first span from it that was not sent; when the backend is only away, they still wait
   */
  forceFlush(): Promise<void> {
    if (this.#ended !== undefined) return this.#ended
    if (this.#isAskedToWait) return Promise.reject(new Error(this.#why))
    return this.#flushed()
  }

  shutdown(): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  /** Says how much time the shutdown that follows has, so that nothing waits for what would come too late. */
  endWithin(ms: number): void {
    this.#mustEndBy = Date.now() + ms
  }

  giveUp(): void {
    this.#close(new Error(this.#why === '' ? 'no answer in time' : this.#why))
  }

  async #end(): Promise<void> {
    this.#mustEndBy = Math.min(this.#mustEndBy, Date.now() + this.#sender.timeoutMs)
    try {
      const isTooLate = this.#isAskedToWait && this.#backoffEnds >= this.#mustEndBy
      if (isTooLate && this.#spans > 0) throw new Error(`${this.#why} (${spansOf(this.#spans)})`)
      await this.#flushed()
      if (this.#unsent > 0) throw new Error(`${this.#unsentWhy} (${spansOf(this.#unsent)})`)
    } finally {
      this.#close(new Error('the processor has ended'))
      this.#tell()
    }
  }

  #flushed(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#spans === 0 || this.#isClosed) return resolve()
      this.#waiters.add({ last: this.#count, resolve, reject })
      this.#awake ??= setInterval(() => {}, FOREVER_MS)
      this.#due = this.#queue.length - this.#head
      // Nobody asked for this wait, and here is somebody who wants to know.
      if (!this.#isAskedToWait) this.#endBackoff()
      this.#sendInTurn()
    })
  }

  #isFull(): boolean {
    return this.#queue.length - this.#head >= this.#maxBatch || this.#queuedWeight >= MAX_REQUEST_WEIGHT
  }

  #startDelay(): void {
    this.#delay = setTimeout(() => {
      this.#delay = undefined
      this.#due = this.#queue.length - this.#head
      this.#sendInTurn()
    }, timerMs(this.#delayMs)).unref()
  }

  /** Sends one request in the next turn of the event loop, and goes on while there is something to send. */
  #sendInTurn(): void {
    if (this.#isTurnSet || !this.#maySend()) return
    this.#isTurnSet = true
    setImmediate(() => {
      this.#isTurnSet = false
      if (!this.#maySend()) return
      const chunk = this.#again.shift() ?? this.#cut()
      // What is sent must not be traced, by whatever traces HTTP.
      context.with(sdk('@opentelemetry/core').suppressTracing(ROOT_CONTEXT), () => void this.#send(chunk))
      this.#sendInTurn()
    })
  }

  #maySend(): boolean {
    if (this.#isClosed || this.#backoff !== undefined) return false
    if (this.#open.size >= (this.#attempts > 0 ? 1 : MAX_OPEN)) return false
    return this.#again.length > 0 || this.#due > 0 || this.#isFull()
  }

  /** Takes the oldest spans out of the queue, as many as one request may hold. */
  #cut(): Chunk<Body> {
    const from = this.#head
    let to = from
    let weight = 0
    while (to < this.#queue.length && to - from < this.#maxBatch) {
      const own = weightOf(this.#queue[to] as ReadableSpan)
      if (to > from && weight + own > MAX_REQUEST_WEIGHT) break
      weight += own
      to++
    }
    const spans = this.#queue.slice(from, to)
    this.#head = to
    // Each span is moved once at most for each that is taken.
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    this.#queuedWeight -= weight
    this.#due = Math.max(0, this.#due - spans.length)
    const left = this.#queue.length - this.#head
    if (left === 0) {
      clearTimeout(this.#delay)
      this.#delay = undefined
    } else if (this.#delay === undefined) this.#startDelay()
    return { spans, weight, last: this.#count - left }
  }

  async #send(chunk: Chunk<Body>): Promise<void> {
    this.#open.add(chunk)
    let outcome: Outcome
    try {
      chunk.body ??= await this.#sender.build(chunk.spans)
      outcome = await this.#sender.send(chunk.body)
    } catch (error) {
      outcome = { status: 'refused', why: reasonOf(error) }
    }
    this.#open.delete(chunk)
    if (this.#isClosed) return
    if (outcome.status === 'retry') this.#wait(chunk, outcome)
    else this.#left(chunk, outcome)
    this.#sendInTurn()
  }

  /** The backend has the spans, or will never take them. */
  #left(chunk: Chunk<Body>, outcome: Exclude<Outcome, { status: 'retry' }>): void {
    this.#weight -= chunk.weight
    this.#spans -= chunk.spans.length
    this.#attempts = 0
    if (this.#isAwayTold) {
      this.#isAwayTold = false
      diag.warn('hivelog: the trace backend takes spans again')
    }
    const { why = '' } = outcome
    const lost = outcome.status === 'refused' ? chunk.spans.length : (outcome.rejected ?? 0)
    if (lost > 0) this.#fail(chunk, lost, why)
    else {
      if (why !== '') diag.warn(`hivelog: the trace backend says: ${why}`)
      if (this.#weight <= this.#maxWeight / 2) this.#tell()
    }
    this.#resolve()
  }

  /** The backend is away: the request goes again, before all that is younger. */
  #wait(chunk: Chunk<Body>, { why, afterMs }: Extract<Outcome, { status: 'retry' }>): void {
    const at = this.#again.findIndex(({ last }) => last > chunk.last)
    this.#again.splice(at === -1 ? this.#again.length : at, 0, chunk)
    this.#why = why
    const isFirst = this.#backoff === undefined
    if (isFirst) this.#attempts++
    const own = Math.min(this.#backoffMs * BACKOFF_GROWTH ** (this.#attempts - 1), MAX_BACKOFF_MS)
    const ms = afterMs ?? own * (1 - BACKOFF_JITTER + Math.random() * 2 * BACKOFF_JITTER)
    const ends = Date.now() + ms
    if (isFirst || ends > this.#backoffEnds) {
      clearTimeout(this.#backoff)
      this.#backoffEnds = ends
      this.#isAskedToWait = afterMs !== undefined
      this.#backoff = setTimeout(() => {
        this.#endBackoff()
        this.#sendInTurn()
      }, timerMs(ms)).unref()
    }
    if (this.#ended !== undefined) {
      if (this.#backoffEnds >= this.#mustEndBy) {
        this.#close(new Error(`${why} (${spansOf(this.#spans)})`))
      }
      return
    }
    for (const waiter of this.#waiters) this.#settle(waiter, new Error(why))
    if (this.#attempts === ATTEMPTS_UNTIL_TOLD && !this.#isAwayTold) {
      this.#isAwayTold = true
      diag.warn(`hivelog: spans wait for the trace backend: ${why}; they are sent when it is back`)
    }
  }

  #endBackoff(): void {
    clearTimeout(this.#backoff)
    this.#backoff = undefined
    this.#isAskedToWait = false
  }

  /** Tells those who wait for these spans that they are lost, and the log when nobody does. */
  #fail(chunk: Chunk<Body>, lost: number, why: string): void {
    if (this.#ended !== undefined) {
      if (this.#unsent === 0) this.#unsentWhy = why
      this.#unsent += lost
      return
    }
    let isHeard = false
    for (const waiter of this.#waiters) {
      if (waiter.last <= chunk.last - chunk.spans.length) continue
      isHeard = true
      this.#settle(waiter, new Error(`${why} (${spansOf(lost)})`))
    }
    if (!isHeard) this.#lose(lost, why)
  }

  /** Tells those who wait for nothing that is still here. */
  #resolve(): void {
    if (this.#waiters.size === 0) return
    let oldest = this.#queue.length > this.#head ? this.#count - (this.#queue.length - this.#head) : Infinity
    for (const chunks of [this.#open, this.#again]) {
      for (const { last, spans } of chunks) oldest = Math.min(oldest, last - spans.length)
    }
    for (const waiter of this.#waiters) if (waiter.last <= oldest) this.#settle(waiter)
  }

  #settle(waiter: Waiter, error?: Error): void {
    this.#waiters.delete(waiter)
    if (error === undefined) waiter.resolve()
    else waiter.reject(error)
    if (this.#waiters.size > 0) return
    clearInterval(this.#awake)
    this.#awake = undefined
  }

  /** Nothing is sent any longer, nothing waits, and nothing holds the process. */
  #close(error: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#delay)
    clearTimeout(this.#backoff)
    this.#sender.close()
    this.#queue = []
    this.#again = []
    this.#head = 0
    for (const waiter of this.#waiters) this.#settle(waiter, error)
  }

  #lose(spans: number, why: string): void {
    if (this.#lost === 0) {
      diag.error(`hivelog: spans are not sent: ${why}; the file has them, and hivelog export sends them`)
    }
    this.#lost += spans
  }

  #tell(): void {
    if (this.#lost === 0) return
    diag.error(`hivelog: ${spansOf(this.#lost)} were not sent, as said above`)
    this.#lost = 0
  }
}

/** A connection that is refused on several addresses has no message of its own. */
export function reasonOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown }
  return brief(message || code || 'the backend did not take them')
}

const spansOf = (count: number): string => `${count} ${count === 1 ? 'span' : 'spans'}`

const weightOf = ({ events, links }: ReadableSpan): number => 1 + events.length + links.length
