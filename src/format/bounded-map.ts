/**
 * A map that forgets what was put in long ago when it holds too much: memory for logs of any length. It has two
 * generations, of which the older one is dropped as a whole: to take the oldest entry out of a `Map` one by one means
 * to walk over those that were taken out before.
 */
export class BoundedMap<V> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()
  #min: number

  /** @param min how many entries, put in last, are kept at least; at most it holds twice as many */
  constructor(min: number) {
    this.#min = min
  }

  get(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key)
  }

  set(key: string, value: V): void {
    this.#young.set(key, value)
    if (this.#young.size < this.#min) return
    this.#old = this.#young
    this.#young = new Map()
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
