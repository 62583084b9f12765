/** Adds to the index of a segment while the segment is read. */
import { createHash } from 'node:crypto'
import type { HiveModel } from '../../model/model.js'
import { type Block, Blocks, type StatePlace } from '../../read/side-index/directory.js'
import { type IndexFile, IndexWriter } from '../../read/side-index/file.js'
import { ByteChain, identityOf } from '../../read/side-index/fit.js'
import { indexKey } from '../../read/side-index/key.js'
import { type Range, unknownRange } from '../../read/side-index/ranges.js'
import type { Source } from '../../read/sources.js'
import { Packer } from './packed.js'

/** Where in a log a state is: `Block` without its state, and what the bytes before it are. */
export type Position = Omit<Block, keyof StatePlace | 'link' | 'back' | 'whole'>

/** Bytes of log between two states: what must be parsed for an answer at most, in a process that has just begun. */
export const SPACING = 512 * 1024
/** States that are bigger than this part of the spacing are further apart, so that the index stays a fraction of the log. */
const BIG_STATE = 3 / 8
/** The same of what is new in one. It grows with the distance, so that it must not count as much for it. */
const BIG_NEWS = 1 / 2
/**
 * What is new in a state and bigger than this part has them so many times as far apart: half as many are packed in much
 * less time, and half the spacing more on the way to an event takes a few milliseconds.
 */
const NOTABLE_NEWS = 1 / 8
const FURTHER = 2

/** So much further than to the next whole one a state may need those before it: that far an old message is not repeated. */
const NEWS = 4

/** Bytes of log from a state of that size to the next one. */
export const distanceOf = (spacing: number, raw: number): number => Math.max(spacing, raw / BIG_STATE)

/** States that are compressed and written at once, while reading goes on; and their length, beyond which it is one. */
const MAX_WRITING = 4
const MAX_WRITING_LENGTH = 4 * 1024 * 1024

/** Tells states apart. */
export function keyOf(raw: string): string {
  return createHash('sha256').update(raw).digest('hex').slice(0, 32)
}

/** A block whose state is not written yet. */
type UnwrittenBlock = Omit<Block, Exclude<keyof StatePlace, 'raw'>>

export class Extension {
  readonly #path: string
  readonly #source: Source
  #first: { position: Position; state: string; whole: number } | undefined
  #start: string
  readonly #old: IndexFile | undefined
  readonly #spacing: number
  readonly #prices: string
  #writer: IndexWriter | undefined
  /** The blocks; where its state is, a block knows when that is written. */
  #blocks: (Block | UnwrittenBlock)[] = []
  /** States that are being written, and their length. */
  readonly #writing = new Set<Promise<void>>()
  #writingLength = 0
  /** What lies between them. */
  #ranges: Range[] = []
  readonly #packer = new Packer()
  /** The last state. */
  #end: string | undefined
  #isOff = false
  /** `undefined` where none can be had, or none is needed. */
  readonly #key: Buffer | undefined
  /** Up to the end of the last whole line; `undefined` without a key. */
  readonly #chain: ByteChain | undefined
  /** Copies of the bytes behind it. */
  #held: Buffer[] = []

