import { type Attributes, type Context, diag, type TimeInput, trace } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import {
  type AgentRef,
  agentOf,
  endMs,
  exitFields,
  isContinuation,
  spawnFields,
  startMs,
  workOf,
} from './foreign-spans.js'
import type { JsonlSpanExporter } from './jsonl-span-exporter.js'
import { isOwned } from './owned.js'
import type { Recorder } from './recorder.js'
import { kindOfEvent, toAttributes, toFields, toMillis } from './span-mapping.js'

export interface HiveSpanProcessorOptions {
  /** Where the lines go. */
  exporter: JsonlSpanExporter
}

/** A span that has started and not ended, and the agent it belongs to. */
interface LiveSpan {
  agent: AgentRef | undefined
  /** Whether the span is the agent's life itself. */
  isLife: boolean
}

/**
 * Records a hive's events the moment they happen, while the spans that carry them are still open, and whatever
 * limit the SDK puts on a span. Works in any tracer provider of SDK 2.x or 3.x, beside the processors that are
 * there. It sees the spans that the sampler lets be recorded.
 */
export class HiveSpanProcessor implements SpanProcessor {
  #exporter: JsonlSpanExporter
  #recorder: Recorder
  #live = new Map<string, LiveSpan>()

  constructor(options: HiveSpanProcessorOptions) {
    this.#exporter = options.exporter
    this.#recorder = options.exporter.recorder
  }

  onStart(span: Span, parentContext: Context): void {
    if (isOwned(parentContext, this.#recorder)) return
    try {
      this.#start(span, parentContext)
    } catch (error) {
      diag.error(`hivelog: the start of span ${span.name} could not be recorded`, error)
    }
  }

  onEnd(span: ReadableSpan): void {
    const { spanId } = span.spanContext()
    const live = this.#live.get(spanId)
    if (live === undefined) return
    this.#live.delete(spanId)
    try {
      this.#end(span, live)
    } catch (error) {
      diag.error(`hivelog: the end of span ${span.name} could not be recorded`, error)
    }
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  #start(span: Span, parentContext: Context): void {
    const recorder = this.#recorder
    const { spanId } = span.spanContext()
    const own = agentOf(span, recorder.session)
    const parent = this.#live.get(trace.getSpanContext(parentContext)?.spanId ?? '')
    const agent = own ?? parent?.agent
    recorder.live.add(span.spanContext())
    this.#live.set(spanId, { agent, isLife: own !== undefined })
    this.#listen(span, agent)
    if (own !== undefined && !isContinuation(span)) {
      const fields = spawnFields(span, own, parent?.agent?.agentId)
      this.#write(startMs(span), 'spawn', fields, own, span)
    }
  }

  /** The SDK tells a processor of a span's start and end only, so events are taken where they are added. */
  #listen(span: Span, agent: AgentRef | undefined): void {
    const addEvent = span.addEvent.bind(span)
    span.addEvent = (name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput) => {
      const kind = kindOfEvent(name)
      if (kind === undefined || !span.isRecording()) return addEvent(name, attributesOrTime, time)
      const hasAttributes = isAttributes(attributesOrTime)
      const at = toMillis(hasAttributes ? time : (time ?? attributesOrTime), Date.now())
      let attributes = hasAttributes ? attributesOrTime : undefined
      try {
        const fields = this.#write(at, kind, toFields(kind, attributes), agent, span)
        // What other exporters get is redacted too.
        if (fields !== undefined) attributes = toAttributes(kind, fields)
      } catch (error) {
        diag.error(`hivelog: event ${name} could not be recorded`, error)
      }
      return addEvent(name, attributes, at)
    }
  }

  #end(span: ReadableSpan, { agent, isLife }: LiveSpan): void {
    if (agent === undefined) return
    if (!isLife) {
      const work = workOf(span, agent.agentId)
      if (work !== undefined) this.#write(endMs(span), work.kind, work.fields, agent, span)
      return
    }
    const fields = exitFields(span, agent)
    if (fields === undefined) return
    this.#write(endMs(span), 'exit', fields, agent, span)
    this.#recorder.forgetCheckpoint(agent.session, agent.agentId)
  }

  #write(
    ts: number,
    kind: string,
    fields: Record<string, unknown>,
    agent: AgentRef | undefined,
    span: Pick<ReadableSpan, 'spanContext'>,
  ): Record<string, unknown> | undefined {
    const recorder = this.#recorder
    const { traceId, spanId } = span.spanContext()
    const session = agent?.session ?? recorder.session
    const checkpoint =
      agent === undefined ? {} : { checkpoint: recorder.nextCheckpoint(session, agent.agentId) }
    return recorder.write(ts, kind, fields, { session, ...checkpoint, trace: traceId, span: spanId })
  }
}

function isAttributes(value: Attributes | TimeInput | undefined): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
