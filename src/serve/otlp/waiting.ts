/**
 * Spans that came before those above them: an exporter sends what has ended, and what is above ends last. Each waits
 * until that above it has come, which says whose it is; not for ever, since a process may die before its agent's span
 * ends.
 */
import type { Span } from './request.js'

/** Spans of one trace. */
interface Trace {
  /** By id, in the order in which they came. */
  readonly spans: Map<string, Span>
  /** When the last of them came, epoch milliseconds. */
  last: number
}

export class WaitingSpans {
  readonly #traces = new Map<string, Trace>()
  readonly #bytesOf = new Map<Span, number>()
  #size = 0
  #bytes = 0

  get size(): number {
    return this.#size
  }

  /** What all of them take, as far as it was told. */
  get bytes(): number {
    return this.#bytes
  }

  /** All of them, in no order. */
  *all(): Generator<Span> {
    for (const { spans } of this.#traces.values()) yield* spans.values()
  }

  /** A span that waits takes so many bytes. */
  weigh(span: Span, bytes: number): void {
    this.#bytes += bytes - (this.#bytesOf.get(span) ?? 0)
    this.#bytesOf.set(span, bytes)
  }

  has({ traceId, spanId }: Span): boolean {
    return this.#traces.get(traceId)?.spans.has(spanId) === true
  }

  add(span: Span, now: number): void {
    const trace = this.#traces.get(span.traceId) ?? { spans: new Map(), last: now }
    trace.last = now
    if (!trace.spans.has(span.spanId)) this.#size++
    trace.spans.set(span.spanId, span)
    // The trace that was added to last is the last to be taken.
    this.#traces.delete(span.traceId)
    this.#traces.set(span.traceId, trace)
  }

  /**
   * Takes the trees of a trace whose top is known to be one: each in the order of the ends of its spans.
   * @param isTop whether nothing has to come before it
   */
  take(traceId: string, isTop: (span: Span) => boolean): Span[][] {
    const trace = this.#traces.get(traceId)
    if (trace === undefined) return []
    const below = new Map<string, Span[]>()
    for (const span of trace.spans.values()) {
      if (span.parentSpanId === undefined) continue
      const others = below.get(span.parentSpanId)
      if (others === undefined) below.set(span.parentSpanId, [span])
      else others.push(span)
    }
    const trees: Span[][] = []
    for (const top of [...trace.spans.values()]) {
      if (!trace.spans.has(top.spanId) || !isTop(top)) continue
      const tree = [top]
      this.#forget(trace, top)
      for (let at = 0; at < tree.length; at++) {
        for (const span of below.get((tree[at] as Span).spanId) ?? []) {
          if (!trace.spans.has(span.spanId)) continue
          this.#forget(trace, span)
          tree.push(span)
        }
      }
      trees.push(inOrderOfEnds(tree))
    }
    if (trace.spans.size === 0) this.#traces.delete(traceId)
    return trees
  }

  /** Takes a whole trace: what lies under nothing that is here is a top, and so is what lies under itself. */
  takeAll(traceId: string): Span[][] {
    const spans = this.#traces.get(traceId)?.spans
    const trees = this.take(traceId, ({ parentSpanId }) => !spans?.has(parentSpanId ?? ''))
    return [...trees, ...this.take(traceId, () => true)]
  }

  /** Traces of which nothing came since then, oldest first. */
  quietSince(ts: number): string[] {
    return [...this.#traces].filter(([, { last }]) => last <= ts).map(([traceId]) => traceId)
  }

  /** The trace of which nothing came for longest. */
  get oldest(): string | undefined {
    return this.#traces.keys().next().value
  }

  #forget(trace: Trace, span: Span): void {
    if (!trace.spans.delete(span.spanId)) return
    this.#size--
    this.#bytes -= this.#bytesOf.get(span) ?? 0
    this.#bytesOf.delete(span)
  }
}

/** What is under a span ends before it, or at its end: of one time, the deeper one is first. */
function inOrderOfEnds(tree: Span[]): Span[] {
  const depths = new Map(tree.map((span, i) => [span, i]))
  return tree.sort(
    (one, other) =>
      one.end[0] - other.end[0] ||
      one.end[1] - other.end[1] ||
      (depths.get(other) as number) - (depths.get(one) as number),
  )
}