  /**
   * @param old index that is extended, reading being about to begin at its last block; or, where there is none, nothing
   * until `begin` gives the state before the segment
   * @param prices tells the prices apart by which its sums are made
   */
  constructor(path: string, source: Source, old: IndexFile | undefined, spacing: number, prices: string) {
    this.#spacing = spacing
    this.#prices = prices
    this.#path = path
    this.#source = source
    this.#old = old
    this.#start = old?.directory.start ?? ''
    const last = old?.directory.blocks.last
    // Of one that is too short there is no state but the first.
    const isLong = !source.live || Number(source.stats.size) >= spacing
    this.#key = indexKey(isLong)
    if (this.#key === undefined) this.#isOff = true
    else this.#chain = new ByteChain(this.#key, last?.link ?? '', last?.offset)
  }

  /** The state from which reading begins. */
  begin(position: Position, model: HiveModel): void {
    if (this.#old !== undefined) return
    const state = this.#packer.whole(model)
    this.#first = { position, state, whole: this.#packer.wholeLength }
    this.#start = keyOf(state)
  }

  /** Takes bytes that were read. @param lines offset up to which whole lines were read with them */
  chunk(bytes: Buffer, lines: number): void {
    const chain = this.#chain
    if (this.#isOff || chain === undefined) return
    const held = this.#held.reduce((sum, piece) => sum + piece.length, 0)
    const inside = Math.max(0, lines - chain.offset - held)
    if (inside > 0) {
      this.#flush(chain)
      chain.add(bytes.subarray(0, inside))
    }
    if (inside < bytes.length) this.#held.push(Buffer.from(bytes.subarray(inside)))
  }

  #flush(chain: ByteChain): void {
    for (const piece of this.#held) chain.add(piece)
    this.#held = []
  }

  /** Whether a state is wanted at this offset. */
  isDue(offset: number): boolean {
    const last = this.#blocks.at(-1) ?? this.#old?.directory.blocks.last
    const { offset: from = 0, whole = 0 } = last ?? {}
    const { hasBefore, isNewsSmall } = this.#packer
    const distance = hasBefore && isNewsSmall ? this.#distanceOfNews() : distanceOf(this.#spacing, whole)
    return !this.#isOff && offset - from >= distance
  }

  #distanceOfNews(): number {
    const { newsLength } = this.#packer
    const further = Math.min(newsLength / NOTABLE_NEWS, FURTHER * this.#spacing)
    return Math.max(this.#spacing, newsLength / BIG_NEWS, further)
  }

  /**
   * Notes the state before a line. The model may go on at once, but reading only when it is awaited.
   * @param range the lines since the one before it
   * @param isLast whether that is the segment's end
   */
  async block(position: Position, model: HiveModel, range: Range, isLast: boolean): Promise<void> {
    const chain = this.#chain
    if (this.#isOff || chain === undefined) return
    try {
      const writer = this.#open()
      // A last line without newline is one at the segment's end.
      if (position.offset > chain.offset) this.#flush(chain)
      const link = chain.link()
      // The next segment knows this one by its end.
      const packer = this.#packer
      const isNews = !isLast && packer.hasBefore && packer.isNewsSmall
      const state = isNews ? packer.news(model, this.#reach()) : packer.whole(model)
      const { back, wholeLength: whole } = packer
      this.#add(writer, { ...position, link, back, whole }, state)
      this.#ranges.push(range)
      this.#end = state
      while (
        this.#writing.size >= MAX_WRITING ||
        (this.#writing.size > 1 && this.#writingLength > MAX_WRITING_LENGTH)
      ) {
        await Promise.race(this.#writing)
      }
    } catch {
      // No room, no right to write there: the answer does not need it.
      this.abort()
    }
  }

  /** Writes a state while other things go on. */
  #add(writer: IndexWriter, at: Omit<Block, keyof StatePlace>, state: string): void {
    const raw = state.length
    const number = this.#blocks.push({ ...at, raw }) - 1
    this.#writingLength += raw
    const writing = writer
      .add(state)
      .then((place) => {
        this.#blocks[number] = { ...at, ...place }
      })
      // No room: the answer does not need it.
      .catch(() => this.abort())
      .finally(() => {
        this.#writing.delete(writing)
        this.#writingLength -= raw
      })
    this.#writing.add(writing)
  }

  /** States before the next one in which its lists may begin. */
  #reach(): number {
    return Math.floor((NEWS * distanceOf(this.#spacing, this.#packer.wholeLength)) / this.#distanceOfNews())
  }

  /** Puts the index in its place if it has anything new. */
  async finish(final: boolean): Promise<void> {
    await Promise.all(this.#writing)
    const writer = this.#writer
    if (writer === undefined || this.#isOff) return
    try {
      const ranges = await writer.addRanges(this.#ranges)
      const identity = identityOf(this.#source)
      writer.finish({
        prices: this.#prices,
        start: this.#start,
        end: this.#end === undefined ? '' : keyOf(this.#end),
        final,
        ...(identity !== undefined && { identity }),
        ranges,
        // All of them are written.
        blocks: Blocks.of(this.#blocks as Block[]),
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
        const blocks = Array.from(old.directory.blocks, (block) => ({
          ...block,
          ...writer.copy(old.bytes(block), block.raw),
        }))
        const ranges = writer.copy(old.bytes(old.directory.ranges), old.directory.ranges.raw)
        writer.finish({ ...old.directory, identity, ranges, blocks: Blocks.of(blocks) })
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
  #open(): IndexWriter {
    if (this.#writer !== undefined) return this.#writer
    const writer = new IndexWriter(this.#path, this.#key as Buffer)
    this.#writer = writer
    const old = this.#old
    if (old !== undefined) {
      for (const block of old.directory.blocks) {
        this.#blocks.push({ ...block, ...writer.copy(old.bytes(block), block.raw) })
      }
      this.#ranges = old.ranges() ?? unknownRanges(Array.from(old.directory.blocks))
    }
    if (this.#first !== undefined) {
      const { position, state, whole } = this.#first
      this.#add(writer, { ...position, link: '', back: 0, whole }, state)
    }
    return writer
  }
}

/** Where what lies between blocks cannot be read any more: it is looked through by whoever needs any of it. */
function unknownRanges(blocks: readonly Block[]): Range[] {
  return blocks.slice(1).map(({ offset, line }, i) => {
    const before = blocks[i] as Block
    return unknownRange(offset - before.offset, line - before.line)
  })
}
