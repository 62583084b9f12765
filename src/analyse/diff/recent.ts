/** A map that keeps what was used last and forgets the rest, so that a log of any length can be read with it. */

/** Entries of one generation: at least as many of the last used are kept, at most twice as many. */
const GENERATION = 20_000

export class RecentMap<V> {
  /** Whether anything was forgotten. */
  hasForgotten = false
  readonly #generation: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(generation = GENERATION) {
    this.#generation = generation
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#generation && !this.#young.has(key)) {
      if (this.#old.size > 0) this.hasForgotten = true
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
