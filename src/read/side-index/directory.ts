/** What the index of a segment says of itself: which bytes of log it tells of, and where its states are. */
import type { Identity } from './fit.js'
import { TAG_DIGITS } from './tag.js'

/** A line of the segment before which the state is known. */
export interface Block {
  /** Offset of the line in the (uncompressed) segment. */
  offset: number
  /** Lines before it: in the segment, and in the whole log. */
  line: number
  count: number
  /** Greatest `seq` and `ts` (epoch milliseconds) before it. */
  maxSeq: number
  maxTs: number
  /** The last `seq` that a line before it carries; 0 if none does. */
  lastSeq: number
  /** Link of the segment's bytes up to here (`ByteChain`); empty at its start. */
  link: string
  /** Its state leaves out messages that those of so many blocks before it have (`Packer`); 0 for one that is whole. */
  back: number
  /** Length of the state, had it been whole, about. */
  whole: number
  /** Where its state is in this file: offset, bytes, and SHA-256 of them. */
  at: number
  size: number
  sha256: string
  /** Length of the state before it was compressed. */
  raw: number
}

/** Where a state is in the file. */
export type StatePlace = Pick<Block, 'at' | 'size' | 'sha256' | 'raw'>

export interface Directory {
  /** Tells the prices apart by which the sums in its states were made. */
  prices: string
  /** Tells the state before the segment: that of the segment's first block. */
  start: string
  /** Tells the state before the last block; that after the segment, if `final`. */
  end: string
  /** Whether the segment is archived and the last block is its end. */
  final: boolean
  /** The segment's file as it was before it was read; left out where that could not tell it from what it became. */
  identity?: Identity
  /** Where in this file it says what lies between the blocks. */
  ranges: StatePlace
  blocks: Blocks
}

const NUMBERS = [
  'offset',
  'line',
  'count',
  'maxSeq',
  'maxTs',
  'lastSeq',
  'at',
  'size',
  'raw',
  'back',
  'whole',
] as const

/** The fields of all blocks, each in a row: a big log has thousands, and a question needs one of them. */
interface Columns {
  count: number
  /** All of `NUMBERS` of the first block, then of the second: doubles, in Base64, which is read in no time. */
  numbers: string
  /** One after the other, hexadecimal; that of the first, which is empty, as spaces. */
  link: string
  sha256: string
}

/** Hexadecimal digits of a SHA-256. */
const HASH = 64

/** The blocks of a segment, by offset; the first one is the segment's start. */
export class Blocks {
  readonly #columns: Columns
  readonly #numbers: Float64Array

  private constructor(columns: Columns) {
    this.#columns = columns
    // A copy, since a small buffer is a part of one that numbers may not begin in.
    this.#numbers = new Float64Array(new Uint8Array(Buffer.from(columns.numbers, 'base64')).buffer)
  }

  static of(blocks: readonly Block[]): Blocks {
    const numbers = Float64Array.from(blocks.flatMap((block) => NUMBERS.map((name) => block[name])))
    return new Blocks({
      count: blocks.length,
      numbers: Buffer.from(numbers.buffer).toString('base64'),
      link: blocks.map(({ link }) => link.padEnd(TAG_DIGITS)).join(''),
      sha256: blocks.map(({ sha256 }) => sha256).join(''),
    })
  }

  get length(): number {
    return this.#columns.count
  }

  get last(): Block | undefined {
    return this.length === 0 ? undefined : this.at(this.length - 1)
  }

  at(i: number): Block {
    const { link, sha256 } = this.#columns
    const block = {
      link: link.slice(i * TAG_DIGITS, (i + 1) * TAG_DIGITS).trimEnd(),
      sha256: sha256.slice(i * HASH, (i + 1) * HASH),
    } as Block
    for (const name of NUMBERS) block[name] = this.#number(i, name)
    return block
  }

  *[Symbol.iterator](): Generator<Block> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }

  /** Number of the last block before which nothing is greater than `isBefore` allows; -1 if there is none. */
  lastBefore(isBefore: (maxSeq: number, maxTs: number) => boolean): number {
    // Both only grow along a segment.
    let from = 0
    let to = this.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (isBefore(this.#number(middle, 'maxSeq'), this.#number(middle, 'maxTs'))) from = middle + 1
      else to = middle
    }
    return from - 1
  }

  #number(i: number, name: (typeof NUMBERS)[number]): number {
    return this.#numbers[i * NUMBERS.length + NUMBERS.indexOf(name)] as number
  }

  toJSON(): object {
    return this.#columns
  }

  /** @param columns what `toJSON` gave */
  static from(columns: object): Blocks {
    return new Blocks(columns as Columns)
  }
}

export function readDirectory(text: string): Directory {
  const { blocks, ...directory } = JSON.parse(text) as Omit<Directory, 'blocks'> & { blocks: object }
  return { ...directory, blocks: Blocks.from(blocks) }
}
