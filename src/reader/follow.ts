/** Follows a log as it grows, across rotation. */
import { archivedSegments } from '../file/segments.js'
import { isMalformed, type LogItem } from './items.js'
import { ItemReader } from './lines.js'
import { itemsOf } from './read.js'
import { cannotRead, firstSeqOf, isAt, openNext, type Source } from './sources.js'
import { lastItems, type TailOptions } from './tail.js'
import { Wakeup } from './wakeup.js'

export interface FollowOptions extends TailOptions {
  /**
   * Where to begin: `start`, the log's first line (oldest segment); `end`, the first line that is yet to come; or
   * the last few lines. Default `start`.
   */
  from?: 'start' | 'end' | { last: number }
  /** Ends the iteration (without an error). Default: it goes on for ever. */
  signal?: AbortSignal
  /** Longest time between two looks at the file, milliseconds; usually the system tells at once. Default 100. */
  pollMs?: number
}

const CHUNK = 256 * 1024

/**
 * Gives the lines that are there, as asked, then new ones as they come; only whole lines are given. When the log is
 * rotated the old file is read to its end, then any segments in between, then the new one: each line once, in
 * order. Waits for a file that is not there yet. A live file that was truncated or replaced by another (not by
 * rotation) is read anew from its start, after a `MalformedLine` with `bytes` 0 whose reason says so.
 * @throws when the file is a directory, compressed, or must not be read
 */
export async function* followLog(file: string, options: FollowOptions = {}): AsyncGenerator<LogItem> {
  if (file.endsWith('.gz')) throw cannotRead(file, 'it is compressed, so nothing will be added to it')
  const { filter } = options
  const follower = new Follower(file, options)
  try {
    for await (const items of follower.batches()) {
      for (const item of items) if (filter === undefined || filter(item)) yield item
    }
  } finally {
    await follower.close()
  }
}

class Follower {
  readonly #file: string
  readonly #options: FollowOptions
  readonly #wakeup: Wakeup
  readonly #buffer = Buffer.allocUnsafe(CHUNK)
  #source: Source | undefined
  #reader: ItemReader | undefined
  #position = 0
  /** `seq` of the first line of the last segment that is finished. */
  #after = 0
  #count = 0
  #notice: string | undefined

  constructor(file: string, options: FollowOptions) {
    this.#file = file
    this.#options = options
    this.#wakeup = new Wakeup(file, options.pollMs ?? 100, options.signal)
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted === true
  }

  async close(): Promise<void> {
    this.#wakeup.close()
    await this.#source?.handle.close()
    this.#source = undefined
  }

  async *batches(): AsyncGenerator<LogItem[]> {
    const { from = 'start' } = this.#options
    if (from !== 'start') yield await this.#startNear(from === 'end' ? 0 : from.last)
    while (!this.#isAborted) {
      this.#source ??= await this.#openNext()
      if (this.#source === undefined) {
        await this.#wakeup.wait()
      } else if (this.#source.live) {
        yield* this.#readLive(this.#source)
      } else {
        yield* this.#readArchived(this.#source)
      }
    }
  }

  /** Begins with the last `n` lines. */
  async #startNear(n: number): Promise<LogItem[]> {
    const { items, live } = await lastItems(this.#file, n, this.#options, true)
    if (live === undefined) {
      this.#after = archivedSegments(this.#file).at(-1)?.firstSeq ?? 0
      return items
    }
    this.#source = live.source
    this.#position = live.end
    const start = { offset: live.end, line: live.end === 0 ? 0 : undefined, count: live.count }
    this.#reader = new ItemReader(live.source.file, start, this.#options)
    return items
  }

  async #openNext(): Promise<Source | undefined> {
    const source = await openNext(this.#file, this.#after)
    if (source === undefined) return undefined
    source.firstSeq ??= await firstSeqOf(source)
    this.#begin(source)
    return source
  }

  #begin(source: Source): void {
    this.#position = 0
    this.#reader = new ItemReader(source.file, { offset: 0, line: 0, count: this.#count }, this.#options)
  }

  async *#readArchived(source: Source): AsyncGenerator<LogItem[]> {
    yield* itemsOf(source, this.#reader as ItemReader)
    await this.#finish(source.firstSeq as number)
  }

  async *#readLive(source: Source): AsyncGenerator<LogItem[]> {
    yield* this.#notices()
    yield* this.#readOn(source)
    if (this.#isAborted) return
    if (await isAt(source, this.#file)) {
      const { size } = await source.handle.stat()
      if (size < this.#position) {
        const lost = this.#position - size
        this.#notice = `the file was cut short by ${lost} bytes; reading it anew from its start`
        this.#begin(source)
      } else {
        await this.#wakeup.wait()
      }
      return
    }
    // What was written between the last look and the renaming.
    yield* this.#readOn(source)
    if (this.#isAborted) return
    yield (this.#reader as ItemReader).end()
    const archived = await this.#archivedAs(source)
    if (archived === undefined) {
      this.#notice = 'the file was replaced by another; reading that from its start'
      await this.#finish(archivedSegments(this.#file).at(-1)?.firstSeq ?? this.#after)
    } else {
      await this.#finish(archived)
    }
  }

  async *#notices(): AsyncGenerator<LogItem[]> {
    if (this.#notice === undefined) return
    const reason = this.#notice
    this.#notice = undefined
    yield [{ malformed: '', reason, offset: 0, file: this.#file, bytes: 0 }]
  }

  async *#readOn(source: Source): AsyncGenerator<LogItem[]> {
    const reader = this.#reader as ItemReader
    while (!this.#isAborted) {
      const { bytesRead } = await source.handle.read(this.#buffer, 0, CHUNK, this.#position)
      if (bytesRead === 0) return
      this.#position += bytesRead
      const items = reader.push(this.#buffer.subarray(0, bytesRead))
      for (const item of items) if (!isMalformed(item)) source.firstSeq ??= item.seq
      yield items
    }
  }

  /** First `seq` of the archived segment that the live file has become; `undefined` if it was not rotated. */
  async #archivedAs(source: Source): Promise<number | undefined> {
    for (const segment of archivedSegments(this.#file).reverse()) {
      // Once compressed, it is another file.
      if (segment.firstSeq === source.firstSeq || (await isAt(source, segment.file))) return segment.firstSeq
    }
    return undefined
  }

  async #finish(firstSeq: number): Promise<void> {
    this.#after = firstSeq
    this.#count = (this.#reader as ItemReader).count
    await this.#source?.handle.close()
    this.#source = undefined
  }
}
