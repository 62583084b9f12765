import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'

/** The OpenTelemetry specification's export results; the numbers are part of the SDK's interface. */
const SUCCESS = 0
const FAILED = 1

/**
 * Spans, events and links of one request. An agent's span holds up to 100 events, so the 512 spans of a batch could
 * make a request of 20 MiB, which is what collectors refuse, and building it would hold up the event loop for a
 * tenth of a second.
 */
const MAX_WEIGHT = 1_000
/** Requests of one batch that are under way at a time. */
const MAX_OPEN = 4

/**
 * Hands batches to another exporter in chunks of bounded size, at most one chunk a turn of the event loop. A chunk
 * that cannot be sent fails its batch: the backend is down, and each further one would only wait for it in vain.
 */
export class ChunkedExporter implements SpanExporter {
  #exporter: SpanExporter
  #prepare: (span: ReadableSpan) => ReadableSpan
  /** Settles when the next chunk may be built. */
  #turn: Promise<void> = Promise.resolve()

  /** @param prepare what is sent in a span's place, asked for when its chunk is built */
  constructor(exporter: SpanExporter, prepare: (span: ReadableSpan) => ReadableSpan = (span) => span) {
    this.#exporter = exporter
    this.#prepare = prepare
  }

  export(spans: ReadableSpan[], resultCallback: (result: ExportResult) => void): void {
    this.#send(chunksOf(spans)).then(resultCallback, (error: Error) =>
      resultCallback({ code: FAILED, error }),
    )
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.()
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  async #send(chunks: ReadableSpan[][]): Promise<ExportResult> {
    let result: ExportResult = { code: SUCCESS }
    const sendInTurn = async (): Promise<void> => {
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
        this.#turn = this.#turn.then(nextTurn)
        await this.#turn
        const each = await this.#sendOne(chunk)
        if (each.code === SUCCESS) continue
        result = each
        chunks.length = 0
      }
    }
    await Promise.all(Array.from({ length: MAX_OPEN }, sendInTurn))
    return result
  }

  #sendOne(chunk: ReadableSpan[]): Promise<ExportResult> {
    return new Promise((resolve) => this.#exporter.export(chunk.map(this.#prepare), resolve))
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function chunksOf(spans: readonly ReadableSpan[]): ReadableSpan[][] {
  const chunks: ReadableSpan[][] = []
  let weight = MAX_WEIGHT
  for (const span of spans) {
    const own = 1 + span.events.length + span.links.length
    if (weight + own > MAX_WEIGHT) {
      chunks.push([])
      weight = 0
    }
    chunks.at(-1)?.push(span)
    weight += own
  }
  return chunks
}
