/**
 * What two sources may tell of: two instrumentations that see one call, an adapter and spans. Each source tells each
 * thing once, so a thing that one source tells twice is two; what another tells at the same time in the same words is
 * the same one.
 */

/** One thing that happened, as one source tells it. */
export interface Told {
  /** Who tells it: the name of an instrumentation scope, or of an adapter. */
  source: string
  /** When it began, epoch milliseconds. Default: not known. */
  startTs?: number | undefined
  /** When it ended, epoch milliseconds. */
  endTs: number
}

/** What was told, once or more often. */
export class Happening<T extends Told> {
  /** As it was told first, or by whom knows more. */
  told: T
  /** Who told it. */
  readonly sources: string[]
  /** In which it is remembered by its time. */
  recent: Recent<T> | undefined

  constructor(told: T) {
    this.told = told
    this.sources = [told.source]
  }

  /** Another tells it too. */
  tellBy(source: string): void {
    if (this.sources.includes(source)) return
    this.sources.push(source)
    this.recent?.count(source, 1)
  }
}

/** Milliseconds that a source may be late which tells only when it noticed the end. */
const LATE_MS = 50

/**
 * How far apart in time two tellings are, in milliseconds, if they can be of one thing: of two times, the shorter lies
 * for half of its length at least within the longer. `undefined` if they cannot.
 */
export function distance(one: Told, other: Told): number | undefined {
  const apart = Math.abs(one.endTs - other.endTs)
  if (one.startTs === undefined || other.startTs === undefined) {
    const [point, span] = one.startTs === undefined ? [one, other] : [other, one]
    const isWithin =
      point.endTs <= span.endTs + LATE_MS && point.endTs >= (span.startTs ?? span.endTs - LATE_MS) - 1
    return isWithin ? apart : undefined
  }
  const shared = Math.min(one.endTs, other.endTs) - Math.max(one.startTs, other.startTs)
  const shorter = Math.min(one.endTs - one.startTs, other.endTs - other.startTs)
  // Times are told in whole milliseconds, of clocks that differ by one.
  const isShared = shared >= -1 && (shared + 1) * 2 >= shorter
  return isShared ? apart + Math.abs(one.startTs - other.startTs) : undefined
}

/** The happening that is nearest in time to what is told, among those that its source has not told. */
export function nearest<T extends Told>(
  among: readonly Happening<T>[],
  told: T,
  isAlike: (other: T) => boolean,
  far: (one: Told, other: Told) => number | undefined = distance,
  most = among.length,
): Happening<T> | undefined {
  let best: Happening<T> | undefined
  let least = Number.POSITIVE_INFINITY
  for (let i = among.length - 1, left = most; i >= 0 && left > 0; i--) {
    const each = among[i] as Happening<T>
    if (each.sources.includes(told.source)) continue
    left--
    const apart = far(each.told, told)
    if (apart === undefined || apart >= least || !isAlike(each.told)) continue
    best = each
    least = apart
  }
  return best
}

/** Puts a happening at the end of a list that keeps the last `most` at least, and twice as many at most. */
export function keep<T>(list: T[], item: T, most: number): readonly T[] {
  const dropped = list.length >= most * 2 ? list.splice(0, most) : []
  list.push(item)
  return dropped
}

/** What happened of late. */
export class Recent<T extends Told> {
  #list: Happening<T>[] = []
  #most: number
  /** How many of the list each source told: mostly there is one, which told them all. */
  #counts = new Map<string, number>()

  /** @param most how many are kept at least; at most it keeps twice as many */
  constructor(most: number) {
    this.#most = most
  }

  /** That which is nearest in time to what is told, among those that its source has not told. */
  nearest(told: T, isAlike: (other: T) => boolean): Happening<T> | undefined {
    const untold = this.#list.length - (this.#counts.get(told.source) ?? 0)
    return untold === 0 ? undefined : nearest(this.#list, told, isAlike, distance, untold)
  }

  add(happening: Happening<T>): void {
    happening.recent = this
    for (const source of happening.sources) this.count(source, 1)
    for (const dropped of keep(this.#list, happening, this.#most)) {
      dropped.recent = undefined
      for (const source of dropped.sources) this.count(source, -1)
    }
  }

  count(source: string, by: 1 | -1): void {
    const count = (this.#counts.get(source) ?? 0) + by
    // Sources can be any number.
    if (count === 0) this.#counts.delete(source)
    else this.#counts.set(source, count)
  }
}
