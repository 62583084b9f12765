/**
 * A hive is its log and the logs of its child processes, read as one story: merged by time, and each log's own lines
 * always in the order in which they stand in it.
 */
import { logsOfHive, pathsOf, STANDARD_INPUT, sizeOfLogs } from '../disk/hive-logs.js'
import { FolderListing } from '../disk/segments.js'
import { checkOptions } from '../format/options.js'
import { isMalformed, type LineOptions, type LogEntry, type LogItem } from './items.js'
import { Heap, isBefore, LogTime } from './merge.js'
import { HIVE_READ_RULES } from './options.js'
import { type BatchOptions, logBatches, type ReadOptions, snapshotBatches } from './read.js'
import { LogSnapshot } from './segments.js'
import { timesOfLines } from './selecting-reader.js'
import { BIG_CHUNK, CHUNK, missing } from './sources.js'

export { logsOfHive } from '../disk/hive-logs.js'

/** An item of a hive's story. */
export type HiveItem = LogItem & {
  /** Path of the log that it is from: that of the live file, whatever segment it is in. */
  log: string
}

/** An event of a hive's story. */
export type HiveEntry = LogEntry & {
  /** Path of the log that it is from: that of the live file, whatever segment it is in. */
  log: string
}

/** What `hiveBatches` takes. */
export interface HiveReadOptions extends LineOptions, Pick<ReadOptions, 'select' | 'passed' | 'index'> {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /**
   * Epoch milliseconds of the first events to give. A line that is no event has the time of the event before it.
   * Default: all.
   */
  since?: number
  /** Epoch milliseconds of the last events to give. Default: all. */
  until?: number
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: OnProgress
}

/** @param total bytes of all segments, as they lie on the disk; what is appended meanwhile may come on top */
export type OnProgress = (read: number, total: number) => void

const BATCH = 1000
/** Bytes of all logs that are held at once, about; and of one log at least. */
const HELD_BYTES = 8 * 1024 * 1024
const MIN_CHUNK = 8 * 1024
const MAX_CHUNK = 256 * 1024
/** Logs that are all kept open from the start. */
const MANY_LOGS = 100

/**
 * The lines of all logs of a hive, a batch at a time, in the order of its story (see `LogTime`): by time, of one time
 * those of the log that is named first (child logs come after all that are named).
 * Each log is read to its end as it was when reading began; it is opened when the story has come to its first line.
 * `-` is standard input, a log without children.
 * @param files path of a log, or several of one hive
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a named file is missing (but for a log of which there is only the folder of its child
 * logs), a directory, or must not be read; a child log that comes or goes meanwhile does no harm
 */
export function hiveBatches(
  files: string | readonly string[],
  options: HiveReadOptions = {},
): AsyncGenerator<HiveItem[]> {
  checkOptions('hiveBatches', options, HIVE_READ_RULES)
  return batchesOf(pathsOf(files), options)
}

/** As `hiveBatches`, for who asks events for their fields by name only (`BatchOptions.flat`). */
export const flatBatches = (
  files: readonly string[],
  options: Pick<HiveReadOptions, 'thisFile' | 'onProgress'>,
): AsyncGenerator<HiveItem[]> => batchesOf(files, { ...options, flat: true })

async function* batchesOf(
  files: readonly string[],
  options: HiveReadOptions & Pick<BatchOptions, 'flat'>,
): AsyncGenerator<HiveItem[]> {
  const logs = logsOfHive(files, options.thisFile)
  const named = logsOfHive(files, true).length
  const reading = counting(logs, timed(options))
  const batches = logs.length === 1 ? oneLog(logs[0] as string, reading) : merged(logs, named, reading)
  if (options.since === undefined && options.until === undefined) yield* batches
  else yield* within(batches, options.since, options.until)
}

/** Events of other times are passed over where their bytes tell it; they are counted nowhere. */
function timed(options: HiveReadOptions): HiveReadOptions {
  const { since, until, select, passed: _, ...others } = options
  if (select !== undefined || (since === undefined && until === undefined)) return options
  return {
    ...others,
    select: { ...(since !== undefined && { since }), ...(until !== undefined && { until }) },
  }
}

/** With somebody who counts the bytes of these logs, where progress is asked for. */
export function counting<T extends Pick<HiveReadOptions, 'onProgress'>>(
  logs: readonly string[],
  options: T,
): T & Pick<BatchOptions, 'onBytes'> {
  const { onProgress } = options
  if (onProgress === undefined || logs.includes(STANDARD_INPUT)) return options
  const total = sizeOfLogs(logs)
  let read = 0
  return {
    ...options,
    onBytes(bytes) {
      read += bytes
      onProgress(read, Math.max(total, read))
    },
  }
}

async function* oneLog(log: string, options: BatchOptions): AsyncGenerator<HiveItem[]> {
  const size = options.select === undefined ? CHUNK : BIG_CHUNK
  for await (const items of logBatches(log, options, size)) yield ofLog(items, log)
}

