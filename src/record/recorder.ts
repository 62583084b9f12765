/**
 * The one inbox of all that is recorded, and the one door to a line.
 *
 * Events are recorded in two steps. The call itself only keeps the event's own fields, which are immutable values, or
 * copies that are scrubbed already; the rest follows in one go at the end of the turn, before the journal writes. So
 * the call costs a fraction of a microsecond, and the order of everything (calls of a hive, events that somebody adds
 * to a span, ends of spans, requests that were seen) stays the order in which it happened.
 */
import { diag, isSpanContextValid, type SpanContext } from '@opentelemetry/api'
import { encodeTail, type Tail } from '../format/encode.js'
import type { Fields } from '../format/fields.js'
import { agentField } from '../format/kinds.js'
import { brief } from '../format/quote.js'
import type { Journal } from '../journal/journal.js'
import type { Redactor } from '../redact/redact.js'
import { KIND_RULE, Scrubber } from '../redact/scrub.js'
import { CallOnce } from './call-once.js'
import { Implicit } from './implicit.js'
import { type Life, Owners } from './owners.js'
import { Scopes } from './scopes.js'
import { UsageOnce } from './usage-once.js'

/** Where an event happened. */
export interface Place {
  /** What ends the lines of all events here. */
  readonly tail: Tail
  /** Is told of each event here after its line: who takes part in the trace. `undefined` when nobody hears of it. */
  readonly listener: Listener | undefined
}

/** @param fields scrubbed */
export type Listener = (ts: number, kind: string, fields: Fields) => void

/** An event whose line is not encoded yet. */
interface HeldEvent {
  readonly place: Place
  /** When it happened, which says nothing about now. */
  readonly ts: number
  readonly kind: string
  readonly fields: Fields
  /** Among whose events it counts; an event of no agent's counts among none. */
  readonly life: Life | undefined
  readonly isScrubbed: boolean
}

/** Something that is to happen after what was recorded before it; what it records stands where it was held. */
interface HeldAct {
  readonly place: undefined
  readonly act: () => void
}

/** Where an event of a foreign span comes from. */
export interface Origin {
  context: SpanContext
  session: string
  /** Whose event it is. */
  life: Life | undefined
}

/** Events held back within a turn of the event loop before they are written in the middle of it. */
const MAX_HELD = 1024
/** Bytes that acts keep in memory until then, together. */
const MAX_HELD_BYTES = 4 * 1024 * 1024

/** Records what happens in the journal, if there is one, and tells those who listen. */
export class Recorder {
  readonly journal: Journal | undefined
  /** Whatever leaves by this recorder, or by the provider of its hive, is redacted by this one. */
  readonly redactor: Redactor
  readonly scrubber: Scrubber
  readonly owners = new Owners()
  /** Which model calls were told already. */
  readonly usageOnce = new UsageOnce(this.owners.parentOf, () => this.settle())
  /** Which queries of external APIs were told already. */
  readonly callOnce = new CallOnce(() => this.settle())
  /** Whose work in no agent's life is. */
  readonly implicit = new Implicit(this)
  /** Scopes whose spans are not recorded, since an adapter tells what they would. */
  readonly covered = new Scopes()
  /** Is told of each line by which somebody is asked or decides, in the order of the lines. */
  onDecision: Listener | undefined
  /** The life of the agent in whose run the present code is, where an adapter knows it. */
  running: () => Life | undefined = () => undefined
  /** Runs an application's work as an agent of a hive on this log; who tells `running` is to know of it. */
  enter: <T>(agent: { readonly life: Life }, work: () => T) => T = (_agent, work) => work()
  #inbox: (HeldEvent | HeldAct)[] = []
  /** Of the acts in the inbox. */
  #heldBytes = 0
  /** Whether something that was held happens now. */
  #isActing = false
  #isClosed = false
  #count = 0
  #last: { context: SpanContext; session: string; place: Place } | undefined

