import { type Context, diag, trace } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Fields } from '../format/fields.js'
import { checkOptions, OptionsError } from '../format/options.js'
import type { LogRecorder } from '../record/log-recorder.js'
import type { Owner } from '../record/owners.js'
import {
  agentOf,
  endMs,
  exitFields,
  isContinuation,
  sessionOf,
  spawnFields,
  startMs,
  workOf,
} from './foreign-spans.js'
import type { JsonlSpanExporter } from './jsonl-span-exporter.js'
import { PROCESSOR_RULES } from './options.js'
import { interceptEvents, type PlainEvent } from './plain-events.js'
import { EVENT_PREFIX, toFields } from './span-mapping.js'

/** What `HiveSpanProcessor` takes. */
export interface HiveSpanProcessorOptions {
  /** Where the lines go. */
  exporter: JsonlSpanExporter
}

/**
 * Records a hive's events the moment they happen, while the spans that carry them are still open, and whatever
 * limit the SDK puts on a span. Works in any tracer provider of SDK 2.x or 3.x, beside the processors that are
 * there. It sees the spans that the sampler lets be recorded.
 */
export class HiveSpanProcessor implements SpanProcessor {
  #exporter: JsonlSpanExporter
  #recorder: LogRecorder

  /** @throws {OptionsError} when there is no exporter in the options, or an option that is none */
  constructor(options: HiveSpanProcessorOptions) {
    checkOptions('HiveSpanProcessor', options, PROCESSOR_RULES)
    if (options?.exporter === undefined) {
      throw new OptionsError('HiveSpanProcessor: exporter: it is missing; give a JsonlSpanExporter')
    }
    this.#exporter = options.exporter
    this.#recorder = options.exporter.recorder
  }

  /** Records the spawn of an agent, and listens to the events that are added to the span. Throws nothing. */
  onStart(span: Span, parentContext: Context): void {
    try {
      this.#start(span, parentContext)
    } catch (error) {
      diag.error(`hivelog: the start of span ${span.name} could not be recorded`, error)
    }
  }

  /** Records what the end of the span stands for: a tool, a call, a model call, an exit. Throws nothing. */
  onEnd(span: ReadableSpan): void {
    const owner = this.#recorder.owners.end(span.spanContext())
    if (owner?.writer !== 'processor') return
    try {
      this.#end(span, owner)
    } catch (error) {
      diag.error(`hivelog: the end of span ${span.name} could not be recorded`, error)
    }
  }

  /** Resolves when everything recorded so far is in the file. */
  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush()
  }

  /** Writes the rest, seals and closes the file, unless another in this process still writes to it. */
  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  #start(span: Span, parentContext: Context): void {
    const { owners } = this.#recorder
    const spanContext = span.spanContext()
    // Another processor on the same file records it already, or a hive does.
    if (owners.isMarked(parentContext) || owners.isLive(spanContext)) return
    const parent = owners.of(trace.getSpanContext(parentContext))
    const own = agentOf(span, parent?.session ?? this.#exporter.session)
    const isNew = own !== undefined && !isContinuation(span)
    let life = parent?.life
    if (isNew) life = owners.beginLife(own.agentId, own.session)
    else if (own !== undefined) life = owners.lifeOf(own.agentId, own.session)
    const session = life?.session ?? sessionOf(span) ?? parent?.session ?? this.#exporter.session
    const owner: Owner = { session, life, isLife: own !== undefined, writer: 'processor' }
    owners.claim(spanContext, owner)
    this.#listen(span, owner)
    if (isNew) this.#write(startMs(span), 'spawn', spawnFields(span, own, parent?.life?.agentId), owner, span)
  }

  #listen(span: Span, owner: Owner): void {
    const addEvent = interceptEvents(span, ({ kind, attributes, at, isTimed, isReadable }: PlainEvent) => {
      if (!span.isRecording()) return false
      this.#write(at, kind, toFields(kind, attributes), owner, span)
      // It goes on the span as it was given. The SDK's own clock drifts, so one without a time gets that of its line.
      if (isTimed || !isReadable || attributes === undefined) return false
      addEvent(EVENT_PREFIX + kind, attributes, at)
      return true
    })
  }

  #end(span: ReadableSpan, owner: Owner): void {
    const { life } = owner
    if (life === undefined) return
    if (!owner.isLife) {
      const work = workOf(span, life.agentId)
      if (work !== undefined) this.#write(endMs(span), work.kind, work.fields, owner, span)
      return
    }
    const fields = exitFields(span, life)
    if (fields === undefined) return
    this.#write(endMs(span), 'exit', fields, owner, span)
    this.#recorder.owners.endLife(life)
  }

  #write(
    ts: number,
    kind: string,
    fields: Fields,
    { session, life }: Owner,
    span: Pick<ReadableSpan, 'spanContext'>,
  ): void {
    this.#recorder.write(ts, kind, fields, { context: span.spanContext(), session, life })
  }
}
