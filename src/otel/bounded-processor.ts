import { type Context, diag, TraceFlags } from '@opentelemetry/api'
import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, Span, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { sdk } from './sdk.js'

/**
 * Spans, events and links that may wait for the backend, 100 MiB or so. The SDK counts spans, 2,048 of them, which a
 * burst of tools fills in a moment; what a span holds is what takes memory.
 */
const MAX_WEIGHT = 250_000

export interface BoundedProcessorOptions {
  /** Spans, events and links that may wait. Default 250,000. */
  maxWeight?: number
  /** Spans that may wait. Default: no such bound. */
  maxSpans?: number
}

/** The OpenTelemetry specification's export results; the numbers are part of the SDK's interface. */
const SUCCESS = 0

/**
 * A batch processor whose queue is bounded by what the spans in it hold, and that says so when spans are not sent:
 * once when it begins, and how many when it is over. (The SDK's drops spans without a word, and writes a stack for
 * each batch that fails.)
 */
export class BoundedProcessor implements SpanProcessor {
  #batches: SpanProcessor
  #maxWeight: number
  #maxSpans: number
  #weight = 0
  #spans = 0
  /** Spans that were not sent since the last word about it. */
  #lost = 0
  /** Calls that wait for all that was recorded, and want to hear of it themselves when it is not sent. */
  #waiting = 0

  constructor(exporter: SpanExporter, options: BoundedProcessorOptions = {}) {
    this.#maxWeight = options.maxWeight ?? MAX_WEIGHT
    this.#maxSpans = options.maxSpans ?? Number.POSITIVE_INFINITY
    const counting: SpanExporter = {
      export: (spans, done) => {
        const isAwaited = this.#waiting > 0
        exporter.export(spans, (result) => done(this.#left(spans, result, isAwaited)))
      },
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
      shutdown: () => exporter.shutdown(),
    }
    // Its own bound would drop without a word.
    const { BatchSpanProcessor } = sdk('@opentelemetry/sdk-trace-base')
    this.#batches = new BatchSpanProcessor(counting, { maxQueueSize: Number.MAX_SAFE_INTEGER })
  }

  onStart(span: Span, parentContext: Context): void {
    this.#batches.onStart(span, parentContext)
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
    const weight = weightOf(span)
    if (this.#weight + weight > this.#maxWeight || this.#spans >= this.#maxSpans) {
      this.#lose(1, 'the trace backend is too slow')
      return
    }
    this.#weight += weight
    this.#spans++
    this.#batches.onEnd(span)
  }

  async forceFlush(): Promise<void> {
    this.#waiting++
    try {
      await this.#batches.forceFlush()
    } finally {
      this.#waiting--
    }
  }

  async shutdown(): Promise<void> {
    this.#waiting++
    try {
      await this.#batches.shutdown()
    } finally {
      this.#tell()
    }
  }

  /** Spans are with the backend, or lost with their batch. Returns what the batch processor is told. */
  #left(spans: ReadableSpan[], result: ExportResult, isAwaited: boolean): ExportResult {
    for (const span of spans) this.#weight -= weightOf(span)
    this.#spans -= spans.length
    if (result.code === SUCCESS) {
      if (this.#weight <= this.#maxWeight / 2) this.#tell()
      return result
    }
    if (isAwaited) return result
    this.#lose(spans.length, reasonOf(result.error))
    return { code: SUCCESS }
  }

  #lose(spans: number, why: string): void {
    if (this.#lost === 0) {
      diag.error(`hivelog: spans are not sent: ${why}; the file has them, and hivelog export sends them`)
    }
    this.#lost += spans
  }

  #tell(): void {
    if (this.#lost === 0) return
    diag.error(`hivelog: ${this.#lost} spans were not sent, as said above`)
    this.#lost = 0
  }
}

/** A connection that is refused on several addresses has no message of its own. */
function reasonOf(error: Error | undefined): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return error?.message || String(code ?? 'the backend did not take them')
}

const weightOf = ({ events, links }: ReadableSpan): number => 1 + events.length + links.length
