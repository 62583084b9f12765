/** Follows a log as it grows, across rotation. */

import { dirname, join } from 'node:path'
import { archivedSegments } from '../disk/segments.js'
import { archiveName, stemOf } from '../format/beside.js'
import { checkOptions, OptionsError } from '../format/options.js'
import { ChainWatch } from './chain.js'
import type { CursorOptions } from './cursor.js'
import { type Batch, CursorKeeper, lastSeq } from './cursor-keeper.js'
import { beginWith, fingerprintOf } from './cursor-resume.js'
import { isMalformed, type LogItem } from './items.js'
import { ItemReader, type Start } from './lines.js'
import { FOLLOW_RULES } from './options.js'
import { SegmentQueue } from './segments.js'
import { cannotRead, chunksOf, firstSeqOf, gzipDamage, isAt, missing, type Source } from './sources.js'
import { lastItems, type Tail, type TailOptions } from './tail.js'
import { type Waiting, wakeupFor } from './wakeup.js'

/** What `followLog` takes. */
export interface FollowOptions extends TailOptions {
  /**
   * Where to begin: `start`, the log's first line (oldest segment); `end`, the first line that is yet to come; or
   * the last few lines. Default `start`. With a cursor only its first use begins so.
   */
  from?:
    | 'start'
    | 'end'
    | {
        /** How many lines. */
        last: number
      }
  /**
   * Names the consumer, which then begins after the last line that it processed in former iterations, in whatever
   * process. Default: none.
   */
  cursor?: string | CursorOptions
  /**
   * Ends the iteration at the present end of the log instead of waiting there. An unfinished last line is left for
   * the next time. Default false.
   */
  stopAtEnd?: boolean
  /** Ends the iteration (without an error). Default: it goes on for ever. */
  signal?: AbortSignal
  /** Longest time between two looks at the file, milliseconds; usually the system tells at once. Default 100. */
  pollMs?: number
}

/** The lines of a log as they come. */
export interface LogFollower extends AsyncGenerator<LogItem, void, undefined> {
  /**
   * Moves the cursor behind everything that was given so far, the line in hand included, and resolves when that is
   * on the disk. Can be called in the loop, and after it.
   * @throws {OptionsError} when there is no cursor
   * @throws {CursorFileError} when its file cannot be written
   */
  commit(): Promise<void>
}

const CHUNK = 256 * 1024
/** Longest time between two looks at a log, unless told otherwise. */
export const POLL_MS = 100

/**
 * Gives the lines that are there, as asked, then new ones as they come; only whole lines are given. When the log is
 * rotated the old file is read to its end, then any segments in between, then the new one: each line once, in
 * order. Waits for a file that is not there yet. A live file that was truncated or replaced by another (not by
 * rotation) is read anew from its start, after a `MalformedLine` with `bytes` 0 whose reason says so.
 *
 * With a cursor each line is given at least once over all iterations: again only if it was not processed, or the
 * cursor not yet saved, when the last one ended or died; it then has the same `seq`. A line counts as processed when
 * the next one is asked for. So a loop that is left by `break` or an exception is not done with its line; call
 * `commit()` before `break` if it is. The cursor goes past lines that the filter rejects. Of two consumers with one
 * name at the same time each gets all lines, and the place of whichever saves last stays.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is a directory, compressed, or must not be read; with `stopAtEnd`, when there
 * is no log
 * @throws {CursorLostError} when the place of the cursor is no more
 * @throws {CursorFileError} when its file cannot be read or written
 */
export function followLog(file: string, options: FollowOptions = {}): LogFollower {
  checkOptions('followLog', options, FOLLOW_RULES)
  const keeper = options.cursor === undefined ? undefined : new CursorKeeper(file, options.cursor)
  const commit = async (): Promise<void> => {
    if (keeper === undefined)
      throw new OptionsError('there is no cursor to commit: give followLog the option cursor')
    await keeper.commit()
  }
  return Object.assign(follow(file, options, { keeper }), { commit })
}

/** What a follower works with. */
export interface FollowerParts {
  keeper?: CursorKeeper | undefined
  /** Default: the folder of the log is watched. */
  waiting?: Waiting
  /** What it begins with, its live file being open. Default: found when it begins. */
  tail?: Tail
  /** Bytes that are read at once. */
  chunkBytes?: number
}

/** As `followLog`. */
export async function* follow(
  file: string,
  options: FollowOptions,
  parts: FollowerParts,
): AsyncGenerator<LogItem, void, undefined> {
  if (file.endsWith('.gz')) throw cannotRead(file, 'it is compressed, so nothing will be added to it')
  const { filter, signal } = options
  const { keeper } = parts
  const follower = new Follower(file, options, parts)
  try {
    for await (const batch of follower.batches()) {
      const { items } = batch
      for (let i = 0; i < items.length && batch.isPassed !== true; i++) {
        const item = items[i] as LogItem
        if (filter !== undefined && !filter(item)) continue
        keeper?.give(batch, i)
        yield item
        keeper?.took()
        if (signal?.aborted === true) return
      }
      keeper?.pass(batch)
    }
  } finally {
    await follower.close()
    await keeper?.close()
  }
}

