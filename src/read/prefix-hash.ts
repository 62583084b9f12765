/** SHA-256 over a growing prefix of a file that comes in chunks; can be asked at the start of any short line. */
import { createHash, type Hash } from 'node:crypto'

/** A line that is still incomplete at the end of a chunk is held back from hashing up to this many bytes. */
const MAX_HELD = 4096

export class PrefixHash {
  /** Bytes hashed so far. */
  done = 0
  readonly #hash = createHash('sha256')
  #other: Hash | undefined
  #chunk: Buffer = Buffer.alloc(0)
  #chunkAt = 0
  /** Copies of the bytes from `done` to the chunk. */
  #held: Buffer[] = []

  /** The next chunk; it is valid until `end`. */
  begin(chunk: Buffer): void {
    this.#chunkAt += this.#chunk.length
    this.#chunk = chunk
  }

  /** Hashes up to this offset, which lies in the chunk (or is done already). */
  upTo(offset: number): void {
    if (offset <= this.done) return
    for (const piece of this.#held) this.#update(piece)
    this.#held = []
    this.#update(this.#chunk.subarray(Math.max(0, this.done - this.#chunkAt), offset - this.#chunkAt))
  }

  /** Ends the chunk. `lineStart` is the offset of the line that is incomplete (or of what follows the chunk). */
  end(lineStart: number): void {
    const chunkEnd = this.#chunkAt + this.#chunk.length
    if (chunkEnd - lineStart > MAX_HELD) {
      this.upTo(chunkEnd)
    } else {
      this.upTo(lineStart)
      const rest = this.#chunk.subarray(Math.max(this.done, this.#chunkAt) - this.#chunkAt)
      if (rest.length > 0) this.#held.push(Buffer.from(rest))
    }
  }

  /** Hashes what is still held back. */
  finish(): void {
    for (const piece of this.#held) this.#update(piece)
    this.#held = []
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  /** From here on also computes what the hash would be had `instead` stood in the place of the bytes to `offset`. */
  suppose(instead: Buffer, offset: number): void {
    const other = this.#other ?? this.#hash.copy()
    this.#other = undefined
    this.upTo(offset)
    other.update(instead)
    this.#other = other
  }

  /** The digest under the supposition, if there is one. */
  supposed(): string | undefined {
    return this.#other?.copy().digest('hex')
  }

  /** Gives the supposition up. */
  drop(): void {
    this.#other = undefined
  }

  #update(bytes: Buffer): void {
    this.#hash.update(bytes)
    this.#other?.update(bytes)
    this.done += bytes.length
  }
}
