/** Opens the segments of a log in their order; a rotation meanwhile loses nothing. */
import { archivedSegments, type FolderListing, type Segment } from '../disk/segments.js'
import { headOf } from './chain.js'
import type { LogItem } from './items.js'
import { firstSeqOf, isAt, openArchived, openSource, type Source } from './sources.js'

/** Opens one segment after the other, for as long as there come some. */
export class SegmentQueue {
  readonly #file: string
  /** Those that are not opened yet: the folder is listed anew only when they are used up, or gone. */
  #listed: Segment[] = []

  constructor(file: string) {
    this.#file = file
  }

  /**
   * The segment that comes after the one whose first line has seq `after`: the oldest archived one that is later,
   * else the live file. `undefined` when there is neither (the live file may be about to be created).
   */
  async next(after: number): Promise<Source | undefined> {
    let skip = after
    for (;;) {
      const listed = this.#take(skip)
      const source = listed === undefined ? undefined : await openArchived(listed)
      if (source !== undefined) return source
      // The live file is opened before the folder is listed: whatever is archived in between shows in the list.
      const live = await openSource(this.#file, true)
      this.#listed = archivedSegments(this.#file).filter(({ firstSeq }) => (firstSeq as number) > skip)
      const [first] = this.#listed
      if (first === undefined) return live
      if (live !== undefined && (await isAt(live, first.file))) {
        live.firstSeq = first.firstSeq
        return live
      }
      await live?.handle.close()
      // Still listed, and yet not there: a link that leads nowhere.
      if (first.file === listed?.file) skip = first.firstSeq as number
    }
  }

  #take(after: number): Segment | undefined {
    while (this.#listed.length > 0 && (this.#listed[0]?.firstSeq as number) <= after) this.#listed.shift()
    return this.#listed.shift()
  }
}

/** As `SegmentQueue.next`, for one. */
export const openNext = (file: string, after: number): Promise<Source | undefined> =>
  new SegmentQueue(file).next(after)

/**
 * The segments of a log as they are at one moment. What is written later is not read, wherever it goes: a writer that
 * is faster than the reader would keep it from ever coming to an end.
 */
export class LogSnapshot {
  readonly file: string
  /** The archived segments that are still to be read, oldest first. */
  archived: Segment[] = []
  /** The file that was live then, under whatever name it is by now. */
  live: Source | undefined
  /** How the live file begins, when it was closed until its turn. */
  #parked: LogItem[] | undefined
  #isLiveGiven = false

  private constructor(file: string, live: Source | undefined) {
    this.file = file
    this.live = live
    if (live?.stats.isFile() === true && !live.gzip) live.end = Number(live.stats.size)
  }

  /** The snapshot, with its live file open. */
  static async of(file: string): Promise<LogSnapshot> {
    const snapshot = await LogSnapshot.open(file)
    try {
      await snapshot.list()
      return snapshot
    } catch (error) {
      await snapshot.close()
      throw error
    }
  }

  /** Only its live file: `list` must follow, so that what is archived in between shows in the list. */
  static async open(file: string): Promise<LogSnapshot> {
    return new LogSnapshot(file, await openSource(file, true))
  }

  /** @param listing made after the live file was opened */
  async list(listing?: FolderListing): Promise<void> {
    const archived = archivedSegments(this.file, listing)
    const { live } = this
    this.archived = live === undefined ? archived : await this.#before(live, archived)
  }

  get isEmpty(): boolean {
    return this.live === undefined && this.archived.length === 0
  }

  /** Leaves out the archived segments that end before this seq. */
  skipTo(seq: number): void {
    const start = this.archived.findLastIndex((segment) => (segment.firstSeq as number) <= seq)
    if (start > 0) this.archived = this.archived.slice(start)
  }

  /** How the log begins. */
  async head(): Promise<LogItem[]> {
    const [first] = this.archived
    if (first === undefined && this.#parked !== undefined) return this.#parked
    const source = first === undefined ? this.live : await openArchived(first)
    if (source === undefined || !source.stats.isFile()) return []
    try {
      return await headOf(source)
    } finally {
      if (source !== this.live) await source.handle.close()
    }
  }

  /** Closes the live file until it is its turn; it is then found again by what it is. */
  async park(): Promise<void> {
    const { live } = this
    if (live === undefined || !live.stats.isFile()) return
    live.firstSeq = await firstSeqOf(live)
    this.#parked = await headOf(live)
    await live.handle.close()
  }

  /** The next segment, for the caller to close. */
  async next(): Promise<Source | undefined> {
    for (let segment = this.archived.shift(); segment !== undefined; segment = this.archived.shift()) {
      const source = await openArchived(segment)
      if (source !== undefined) return source
      // Gone since it was listed, and perhaps others with it.
      const there = new Set(archivedSegments(this.file).map(({ firstSeq }) => firstSeq))
      this.archived = this.archived.filter(({ firstSeq }) => there.has(firstSeq))
    }
    if (this.live === undefined || this.#isLiveGiven) return undefined
    this.#isLiveGiven = true
    return this.#parked === undefined ? this.live : this.#again(this.live)
  }

  /** Closes the live file, unless that was given away. */
  async close(): Promise<void> {
    if (!this.#isLiveGiven && this.#parked === undefined) await this.live?.handle.close()
    this.#isLiveGiven = true
  }

  async #again(parked: Source): Promise<Source | undefined> {
    const { end, firstSeq } = parked
    const now = await openSource(this.file, true)
    if (now === undefined || !(await isSame(now, parked))) {
      for (const segment of archivedSegments(this.file).reverse()) {
        if (segment.firstSeq !== firstSeq && !(await isAt(parked, segment.file))) continue
        const archived = await openArchived(segment)
        if (archived === undefined) continue
        await now?.handle.close()
        return Object.assign(archived, { live: true, end })
      }
      // Replaced by another file: that one, then.
    } else if (end !== undefined) {
      now.end = end
    }
    if (now !== undefined && firstSeq !== undefined) now.firstSeq ??= firstSeq
    return now
  }

  /** The archived segments that come before the live one, which may itself have been archived meanwhile. */
  async #before(live: Source, archived: Segment[]): Promise<Segment[]> {
    if (await isAt(live, this.file)) return archived
    if (this.#parked === undefined) live.firstSeq ??= await firstSeqOf(live)
    for (const [i, segment] of archived.entries()) {
      const isLater = live.firstSeq !== undefined && (segment.firstSeq as number) >= live.firstSeq
      if (isLater || (await isAt(live, segment.file))) {
        live.firstSeq ??= segment.firstSeq
        return archived.slice(0, i)
      }
    }
    return archived
  }
}

/** Whether it is the same file: the number of one that is gone may be another's by now. */
async function isSame(now: Source, { stats, firstSeq }: Source): Promise<boolean> {
  return (
    now.stats.ino === stats.ino &&
    now.stats.dev === stats.dev &&
    now.stats.size >= stats.size &&
    (await firstSeqOf(now)) === firstSeq
  )
}
