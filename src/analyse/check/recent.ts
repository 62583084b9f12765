/** A map that forgets what was not used for long, so that a log with ever new keys does not fill the memory. */

/**
 * Holds the most recently used keys, `max` at most. There are two generations: a key that is used moves to the
 * young one, and when that is full the old one is forgotten as a whole. So a key costs one look-up, and no
 * reordering.
 */
export class Recent<V, K extends string | number = string> {
  readonly #half: number
  readonly #onForget: (value: V, key: K) => void
  /** Keys that were forgotten so far. */
  forgotten = 0
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  /** @param onForget is told of each value that is forgotten */
  constructor(max: number, onForget: (value: V, key: K) => void = () => {}) {
    this.#half = Math.max(1, Math.floor(max / 2))
    this.#onForget = onForget
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.#add(key, old)
    }
    return old
  }

  set(key: K, value: V): void {
    this.#old.delete(key)
    this.#add(key, value)
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  *values(): Generator<V> {
    yield* this.#old.values()
    yield* this.#young.values()
  }

  #add(key: K, value: V): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.forgotten += this.#old.size
      for (const [forgotten, held] of this.#old) this.#onForget(held, forgotten)
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
