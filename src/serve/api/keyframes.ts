/** States of a hive some thousand events apart, packed: from one of them any other is a short way. */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 0 } }
/** Rows between two at first. */
const SPACING = 8192
/** Bytes that all of a hive take; beyond it they are further apart. */
const MAX_BYTES = 128 * 1024 * 1024

export interface Keyframe {
  /** Rows that are in it. */
  count: number
  /** Position of the last of them. */
  position: number
  text: string
}

interface Packed {
  count: number
  position: number
  bytes: Buffer
}

export class Keyframes {
  readonly #maxBytes: number
  #frames: Packed[] = []
  #spacing = SPACING
  #bytes = 0

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** Whether one is wanted after so many rows. */
  isDue(count: number): boolean {
    return count - (this.#frames.at(-1)?.count ?? 0) >= this.#spacing
  }

  add({ count, position, text }: Keyframe): void {
    const bytes = brotliCompressSync(text, FAST)
    this.#frames.push({ count, position, bytes })
    this.#bytes += bytes.length
    while (this.#bytes > this.#maxBytes && this.#frames.length > 2) this.#thin()
  }

  /** The last one that has no more than so many rows. */
  upTo(count: number): (Omit<Keyframe, 'text'> & { text(): string }) | undefined {
    let low = 0
    let high = this.#frames.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#frames[middle] as Packed).count <= count) low = middle + 1
      else high = middle
    }
    const frame = this.#frames[low - 1]
    if (frame === undefined) return undefined
    const { bytes, ...rest } = frame
    return { ...rest, text: () => brotliDecompressSync(bytes).toString() }
  }

  /** Every other one goes. */
  #thin(): void {
    this.#frames = this.#frames.filter((_, i) => i % 2 === 1)
    this.#spacing *= 2
    this.#bytes = this.#frames.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }
}
