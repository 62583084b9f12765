/** Adds to the index of a segment while the segment is read. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Source } from '../../read/sources.js'
import { type Block, IndexFile, IndexWriter } from './file.js'
import { edgesOf } from './fit.js'

/** Where in a log a state is: `Block` without the place of the state. */
export type Position = Omit<Block, 'at' | 'size' | 'crc'>

/** Bytes of log between two states: what must be parsed for an answer at most, in some 30 ms of a fresh process. */
export const SPACING = 1024 * 1024
/** States that are bigger are further apart by as much, so that the index stays a fraction of the log. */
const BIG_STATE = 256 * 1024

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
  #writer: IndexWriter | undefined
  #blocks: Block[] = []
  #end = ''
  #lastRaw = 0
  #isOff = false
  /** Up to the end of the last chunk, and up to the last line's end in it. */
  #crcOfAll: number
  #crcOfLines: number
  #read: number
  /** Up to the last block. */
  #crc: number

  /**
   * @param before index that is extended, reading being about to begin at its last block; or, where there is none,
   * the state before the segment
   */
  constructor(
    path: string,
    source: Source,
    before: IndexFile | { position: Position; raw: string },
    spacing: number,
  ) {
    this.#spacing = spacing
    this.#path = path
    this.#source = source
    const old = before instanceof IndexFile ? before : undefined
    this.#old = old
    this.#first = before instanceof IndexFile ? undefined : before
    this.#start = before instanceof IndexFile ? before.directory.start : keyOf(before.raw)
    this.#crc = old?.directory.crc ?? 0
    this.#crcOfAll = this.#crc
    this.#crcOfLines = this.#crc
    this.#read = old?.directory.blocks.at(-1)?.offset ?? 0
  }

  /** Takes bytes that were read. @param lines offset up to which whole lines were read with them */
  chunk(bytes: Buffer, lines: number): void {
    const inside = lines - this.#read
    if (inside > 0) {
      this.#crcOfLines = crc32(bytes.subarray(0, inside), this.#crcOfAll)
      this.#crcOfAll = crc32(bytes.subarray(inside), this.#crcOfLines)
    } else this.#crcOfAll = crc32(bytes, this.#crcOfAll)
    this.#read += bytes.length
  }

  /** Whether a state is wanted at this offset. */
  isDue(offset: number): boolean {
    const last = this.#blocks.at(-1) ?? this.#old?.directory.blocks.at(-1)
    const distance = this.#spacing * Math.max(1, this.#lastRaw / BIG_STATE)
    return !this.#isOff && offset - (last?.offset ?? 0) >= distance
  }

  /** Notes the state before a line. */
  block(position: Position, raw: string): void {
    if (this.#isOff) return
    try {
      const writer = this.#begin()
      this.#blocks.push({ ...position, ...writer.add(raw) })
      this.#end = keyOf(raw)
      this.#lastRaw = raw.length
      this.#crc = position.offset === this.#read ? this.#crcOfAll : this.#crcOfLines
    } catch {
      // No room, no right to write there: the answer does not need it.
      this.abort()
    }
  }

  /** Puts the index in its place if it has anything new. */
  async finish(final: boolean): Promise<string> {
    if (this.#writer === undefined || this.#isOff) return this.#end
    try {
      const { handle, gzip } = this.#source
      const stats = await handle.stat({ bigint: true })
      const indexed = this.#blocks.at(-1)?.offset ?? 0
      const edges = gzip ? { head: 0, tail: 0 } : await edgesOf(handle, indexed)
      this.#writer.finish({
        start: this.#start,
        end: this.#end,
        final,
        size: Number(stats.size),
        mtimeNs: String(stats.mtimeNs),
        crc: this.#crc,
        ...edges,
        blocks: this.#blocks,
      })
      this.#writer = undefined
    } catch {
      this.abort()
    }
    return this.#end
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
    const writer = new IndexWriter(this.#path)
    this.#writer = writer
    for (const block of this.#old?.directory.blocks ?? []) {
      this.#blocks.push({ ...block, ...writer.copy((this.#old as IndexFile).bytes(block)) })
    }
    if (this.#first !== undefined) {
      const { position, raw } = this.#first
      this.#blocks.push({ ...position, ...writer.add(raw) })
    }
    return writer
  }
}