/** The items themselves: they were made for this, and nobody else has them. */
function ofLog(items: LogItem[], log: string): HiveItem[] {
  for (const item of items as HiveItem[]) item.log = log
  return items as HiveItem[]
}

async function* within(
  batches: AsyncGenerator<HiveItem[]>,
  since = Number.NEGATIVE_INFINITY,
  until = Number.POSITIVE_INFINITY,
): AsyncGenerator<HiveItem[]> {
  /** Of the last event of each log. */
  const times = new Map<string, number>()
  for await (const items of batches) {
    yield items.filter((item, i) => {
      if (!isMalformed(item)) times.set(item.log, item.event.ts)
      const ts = isMalformed(item)
        ? (timesOfLines.get(item)?.ts ?? times.get(item.log) ?? timeAfter(items, i))
        : item.event.ts
      return ts >= since && ts <= until
    })
  }
}

/** Of the first event of the log after its first lines, which are none. */
function timeAfter(items: readonly HiveItem[], at: number): number {
  const { log } = items[at] as HiveItem
  for (let i = at + 1; i < items.length; i++) {
    const item = items[i] as HiveItem
    if (item.log === log && !isMalformed(item)) return item.event.ts
  }
  return Number.NEGATIVE_INFINITY
}

async function* merged(
  logs: readonly string[],
  named: number,
  options: BatchOptions,
): AsyncGenerator<HiveItem[]> {
  const isCrowded = logs.length > MANY_LOGS
  const size = Math.max(MIN_CHUNK, Math.min(MAX_CHUNK, Math.floor(HELD_BYTES / logs.length)))
  const heads = logs.map((log, place) => new Head(log, place, options, size))
  try {
    for (const head of heads) await head.open(isCrowded)
    const listing = new FolderListing()
    for (const head of heads) await head.ready(listing)
    const there = heads.filter(({ isGone }) => !isGone)
    const gone = heads.find(({ isGone, place }) => isGone && place < named)
    if (gone !== undefined && !there.some(({ place }) => place >= named)) throw missing(gone.log)
    const heap = new Heap(there)
    let batch: HiveItem[] = []
    for (let first = heap.first; first !== undefined; first = heap.first) {
      if (first.isEmpty && !(await first.fill())) {
        heap.drop()
        continue
      }
      heap.sink()
      if (heap.first !== first) continue
      const next = heap.second
      // Most often a log has several lines in a row.
      do batch.push(first.take())
      while (!first.isEmpty && (next === undefined || isBefore(first, next)))
      if (batch.length >= BATCH) {
        yield batch
        batch = []
      }
    }
    if (batch.length > 0) yield batch
  } finally {
    for (const head of heads) await head.close()
  }
}

/** A log, and the time of its next line. */
class Head extends LogTime {
  readonly log: string
  isGone = false
  readonly #options: BatchOptions
  readonly #size: number
  #snapshot: LogSnapshot | undefined
  #batches: AsyncGenerator<LogItem[]> | undefined
  #items: LogItem[] = []
  #at = 0

  constructor(log: string, place: number, options: BatchOptions, size: number) {
    super(place)
    this.log = log
    this.#options = options
    this.#size = size
  }

  /**
   * Fixes up to where the log is read.
   * @param isCrowded whether it cannot stay open until its first line's turn comes
   */
  async open(isCrowded: boolean): Promise<void> {
    if (this.log === STANDARD_INPUT) return
    this.#snapshot = await LogSnapshot.open(this.log)
    if (isCrowded) await this.#snapshot.park()
  }

  /** Looks when the log begins. @param listing made after all logs were opened */
  async ready(listing: FolderListing): Promise<void> {
    const snapshot = this.#snapshot
    if (snapshot === undefined) {
      this.#batches = logBatches(this.log, this.#options)
      return
    }
    await snapshot.list(listing)
    this.isGone = snapshot.isEmpty
    this.#batches = snapshotBatches(snapshot, this.#options, this.#size)
    this.begin(await snapshot.head())
  }

  get isEmpty(): boolean {
    return this.#at >= this.#items.length
  }

  /** Reads on. Returns false when there is nothing more. */
  async fill(): Promise<boolean> {
    const isFirst = this.#items.length === 0
    while (this.isEmpty) {
      const next = await this.#batches?.next()
      if (next === undefined || next.done === true) return false
      this.#items = next.value
      this.#at = 0
    }
    // What a selection passed over may have come before its first item.
    if (isFirst) this.begin(this.#items)
    this.#look()
    return true
  }

  take(): HiveItem {
    const item = this.#items[this.#at++] as HiveItem
    item.log = this.log
    if (!this.isEmpty) this.#look()
    return item
  }

  async close(): Promise<void> {
    // A generator that was not begun does not close what it was given.
    await this.#batches?.return(undefined)
    await this.#snapshot?.close()
  }

  #look(): void {
    this.pass(this.#items[this.#at] as LogItem)
  }
}
