/** Gives the last lines of a log, read from its end: the same cost in a file of any size. */

import { setImmediate } from 'node:timers/promises'
import { linesBackward } from '../disk/backward.js'
import { archivedSegments, type Segment } from '../disk/segments.js'
import { ownSeq } from '../format/decode.js'
import { checkOptions } from '../format/options.js'
import { breakBefore, breakIn, headOf, type SegmentBefore, wrongTwin } from './chain.js'
import { linesBefore } from './count.js'
import { HEAD_BYTES, isMalformed, type LineOptions, type LogItem, MAX_LINE_BYTES, makeItem } from './items.js'
import { ItemReader } from './lines.js'
import { TAIL_RULES } from './options.js'
import { isDamagedData, itemsOf } from './read.js'
import { timesOfLines } from './selecting-reader.js'
import { cannotRead, firstSeqOf, isAt, openSource, type Source } from './sources.js'

/** What `tailLog` takes. */
export interface TailOptions extends LineOptions {
  /** Which items are given; `n` counts only these. Default: all. */
  filter?: (item: LogItem) => boolean
}

/**
 * Gives the last `n` items of the log, oldest first, reaching back into archived segments as far as needed. Only
 * the end of a plain file is read; a gzipped segment must be read whole, and so must (once, for counting) a log
 * whose lines carry no `seq`. Holds `n` items in memory.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export function tailLog(file: string, n: number, options: TailOptions = {}): AsyncGenerator<LogItem> {
  checkOptions('tailLog', options, TAIL_RULES)
  return eachItem(file, n, options)
}

async function* eachItem(file: string, n: number, options: TailOptions): AsyncGenerator<LogItem> {
  const { items, live } = await lastItems(file, n, options)
  await live?.source.handle.close()
  if (live === undefined && archivedSegments(file).length === 0) {
    throw cannotRead(file, Object.assign(new Error('ENOENT'), { code: 'ENOENT' }))
  }
  yield* items
}

export interface Tail {
  items: LogItem[]
  /** The live file, still open, and where its unfinished last line (or its end) is; if there is a live file. */
  live: { source: Source; end: number; count: number } | undefined
}

/** An item found from the end, and how many lines after it the segment has. */
interface Found {
  item: LogItem
  after: number
}

/**
 * The last items, and all that a follower needs to go on from there. With `whole`, only lines with a newline.
 * @param lookBack lines before the first item, in its segment, in which a greater `ts` is looked for: items tell it as
 * `latest`
 */
export async function lastItems(
  file: string,
  n: number,
  options: TailOptions,
  whole = false,
  lookBack = 0,
): Promise<Tail> {
  const source = await openSource(file, true)
  try {
    let earlier = archivedSegments(file)
    let items: LogItem[] = []
    let live: Tail['live']
    let next: Head | undefined
    if (source !== undefined) {
      source.firstSeq = await firstSeqOf(source)
      // What is archived while this goes on shows by the log's own name having another file.
      if (!(await isAt(source, file))) earlier = await before(source, earlier)
      const end = whole ? wholeEnd(source) : Number(source.stats.size)
      live = { source, end, count: 0 }
      const isForward = source.gzip || !source.stats.isFile()
      const found = isForward
        ? await lastForward(source, { n, lookBack }, options)
        : await lastBackward(source, end, { n, lookBack }, options, earlier)
      items = found.items
      if (items.length < n) next = await beginningOf(source)
      if (whole) live.count = await countAt(source, end, earlier)
    }
    while (items.length < n && earlier.length > 0) {
      const segment = earlier.pop() as Segment
      const last = await lastArchived(segment, { n: n - items.length, lookBack }, options, earlier)
      if (last === undefined) continue
      items = last.items.concat(noticeBefore({ ...segment, ...last }, next), items)
      next = last.head
    }
    if (items.length < n) items = [...noticeBefore(undefined, next), ...items]
    return { items, live }
  } catch (error) {
    await source?.handle.close()
    throw error
  }
}

/** How a segment begins, to compare it with the one before it. */
interface Head {
  source: Source
  items: readonly LogItem[]
  /** What is wrong with a copy beside it. */
  wrong: string | undefined
}

async function beginningOf(source: Source): Promise<Head | undefined> {
  if (!source.stats.isFile()) return undefined
  return { source, items: await headOf(source), wrong: await wrongTwin(source) }
}

/** The notice that belongs between two segments, if any. */
function noticeBefore(before: SegmentBefore | undefined, next: Head | undefined): LogItem[] {
  if (next === undefined) return []
  const { source, items, wrong } = next
  const reason = breakBefore(before, source, items) ?? wrong
  return reason === undefined ? [] : [breakIn(source.file, reason)]
}

/** The last items of a segment. */
interface Last {
  items: LogItem[]
  /** Last `seq` that one of its lines carries; 0 if none, or its end could not be read. */
  lastSeq: number
}

/** The archived segments that come before this one, which may itself have been archived meanwhile. */
async function before(source: Source, archived: Segment[]): Promise<Segment[]> {
  for (const [i, segment] of archived.entries()) {
    const isLater = source.firstSeq !== undefined && (segment.firstSeq as number) >= source.firstSeq
    if (isLater || (await isAt(source, segment.file))) return archived.slice(0, i)
  }
  return archived
}

