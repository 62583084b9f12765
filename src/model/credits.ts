/**
 * What drains took by count alone before it was seen to be sent: how many each, and its time. A message that comes later
 * is one of these if it was sent before such a drain (docs/hive.md, Delivery).
 */

/** Times that are told apart; of those beyond, the two that are closest are one. */
const MAX_TIMES = 32

/** Epoch milliseconds of the first and the last of the drains that it stands for, and how many messages they took. */
export type Credit = [from: number, to: number, count: number]

export class Credits {
  /** In the order of their times, which do not overlap. */
  readonly #credits: Credit[]
  readonly #max: number
  #total: number

  /** @param max messages that it stands for at most; the earliest are forgotten */
  constructor(max: number, credits: readonly Credit[] = []) {
    this.#max = max
    this.#credits = credits.map((credit) => [...credit])
    this.#total = credits.reduce((sum, [, , count]) => sum + count, 0)
  }

  get isEmpty(): boolean {
    return this.#credits.length === 0
  }

  list(): Credit[] {
    return this.#credits.map((credit) => [...credit])
  }

  add(ts: number, count: number): void {
    const credits = this.#credits
    const given = Math.min(count, this.#max)
    if (given === 0) return
    this.#total += given
    let at = credits.length
    while (at > 0 && (credits[at - 1] as Credit)[0] > ts) at--
    const before = credits[at - 1]
    if (before !== undefined && before[1] >= ts) before[2] += given
    else credits.splice(at, 0, [ts, ts, given])
    if (credits.length > MAX_TIMES) this.#merge()
    while (this.#total > this.#max) this.#use(0, Math.min(this.#total - this.#max, (credits[0] as Credit)[2]))
  }

  /** Whether a message that was sent then was taken: it counts for the earliest drain that can have; or may have been. */
  takes(ts: number): 'yes' | 'no' | 'maybe' {
    const credits = this.#credits
    const last = credits.at(-1)
    if (last === undefined || last[1] <= ts) return 'no'
    const at = credits.findIndex(([from]) => from > ts)
    if (at === -1) return 'maybe'
    this.#use(at, 1)
    return 'yes'
  }

  #use(at: number, count: number): void {
    const credit = this.#credits[at] as Credit
    this.#total -= count
    credit[2] -= count
    if (credit[2] === 0) this.#credits.splice(at, 1)
  }

  #merge(): void {
    const credits = this.#credits
    let closest = 1
    const gap = (i: number): number => (credits[i] as Credit)[0] - (credits[i - 1] as Credit)[1]
    for (let i = 2; i < credits.length; i++) if (gap(i) < gap(closest)) closest = i
    const [, to, count] = credits.splice(closest, 1)[0] as Credit
    const into = credits[closest - 1] as Credit
    into[1] = to
    into[2] += count
  }
}