  /** @param journal without one the events go on the spans alone, and a field that is too big is cut */
  constructor(redactor: Redactor, maxFieldBytes: number | undefined, journal?: Journal) {
    this.redactor = redactor
    this.journal = journal
    const store =
      journal === undefined
        ? (content: string) => ({ ref: 'not-stored', bytes: Buffer.byteLength(content) })
        : (content: string) => journal.artifacts.put(content)
    this.scrubber = new Scrubber(redactor, store, maxFieldBytes)
    journal?.addSource(this.#source)
  }

  /** Events recorded so far, but for the spawn and the exit of the agent that the process is. */
  get count(): number {
    this.settle()
    return this.#count
  }

  /**
   * Records an event at the end of the turn.
   * @param isScrubbed whether nothing is to be done to the fields any more
   */
  record(
    place: Place,
    ts: number,
    kind: string,
    fields: Fields,
    life: Life | undefined,
    isScrubbed = false,
  ): void {
    if (this.#isActing) {
      this.recordNow(place, ts, kind, fields, life, isScrubbed)
      return
    }
    if (kind === 'exit') this.usageOnce.flush()
    this.#inbox.push({ place, ts, kind, fields, life, isScrubbed })
    this.#wake(ts)
  }

  /** The same at once, for a caller that must know the line's ticket (0 if there is none; see `Journal.append`). */
  recordNow(
    place: Place,
    ts: number,
    kind: string,
    fields: Fields,
    life: Life | undefined,
    isScrubbed = false,
  ): number {
    if (kind === 'exit') this.usageOnce.flush()
    this.settle()
    try {
      return this.#write(place, ts, kind, fields, life, isScrubbed)
    } catch (error) {
      this.#refuse(kind, error)
      return 0
    }
  }

  /**
   * Records an event whose fields may be anything, as a foreign span carries them. They are copied now.
   * @returns whether there can be an event of such a kind
   */
  write(ts: number, kind: string, fields: Fields, { context, session, life }: Origin): boolean {
    const scrubbed = this.scrubbed(kind, fields, life?.agentId)
    if (scrubbed === undefined) {
      diag.warn(`hivelog: an event of kind "${brief(kind)}" is not recorded: ${KIND_RULE}`)
      return false
    }
    this.record(this.#placeOf(context, session), ts, kind, scrubbed, counted(kind, life), true)
    return true
  }

  /**
   * A scrubbed copy of what code that need not know hivelog gave an event of `kind`, with the agent where the event
   * does not name one itself; `undefined` when there can be no event of such a kind.
   */
  scrubbed(kind: string, fields: Fields, agentId: string | undefined): Fields | undefined {
    return this.scrubber.any(kind, agentId === undefined ? fields : withAgent(kind, fields, agentId))
  }

  /**
   * Does something after all that is recorded until now, and before all that is recorded later.
   * @param ts when it happened that makes it do so, epoch milliseconds
   * @param bytes memory that is kept for it until then; of too much it does all that is held at once. Default 0.
   */
  after(ts: number, act: () => void, bytes = 0): void {
    if (this.#isActing) {
      this.#act(act)
      return
    }
    this.#inbox.push({ place: undefined, act })
    this.#heldBytes += bytes
    if (this.#heldBytes > MAX_HELD_BYTES) this.settle()
    this.#wake(ts)
  }

  /** Takes all that waits through the door. */
  readonly settle = (): void => {
    if (this.#inbox.length === 0) return
    const inbox = this.#inbox
    this.#inbox = []
    this.#heldBytes = 0
    for (const each of inbox) {
      if (each.place === undefined) this.#act(each.act)
      else {
        try {
          this.#write(each.place, each.ts, each.kind, each.fields, each.life, each.isScrubbed)
        } catch (error) {
          this.#refuse(each.kind, error)
        }
      }
    }
  }

  /** @param isLast whether the journal is closed after it, at the end of the process: nothing can wait any more */
  readonly #source = (isLast: boolean): void => {
    this.settle()
    if (!isLast) return
    this.usageOnce.flush()
    this.settle()
  }

  #act(act: () => void): void {
    const wasActing = this.#isActing
    this.#isActing = true
    try {
      act()
    } catch (error) {
      this.#refuse(undefined, error)
    } finally {
      this.#isActing = wasActing
    }
  }

  /** What comes from now on is recorded at once: the journal does not ask for it any more. */
  close(): void {
    this.usageOnce.flush()
    this.implicit.end()
    this.settle()
    this.#isClosed = true
    this.journal?.removeSource(this.#source)
  }

  /** Where events of a span happen; a tracer that does not trace gives no ids. */
  placeOf(context: SpanContext, session: string, listener?: Listener): Place {
    const ids = isSpanContextValid(context) ? { trace: context.traceId, span: context.spanId } : {}
    return { tail: encodeTail({ session, ...ids }), listener }
  }

  /** Resolves when the line of this ticket is on disk; without a journal there is nothing to wait for. */
  durable(ticket: number): Promise<void> {
    const durable = this.journal === undefined ? Promise.resolve() : this.journal.durable(ticket)
    // Whoever does not wait for it must not be ended by an unhandled rejection.
    durable.catch(() => {})
    return durable
  }

  #wake(ts: number): void {
    const { journal } = this
    if (journal === undefined || this.#isClosed) this.settle()
    else if (this.#inbox.length >= MAX_HELD) journal.write()
    else journal.wake(ts)
  }

  #write(
    { tail, listener }: Place,
    ts: number,
    kind: string,
    fields: Fields,
    life: Life | undefined,
    isScrubbed: boolean,
  ): number {
    // An event that cannot be written leaves a gap.
    const checkpoint = life === undefined ? undefined : life.checkpoint++
    const scrubbed = isScrubbed ? fields : this.scrubber.known(fields)
    const ticket = this.journal?.append(ts, kind, scrubbed, tail, checkpoint) ?? 0
    if (life?.isImplicit !== true || (kind !== 'spawn' && kind !== 'exit')) this.#count++
    if (listener !== undefined) listener(ts, kind, scrubbed)
    if (kind === 'escalate' || kind === 'approval') this.onDecision?.(ts, kind, scrubbed)
    return ticket
  }

  /** Values can be so big that no string holds their JSON. */
  #refuse(kind: string | undefined, error: unknown): void {
    const what = kind === undefined ? 'the end of a span or of a request' : `an event of kind "${kind}"`
    diag.error(`hivelog: ${what} could not be recorded: ${brief(error)}`)
  }

  /** Events of one span mostly follow each other, so the last place is kept. */
  #placeOf(context: SpanContext, session: string): Place {
    if (this.#last?.context !== context || this.#last.session !== session) {
      // A foreign span can name any.
      const { tail } = this.placeOf(context, this.scrubber.text(session))
      this.#last = { context, session, place: { tail, listener: undefined } }
    }
    return this.#last.place
  }
}

/** The life among whose events one of this kind counts. */
export const counted = (kind: string, life: Life | undefined): Life | undefined =>
  life !== undefined && agentField(kind) !== undefined ? life : undefined

/** `fields`, with the agent where the event does not name one itself. */
function withAgent(kind: string, fields: Fields, agentId: string): Fields {
  const name = agentField(kind)
  return name === undefined || fields[name] !== undefined ? fields : { [name]: agentId, ...fields }
}
