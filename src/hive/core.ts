/** What a hive's agents share: the tracer, the recorder, the limits, the counter for ids. */
import { randomBytes } from 'node:crypto'
import { type Context, diag, type Span, type SpanOptions, type Tracer } from '@opentelemetry/api'
import { encodeHead, encodeTailStart, type Fields } from '../events/encode.js'
import { describe } from '../events/quote.js'
import { Redactor } from '../events/redact.js'
import { Scrubber } from '../events/scrub.js'
import { markOwned } from '../otel/owned.js'
import type { HiveIdGenerator } from '../otel/provider.js'
import type { Recorder } from '../otel/recorder.js'
import { EVENT_PREFIX, toAttributes } from '../otel/span-mapping.js'

export interface CoreOptions {
  tracer: Tracer
  /** Where lines go; without one the events go on the spans alone. */
  recorder: Recorder | undefined
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
  readonly recording: boolean
  /** The end of every line's tail: trace and span id. */
  readonly tailEnd: string
}

/** An event that is recorded and not yet encoded, or the end of a part. */
interface Held {
  part: SpanPart
  ts: number
  kind: string
  fields: Fields
  checkpoint: number | undefined
}

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
  readonly traceId = randomBytes(16).toString('hex')
  #tracer: Tracer
  #idGenerator: HiveIdGenerator | undefined
  #tailStart: string
  #held: Held[] = []
  #idPrefix = `${randomBytes(4).toString('hex')}-`
  #ids = 0

  constructor(options: CoreOptions) {
    this.recorder = options.recorder
    this.scrubber = options.recorder?.scrubber ?? spanOnlyScrubber()
    this.session = options.session
    this.maxEventsPerSpan = options.maxEventsPerSpan
    this.maxSpanAgeMs = options.maxSpanAgeMs
    this.#tracer = options.tracer
    this.#idGenerator = options.idGenerator
    this.#tailStart = encodeTailStart(options.session)
    this.recorder?.journal.addSource(this.settle)
  }

  /** Whether a span without a parent can be put in a given trace. */
  get canJoinTrace(): boolean {
    return this.#idGenerator !== undefined
  }

  /** An id that no other message or escalation has: 8 random hex digits of this hive, and a counter. */
  newId(): string {
    return this.#idPrefix + (++this.#ids).toString(36)
  }

  /** Starts a span whose lines the hive writes itself; in trace `traceId` if it has no parent. */
  startSpan(name: string, options: SpanOptions, parent: Context, traceId: string | undefined): Span {
    const { recorder } = this
    const owned = recorder === undefined ? parent : markOwned(parent, recorder)
    const start = (): Span => this.#tracer.startSpan(name, options, owned)
    const span =
      traceId === undefined || this.#idGenerator === undefined
        ? start()
        : this.#idGenerator.within(traceId, start)
    recorder?.live.add(span.spanContext())
    return span
  }

  /** Records an event on a span part; `checkpoint` is left out for events that belong to no agent. */
  record(part: SpanPart, ts: number, kind: string, fields: Fields, checkpoint: number | undefined): void {
    this.#held.push({ part, ts, kind, fields, checkpoint })
    const journal = this.recorder?.journal
    if (journal === undefined) this.settle()
    else if (this.#held.length >= MAX_HELD) journal.write()
    else journal.wake((this.#held[0] as Held).ts, ts)
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
    return this.#process({ part, ts, kind, fields, checkpoint })
  }

  /** Writes a line that has its span to itself, or none that could take an event. */
  recordLine(
    tailEnd: string,
    ts: number,
    kind: string,
    fields: Fields,
    checkpoint: number | undefined,
  ): void {
    this.settle()
    this.#write(ts, kind, fields, checkpoint, tailEnd)
  }

  /** Ends a part after the events that are held for it. */
  endPart(part: SpanPart, ts: number): void {
    this.#held.push({ part, ts, kind: END_OF_PART, fields: {}, checkpoint: undefined })
    if (this.recorder === undefined) this.settle()
  }

  /** Encodes all that is held. */
  readonly settle = (): void => {
    if (this.#held.length === 0) return
    const held = this.#held
    this.#held = []
    for (const each of held) {
      try {
        if (each.kind === END_OF_PART) each.part.span.end(each.ts)
        else this.#process(each)
      } catch (error) {
        diag.error(`hivelog: a ${each.kind} could not be recorded: ${describe(error)}`)
      }
    }
  }

  /** No more events come; the journal need not ask for them. */
  close(): void {
    this.settle()
    this.recorder?.journal.removeSource(this.settle)
  }

  #process({ part, ts, kind, fields, checkpoint }: Held): number {
    const scrubbed = this.scrubber.known(fields)
    const seq = this.#write(ts, kind, scrubbed, checkpoint, part.tailEnd)
    if (part.recording) part.span.addEvent(EVENT_PREFIX + kind, toAttributes(kind, scrubbed), ts)
    return seq
  }

  #write(ts: number, kind: string, fields: Fields, checkpoint: number | undefined, tailEnd: string): number {
    if (this.recorder === undefined) return 0
    const counter = checkpoint === undefined ? '' : `,"checkpoint":${checkpoint}`
    return this.recorder.journal.append(encodeHead(ts, kind, fields), this.#tailStart + counter + tailEnd, ts)
  }

  /** Resolves when line `seq` is on disk; without a file there is nothing to wait for. */
  durable(seq: number): Promise<void> {
    const durable = this.recorder === undefined ? Promise.resolve() : this.recorder.journal.durable(seq)
    // Whoever does not wait for it must not be ended by an unhandled rejection.
    durable.catch(() => {})
    return durable
  }
}

/** Without a file a field that is too big has nowhere to go: it is cut, and says so. */
function spanOnlyScrubber(): Scrubber {
  return new Scrubber(new Redactor(), (content) => ({ ref: 'not-stored', bytes: Buffer.byteLength(content) }))
}
