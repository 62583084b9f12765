/**
 * Whether a segment follows on the one before it, as far as that can be told without hashing: by the number in its
 * name, the `seq` on both sides, and the segment that its first line names. What does not follow is damage for
 * whoever reads the log, not only for `verify`. Missing segments at the log's beginning are none: they may have been
 * deleted on purpose.
 */
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { seqInName } from '../format/beside.js'
import { ownSeq } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import { isMalformed, type LogItem, type MalformedLine } from './items.js'
import { ItemReader } from './lines.js'
import { chunksOf, isAt, openSource, type Source } from './sources.js'

/** What a segment must be compared with: the one before it. */
export interface SegmentBefore {
  /** Of its first line; `undefined` if unknown. */
  firstSeq: number | undefined
  /** The last `seq` that a line up to its end carries; 0 where none does. */
  lastSeq: number
}

/** Numbers of lines, both ends included. */
export interface SeqRange {
  from: number
  to: number
}

/** The range of `seq` that a `log.gap` explains, if it names one. */
export function gapRange({ from, to, artifact }: Fields): SeqRange | undefined {
  // The lines are there, and what they name is not.
  if (artifact !== undefined) return undefined
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) return undefined
  return (from as number) > 0 && (from as number) <= (to as number)
    ? { from: from as number, to: to as number }
    : undefined
}

/** How many of `range` no `log.gap` explains. */
export function unexplained({ from, to }: SeqRange, gaps: readonly SeqRange[]): number {
  let open = Math.max(0, to - from + 1)
  let next = from
  for (const gap of [...gaps].sort((a, b) => a.from - b.from)) {
    const start = Math.max(next, gap.from)
    const end = Math.min(to, gap.to)
    if (start > end) continue
    open -= end - start + 1
    next = end + 1
  }
  return open
}

/** The first `seq` of the segment that a `log.open` names as the one before its own. */
export function prevOf(
  event: Fields,
): { file: string; firstSeq: number | undefined; sha256: unknown } | undefined {
  const prev = event.kind === 'log.open' ? (event.prev as Fields | undefined) : undefined
  if (typeof prev?.file !== 'string') return undefined
  const file = basename(prev.file)
  return { file, firstSeq: seqInName(file), sha256: prev.sha256 }
}

/**
 * What is wrong where a segment begins, in words; `undefined` when it follows on the one before it.
 * @param items its first lines: all of its own `log.*` lines at its start should be among them
 */
export function breakBefore(
  before: SegmentBefore | undefined,
  source: Source,
  items: readonly LogItem[],
): string | undefined {
  const [first] = items
  if (first === undefined || isMalformed(first)) return undefined
  const event = first.event as Fields
  const seq = ownSeq(first.event)
  if (!source.live && seq !== undefined && source.firstSeq !== undefined && seq !== source.firstSeq) {
    return `its first line is seq ${seq}, not the ${source.firstSeq} of its name`
  }
  const opening = openingLines(items)
  const changed = opening.find(({ kind }) => kind === 'log.changed')
  if (changed !== undefined) {
    return `its writer found the segment before it changed by somebody else (${String(changed.reason)})`
  }
  if (before === undefined) return undefined
  const prev = prevOf(event)
  if (prev !== undefined && before.firstSeq !== undefined && prev.firstSeq !== before.firstSeq) {
    return `it follows on ${prev.file}, which is not the segment before it`
  }
  if (seq === undefined || before.lastSeq === 0) return undefined
  const due = before.lastSeq + 1
  if (seq < due) return `it begins with seq ${seq}, though seq ${before.lastSeq} came before it`
  if (seq === due)
    return prev === undefined ? 'its first line does not name the segment before it' : undefined
  const gaps = opening.map(gapRange).filter((range) => range !== undefined)
  const missing = { from: due, to: seq - 1 }
  if (unexplained(missing, gaps) === 0) return undefined
  return `seq ${missing.from} to ${missing.to} are missing before it`
}

/** The log's own lines with which a segment begins. */
function openingLines(items: readonly LogItem[]): Fields[] {
  const lines: Fields[] = []
  for (const item of items) {
    if (isMalformed(item) || !item.event.kind.startsWith('log.')) break
    lines.push(item.event as Fields)
  }
  return lines
}

/**
 * What is wrong with the compressed copy beside a segment: by its length alone, which is in its last four bytes
 * (RFC 1952). `verify` compares all of it.
 */