class Follower {
  readonly #file: string
  readonly #options: FollowOptions
  readonly #keeper: CursorKeeper | undefined
  readonly #waiting: Waiting
  readonly #segments: SegmentQueue
  readonly #buffer: Buffer
  #tail: Tail | undefined
  #source: Source | undefined
  #reader: ItemReader | undefined
  #position = 0
  /** Whether the open segment is read from its first line. */
  #isWhole = true
  /** Fingerprint of the open segment, once a cursor needs it. */
  #first: string | undefined
  /** `seq` of the first line of the last segment that is finished. */
  #after = 0
  /** Lines up to there; `undefined` before the first segment. */
  #count: number | undefined
  /** `seq` of the last event that was read. */
  #seq: number | undefined
  #notice: string | undefined
  #isAtEnd = false
  readonly #chain = new ChainWatch()

  constructor(file: string, options: FollowOptions, parts: FollowerParts) {
    const { pollMs = POLL_MS, signal } = options
    this.#file = file
    this.#options = options
    this.#keeper = parts.keeper
    this.#tail = parts.tail
    this.#segments = new SegmentQueue(file)
    this.#buffer = Buffer.allocUnsafe(parts.chunkBytes ?? CHUNK)
    this.#waiting = parts.waiting ?? wakeupFor(dirname(file), stemOf(file), pollMs, signal)
  }

