/** Numbers for texts: the same text, the same number. Holds 64 bits of a hash of each, not the texts. */
import { hash } from 'node:crypto'

const FIRST_CAPACITY = 1024

export class Interner {
  #count = 0
  #high = new Uint32Array(FIRST_CAPACITY)
  #low = new Uint32Array(FIRST_CAPACITY)
  #tags = new Int32Array(FIRST_CAPACITY)
  /** Open addressing, at most half full: number + 1, or 0 for nothing. */
  #slots = new Int32Array(2 * FIRST_CAPACITY)

  /** How many different texts there were. */
  get size(): number {
    return this.#count
  }

  /** @param tag what `tagOf` is to tell of this text, given with it at its first time */
  number(text: string, tag: number): number {
    // SHA-256, so that nobody can make up two events that pass for one.
    const digest = hash('sha256', text, 'hex')
    const high = Number.parseInt(digest.slice(0, 8), 16)
    const low = Number.parseInt(digest.slice(8, 16), 16)
    const slot = this.#slotOf(high, low)
    const found = this.#slots[slot] as number
    if (found > 0) return found - 1
    const number = this.#count++
    this.#high[number] = high
    this.#low[number] = low
    this.#tags[number] = tag
    this.#slots[slot] = number + 1
    if (this.#count === this.#high.length) this.#grow()
    return number
  }

  tagOf(number: number): number {
    return this.#tags[number] as number
  }

  /** An order of texts that does not depend on which came first. */
  compare(a: number, b: number): number {
    return (
      (this.#high[a] as number) - (this.#high[b] as number) ||
      (this.#low[a] as number) - (this.#low[b] as number)
    )
  }

  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1
    let slot = low & mask
    for (;;) {
      const number = this.#slots[slot] as number
      if (number === 0 || (this.#high[number - 1] === high && this.#low[number - 1] === low)) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    const capacity = 2 * this.#high.length
    const high = new Uint32Array(capacity)
    const low = new Uint32Array(capacity)
    const tags = new Int32Array(capacity)
    high.set(this.#high)
    low.set(this.#low)
    tags.set(this.#tags)
    this.#high = high
    this.#low = low
    this.#tags = tags
    this.#slots = new Int32Array(2 * capacity)
    for (let number = 0; number < this.#count; number++) {
      this.#slots[this.#slotOf(high[number] as number, low[number] as number)] = number + 1
    }
  }
}
