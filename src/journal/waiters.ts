/** Those who wait until the log has come as far as a line: is written, or synced, up to its `seq`. */

interface Waiter {
  seq: number
  resolve(): void
  reject(error: Error): void
}

export class Waiters {
  #waiting: Waiter[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Settled by `resolveUpTo` or one of the rejections. */
  wait(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ seq, resolve, reject })
    })
  }

  /** Whether somebody waits for a line up to `seq`. */
  hasUpTo(seq: number): boolean {
    return this.#waiting.some((waiter) => waiter.seq <= seq)
  }

  resolveUpTo(seq: number): void {
    for (const waiter of this.#take(seq)) waiter.resolve()
  }

  /** Rejects whoever waits for one of these lines. */
  rejectRange(from: number, to: number, error: Error): void {
    const refused = this.#waiting.filter(({ seq }) => seq >= from && seq <= to)
    if (refused.length === 0) return
    this.#waiting = this.#waiting.filter(({ seq }) => seq < from || seq > to)
    for (const waiter of refused) waiter.reject(error)
  }

  rejectAll(error: Error): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
  }

  #take(seq: number): Waiter[] {
    const taken = this.#waiting.filter((waiter) => waiter.seq <= seq)
    if (taken.length > 0) this.#waiting = this.#waiting.filter((waiter) => waiter.seq > seq)
    return taken
  }
}
