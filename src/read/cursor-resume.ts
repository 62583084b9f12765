/**
 * Where a follower with a cursor begins: where the cursor is, or on its first use where it was asked to. The place of
 * a saved cursor is found again: the segment by its number and the fingerprint of its first line, whatever it is
 * called by now; the place in it by its offset, which is right if the line before it is the one that was processed
 * last. If that line has moved in its segment, it is looked for by its `seq`.
 */
import { createHash } from 'node:crypto'
import { linesBackward } from '../disk/backward.js'
import { archivedSegments, type Segment } from '../disk/segments.js'
import { archiveName } from '../format/beside.js'
import { ownSeq } from '../format/decode.js'
import { linesBefore } from './count.js'
import { type CursorPosition, isSegmentEnd, type LinePosition, type SegmentEnd } from './cursor.js'
import type { CursorKeeper } from './cursor-keeper.js'
import { type CursorLoss, CursorLostError, type OldestLine } from './errors.js'
import { isMalformed, type LogItem, MAX_LINE_BYTES, makeItem } from './items.js'
import { ItemReader, type Start } from './lines.js'
import { itemsOf } from './read.js'
import { openNext } from './segments.js'
import { chunksOf, firstSeqOf, openArchived, openSource, type Source } from './sources.js'
import { lastItems, type Tail, type TailOptions } from './tail.js'

/** Where a follower begins: in an open segment, else with the segment that comes after `after`. */
export interface Beginning {
  after: number
  /** Lines of the whole log before it; `undefined` to count from the first segment that is there. */
  count: number | undefined
  seq?: number | undefined
  at?: { source: Source; start: Start }
  /** What to tell the consumer first. */
  notice?: string
  /** The line before it, if that was never asked for: a cursor is set after it. */
  passed?: LogItem
}

const BLOCK = 64 * 1024
const MAX_FINGERPRINT_BYTES = 64 * 1024

/**
 * @param last how many items a first use begins with; `undefined` for the whole log
 * @throws {CursorLostError} when the place of the cursor is no more, unless the log is to be gone on with then
 */
export async function beginWith(
  log: string,
  keeper: CursorKeeper,
  last: number | undefined,
  options: TailOptions,
): Promise<Beginning> {
  const position = await keeper.load()
  if (position !== undefined) return resume(log, position, keeper.options)
  return last === undefined ? { after: 0, count: undefined } : beginNear(log, last, options)
}

/**
 * Begins with the last `n` items (those that the filter lets through count), or after the last whole line if there
 * are none.
 */
async function beginNear(log: string, n: number, options: TailOptions): Promise<Beginning> {
  const { items, live } = await lastItems(log, n, options, true)
  let kept: Source | undefined
  try {
    const archived = archivedSegments(log)
    const before = archived.at(-1)?.firstSeq ?? 0
    const [first] = items
    if (first === undefined) {
      kept = live?.source
      return atEnd(live, before)
    }
    if (first.file === live?.source.file) {
      const at = { source: live.source, start: await startBefore(first, live.source, log) }
      kept = live.source
      return { after: before, count: at.start.count, at }
    }
    const source = (await openSource(first.file)) ?? (await openSource(`${first.file}.gz`))
    // Deleted just now: the log begins later.
    if (source === undefined) return { after: 0, count: undefined }
    const at = { source, start: await startBefore(first, source, log) }
    return { after: (source.firstSeq ?? 1) - 1, count: at.start.count, at }
  } finally {
    if (live !== undefined && live.source !== kept) await live.source.handle.close()
  }
}

async function startBefore(
  item: LogItem,
  source: Source,
  log: string,
): Promise<{ offset: number; line: number | undefined; count: number }> {
  const { offset, line } = item
  const count = isMalformed(item) ? await linesBefore(source, offset, archivedSegments(log)) : item.seq - 1
  if (line !== undefined) return { offset, line: line - 1, count }
  return { offset, line: offset === 0 ? 0 : undefined, count }
}

