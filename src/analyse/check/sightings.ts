/**
 * Remembers many things that are mostly seen once, by the hash of their names: without an object for each, and in a
 * bounded memory. A few things share a set; where it is full, that which came there first is forgotten.
 */

const WAYS = 4
const SETS = 1 << 14
/** Most things that are remembered at once. */
export const MAX_SIGHTINGS = WAYS * SETS

export class Sightings {
  /** Things that were forgotten for others. */
  forgotten = 0
  /** Both halves of the hash of each, side by side: a set is one line of the processor's cache. No hash is 0 and 0. */
  readonly #hashes = new Int32Array(2 * MAX_SIGHTINGS)
  /** Of each set, the place that is taken next. */
  readonly #next = new Uint8Array(SETS)

  /** The place of a thing; -1 if it is not remembered. */
  find(hash: Hash): number {
    const { first, second } = hash
    const hashes = this.#hashes
    const from = 2 * WAYS * (first & (SETS - 1))
    for (let i = from; i < from + 2 * WAYS; i += 2) {
      if (hashes[i] === first && hashes[i + 1] === second) return i >> 1
    }
    return -1
  }

  /** Remembers a thing that is not there, and returns its place, from 0 to `MAX_SIGHTINGS` - 1. */
  add(hash: Hash): number {
    const { first, second } = hash
    const hashes = this.#hashes
    const set = first & (SETS - 1)
    const way = this.#next[set] as number
    this.#next[set] = (way + 1) % WAYS
    const at = set * WAYS + way
    if (hashes[2 * at] !== 0 || hashes[2 * at + 1] !== 0) this.forgotten++
    hashes[2 * at] = first
    hashes[2 * at + 1] = second
    return at
  }

  delete(at: number): void {
    this.#hashes[2 * at] = this.#hashes[2 * at + 1] = 0
  }
}

/** A hash of texts, of 64 bits. One is used again and again: begin it, add the texts, and use it at once. */
export class Hash {
  first = 0
  second = 0

  begin(): this {
    this.first = 0x811c9dc5 | 0
    this.second = 0
    return this
  }

  /** Texts that are added one after the other are told apart from the same characters cut elsewhere. */
  add(text: string): this {
    let { first, second } = this
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      first = Math.imul(first ^ code, 0x01000193)
      second = Math.imul(second, 31) + code + 1
    }
    this.first = Math.imul(first ^ 0xffff, 0x01000193)
    this.second = Math.imul(second, 31) | 0
    // That is nobody's.
    if (this.first === 0 && this.second === 0) this.second = 1
    return this
  }
}