  get #isOver(): boolean {
    return this.#isAtEnd || this.#options.signal?.aborted === true
  }

  async close(): Promise<void> {
    this.#waiting.close()
    await this.#source?.handle.close()
    await this.#tail?.live?.source.handle.close()
    this.#source = undefined
    this.#tail = undefined
  }

  async *batches(): AsyncGenerator<Batch> {
    const { from = 'start' } = this.#options
    const last = from === 'start' ? undefined : from === 'end' ? 0 : from.last
    if (this.#keeper !== undefined) yield* this.#startWith(this.#keeper, last)
    else if (last !== undefined) yield await this.#startNear(last)
    while (!this.#isOver) {
      this.#source ??= await this.#openNext()
      if (this.#source === undefined) {
        await this.#caughtUp()
      } else {
        yield* this.#notices()
        yield* this.#source.live ? this.#readLive(this.#source) : this.#readArchived(this.#source)
      }
    }
  }

  /** Begins with the last `n` lines. */
  async #startNear(n: number): Promise<Batch> {
    const { items, live } = this.#tail ?? (await lastItems(this.#file, n, this.#options, true))
    this.#tail = undefined
    if (live === undefined) {
      this.#after = archivedSegments(this.#file).at(-1)?.firstSeq ?? 0
    } else {
      const { source, end: offset, count } = live
      this.#begin(source, { offset, line: offset === 0 ? 0 : undefined, count })
    }
    return { items, count: 0, seq: undefined }
  }

  /** Begins where the cursor is; if it is new, with the `last` lines. */
  async *#startWith(keeper: CursorKeeper, last: number | undefined): AsyncGenerator<Batch> {
    const beginning = await beginWith(this.#file, keeper, last, this.#options)
    const { after, seq, at, passed } = beginning
    this.#after = after
    this.#seq = seq
    this.#notice = beginning.notice
    if (at === undefined) this.#count = beginning.count
    else this.#begin(at.source, at.start)
    if (passed !== undefined) yield { ...(await this.#batch([passed])), isPassed: true }
    else if (at?.start.offset === 0 && after > 0) yield { items: [], count: at.start.count, seq, after }
  }

  async #openNext(): Promise<Source | undefined> {
    const source = await this.#segments.next(this.#after)
    if (source === undefined) return undefined
    source.firstSeq ??= await firstSeqOf(source)
    this.#beginAnew(source)
    await this.#chain.begin(source)
    return source
  }

  #beginAnew(source: Source): void {
    this.#count ??= (source.firstSeq ?? 1) - 1
    this.#begin(source, { offset: 0, line: 0, count: this.#count })
  }

  #begin(source: Source, start: Start): void {
    this.#source = source
    if (!source.stats.isFile()) {
      throw cannotRead(this.#file, 'it is a pipe, which has no place to go on from; read it whole')
    }
    this.#position = start.offset
    this.#isWhole = start.offset === 0
    this.#first = undefined
    this.#reader = new ItemReader(source.file, start, this.#options)
  }

  async *#readArchived(source: Source): AsyncGenerator<Batch> {
    const reader = this.#reader as ItemReader
    let reason: string | undefined
    try {
      for await (const chunk of chunksOf(source, reader.offset)) {
        yield* this.#batches(reader.push(chunk))
        if (this.#isOver) return
      }
    } catch (error) {
      if (!source.gzip) throw error
      reason = gzipDamage(error)
    }
    yield* this.#batches(reader.end())
    this.#chain.end(undefined, reason === undefined)
    const after = source.firstSeq as number
    if (reason !== undefined) {
      yield this.#told({ file: source.file, offset: reader.offset, reason }, reader.count, after)
    }
    yield await this.#finish(after)
  }

  async *#readLive(source: Source): AsyncGenerator<Batch> {
    yield* this.#readOn(source)
    if (this.#isOver) return
    if (await isAt(source, this.#file)) {
      const { size } = await source.handle.stat()
      if (size < this.#position) {
        const lost = this.#position - size
        this.#notice = `the file was cut short by ${lost} bytes; reading it anew from its start`
        this.#beginAnew(source)
        this.#chain.restart()
      } else {
        await this.#caughtUp()
      }
      return
    }
    // What was written between the last look and the renaming.
    yield* this.#readOn(source)
    if (this.#isOver) return
    yield* this.#batches((this.#reader as ItemReader).end())
    this.#chain.end()
    const archived = await this.#archivedAs(source)
    if (archived === undefined) {
      this.#notice = 'the file was replaced by another; reading that from its start'
      this.#chain.restart()
      await this.#finish(archivedSegments(this.#file).at(-1)?.firstSeq ?? this.#after)
    } else {
      yield await this.#finish(archived)
    }
  }

  async *#notices(): AsyncGenerator<Batch> {
    if (this.#notice === undefined) return
    const notice = { file: this.#file, offset: 0, reason: this.#notice }
    this.#notice = undefined
    yield this.#told(notice, this.#count ?? 0, this.#after)
  }

  /** A notice, after which nothing is known of the lines to come. */
  #told(notice: { file: string; offset: number; reason: string }, count: number, after: number): Batch {
    this.#seq = undefined
    return { items: [{ malformed: '', bytes: 0, ...notice }], count, seq: undefined, after }
  }

  async *#readOn(source: Source): AsyncGenerator<Batch> {
    const reader = this.#reader as ItemReader
    while (!this.#isOver) {
      const { bytesRead } = await source.handle.read(this.#buffer, 0, this.#buffer.length, this.#position)
      if (bytesRead === 0) return
      this.#position += bytesRead
      const items = reader.push(this.#buffer.subarray(0, bytesRead))
      if (this.#isWhole) for (const item of items) if (!isMalformed(item)) source.firstSeq ??= item.seq
      yield* this.#batches(items)
    }
  }

  /** Items that were read just now, behind the notice that belongs before them. */
  async *#batches(items: LogItem[]): AsyncGenerator<Batch> {
    const notice = this.#chain.take(items)
    if (notice !== undefined) {
      const count = (this.#reader as ItemReader).count - items.length
      yield { items: [notice], count, seq: this.#seq, after: this.#after }
    }
    yield await this.#batch(items)
  }

  /** Items that were read just now. */
  async #batch(items: LogItem[]): Promise<Batch> {
    const count = (this.#reader as ItemReader).count - items.length
    const batch: Batch = { items, count, seq: this.#seq }
    if (this.#keeper !== undefined && items.length > 0) {
      const source = this.#source as Source
      this.#first ??= await fingerprintOf(source)
      batch.from = { source, first: this.#first }
      this.#seq = lastSeq(batch)
    }
    return batch
  }

  /** Nothing is left to read for now. */
  async #caughtUp(): Promise<void> {
    await this.#keeper?.idle()
    if (this.#options.stopAtEnd !== true) await this.#waiting.wait()
    else if (this.#source === undefined && archivedSegments(this.#file).length === 0)
      throw missing(this.#file)
    else this.#isAtEnd = true
  }

  /** First `seq` of the archived segment that the live file has become; `undefined` if it was not rotated. */
  async #archivedAs(source: Source): Promise<number | undefined> {
    const { firstSeq } = source
    if (firstSeq !== undefined) {
      // Where it is to be expected, without listing the folder.
      const path = join(dirname(this.#file), archiveName(this.#file, firstSeq))
      if (await isAt(source, path)) return firstSeq
    }
    for (const segment of archivedSegments(this.#file).reverse()) {
      // Once compressed, it is another file.
      if (segment.firstSeq === source.firstSeq || (await isAt(source, segment.file))) return segment.firstSeq
    }
    return undefined
  }

  async #finish(firstSeq: number): Promise<Batch> {
    const { count } = this.#reader as ItemReader
    this.#after = firstSeq
    this.#count = count
    await this.#source?.handle.close()
    this.#source = undefined
    return { items: [], count, seq: this.#seq, after: firstSeq }
  }
}