function atEnd(live: Tail['live'], after: number): Beginning {
  if (live === undefined) return { after, count: undefined }
  const { source, end, count } = live
  const beginning = {
    after,
    count,
    at: { source, start: { offset: end, line: end === 0 ? 0 : undefined, count } },
  }
  for (const { bytes, length, offset } of linesBackward(source.handle.fd, end, undefined, MAX_LINE_BYTES)) {
    const place = { file: source.file, offset, line: undefined, count }
    return { ...beginning, passed: makeItem(bytes, length, true, place) }
  }
  return beginning
}

interface Loss {
  reason: CursorLoss
  why: string
  /** The oldest line to go on with is in the first segment after this one. */
  after: number
}

type Found = Beginning | Loss

const isLoss = (found: Found): found is Loss => 'reason' in found

/**
 * Where a follower goes on after a saved position.
 * @throws {CursorLostError} when that place is no more, unless `onLost` is `oldest`
 */
async function resume(
  log: string,
  position: CursorPosition,
  cursor: { name: string; onLost?: 'error' | 'oldest' },
): Promise<Beginning> {
  const found = isSegmentEnd(position) ? await afterSegment(log, position) : await inSegment(log, position)
  if (!isLoss(found)) return found
  const { reason, why, after } = found
  if (cursor.onLost === 'oldest') {
    const notice = `cursor '${cursor.name}' is lost: ${why}; going on with the oldest line that is there`
    return { after, count: undefined, notice }
  }
  const oldest = await oldestAfter(log, after)
  throw new CursorLostError(cursor.name, { reason, why, seq: position.seq, oldest })
}

async function oldestAfter(log: string, after: number): Promise<OldestLine | undefined> {
  const source = await openNext(log, after)
  if (source === undefined) return undefined
  try {
    const { size } = await source.handle.stat()
    return size === 0 ? undefined : { seq: (await firstSeqOf(source)) ?? 1, file: source.file }
  } finally {
    await source.handle.close()
  }
}

async function afterSegment(log: string, position: SegmentEnd): Promise<Found> {
  const { after, count, seq } = position
  const next = await seqAfter(log, after)
  if (next === undefined || seq === undefined || next === seq + 1) return { after, count, seq }
  if (next <= seq) return replaced(log)
  return { reason: 'gone', why: `the segment with seq ${seq + 1} is gone`, after }
}

async function inSegment(log: string, position: LinePosition): Promise<Found> {
  const { segment, seq, count } = position
  // The live file is opened before the folder is listed: whatever is archived in between shows in the list.
  const live = await openSource(log, true)
  let kept: Source | undefined
  let changed: Source | undefined
  try {
    const archived = archivedSegments(log)
    const named = archived.filter(({ firstSeq }) => segment === undefined || firstSeq === segment).reverse()
    const next = segment === undefined ? undefined : await seqAfter(log, segment)
    const isDone = seq !== undefined && next === seq + 1
    const candidates = segment === undefined ? [live, ...named] : [...named, live]
    for (const candidate of candidates) {
      const source = candidate === live ? live : await openArchived(candidate as Segment)
      if (source === undefined) continue
      try {
        if (!(await isSegment(source, position))) continue
        if (isDone && source !== live) return { after: segment as number, count, seq }
        source.firstSeq ??= segment
        const start = await startAfter(source, position)
        if (start !== undefined) {
          kept = source
          const before = source === live ? (archived.at(-1)?.firstSeq ?? 0) : (source.firstSeq ?? 1) - 1
          return { after: before, count, seq, at: { source, start } }
        }
        changed = source
      } finally {
        if (source !== kept && source !== live) await source.handle.close()
      }
    }
    if (live === undefined && archived.length === 0)
      return { reason: 'gone', why: `${log} is gone`, after: 0 }
    if (segment !== undefined && next !== undefined && next > segment && named.length === 0) {
      if (isDone) return { after: segment, count, seq }
      return { reason: 'gone', why: `its segment ${archiveName(log, segment)} is gone`, after: segment }
    }
  } finally {
    if (live !== undefined && live !== kept) await live.handle.close()
  }
  return lossIn(log, changed ?? (live?.stats.size === 0n ? live : undefined), position)
}

