/** Spans in requests of bounded size. */
import type { RebuiltSpan } from './open-span.js'

/** Spans, events and links of one request, as when they are sent live (`otel/bounded-processor.ts`). */
const MAX_WEIGHT = 1_000
/** Bytes of lines in one request. */
const MAX_BYTES = 2 * 1024 * 1024

/** Collects spans until they are enough for a request. */
export class Chunks {
  #spans: RebuiltSpan[] = []
  #weight = 0
  #bytes = 0

  /** Adds a span; returns those before it when it does not fit with them. */
  add(span: RebuiltSpan): RebuiltSpan[] | undefined {
    const weight = 1 + span.events.length + span.links.length
    const isFull = this.#weight + weight > MAX_WEIGHT || this.#bytes + span.bytes > MAX_BYTES
    const full = isFull && this.#spans.length > 0 ? this.rest() : undefined
    this.#spans.push(span)
    this.#weight += weight
    this.#bytes += span.bytes
    return full
  }

  /** Takes what is collected. */
  rest(): RebuiltSpan[] {
    const spans = this.#spans
    this.#spans = []
    this.#weight = 0
    this.#bytes = 0
    return spans
  }
}
