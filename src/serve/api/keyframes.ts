/** States of a hive some thousand events apart, packed: from one of them any other is a short way. */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import type { FrozenTexts } from './floor-tracker.js'

const unpacked = (bytes: Buffer): string => brotliDecompressSync(bytes).toString()

const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 0 } }
/** Rows between two at first. */
const SPACING = 4096
/** To pack so many bytes of a state takes as long as one row does: a big state is packed less often. */
const BYTES_A_ROW = 128
/** Bytes that all of a hive take; beyond it they are further apart. */
const MAX_BYTES = 128 * 1024 * 1024

export interface Keyframe {
  /** Rows that are in it. */
  count: number
  /** Position of the last of them. */
  position: number
  texts: FrozenTexts
}

interface Packed {
  count: number
  position: number
  packed: readonly [Buffer, Buffer]
  size: number
}

export class Keyframes {
  readonly #maxBytes: number
  #frames: Packed[] = []
  #spacing = SPACING
  /** Rows after the last one in which packing it pays off. */
  #rest = 0
  #bytes = 0

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** Whether one is wanted after so many rows. */
  isDue(count: number): boolean {
    return count - (this.#frames.at(-1)?.count ?? 0) >= Math.max(this.#spacing, this.#rest)
  }

  add({ count, position, texts: [beside, state] }: Keyframe): void {
    const packed = [brotliCompressSync(beside, FAST), brotliCompressSync(state, FAST)] as const
    const size = packed[0].length + packed[1].length
    this.#frames.push({ count, position, packed, size })
    this.#bytes += size
    this.#rest = (beside.length + state.length) / BYTES_A_ROW
    while (this.#bytes > this.#maxBytes && this.#frames.length > 2) this.#thin()
  }

  /** The last one that has no more than so many rows. */
  upTo(count: number): (Omit<Keyframe, 'texts'> & { texts(): FrozenTexts }) | undefined {
    let low = 0
    let high = this.#frames.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#frames[middle] as Packed).count <= count) low = middle + 1
      else high = middle
    }
    const frame = this.#frames[low - 1]
    if (frame === undefined) return undefined
    const { position, packed } = frame
    return { count: frame.count, position, texts: () => [unpacked(packed[0]), unpacked(packed[1])] }
  }

  /** Every other one goes. */
  #thin(): void {
    this.#frames = this.#frames.filter((_, i) => i % 2 === 1)
    this.#spacing *= 2
    this.#bytes = this.#frames.reduce((sum, { size }) => sum + size, 0)
  }
}
