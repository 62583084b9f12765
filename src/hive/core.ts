/** What a hive's agents share: the tracer, the recorder, the limits, the counter for ids. */
import { randomBytes } from 'node:crypto'
import {
  type Context,
  diag,
  type HrTime,
  type Span,
  type SpanContext,
  type SpanOptions,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api'
import type { Fields } from '../format/fields.js'
import { brief } from '../format/quote.js'
import type { BackendEvents } from '../otel/backend-events.js'
import type { HiveIdGenerator } from '../otel/ids.js'
import type { PlainEvent } from '../otel/plain-events.js'
import { toFields } from '../otel/span-mapping.js'
import type { WorkSpans } from '../otel/work-span.js'
import { type Life, recordOf, type SpanEvent } from '../record/owners.js'
import type { Listener, Place, Recorder } from '../record/recorder.js'
import { KIND_RULE, type Scrubber } from '../redact/scrub.js'

/** Whose spans somebody hears of beside the file: a backend of the sampled ones, others of all that are recorded. */
export type Audience = 'none' | 'sampled' | 'all'

export interface CoreOptions {
  tracer: Pick<Tracer, 'startSpan'>
  recorder: Recorder
  /** Given when the tracer's provider is the hive's own. */
  idGenerator: HiveIdGenerator | undefined
  /** `none` only with an `idGenerator`. */
  audience: Audience
  /** Takes spans of work to a backend, where that alone hears of them. Default: the tracer makes them. */
  workSpans?: WorkSpans | undefined
  /** Puts events on spans of agents, where a backend alone hears of them. Default: the spans do. */
  backendEvents?: BackendEvents | undefined
  session: string
  maxEventsPerSpan: number
  maxSpanAgeMs: number
}

/**
 * 30 random bits in 6 characters. With the counter behind it an id has 12 at most for the first 60 million: as long
 * as V8 makes a text of two by copying, while a longer one is put together later, at three times the cost.
 */
const randomPart = (): string => (randomBytes(4).readUInt32BE() >>> 2).toString(36).padStart(6, '0')

export class HiveCore {
  readonly recorder: Recorder
  readonly scrubber: Scrubber
  readonly session: string
  readonly maxEventsPerSpan: number
  readonly maxSpanAgeMs: number
  readonly workSpans: WorkSpans | undefined
  readonly backendEvents: BackendEvents | undefined
  /** Whether an agent was handed to a process of its own, whose escalations are not known here. */
  hasProcesses = false
  /** Trace of the agents that have no parent. */
  #traceId = randomBytes(16).toString('hex')
  #tracer: Pick<Tracer, 'startSpan'>
  #idGenerator: HiveIdGenerator | undefined
  #audience: Audience
  #idPrefix = `${randomPart()}-`
  #ids = 0

  constructor(options: CoreOptions) {
    this.recorder = options.recorder
    this.scrubber = options.recorder.scrubber
    this.session = options.session
    this.maxEventsPerSpan = options.maxEventsPerSpan
    this.maxSpanAgeMs = options.maxSpanAgeMs
    this.workSpans = options.workSpans
    this.backendEvents = options.backendEvents
    this.#tracer = options.tracer
    this.#idGenerator = options.idGenerator
    this.#audience = options.idGenerator === undefined ? 'all' : options.audience
  }

  /** An id that no other message or escalation has: 6 random characters of this hive, and a counter. */
  readonly newId = (): string => this.#idPrefix + (++this.#ids).toString(36)

  /** Where events of a span happen. */
  placeOf(span: Span, listener?: Listener): Place {
    return this.placeIn(span.spanContext(), listener)
  }

  /** The same of a span's context. */
  placeIn(context: SpanContext, listener?: Listener): Place {
    return this.recorder.placeOf(context, this.session, listener)
  }

  /**
   * The fields of an event that somebody else added to a span, scrubbed, of an agent if it is one's; `undefined` when
   * there can be no such kind, which is said.
   */
  plainFields({ kind, attributes }: PlainEvent, agentId: string | undefined): Fields | undefined {
    const scrubbed = this.recorder.scrubbed(kind, toFields(kind, attributes), agentId)
    if (scrubbed === undefined) this.refuseKind(kind)
    return scrubbed
  }

  refuseKind(kind: unknown): void {
    diag.error(`hivelog: an event of kind "${brief(kind)}" is not recorded: ${KIND_RULE}`)
  }

  /** Whether anybody hears of what is on a span. */
  isHeard(span: Span): boolean {
    if (this.#audience === 'none' || !span.isRecording()) return false
    return this.#audience === 'all' || (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
  }

  /**
   * Starts a part of a life, or of the session, whose lines the hive writes itself.
   * @param isRoot of one without a parent, in the hive's trace
   */
  startPart(
    name: string,
    options: SpanOptions,
    parent: Context,
    life: Life | undefined,
    isRoot: boolean,
  ): Span {
    const { owners } = this.recorder
    const start = (): Span => this.#tracer.startSpan(name, options, owners.mark(parent))
    const generator = isRoot ? this.#idGenerator : undefined
    const span = generator === undefined ? start() : generator.within(this.#traceId, start)
    owners.own(span.spanContext(), this.session, life)
    return span
  }

  /**
   * Starts the span of work that the hive records itself, and that is over as soon as it is told.
   * @param parent marked
   */
  startWork(name: string, options: SpanOptions, parent: Context, event: SpanEvent): Span {
    const span = this.#tracer.startSpan(name, options, parent)
    // A backend asks nobody whose it is.
    if (this.#audience === 'all') {
      const context = span.spanContext()
      this.recorder.owners.own(context, this.session)
      const record = recordOf(context)
      if (record !== undefined) record.event = event
    }
    return span
  }

  /** Whoever listens to spans hears of the next one after all that was recorded before it. */
  beforeSpan(): void {
    if (this.#audience !== 'none') this.recorder.settle()
  }

  /**
   * Where something happens under `parent` that has a span to itself, without starting it, when nobody would hear of
   * it; `undefined` when somebody would.
   */
  unheardPlace(parent: SpanContext): Place | undefined {
    if (this.#audience !== 'none' || this.#idGenerator === undefined) return undefined
    return this.recorder.placeOf({ ...parent, spanId: this.#idGenerator.generateSpanId() }, this.session)
  }

  /** Ends a span of an agent. */
  endSpan(span: Span, time: HrTime): void {
    this.recorder.owners.end(span.spanContext())
    this.backendEvents?.settle(span)
    span.end(time)
  }
}
