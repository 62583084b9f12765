/** Adds to the index of a segment while the segment is read. */
import { createHash } from 'node:crypto'
import type { Source } from '../../read/sources.js'
import { type Block, IndexFile, IndexWriter, type StatePlace } from './file.js'
import { ByteChain, identityOf } from './fit.js'
import { indexKey } from './key.js'

/** Where in a log a state is: `Block` without the place of the state, and what the bytes before it are. */
export type Position = Omit<Block, keyof StatePlace | 'hash'>

/** Bytes of log between two states: what must be parsed for an answer at most, in some 30 ms of a fresh process. */
export const SPACING = 1024 * 1024
/** States that are bigger are further apart by as much, so that the index stays a fraction of the log. */
const BIG_STATE = 192 * 1024

/** Bytes of log from a state of that size to the next one. */
export const distanceOf = (spacing: number, raw: number): number => spacing * Math.max(1, raw / BIG_STATE)

/** Tells states apart. */
export function keyOf(raw: string): string {
  return createHash('sha256').update(raw).digest('hex').slice(0, 32)
}

export class Extension {
  readonly #path: string
  readonly #source: Source
  readonly #first: { position: Position; raw: string } | undefined
  readonly #start: string
  readonly #old: IndexFile | undefined
  readonly #spacing: number
  readonly #prices: string
  #writer: IndexWriter | undefined
  #blocks: Block[] = []
  #end = ''
  #isOff = false
  /** Up to the end of the last whole line. */
  readonly #chain: ByteChain
  /** Copies of the bytes behind it. */
  #held: Buffer[] = []
  /** Link up to the last block. */
  #hash: string

  /**
   * @param before index that is extended, reading being about to begin at its last block; or, where there is none,
   * the state before the segment
   * @param prices tells the prices apart by which its sums are made
   */
  constructor(
    path: string,
    source: Source,
    before: IndexFile | { position: Position; raw: string },
    spacing: number,
    prices: string,
  ) {
    this.#spacing = spacing
    this.#prices = prices
    this.#path = path
    this.#source = source
    const old = before instanceof IndexFile ? before : undefined
    this.#old = old
    this.#first = before instanceof IndexFile ? undefined : before
    this.#start = before instanceof IndexFile ? before.directory.start : keyOf(before.raw)
    const last = old?.directory.blocks.at(-1)
    this.#hash = last?.hash ?? ''
    this.#chain = new ByteChain(this.#hash, last?.offset)
  }

  /** Takes bytes that were read. @param lines offset up to which whole lines were read with them */
  chunk(bytes: Buffer, lines: number): void {
    if (this.#isOff) return
    const held = this.#held.reduce((sum, piece) => sum + piece.length, 0)
    const inside = Math.max(0, lines - this.#chain.offset - held)
    if (inside > 0) {
      this.#flush()
      this.#chain.add(bytes.subarray(0, inside))
    }
    if (inside < bytes.length) this.#held.push(Buffer.from(bytes.subarray(inside)))
  }

  #flush(): void {
    for (const piece of this.#held) this.#chain.add(piece)
    this.#held = []
  }

  /** Whether a state is wanted at this offset. */
  isDue(offset: number): boolean {
    const last = this.#blocks.at(-1) ?? this.#old?.directory.blocks.at(-1)
    return !this.#isOff && offset - (last?.offset ?? 0) >= distanceOf(this.#spacing, last?.raw ?? 0)
  }

  /** Notes the state before a line. */
  block(position: Position, raw: string): void {
    if (this.#isOff) return
    try {
      const writer = this.#begin()
      // A last line without newline is one at the segment's end.
      if (position.offset > this.#chain.offset) this.#flush()
      this.#hash = this.#chain.link()
      this.#blocks.push({ ...position, hash: this.#hash, ...writer.add(raw) })
      this.#end = keyOf(raw)
    } catch {
      // No room, no right to write there: the answer does not need it.
      this.abort()
    }
  }

  /** Puts the index in its place if it has anything new. */
  finish(final: boolean): void {
    if (this.#writer === undefined || this.#isOff) return
    try {
      const identity = identityOf(this.#source)
      this.#writer.finish({
        prices: this.#prices,
        start: this.#start,
        end: this.#end,
        final,
        ...(identity !== undefined && { identity }),
        blocks: this.#blocks,
      })
      this.#writer = undefined
    } catch {
      this.abort()
    }
  }

  /** Puts an index in its place that says the same of a file that was renamed, compressed or copied. */
  static renew(path: string, key: Buffer, source: Source, old: IndexFile): void {
    const identity = identityOf(source)
    if (identity === undefined) return
    try {
      const writer = new IndexWriter(path, key)
      try {
        const blocks = old.directory.blocks.map((block) => ({
          ...block,
          ...writer.copy(old.bytes(block), block.raw),
        }))
        writer.finish({ ...old.directory, identity, blocks })
      } catch {
        writer.abort()
      }
    } catch {
      // It stays as it is, and is compared anew the next time.
    }
  }

  abort(): void {
    this.#isOff = true
    try {
      this.#writer?.abort()
    } catch {
      // It could not be removed either.
    }
    this.#writer = undefined
  }

  /** The first new state: what the old index has is taken over. */
  #begin(): IndexWriter {
    if (this.#writer !== undefined) return this.#writer
    const key = indexKey(true)
    if (key === undefined) throw new Error('there is no key')
    const writer = new IndexWriter(this.#path, key)
    this.#writer = writer
    for (const block of this.#old?.directory.blocks ?? []) {
      this.#blocks.push({ ...block, ...writer.copy((this.#old as IndexFile).bytes(block), block.raw) })
    }
    if (this.#first !== undefined) {
      const { position, raw } = this.#first
      this.#blocks.push({ ...position, hash: '', ...writer.add(raw) })
    }
    return writer
  }
}
