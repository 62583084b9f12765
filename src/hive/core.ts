/** What a hive's agents share: the tracer, the recorder, the limits, the counter for ids. */
import { randomBytes } from 'node:crypto'
import {
  type Context,
  diag,
  isSpanContextValid,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api'
import { encodeTail, type Tail } from '../format/encode.js'
import type { Fields } from '../format/fields.js'
import { brief } from '../format/quote.js'
import { markOwned } from '../otel/owned.js'
import type { PlainEvent } from '../otel/plain-events.js'
import type { HiveIdGenerator } from '../otel/provider.js'
import type { Life, Recorder } from '../otel/recorder.js'
import {
  endTime,
  MAX_SECONDS,
  prefix,
  toAttributes,
  toFields,
  toHrTime,
  withAgent,
} from '../otel/span-mapping.js'
import { KIND_RULE, type Scrubber } from '../redact/scrub.js'

export interface CoreOptions {
  tracer: Tracer
  /** Where lines go; without one the events go on the spans alone. */
  recorder: Recorder | undefined
  scrubber: Scrubber
  /** Given when the tracer's provider is the hive's own. */
  idGenerator: HiveIdGenerator | undefined
  session: string
  maxEventsPerSpan: number
  maxSpanAgeMs: number
}

/** Events held back within a turn of the event loop before they are written in the middle of it. */
const MAX_HELD = 1024

/** One span of an agent's life. */
export interface SpanPart {
  readonly span: Span
  /** The span's own, which no one listens to. */
  readonly addEvent: Span['addEvent']
  readonly recording: boolean
  /** Has the span's events looked through before they are sent: one holds what cannot be sent as it is. */
  onUnsayable(): void
  readonly tail: Tail
  /** Epoch milliseconds. */
  readonly startTs: number
  /** The same moment by the clock that nobody sets. */
  readonly startedAt: number
}

/** An event that is recorded and not yet encoded, or the end of a part. */
interface Held {
  part: SpanPart
  /** When it happened, which says nothing about now. */
  ts: number
  kind: string
  fields: Fields
  checkpoint: number | undefined
}

/**
 * 30 random bits in 6 characters. With the counter behind it an id has 12 at most for the first 60 million: as long
 * as V8 makes a text of two by copying, while a longer one is put together later, at three times the cost.
 */
const randomPart = (): string => (randomBytes(4).readUInt32BE() >>> 2).toString(36).padStart(6, '0')

const END_OF_PART = 'end of part'

/**
 * Events are recorded in two steps. The call itself only keeps the event's own fields, which are immutable values;
 * redaction, encoding and the span event follow in one go at the end of the turn, before the journal writes. So
 * the call costs a fraction of a microsecond, and the order of everything stays the order of the calls.
 */
export class HiveCore {
  readonly recorder: Recorder | undefined
  readonly scrubber: Scrubber
  readonly session: string
  readonly maxEventsPerSpan: number
  readonly maxSpanAgeMs: number
  /** Trace of the agents that have no parent. */
  #traceId = randomBytes(16).toString('hex')
  #tracer: Tracer
  #idGenerator: HiveIdGenerator | undefined
  #held: Held[] = []
  #isClosed = false
  #idPrefix = `${randomPart()}-`
  #ids = 0

  constructor(options: CoreOptions) {
    this.recorder = options.recorder
    this.scrubber = options.scrubber
    this.session = options.session
    this.maxEventsPerSpan = options.maxEventsPerSpan
    this.maxSpanAgeMs = options.maxSpanAgeMs
    this.#tracer = options.tracer
    this.#idGenerator = options.idGenerator
    this.recorder?.addSource(this.settle)
  }

  /** An id that no other message or escalation has: 6 random characters of this hive, and a counter. */
  readonly newId = (): string => this.#idPrefix + (++this.#ids).toString(36)

  /** The end of the lines of a span; a tracer that does not trace gives no ids. */
  tailOf(context: SpanContext): Tail {
    const { session } = this
    return encodeTail(
      isSpanContextValid(context) ? { session, trace: context.traceId, span: context.spanId } : { session },
    )
  }

  /** A new life of an agent, whose events count from 0. */
  beginLife(agentId: string): Life {
    const { recorder, session } = this
    return recorder === undefined ? { agentId, session, checkpoint: 0 } : recorder.beginLife(agentId, session)
  }

  endLife(life: Life): void {
    this.recorder?.endLife(life)
  }

  /**
   * The fields of an event that somebody else added to a span, of an agent if it is one's; `undefined` when there
   * can be no such kind, which is said.
   */
  plainFields({ kind, attributes }: PlainEvent, agentId: string | undefined): Fields | undefined {
    const fields = toFields(kind, attributes)
    const scrubbed = this.scrubber.any(
      kind,
      agentId === undefined ? fields : withAgent(kind, fields, agentId),
    )
    if (scrubbed === undefined) this.refuseKind(kind)
    return scrubbed
  }

  refuseKind(kind: unknown): void {
    diag.error(`hivelog: an event of kind "${brief(kind)}" is not recorded: ${KIND_RULE}`)
  }

  /** Starts a span whose lines the hive writes itself; with `isRoot`, one without a parent, in the hive's trace. */
  startSpan(name: string, options: SpanOptions, parent: Context, isRoot = false): Span {
    const { recorder } = this
    const owned = recorder === undefined ? parent : markOwned(parent, recorder)
    const start = (): Span => this.#tracer.startSpan(name, options, owned)
    const generator = isRoot ? this.#idGenerator : undefined
    const span = generator === undefined ? start() : generator.within(this.#traceId, start)
    recorder?.live.add(span.spanContext())
    return span
  }

  /** Records an event on a span part; `checkpoint` is left out for events that belong to no agent. */
  record(part: SpanPart, ts: number, kind: string, fields: Fields, checkpoint: number | undefined): void {
    this.#hold({ part, ts, kind, fields, checkpoint })
  }

  /** The same at once, for a caller that must know the line's `seq` (0 if there is none). */
  recordNow(
    part: SpanPart,
    ts: number,
    kind: string,
    fields: Fields,
    checkpoint: number | undefined,
  ): number {
    this.settle()
    try {
      return this.#process({ part, ts, kind, fields, checkpoint })
    } catch (error) {
      return this.#refuse(kind, error)
    }
  }

  /** Writes a line that has its span to itself, or none that could take an event. */
  recordLine(tail: Tail, ts: number, kind: string, fields: Fields, checkpoint: number | undefined): void {
    this.settle()
    try {
      this.#write(ts, kind, fields, checkpoint, tail)
    } catch (error) {
      this.#refuse(kind, error)
    }
  }

  /** Ends a part after the events that are held for it. */
  endPart(part: SpanPart, ts: number): void {
    this.#hold({ part, ts, kind: END_OF_PART, fields: {}, checkpoint: undefined })
  }

  #hold(held: Held): void {
    this.#held.push(held)
    const journal = this.recorder?.journal
    if (journal === undefined || this.#isClosed) this.settle()
    else if (this.#held.length >= MAX_HELD) journal.write()
    else journal.wake(held.ts)
  }

  /** Encodes all that is held. */
  readonly settle = (): void => {
    if (this.#held.length === 0) return
    const held = this.#held
    this.#held = []
    for (const each of held) {
      try {
        if (each.kind === END_OF_PART) each.part.span.end(endTime(each.part.startTs, each.ts))
        else this.#process(each)
      } catch (error) {
        this.#refuse(each.kind, error)
      }
    }
  }

  /** No more events come; the journal need not ask for them. */
  close(): void {
    this.settle()
    this.#isClosed = true
    this.recorder?.removeSource(this.settle)
  }

  /** Values can be so big that no string holds their JSON. */
  #refuse(kind: string, error: unknown): 0 {
    diag.error(`hivelog: an event of kind "${kind}" could not be recorded: ${brief(error)}`)
    return 0
  }

  #process({ part, ts, kind, fields, checkpoint }: Held): number {
    const scrubbed = this.scrubber.known(fields)
    const seq = this.#write(ts, kind, scrubbed, checkpoint, part.tail)
    if (part.recording) {
      part.addEvent(prefix(kind), toAttributes(kind, scrubbed, part.onUnsayable), toHrTime(ts))
      if (!(ts >= 0 && ts < MAX_SECONDS * 1_000)) part.onUnsayable()
    }
    return seq
  }

  #write(ts: number, kind: string, fields: Fields, checkpoint: number | undefined, tail: Tail): number {
    return this.recorder?.journal.append(ts, kind, fields, tail, checkpoint) ?? 0
  }

  /** Resolves when line `seq` is on disk; without a file there is nothing to wait for. */
  durable(seq: number): Promise<void> {
    const durable = this.recorder === undefined ? Promise.resolve() : this.recorder.journal.durable(seq)
    // Whoever does not wait for it must not be ended by an unhandled rejection.
    durable.catch(() => {})
    return durable
  }
}
