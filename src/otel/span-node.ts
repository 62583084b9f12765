import type { HrTime, SpanContext } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { Life, Owner } from '../record/owners.js'
import { hrToMillis } from './span-mapping.js'
import { isLangfuse } from './vocabularies/langfuse.js'
import { type Reading, tellsGraphs } from './vocabularies/read.js'

/** A foreign span: what it is, as far as it is known, and in whose life it lies, which what is known above it says. */
export class SpanNode implements Owner {
  readonly context: SpanContext
  readonly parentId: string | undefined
  /** When it began. */
  readonly #startTime: HrTime
  /** The agent of an adapter in whose run it began. */
  readonly running: Life | undefined
  /** When its processor began to wait for it to show what it is, by `performance.now()`. Default: not at all. */
  waitsSince: number | undefined
  /** Until it ends. */
  span: ReadableSpan | undefined
  /** What it is; `undefined` until that shows, and of one that is nothing. */
  reading: Reading | undefined
  /** Whether nothing more can be known of it. */
  isDecided = false
  /** Whether its lines are told by somebody else. */
  isTold = false
  /** Of an agent's span: the life. */
  ownLife: Life | undefined
  /** Of an agent's span: who called it, by a tool. */
  caller: Life | undefined
  /** Of a tool's span: its name. */
  toolName: string | undefined
  /** Of a tool's span that has a part of its own for the run: how that ended; `undefined` until it has. */
  execution: { ok: boolean; error: string | undefined } | undefined
  /** The session that it names. */
  saidSession: string | undefined
  #above: SpanNode | undefined
  #given: Life | undefined
  #givenSession: string
  /** Whether somebody owns what is above it. */
  readonly #hasOwner: boolean

  /**
   * @param above the span above it, or whoever owns that
   * @param session where neither says one
   */
  constructor(
    span: ReadableSpan,
    above: Owner | undefined,
    parentId: string | undefined,
    running: Life | undefined,
    session: string,
  ) {
    this.span = span
    this.context = span.spanContext()
    this.#startTime = span.startTime
    this.parentId = parentId
    this.running = running
    this.#givenSession = above?.session ?? session
    this.#hasOwner = above !== undefined
    if (above instanceof SpanNode || above instanceof EndedSpan) {
      // An adapter's agent that began after what is above lies below it.
      if (running !== undefined && running !== above.running) this.#given = running
      else if (above instanceof SpanNode) this.#above = above
      else {
        this.#above = above.above
        this.#given = above.given
      }
    } else this.#given = running ?? above?.life
  }

  get writer(): 'processor' {
    return 'processor'
  }

  get traceId(): string {
    return this.context.traceId
  }

  /** When it began, epoch milliseconds. */
  get startTs(): number {
    return hrToMillis(this.#startTime)
  }

  get isLife(): boolean {
    return this.ownLife !== undefined
  }

  get isTool(): boolean {
    return this.reading?.role === 'tool' || this.reading?.role === 'handOff'
  }

  get life(): Life | undefined {
    return this.ownLife ?? this.outerLife
  }

  /** The life that the span lies in, which is not its own. */
  get outerLife(): Life | undefined {
    for (let above = this.above; above !== undefined; above = above.above) {
      if (above.ownLife !== undefined) return above.ownLife
      if (above.above === undefined) return above.#given
    }
    return this.#given
  }

  get session(): string {
    return this.life?.session ?? this.saidSession ?? this.#givenSession
  }

  /** The span above, as long as it matters what that is. */
  get above(): SpanNode | undefined {
    const above = this.#above
    if (above?.isFinal === true) {
      // A chain of spans, each under one that has ended, must not grow for ever.
      this.#given = above.life
      this.#givenSession = above.session
      this.#above = undefined
      return undefined
    }
    return above
  }

  /** Whether whose life what is under it lies in cannot change any more, and nobody asks what it is. */
  get isFinal(): boolean {
    return this.span === undefined && this.isDecided && this.above === undefined
  }

  /**
   * What is to be remembered of a span that has ended and was nothing: no more than spans under it need to know, and
   * nothing of one that was alone.
   */
  remains(): Owner | undefined {
    if (this.saidSession !== undefined) return this
    const { above } = this
    const isAlone = above === undefined && this.#given === undefined && this.running === undefined
    if (isAlone && this.parentId === undefined && !this.#hasOwner) return undefined
    return new EndedSpan(this, above, this.#given, this.#givenSession)
  }

  /** Whether it can still turn out to be an agent. */
  get canBecomeAgent(): boolean {
    if (this.span === undefined || this.isLife) return false
    // A graph's own run is a plain span to Langfuse.
    return this.reading === undefined ? isLangfuse(this.span) : tellsGraphs(this.reading)
  }
}

/** A foreign span that was nothing and has ended: what is under it is under what is above it. */
class EndedSpan implements Owner {
  readonly traceId: string
  readonly parentId: string | undefined
  readonly running: Life | undefined
  readonly above: SpanNode | undefined
  readonly given: Life | undefined
  readonly #givenSession: string

  constructor(
    { traceId, parentId, running }: SpanNode,
    above: SpanNode | undefined,
    given: Life | undefined,
    givenSession: string,
  ) {
    this.traceId = traceId
    this.parentId = parentId
    this.running = running
    this.above = above
    this.given = given
    this.#givenSession = givenSession
  }

  get writer(): 'processor' {
    return 'processor'
  }

  get isLife(): boolean {
    return false
  }

  get life(): Life | undefined {
    return this.above === undefined ? this.given : this.above.life
  }

  get session(): string {
    return this.life?.session ?? this.#givenSession
  }
}
