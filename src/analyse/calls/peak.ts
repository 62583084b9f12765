/** Finds the busiest minute of events that come nearly in the order of their times. */

const MINUTE = 60_000
/** Minutes that are still counted, so that events a little out of order fall into theirs. */
const OPEN_MINUTES = 10

export class PeakMinute {
  readonly #open = new Map<number, number>()
  #best = { calls: 0, ts: 0 }

  add(ts: number): void {
    const minute = Math.floor(ts / MINUTE)
    const calls = (this.#open.get(minute) ?? 0) + 1
    this.#open.set(minute, calls)
    if (calls > this.#best.calls) this.#best = { calls, ts: minute * MINUTE }
    if (this.#open.size > OPEN_MINUTES) {
      const [oldest] = this.#open.keys()
      if (oldest !== undefined) this.#open.delete(oldest)
    }
  }

  busiest(): { calls: number; ts: number } {
    return this.#best
  }
}
