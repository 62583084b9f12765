/**
 * Spans that come when they have ended, those below before those above: each waits until that above it has come, which
 * says whose it is.
 */
import { diag, type HrTime } from '@opentelemetry/api'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base'

/** Spans that wait at once. */
const MAX_WAITING = 10_000

export class EndedSpans {
  /** In the order in which they came, which is that of their ends. */
  #waiting = new Map<string, ReadableSpan>()
  #order = new WeakMap<ReadableSpan, number>()
  #count = 0
  #below = new Map<string, Set<ReadableSpan>>()
  #hasWarned = false

  get size(): number {
    return this.#waiting.size
  }

  has(span: ReadableSpan): boolean {
    return this.#waiting.get(keyOf(span)) === span
  }

  add(span: ReadableSpan): void {
    this.#waiting.set(keyOf(span), span)
    this.#order.set(span, this.#count++)
    const above = keyAbove(span)
    if (above !== undefined) {
      const others = this.#below.get(above)
      if (others === undefined) this.#below.set(above, new Set([span]))
      else others.add(span)
    }
  }

  /** Forgets the oldest, if too many wait. */
  trim(): void {
    while (this.#waiting.size > MAX_WAITING) {
      const [oldest] = this.#waiting.values()
      if (oldest !== undefined) this.#forget(oldest)
      if (this.#hasWarned) continue
      this.#hasWarned = true
      diag.warn(
        `hivelog: over ${MAX_WAITING} spans wait for their agent's span to end, and the oldest are not recorded; ` +
          'register a HiveSpanProcessor, which records them as they happen',
      )
    }
  }

  /** A span with all those under it that wait, in the order of their ends; they wait no more. */
  take(top: ReadableSpan): ReadableSpan[] {
    const taken = [top]
    this.#forget(top)
    for (let at = 0; at < taken.length; at++) {
      const key = keyOf(taken[at] as ReadableSpan)
      const below = this.#below.get(key)
      if (below === undefined) continue
      this.#below.delete(key)
      for (const span of below) {
        this.#waiting.delete(keyOf(span))
        taken.push(span)
      }
    }
    return taken.sort((one, other) => (this.#order.get(one) ?? 0) - (this.#order.get(other) ?? 0))
  }

  /** All that wait, with those under them. */
  takeAll(): ReadableSpan[][] {
    const trees: ReadableSpan[][] = []
    for (const span of [...this.#waiting.values()]) {
      const above = keyAbove(span)
      if (this.has(span) && (above === undefined || !this.#waiting.has(above))) trees.push(this.take(span))
    }
    // What is left lies under itself.
    for (const span of [...this.#waiting.values()]) if (this.has(span)) trees.push(this.take(span))
    return trees
  }

  #forget(span: ReadableSpan): void {
    this.#waiting.delete(keyOf(span))
    const above = keyAbove(span)
    const others = above === undefined ? undefined : this.#below.get(above)
    if (others === undefined) return
    others.delete(span)
    if (others.size === 0) this.#below.delete(above as string)
  }
}

function keyOf(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext()
  return traceId + spanId
}

function keyAbove({ parentSpanContext: parent }: ReadableSpan): string | undefined {
  return parent === undefined ? undefined : parent.traceId + parent.spanId
}

/** Something that happened to a span: an event, or else its start or its end. */
export interface Moment {
  readonly span: ReadableSpan
  readonly event?: TimedEvent
  readonly isStart: boolean
}

/** When something happened to a span, for the order. */
interface Timed extends Moment {
  readonly at: HrTime
}

/**
 * What happened to spans under one another. They ended in the order given: what times say of ends need not be so. What
 * else happened is put between by time, after the start of what is above and before its own span's end.
 */
export function timelineOf(spans: readonly ReadableSpan[]): Moment[] {
  const byKey = new Map(spans.map((span) => [keyOf(span), span]))
  const ends = new Map<ReadableSpan, HrTime>()
  for (let n = spans.length - 1, next: HrTime | undefined; n >= 0; n--) {
    const span = spans[n] as ReadableSpan
    next = next === undefined ? span.endTime : earlier(span.endTime, next)
    ends.set(span, next)
  }
  const starts = new Map<ReadableSpan, HrTime>()
  const pending: Timed[] = []
  for (const span of spans) {
    for (const each of pathTo(span, byKey, starts)) {
      const above = aboveOf(each, byKey)
      const least = above === undefined ? undefined : starts.get(above)
      const at = earlier(
        least === undefined ? each.startTime : later(each.startTime, least),
        ends.get(each) as HrTime,
      )
      starts.set(each, at)
      pending.push({ span: each, isStart: true, at })
      for (const event of each.events) {
        pending.push({
          span: each,
          event,
          isStart: false,
          at: earlier(later(event.time, at), ends.get(each) as HrTime),
        })
      }
    }
  }
  pending.sort((one, other) => compare(one.at, other.at))
  const moments: Moment[] = []
  const begun = new Set<ReadableSpan>()
  /** Moments that came before those at the same time, since their span ended then. */
  const done = new Set<Moment>()
  const take = (moment: Timed): void => {
    if (done.has(moment)) return
    // A span's start may be as late as what is under it.
    for (const each of moment.isStart ? pathTo(moment.span, byKey, begun) : []) {
      begun.add(each)
      moments.push({ span: each, isStart: true })
    }
    if (!moment.isStart) moments.push(moment)
    done.add(moment)
  }
  let next = 0
  for (const span of spans) {
    const end = ends.get(span) as HrTime
    for (; next < pending.length && compare((pending[next] as Timed).at, end) < 0; next++)
      take(pending[next] as Timed)
    for (let n = next; n < pending.length && compare((pending[n] as Timed).at, end) === 0; n++) {
      if ((pending[n] as Timed).span === span) take(pending[n] as Timed)
    }
    moments.push({ span, isStart: false })
  }
  return moments
}

/** Those above a span that have not come yet, and then the span, unless it has. */
function pathTo(
  span: ReadableSpan,
  byKey: ReadonlyMap<string, ReadableSpan>,
  come: { has(span: ReadableSpan): boolean },
): ReadableSpan[] {
  const path: ReadableSpan[] = []
  for (
    let each: ReadableSpan | undefined = span;
    each !== undefined && !come.has(each);
    each = aboveOf(each, byKey)
  ) {
    // Ids of a stranger's may make a ring.
    if (path.length > byKey.size) break
    path.push(each)
  }
  return [...new Set(path)].reverse()
}

function aboveOf(span: ReadableSpan, byKey: ReadonlyMap<string, ReadableSpan>): ReadableSpan | undefined {
  const above = keyAbove(span)
  return above === undefined ? undefined : byKey.get(above)
}

const compare = (one: HrTime, other: HrTime): number => one[0] - other[0] || one[1] - other[1]
const later = (one: HrTime, other: HrTime): HrTime => (compare(one, other) < 0 ? other : one)
const earlier = (one: HrTime, other: HrTime): HrTime => (compare(one, other) < 0 ? one : other)
