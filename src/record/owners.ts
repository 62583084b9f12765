/**
 * Who owns a span: whose life or work it is, and who writes its lines. A span of this process has one record, from its
 * start for as long as somebody holds its context: work goes on in the context of a span after that has ended. Of
 * spans that come when they have ended, from an SDK's exporter queue, there is only an id to go by.
 */
import { type Context, createContextKey, isSpanContextValid, type SpanContext } from '@opentelemetry/api'
import { BoundedMap } from '../format/bounded-map.js'
import { type Fields, MAX_ID_LENGTH } from '../format/fields.js'
import { AnyObject } from './any-object.js'

/** The agent that a span belongs to. */
export interface AgentRef {
  agentId: string
  session: string
}

/** One life of an agent, from its spawn to its exit. */
export interface Life {
  readonly agentId: string
  readonly session: string
  /** Events recorded so far. */
  checkpoint: number
  /** Whether it stands in for agents that nobody names: the process's own, see `Implicit`. */
  readonly isImplicit?: boolean
}

/** Whose a span is in one log. */
export interface Owner {
  /** Of the span. */
  readonly traceId: string
  readonly session: string
  /** The life of the agent that the span belongs to. */
  readonly life: Life | undefined
  /** Whether the span is the agent's life itself. */
  readonly isLife: boolean
  /** Who writes its lines as they happen: the hive that made it, or the processor that saw it begin. */
  readonly writer: 'hive' | 'processor'
  /** Id of the span above it in this process. Default: none, or not known. */
  readonly parentId?: string | undefined
  /** Whether it is a tool's: model calls under it are not parts of one above it. Default false. */
  readonly isTool?: boolean
}

/** The event that a span's end stands for. */
export interface SpanEvent {
  kind: string
  fields: Fields
}

const MARK = createContextKey('hivelog owner of the span')

/** The record of a span that a hive or a processor has seen begin. */
export const recordOf = (context: SpanContext): SpanRecord | undefined => Holder.of(context)

export class SpanRecord {
  /**
   * What the span's end stands for, as its hive told it, for a plug-in that writes it too: the attributes of the span
   * say nearly the same, but a missing `ms`, say, is lost in them.
   */
  event: SpanEvent | undefined
  /**
   * Of a hive's span: its events that bear the name of a hive's come from the hive, which redacted them, and can be
   * sent as they are. `own` when there are no others, `undefined` when all are to be looked through.
   */
  events: 'own' | 'mixed' | undefined
  #log: Owners | undefined
  #owner: Owner | undefined
  /** When it is recorded in several logs: in all but the first. */
  #others: Map<Owners, Owner> | undefined

  /** @internal */
  in(log: Owners): Owner | undefined {
    return this.#log === log ? this.#owner : this.#others?.get(log)
  }

  /** @internal */
  add(log: Owners, owner: Owner): void {
    if (this.#log === undefined || this.#log === log) {
      this.#log = log
      this.#owner = owner
    } else {
      this.#others ??= new Map()
      this.#others.set(log, owner)
    }
  }

  /** Somebody adds an event of another name. */
  noteOtherEvent(): void {
    if (this.events === 'own') this.events = 'mixed'
  }

  /** There is an event with a hive's name that is as it was given, or cannot be sent as it is. */
  noteUncheckedEvent(): void {
    this.events = undefined
  }
}

/** Holds the record of a span on its context: every span of the process needs one. */
class Holder extends AnyObject {
  #record: SpanRecord

  constructor(context: SpanContext, record: SpanRecord) {
    super(context)
    this.#record = record
  }

  static set(context: SpanContext, record: SpanRecord): void {
    if (Object.isExtensible(context)) new Holder(context, record)
    else frozen.set(context, record)
  }

  static of(context: SpanContext): SpanRecord | undefined {
    if (typeof context !== 'object' || context === null) return undefined
    return #record in context ? (context as unknown as Holder).#record : frozen.get(context)
  }
}

const frozen = new WeakMap<SpanContext, SpanRecord>()

/** Spans that have ended and are remembered at least. */
const MAX_ENDED = 10_000

/** Who owns the spans of this process in one log, and the lives of its agents. */
export class Owners {
  #lives = new Map<string, Life>()
  /** Of names that a living agent has as its id: the least number that may be free for another of that name. */
  #numbers = new Map<string, number>()
  /** Of spans that have begun and not ended, by id: a context may come back as a copy. */
  #open = new Map<string, Owner>()
  /** A resumed run names a parent that has ended. */
  #ended = new BoundedMap<Owner>(MAX_ENDED)

  /** An agent is spawned: its events count from 0. */
  beginLife(agentId: string, session: string, isImplicit = false): Life {
    const life: Life = { agentId, session, checkpoint: 0, isImplicit }
    this.#lives.set(keyOf(life), life)
    return life
  }