/** How many items are wanted, and before them how many lines are looked at. */
interface Count {
  n: number
  lookBack: number
}

async function lastArchived(
  segment: Segment,
  count: Count,
  options: TailOptions,
  earlier: Segment[],
): Promise<(Last & { head: Head | undefined }) | undefined> {
  const source = (await openSource(segment.file)) ?? (await openSource(`${segment.file}.gz`))
  if (source === undefined) return undefined
  try {
    const last = source.gzip
      ? await lastForward(source, count, options)
      : await lastBackward(source, Number(source.stats.size), count, options, earlier)
    if (segment.twin !== undefined && !source.gzip) source.twin = segment.twin
    return { ...last, head: last.items.length < count.n ? await beginningOf(source) : undefined }
  } finally {
    await source.handle.close()
  }
}

async function lastForward(source: Source, { n, lookBack }: Count, options: TailOptions): Promise<Last> {
  const { filter = () => true } = options
  const reader = new ItemReader(
    source.file,
    { offset: 0, line: 0, count: (source.firstSeq ?? 1) - 1 },
    options,
  )
  let last: LogItem[] = []
  let lastSeq = 0
  let latest: LogItem | undefined
  for await (const items of itemsOf(source, reader)) {
    for (const item of items) {
      if (lookBack > 0 && latest !== undefined) laterThan(item, latest)
      if (!isMalformed(item) && (item.latest ?? item.event.ts) === item.event.ts) latest = item
      if (filter(item)) last.push(item)
      if (!isMalformed(item)) lastSeq = ownSeq(item.event) ?? lastSeq
      else if (isDamagedData(item)) lastSeq = 0
    }
    if (last.length > 2 * n) last = last.slice(last.length - n)
  }
  return { items: last.slice(Math.max(0, last.length - n)), lastSeq }
}

async function lastBackward(
  source: Source,
  end: number,
  { n, lookBack }: Count,
  options: TailOptions,
  earlier: readonly Segment[],
): Promise<Last> {
  if (n <= 0) return { items: [], lastSeq: 0 }
  const { filter = () => true, maxLineBytes = MAX_LINE_BYTES } = options
  const found: Found[] = []
  let after = 0
  let looked = 0
  let lastSeq = 0
  for (const { bytes, length, offset, terminated } of linesBackward(
    source.handle.fd,
    end,
    undefined,
    maxLineBytes,
  )) {
    const held = length > maxLineBytes ? bytes.subarray(0, Math.min(HEAD_BYTES, maxLineBytes)) : bytes
    const place = { file: source.file, offset, line: undefined, count: 0 }
    const item = makeItem(held, length, terminated, place, options.text)
    if (lastSeq === 0 && !isMalformed(item)) lastSeq = ownSeq(item.event) ?? 0
    if (found.length < n && filter(item)) found.push({ item, after })
    else if (lookBack > 0) laterThan(found.at(-1)?.item, item)
    if (found.length === n && ++looked > lookBack) break
    // Reading is synchronous; a filter that seldom fits must not hold up everything else.
    if (++after % 1024 === 0) await setImmediate()
  }
  found.reverse()
  await number(found, source, earlier)
  return { items: found.map(({ item }) => item), lastSeq }
}

/** Notes on an item that a line before it, which is left out, has a greater time. */
function laterThan(item: LogItem | undefined, before: LogItem): void {
  if (item === undefined || isMalformed(before)) return
  const { ts } = before.event
  if (isMalformed(item)) {
    const { latest = Number.NEGATIVE_INFINITY } = timesOfLines.get(item) ?? {}
    if (ts > latest) timesOfLines.set(item, { ts, latest: ts })
  } else if (ts > (item.latest ?? item.event.ts)) item.latest = ts
}

/** Gives entries that carry no `seq` the number of their line. */
async function number(found: Found[], source: Source, earlier: readonly Segment[]): Promise<void> {
  let first: { count: number; after: number } | undefined
  for (const { item, after } of found) {
    if (isMalformed(item) || ownSeq(item.event) !== undefined) continue
    first ??= { count: (await linesBefore(source, item.offset, earlier)) + 1, after }
    item.seq = first.count + (first.after - after)
  }
}

/** Lines of the log before this offset; where lines carry their own `seq`, the last of them tells. */
async function countAt(source: Source, offset: number, earlier: readonly Segment[]): Promise<number> {
  if (source.stats.isFile() && !source.gzip) {
    for (const { bytes } of linesBackward(source.handle.fd, offset, undefined, MAX_LINE_BYTES)) {
      const item = makeItem(bytes, bytes.length, true, {
        file: source.file,
        offset: 0,
        line: undefined,
        count: 0,
      })
      if (isMalformed(item)) continue
      if (item.seq > 0) return item.seq
      break
    }
  }
  return linesBefore(source, offset, earlier)
}

/** Offset after the last newline. */
function wholeEnd(source: Source): number {
  const size = Number(source.stats.size)
  if (!source.stats.isFile()) return size
  for (const { offset, terminated } of linesBackward(source.handle.fd, size, undefined, MAX_LINE_BYTES)) {
    return terminated ? size : offset
  }
  return 0
}