export async function wrongTwin(source: Source): Promise<string | undefined> {
  if (source.twin === undefined) return undefined
  const twin = await openSource(source.twin)
  if (twin === undefined) return undefined
  try {
    const trailer = Buffer.alloc(4)
    await twin.handle.read(trailer, 0, 4, Math.max(0, Number(twin.stats.size) - 4))
    if (trailer.readUInt32LE(0) === Number(source.stats.size % 2n ** 32n)) return undefined
    return (await isBeingMade(source, twin))
      ? undefined
      : `${basename(twin.file)} beside it has another content`
  } finally {
    await twin.handle.close()
  }
}

const SETTLE_MS = 200

/** Whether a compression is at work: then the copy grows, or the plain file goes away. */
export async function isBeingMade(source: Source, twin: Source): Promise<boolean> {
  await setTimeout(SETTLE_MS)
  const { size, mtimeNs } = await twin.handle.stat({ bigint: true })
  const isSettled = size === twin.stats.size && mtimeNs === twin.stats.mtimeNs
  return !isSettled || !(await isAt(source, source.file)) || !(await isAt(twin, twin.file))
}

/** Bytes that are read at once to see how a segment begins, and in all. */
const HEAD = 4096
const MAX_HEAD = 64 * 1024

/** Follows the segments of a log as they are read, and says where one does not follow on the other. */
export class ChainWatch {
  #before: SegmentBefore | undefined
  /** The segment whose first lines are yet to come. */
  #begun: Source | undefined
  #wrong: string | undefined
  #firstSeq: number | undefined
  #lastSeq = 0

  /** A segment is read from its first line on. */
  async begin(source: Source): Promise<void> {
    this.#begun = source
    this.#wrong = await wrongTwin(source)
    this.#firstSeq = source.firstSeq
  }

  /** What comes next need not follow on anything: reading began there, or another log took the place of this one. */
  restart(firstSeq?: number): void {
    this.#begun = undefined
    this.#before = undefined
    this.#firstSeq = firstSeq
    this.#lastSeq = 0
  }

  /** Takes the next lines of the segment. Returns the notice that belongs before them, if any. */
  take(items: readonly LogItem[]): MalformedLine | undefined {
    const source = this.#begun
    if (items.length === 0) return undefined
    let notice: MalformedLine | undefined
    if (source !== undefined) {
      this.#begun = undefined
      const [first] = items
      if (first !== undefined && !isMalformed(first)) this.#firstSeq ??= ownSeq(first.event)
      const reason = breakBefore(this.#before, source, items) ?? this.#wrong
      if (reason !== undefined) notice = breakIn(source.file, reason)
    }
    const seq = lastOwnSeq(items)
    if (seq > 0) this.#lastSeq = seq
    return notice
  }

  /**
   * Judges a segment by its first lines, whatever part of it is then read: `end` must tell how it ends.
   * @throws when it cannot be read
   */
  async head(source: Source): Promise<MalformedLine | undefined> {
    await this.begin(source)
    return this.take(await headOf(source))
  }

  /**
   * The segment was read to its end.
   * @param lastSeq last `seq` that one of its lines carries, 0 if none; default: of the lines that were taken
   * @param isWhole false when it could not be read to its end, so that a step after it is no news
   */
  end(lastSeq = this.#lastSeq, isWhole = true): void {
    this.#before = { firstSeq: this.#firstSeq, lastSeq: isWhole ? lastSeq : 0 }
    this.#lastSeq = lastSeq
  }
}

/** The first lines of a segment, the log's own with which it begins among them; none if the first one is too long. */
export async function headOf(source: Source): Promise<LogItem[]> {
  const reader = new ItemReader(source.file, { offset: 0, line: 0, count: 0 }, { maxLineBytes: MAX_HEAD })
  if (!source.gzip) {
    // One read does in nearly all cases, and takes half the time of a stream.
    const { bytesRead, buffer } = await source.handle.read(Buffer.allocUnsafe(HEAD), 0, HEAD, 0)
    const items = reader.push(buffer.subarray(0, bytesRead))
    if (items.length > 0 || bytesRead < HEAD) return items
  }
  let left = MAX_HEAD
  try {
    for await (const chunk of chunksOf(source, source.gzip ? 0 : HEAD, HEAD)) {
      const items = reader.push(chunk)
      left -= chunk.length
      if (items.length > 0 || left <= 0) return items
    }
  } catch (error) {
    if (!source.gzip) throw error
  }
  return []
}

/** The notice that a segment does not follow on the one before it, for between the two. */
export function breakIn(file: string, why: string): MalformedLine {
  const reason = `the chain of segments is broken: ${why}; hivelog verify says more`
  return { malformed: '', reason, offset: 0, file, bytes: 0, broken: true }
}

function lastOwnSeq(items: readonly LogItem[]): number {
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i] as LogItem
    const seq = isMalformed(item) ? undefined : ownSeq(item.event)
    if (seq !== undefined) return seq
  }
  return 0
}
