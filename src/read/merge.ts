/** Merges logs by time: a binary heap of what comes next in each. */

/** A log, as far as its next line tells where it belongs. */
export interface Next {
  /** Of the next line, epoch milliseconds. */
  ts: number
  /** Of lines of one time that of the log with the least place comes first. */
  readonly place: number
}

export const isBefore = (a: Next, b: Next): boolean => a.ts < b.ts || (a.ts === b.ts && a.place < b.place)

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
