/** The order of the lines of several logs, for all that reads a hive; a binary heap of what comes next in each. */
import { isMalformed, type LogItem } from './items.js'
import { timesOfLines } from './selecting-reader.js'

/** A log, as far as its next line tells where it belongs. */
export interface Next {
  /** Time at which the next line stands, epoch milliseconds. */
  ts: number
  /** Of lines of one time that of the log with the least place comes first. */
  readonly place: number
}

export const isBefore = (a: Next, b: Next): boolean => a.ts < b.ts || (a.ts === b.ts && a.place < b.place)

/**
 * Tells the time at which each line of a log stands: the greatest `ts` that the log had up to it, so that a clock that
 * runs back takes no line out of its place in its log. A line that is no event stands with what is before it; those
 * before the first event stand with that. (docs/hive.md, The story.)
 */
export class LogTime implements Next {
  readonly place: number
  ts = Number.NEGATIVE_INFINITY

  constructor(place: number) {
    this.place = place
  }

  /** The log begins with these lines; tells nothing where that is known. */
  begin(items: readonly LogItem[]): void {
    if (this.ts !== Number.NEGATIVE_INFINITY) return
    const first = items.find((item) => !isMalformed(item))
    if (first !== undefined && !isMalformed(first)) this.ts = first.event.ts
  }

  /** This is the next line; what a selection passed over before it counts too. */
  pass(item: LogItem): void {
    const latest = isMalformed(item) ? timesOfLines.get(item)?.latest : (item.latest ?? item.event.ts)
    if (latest !== undefined && latest > this.ts) this.ts = latest
  }
}

export class Heap<T extends Next> {
  #heads: T[]

  constructor(heads: readonly T[] = []) {
    this.#heads = [...heads].sort((a, b) => (isBefore(a, b) ? -1 : 1))
  }

  /** The log whose next line is the earliest. */
  get first(): T | undefined {
    return this.#heads[0]
  }

  /** The one that comes after the first. */
  get second(): T | undefined {
    const [, left, right] = this.#heads
    return left !== undefined && right !== undefined && isBefore(right, left) ? right : left
  }

  add(head: T): void {
    const heads = this.#heads
    let at = heads.push(head) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heads[up] as T
      if (isBefore(parent, head)) break
      heads[at] = parent
      at = up
    }
    heads[at] = head
  }

  /** Takes out the first. */
  drop(): void {
    const last = this.#heads.pop() as T
    if (this.#heads.length === 0) return
    this.#heads[0] = last
    this.sink()
  }

  /** Puts the first where it belongs, its time having become later. */
  sink(): void {
    const heads = this.#heads
    const head = heads[0] as T
    for (let at = 0; ; ) {
      let child = 2 * at + 1
      const left = heads[child]
      const right = heads[child + 1]
      if (left !== undefined && right !== undefined && isBefore(right, left)) child++
      const least = heads[child]
      if (least === undefined || isBefore(head, least)) {
        heads[at] = head
        return
      }
      heads[at] = least
      at = child
    }
  }
}
