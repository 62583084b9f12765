/**
 * Spans that nobody hears of: those of a hive's agents where it has no trace backend and no further processor. Their
 * lines say all, so they are ids and a context for what runs within, and the SDK need not be loaded for them.
 */
import {
  type Context,
  type Span,
  type SpanContext,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { HiveIdGenerator } from './ids.js'

class UnheardSpan implements Span {
  #context: SpanContext
  #hasEnded = false

  constructor(context: SpanContext) {
    this.#context = context
  }

  spanContext(): SpanContext {
    return this.#context
  }

  /** What is added to it may be an event of the hive's. */
  isRecording(): boolean {
    return !this.#hasEnded
  }

  end(): void {
    this.#hasEnded = true
  }

  setAttribute(): this {
    return this
  }

  setAttributes(): this {
    return this
  }

  addEvent(): this {
    return this
  }

  addLink(): this {
    return this
  }

  addLinks(): this {
    return this
  }

  setStatus(): this {
    return this
  }

  updateName(): this {
    return this
  }

  recordException(): void {}
}

/** Starts spans that nobody hears of, sampled as by `parentbased_always_on`, the default of the specification. */
export class UnheardTracer implements Pick<Tracer, 'startSpan'> {
  #ids: HiveIdGenerator

  constructor(ids: HiveIdGenerator) {
    this.#ids = ids
  }

  startSpan(_name: string, _options: SpanOptions, context: Context): Span {
    const above = trace.getSpanContext(context)
    const spanId = this.#ids.generateSpanId()
    if (above === undefined || !trace.isSpanContextValid(above)) {
      return new UnheardSpan({
        traceId: this.#ids.generateTraceId(),
        spanId,
        traceFlags: TraceFlags.SAMPLED,
      })
    }
    const { traceId, traceState } = above
    const traceFlags = above.traceFlags & TraceFlags.SAMPLED
    return new UnheardSpan({ traceId, spanId, traceFlags, ...(traceState && { traceState }) })
  }
}
