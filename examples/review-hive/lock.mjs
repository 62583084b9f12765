/** Something that one agent at a time may hold; the others queue, first come first served. */
export class Lock {
  #holder
  #queue = []

  /** Resolves when `who` holds it, with how long that took and, if it was taken, who held it at first. */
  async acquire(who) {
    if (this.#holder === undefined) {
      this.#holder = who
      return { ms: 0 }
    }
    const holder = this.#holder
    const since = performance.now()
    await new Promise((granted) => this.#queue.push({ who, granted }))
    return { ms: performance.now() - since, holder }
  }

  /** Gives it to the next in the queue. Whoever does not hold it only leaves the queue. */
  release(who) {
    this.#queue = this.#queue.filter((waiting) => waiting.who !== who)
    if (this.#holder !== who) return
    const next = this.#queue.shift()
    this.#holder = next?.who
    next?.granted()
  }
}
