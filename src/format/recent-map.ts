/** A map of the latest entries: beyond a number the oldest goes. */
export class RecentMap<K, V> {
  readonly #max: number
  readonly #map = new Map<K, V>()
  /** One for all the time: each that begins anew would first pass over all that the map has lost. */
  readonly #oldest = this.#map.entries()

  /** @param max entries that are kept, 1 at least */
  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  /** Sets an entry; one that is there stays as old as it is. Returns what had to go for it. */
  set(key: K, value: V): [K, V] | undefined {
    this.#map.set(key, value)
    if (this.#map.size <= this.#max) return undefined
    const oldest = this.#oldest.next().value as [K, V]
    this.#map.delete(oldest[0])
    return oldest
  }

  delete(key: K): boolean {
    return this.#map.delete(key)
  }

  clear(): void {
    this.#map.clear()
  }

  keys(): IterableIterator<K> {
    return this.#map.keys()
  }

  values(): IterableIterator<V> {
    return this.#map.values()
  }
}
