/** Sums over the last minute, in seconds that are forgotten one after the other. */

const SECOND = 1000
const SECONDS = 60

export class LastMinute {
  /** By second since 1970. */
  readonly #seconds = new Map<number, number>()

  /** @param ts epoch milliseconds */
  add(ts: number, amount: number): void {
    const second = Math.floor(ts / SECOND)
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + amount)
    if (this.#seconds.size <= 2 * SECONDS) return
    // What is added now says what time it is: an event from the future must not take the present's place.
    for (const each of this.#seconds.keys())
      if (Math.abs(each - second) >= SECONDS) this.#seconds.delete(each)
  }

  /** What was added for the minute that ends at that time, to the second. */
  sum(asOf: number): number {
    const now = Math.floor(asOf / SECOND)
    let sum = 0
    for (const [second, amount] of this.#seconds) if (second > now - SECONDS && second <= now) sum += amount
    return sum
  }
}
