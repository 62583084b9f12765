import { BoundedMap } from '../format/bounded-map.js'
import type { RebuiltSpan } from './open-span.js'
import { type QueryOptions, storedSpanIds } from './stored-spans.js'

/** Ids that are remembered of the traces that were asked about; a trace with more is kept whole all the same. */
const MAX_IDS = 1_000_000
/** Traces that are remembered, at least. */
const MAX_TRACES = 1_000

/** Tells which spans a Jaeger does not have, with one question a trace. */
export class AbsentSpans {
  /** Spans that it has. */
  present = 0
  #query: QueryOptions
  #traces = new BoundedMap<Set<string>>(MAX_TRACES)
  #ids = 0

  constructor(query: QueryOptions) {
    this.#query = query
  }

  /** Those of `spans` that are to be sent. */
  async of(spans: readonly RebuiltSpan[]): Promise<RebuiltSpan[]> {
    const absent: RebuiltSpan[] = []
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext()
      const stored = this.#traces.get(traceId) ?? (await this.#ask(traceId))
      if (stored.has(spanId)) this.present++
      else absent.push(span)
    }
    return absent
  }

  async #ask(traceId: string): Promise<Set<string>> {
    const stored = await storedSpanIds(this.#query, traceId)
    if (this.#ids > MAX_IDS) {
      this.#traces = new BoundedMap(MAX_TRACES)
      this.#ids = 0
    }
    this.#traces.set(traceId, stored)
    this.#ids += stored.size
    return stored
  }
}