  /** The present life of an agent; it begins here if its spawn was not seen. */
  lifeOf(agentId: string, session: string): Life {
    return this.#lives.get(keyOf({ agentId, session })) ?? this.beginLife(agentId, session)
  }

  /** Whether an agent of this id lives. */
  isLiving(agentId: string, session: string): boolean {
    return this.#lives.has(keyOf({ agentId, session }))
  }

  /** Whether this very life goes on. */
  lives(life: Life): boolean {
    return this.#lives.get(keyOf(life)) === life
  }

  /** The agent ended; an agent of the same id that is spawned later has a life of its own. */
  endLife(life: Life): void {
    const key = keyOf(life)
    if (this.#lives.get(key) !== life) return
    this.#lives.delete(key)
    this.#numbers.delete(key)
    const cut = key.lastIndexOf('#')
    const number = cut < 0 ? Number.NaN : Number(key.slice(cut + 1))
    const name = key.slice(0, Math.max(cut, 0))
    const least = this.#numbers.get(name)
    if (least !== undefined && number < least) this.#numbers.set(name, number)
  }

  /**
   * An id for an agent of this name that no living agent has: the name itself, else `name#2`, `name#3`, and so on.
   * One of an agent that ended is free again.
   */
  freeId(name: string, session: string): string {
    const whole = name.slice(0, MAX_ID_LENGTH)
    const wholeKey = keyOf({ agentId: whole, session })
    if (!this.#lives.has(wholeKey)) return whole
    // Room for the number.
    const base = whole.slice(0, MAX_ID_LENGTH - 10)
    const key = keyOf({ agentId: base, session })
    let number = this.#numbers.get(key) ?? 2
    while (this.#lives.has(`${key}#${number}`)) number++
    // Of a name that is no living agent's nobody says when it is over.
    if (base === whole) this.#numbers.set(key, number)
    return `${base}#${number}`
  }

  /** The context to start a span in whose lines its maker writes, so that no processor of this log does. */
  mark(parent: Context): Context {
    return parent.setValue(MARK, this)
  }

  isMarked(parent: Context): boolean {
    return parent.getValue(MARK) === this
  }

  /**
   * A span that was started in a marked context is its maker's, for exporters of this log and for spans under it.
   * @param life of the agent whose life the span is
   */
  own(context: SpanContext, session: string, life?: Life): void {
    // All spans of a tracer that does not trace share one.
    if (!isSpanContextValid(context)) return
    const { traceId } = context
    const owner: Owner = { traceId, session, life, isLife: life !== undefined, writer: 'hive' }
    this.#record(context, owner)
    if (life !== undefined) this.#open.set(context.spanId, owner)
  }

  /**
   * A processor writes what happens on this span. When more is known of a span, its processor claims it again: what is
   * under it from then on sees the owner given last.
   */
  claim(context: SpanContext, owner: Owner): void {
    this.#record(context, owner)
    this.#open.set(context.spanId, owner)
  }

  /** Whether the lines of this very span are written as they happen. */
  isLive(context: SpanContext): boolean {
    return recordOf(context)?.in(this) !== undefined
  }

  /** Whose a span is, or was when it ended, of which there may be a copy of the context only. */
  of(context: SpanContext | undefined): Owner | undefined {
    if (context === undefined) return undefined
    const { spanId } = context
    const owner = this.#open.get(spanId) ?? recordOf(context)?.in(this)
    if (owner !== undefined) return owner
    const ended = this.#ended.get(spanId)
    return ended?.traceId === context.traceId ? ended : undefined
  }

  /** The span above one in this process, where model calls in both would be one: below an agent's span or a tool's. */
  readonly parentOf = (spanId: string): string | undefined => {
    const owner = this.#open.get(spanId) ?? this.#ended.get(spanId)
    return owner === undefined || owner.isLife || owner.isTool === true ? undefined : owner.parentId
  }

  /** The span ends, and is remembered. Tells whose it was, if it was not told already. */
  end(context: SpanContext): Owner | undefined {
    const owner = this.take(context)
    if (owner !== undefined) this.#ended.set(context.spanId, owner)
    return owner
  }

  /** The same for whoever says himself what is to be remembered of it. */
  take(context: SpanContext): Owner | undefined {
    const { spanId } = context
    // The very context has it in hand, mostly.
    const owner = recordOf(context)?.in(this) ?? this.#open.get(spanId)
    return this.#open.delete(spanId) ? owner : undefined
  }

  /** Of a span that has ended: spans under it that come later find whose it was. */
  remember({ spanId }: SpanContext, owner: Owner): void {
    this.#ended.set(spanId, owner)
  }

  #record(context: SpanContext, owner: Owner): void {
    let record = recordOf(context)
    if (record === undefined) {
      record = new SpanRecord()
      Holder.set(context, record)
    }
    record.add(this, owner)
  }
}

const keyOf = ({ agentId, session }: AgentRef): string => `${session}\n${agentId}`
