import { type Context, diag, type SpanContext, trace } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Fields } from '../format/fields.js'
import { checkOptions, OptionsError } from '../format/options.js'
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
import { isOwned } from './owned.js'
import { interceptEvents, type PlainEvent } from './plain-events.js'
import type { Life, Recorder } from './recorder.js'
import { EVENT_PREFIX, toFields } from './span-mapping.js'

/** What `HiveSpanProcessor` takes. */
export interface HiveSpanProcessorOptions {
  /** Where the lines go. */
  exporter: JsonlSpanExporter
}

/** Whose a span is. */
interface SpanNote {
  session: string
  /** The life of the agent that the span belongs to. */
  life: Life | undefined
  /** Whether the span is the agent's life itself. */
  isLife: boolean
  /** Whether a hive writes the span's own lines. */
  isOwned: boolean
}

/**
 * Records a hive's events the moment they happen, while the spans that carry them are still open, and whatever
 * limit the SDK puts on a span. Works in any tracer provider of SDK 2.x or 3.x, beside the processors that are
 * there. It sees the spans that the sampler lets be recorded.
 */
export class HiveSpanProcessor implements SpanProcessor {
  #exporter: JsonlSpanExporter
  #recorder: Recorder
  /** Spans that have started and not ended, by span id. */
  #live = new Map<string, SpanNote>()
  /** All that somebody still holds: work goes on in the context of an agent's span after that is continued. */
  #notes = new WeakMap<SpanContext, SpanNote>()

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
    const { spanId } = span.spanContext()
    const note = this.#live.get(spanId)
    if (note === undefined) return
    this.#live.delete(spanId)
    if (note.isOwned) return
    try {
      this.#end(span, note)
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
    const recorder = this.#recorder
    const spanContext = span.spanContext()
    // Another processor on the same file records it already.
    if (recorder.live.has(spanContext)) return
    const parent = this.#noteOf(trace.getSpanContext(parentContext))
    const own = agentOf(span, parent?.session ?? this.#exporter.session)
    if (isOwned(parentContext, recorder)) {
      // What instrumented libraries do in it is still this agent's work.
      if (own !== undefined) {
        const life = recorder.lifeOf(own.agentId, own.session)
        this.#remember(spanContext, { session: own.session, life, isLife: true, isOwned: true })
      }
      return
    }
    recorder.live.add(spanContext)
    const isNew = own !== undefined && !isContinuation(span)
    let life = parent?.life
    if (isNew) life = recorder.beginLife(own.agentId, own.session)
    else if (own !== undefined) life = recorder.lifeOf(own.agentId, own.session)
    const session = life?.session ?? sessionOf(span) ?? parent?.session ?? this.#exporter.session
    const note: SpanNote = { session, life, isLife: own !== undefined, isOwned: false }
    this.#remember(spanContext, note)
    this.#listen(span, note)
    if (isNew) this.#write(startMs(span), 'spawn', spawnFields(span, own, parent?.life?.agentId), note, span)
  }

  #remember(context: SpanContext, note: SpanNote): void {
    this.#live.set(context.spanId, note)
    this.#notes.set(context, note)
  }

  #noteOf(context: SpanContext | undefined): SpanNote | undefined {
    return context && (this.#live.get(context.spanId) ?? this.#notes.get(context))
  }

  #listen(span: Span, note: SpanNote): void {
    const addEvent = interceptEvents(span, ({ kind, attributes, at, isTimed, isReadable }: PlainEvent) => {
      if (!span.isRecording()) return false
      this.#write(at, kind, toFields(kind, attributes), note, span)
      // It goes on the span as it was given. The SDK's own clock drifts, so one without a time gets that of its line.
      if (isTimed || !isReadable || attributes === undefined) return false
      addEvent(EVENT_PREFIX + kind, attributes, at)
      return true
    })
  }

  #end(span: ReadableSpan, note: SpanNote): void {
    const { life } = note
    if (life === undefined) return
    if (!note.isLife) {
      const work = workOf(span, life.agentId)
      if (work !== undefined) this.#write(endMs(span), work.kind, work.fields, note, span)
      return
    }
    const fields = exitFields(span, life)
    if (fields === undefined) return
    this.#write(endMs(span), 'exit', fields, note, span)
    this.#recorder.endLife(life)
  }

  #write(
    ts: number,
    kind: string,
    fields: Fields,
    { session, life }: SpanNote,
    span: Pick<ReadableSpan, 'spanContext'>,
  ): Fields | undefined {
    return this.#recorder.write(ts, kind, fields, { context: span.spanContext(), session, life })
  }
}
