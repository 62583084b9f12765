/** Reads a whole log from its first line to its last, over all its segments. */

import { checkOptions } from '../format/options.js'
import { ChainWatch } from './chain.js'
import { FlatReader } from './flat.js'
import { isMalformed, type LineOptions, type LogItem, MAX_LINE_BYTES } from './items.js'
import { ItemReader, type Start } from './lines.js'
import { READ_RULES } from './options.js'
import { LogSnapshot } from './segments.js'
import { type PassedOver, type Selection, Selector } from './select.js'
import { SelectingReader, wantedOf } from './selecting-reader.js'
import { neededChunks } from './side-index/needed.js'
import { StandingIndex } from './side-index/standing.js'
import {
  BIG_CHUNK,
  CHUNK,
  cannotRead,
  chunksOf,
  endingLines,
  gzipDamage,
  isGzipDamage,
  missing,
  type Source,
  standardInput,
} from './sources.js'

/** What `readLog` takes. */
export interface ReadOptions extends LineOptions {
  /** Also read the archived segments of the log. Default true. */
  segments?: boolean
  /** First `seq` to give; archived segments that lie before it are not read. Default 1. */
  from?: number
  /** Last `seq` to give; reading ends after it. Default: none. */
  to?: number
  /**
   * Which events are given; malformed lines are given all the same, where they are noticed: a line that is not wanted
   * is not looked at closely. Default: all.
   */
  select?: Selection
  /** Is added to, as a selection passes lines over. Default: they are not counted. */
  passed?: PassedOver
  /**
   * Whether parts of the log that a selection by kinds or time does not need are not even read where the side index
   * `<log>.index`, as `replay` keeps it, says so; the answer is the same. Default true.
   */
  index?: boolean
}

/** What loops over whole logs take. */
export interface BatchOptions extends ReadOptions {
  /** Is told of the bytes that are read, as they lie on the disk. Default: nobody is. */
  onBytes?: (bytes: number) => void
  /** Whether events may have fields that are `undefined`, which are made faster (`flat.ts`). Default false. */
  flat?: boolean
}

/**
 * Gives every line of the log in order: its archived segments (plain and gzipped) oldest first, then the live file,
 * to its end as it is when reading begins; of what is written later only the end of the last line. The path of an archived segment gives that one alone; `-` reads standard input. A bad line
 * comes as a `MalformedLine`, as does compressed data that is damaged, and a segment that does not follow on the one
 * before it (`broken`; early segments that are missing are none); a last line without newline counts if it is a whole
 * event.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export function readLog(file: string, options: ReadOptions = {}): AsyncGenerator<LogItem> {
  checkOptions('readLog', options, READ_RULES)
  return eachItem(file, options)
}

async function* eachItem(file: string, options: ReadOptions): AsyncGenerator<LogItem> {
  const size = options.select === undefined ? CHUNK : BIG_CHUNK
  for await (const items of logBatches(file, options, size)) yield* items
}

/**
 * The same lines as `readLog` gives, a chunk of the file at a time: for loops over whole logs, where waiting for
 * each line alone would take as long as reading it.
 * @param size bytes that are read at once
 * @throws as `readLog`
 */
export async function* logBatches(
  file: string,
  options: BatchOptions = {},
  size = CHUNK,
): AsyncGenerator<LogItem[]> {
  const { from = 1, to = Number.POSITIVE_INFINITY, select } = options
  if (select !== undefined && to !== Number.POSITIVE_INFINITY) {
    // Any line can be the one after which reading ends.
    const { select: _, ...all } = options
    yield* wantedOf(logBatches(file, all), new Selector(select), options.passed)
    return
  }
  for await (const items of file === '-' ? givenLines(options) : segments(file, options, size)) {
    const end = to === Number.POSITIVE_INFINITY ? -1 : items.findIndex((item) => seqOf(item) > to)
    const upTo = end === -1 ? items : items.slice(0, end)
    yield from === 1 ? upTo : upTo.filter((item) => isMalformed(item) || item.seq >= from)
    if (end !== -1) return
  }
}

const seqOf = (item: LogItem): number => (isMalformed(item) ? 0 : item.seq)

async function* segments(file: string, options: BatchOptions, size: number): AsyncGenerator<LogItem[]> {
  const { from = 1 } = options
  const isAll = options.segments !== false
  const snapshot = await (isAll ? LogSnapshot.of(file) : LogSnapshot.open(file))
  if (snapshot.isEmpty) throw missing(file)
  snapshot.skipTo(from)
  yield* snapshotBatches(snapshot, options, size)
}

/**
 * The lines of a log as they were when the snapshot was made, which is closed at the end. What is gone since is left
 * out.
 * @param size bytes that are read at once
 * @throws when it must not be read
 */