/** Why the place is not found. `changed` is the segment that it was in, if that is still there. */
function lossIn(log: string, changed: Source | undefined, { seq, offset }: LinePosition): Loss {
  if (changed === undefined) return replaced(log)
  const { file, gzip, stats } = changed
  const line = seq === undefined ? 'its line' : `its line, seq ${seq}`
  if (!gzip && Number(stats.size) < offset)
    return { reason: 'ahead', why: `${file} ends before ${line}`, after: 0 }
  return { reason: 'replaced', why: `${file} no longer has ${line}`, after: 0 }
}

const replaced = (log: string): Loss => ({
  reason: 'replaced',
  why: `${log} is not the log that it was set in`,
  after: 0,
})

async function isSegment(source: Source, { first }: LinePosition): Promise<boolean> {
  const found = await fingerprintOf(source)
  return found !== undefined && (first === undefined || first === found)
}

/** `seq` of the first line of the segment after `after`, if that tells it. */
async function seqAfter(log: string, after: number): Promise<number | undefined> {
  const source = await openNext(log, after)
  try {
    return source === undefined ? undefined : await firstSeqOf(source)
  } finally {
    await source?.handle.close()
  }
}

/** Where to go on in the segment; `undefined` if the line that was processed last is not in it. */
async function startAfter(source: Source, position: LinePosition): Promise<Start | undefined> {
  return (await placeIn(source, position)) ?? (await findLine(source, position))
}

/** The place by its offset: the line before it must be the one that was processed last. */
async function placeIn(source: Source, position: LinePosition): Promise<Start | undefined> {
  const { offset, bytes, count, line } = position
  const from = offset - bytes - 1
  const reader = new ItemReader(source.file, { offset: from, line: undefined, count: count - 1 }, {})
  const start = { offset, line, count }
  try {
    // From the newline before the line on.
    let skip = from === 0 ? 0 : 1
    for await (const chunk of chunksOf(source, from - skip, BLOCK)) {
      if (skip === 1 && chunk[0] !== 10) return undefined
      const [item] = reader.push(chunk.subarray(skip))
      skip = 0
      if (item !== undefined) return isAtLine(item, position) ? start : undefined
    }
  } catch (error) {
    if (source.gzip) return undefined
    throw error
  }
  const [item] = source.live ? [] : reader.end()
  return item !== undefined && isAtLine(item, position) ? start : undefined
}

function isAtLine(item: LogItem, { bytes, ts, seq }: LinePosition): boolean {
  if (item.bytes !== bytes) return false
  // A line that is too long for one consumer may be an event for another.
  if (isMalformed(item) || ts === undefined) return true
  return item.event.ts === ts && item.seq === seq
}

/** The place behind the line with the `seq` that was processed last. */
async function findLine(source: Source, { seq, ts, count }: LinePosition): Promise<Start | undefined> {
  if (ts === undefined) return undefined
  const { size } = await source.handle.stat()
  const reader = new ItemReader(source.file, { offset: 0, line: 0, count: 0 }, {})
  for await (const items of itemsOf(source, reader)) {
    for (const item of items) {
      if (isMalformed(item) || ownSeq(item.event) !== seq || item.event.ts !== ts) continue
      const offset = item.offset + item.bytes + 1
      return source.live && offset > size ? undefined : { offset, line: item.line, count }
    }
  }
  return undefined
}

/**
 * Tells a segment from any other by its first line, which stays what it is when it is renamed and compressed: the
 * SHA-256 (hex) of that line without its newline, at most of its first 64 KiB; `undefined` if there is no whole line
 * yet, or compressed data that cannot be read.
 */
export async function fingerprintOf(source: Source): Promise<string | undefined> {
  const pieces: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of chunksOf(source, 0, MAX_FINGERPRINT_BYTES)) {
      const newline = chunk.indexOf(10)
      const piece = chunk.subarray(
        0,
        Math.min(newline === -1 ? chunk.length : newline, MAX_FINGERPRINT_BYTES - length),
      )
      pieces.push(Buffer.from(piece))
      length += piece.length
      if (newline !== -1 || length === MAX_FINGERPRINT_BYTES)
        return createHash('sha256').update(Buffer.concat(pieces)).digest('hex')
    }
  } catch (error) {
    if (!source.gzip) throw error
  }
  return undefined
}