export async function* snapshotBatches(
  snapshot: LogSnapshot,
  options: BatchOptions,
  size?: number,
): AsyncGenerator<LogItem[]> {
  let count: number | undefined
  let latest: number | undefined
  let before: number | undefined
  const selector = options.select === undefined ? undefined : new Selector(options.select)
  const chain = new ChainWatch()
  const index = canPassOver(options) ? StandingIndex.of(snapshot.file) : undefined
  try {
    for (let source = await snapshot.next(); source !== undefined; source = await snapshot.next()) {
      try {
        const start: Start = {
          offset: 0,
          line: 0,
          count: count ?? (source.firstSeq ?? 1) - 1,
          latest,
          before,
        }
        const reader = readerOf(source.file, start, options, selector)
        await chain.begin(source)
        let isWhole = true
        const { onBytes } = options
        const isCounted = onBytes !== undefined && !source.gzip
        const onChunk = isCounted ? (chunk: Buffer) => onBytes(chunk.length) : undefined
        const onPassed = isCounted ? onBytes : undefined
        const known = await index?.rangesOf(source, count === undefined)
        const chunks =
          known !== undefined && selector !== undefined && reader instanceof SelectingReader
            ? neededChunks(source, reader, known, selector, size, onPassed)
            : chunksOf(source, 0, size)
        for await (const items of itemsIn(chunks, source, reader, onChunk)) {
          const notice = chain.take(reader instanceof SelectingReader ? reader.head : items)
          if (notice !== undefined) {
            if (reader instanceof SelectingReader) reader.timeNotice(notice, before)
            yield [notice]
          }
          if (source.gzip) isWhole = !items.some(isDamagedData)
          yield items
        }
        chain.end(reader instanceof SelectingReader ? reader.lastSeq : undefined, isWhole)
        if (source.gzip) onBytes?.(Number(source.stats.size))
        count = reader.count
        if (reader instanceof SelectingReader) {
          latest = reader.latest
          before = reader.before
        }
      } finally {
        await source.handle.close()
      }
    }
  } finally {
    await snapshot.close()
  }
}

/**
 * All items of one segment from where the reader begins. Damage in compressed data ends it with a malformed line
 * that says so.
 * @param onChunk takes the bytes, before the items are given that they complete; valid during the call
 * @param size bytes that are read at once, where the reader has no thread that reads them
 * @param piece bytes of them whose lines are given at once. Default: all
 */
export function itemsOf(
  source: Source,
  reader: ItemReader,
  onChunk?: (chunk: Buffer) => void,
  size?: number,
  piece?: number,
): AsyncGenerator<LogItem[]> {
  const thread = reader instanceof FlatReader ? reader.thread : undefined
  return itemsIn(chunksOf(source, reader.offset, size, undefined, thread), source, reader, onChunk, piece)
}

async function* itemsIn(
  chunks: AsyncGenerator<Buffer>,
  source: Source,
  reader: ItemReader,
  onChunk?: (chunk: Buffer) => void,
  piece = Number.POSITIVE_INFINITY,
): AsyncGenerator<LogItem[]> {
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at === 0 || at < chunk.length; at += piece) {
        const bytes = piece < chunk.length ? chunk.subarray(at, at + piece) : chunk
        const items = reader.push(bytes)
        onChunk?.(bytes)
        yield items
      }
    }
  } catch (error) {
    if (!source.gzip) throw error
    yield reader.end()
    const reason = gzipDamage(error)
    const notice = { malformed: '', reason, offset: reader.offset, file: source.file, bytes: 0 }
    reader.noticed(notice)
    yield [notice]
    return
  }
  yield reader.end()
}

/** Whether an item is the notice that a compressed segment ends before its end. */
export const isDamagedData = (item: LogItem): boolean =>
  isMalformed(item) && item.bytes === 0 && isGzipDamage(item.reason)

function readerOf(file: string, start: Start, options: BatchOptions, selector?: Selector): ItemReader {
  if (selector === undefined) {
    return options.flat === true ? new FlatReader(file, start, options) : new ItemReader(file, start, options)
  }
  return new SelectingReader(file, start, options, selector, options.passed)
}

/**
 * Whether a selection is one that ranges of lines can tell of, and no line that was sound for the index would be too
 * long for this reader.
 */
const canPassOver = ({ select, index = true, maxLineBytes = MAX_LINE_BYTES }: ReadOptions): boolean =>
  index &&
  select !== undefined &&
  maxLineBytes >= MAX_LINE_BYTES &&
  ((select.kinds?.length ?? 0) > 0 || select.since !== undefined || select.until !== undefined)

async function* givenLines(options: ReadOptions): AsyncGenerator<LogItem[]> {
  const selector = options.select === undefined ? undefined : new Selector(options.select)
  const reader = readerOf('-', { offset: 0, line: 0, count: 0 }, options, selector)
  try {
    for await (const chunk of endingLines(standardInput())) yield reader.push(chunk)
  } catch (error) {
    throw cannotRead('standard input', error)
  }
  yield reader.end()
}
