/** Reads the lines of a segment for those events that are wanted; the others are parsed only where they must be. */
import { isUtf8 } from 'node:buffer'
import { decodeLine, ownSeq } from '../format/decode.js'
import {
  HEAD_BYTES,
  isMalformed,
  type Line,
  type LineOptions,
  type LogEntry,
  type LogItem,
  MAX_LINE_BYTES,
  type MalformedLine,
} from './items.js'
import { ItemReader, type Start } from './lines.js'
import { BLOCK_BYTES, LineScanner, type ScanPlan } from './scan.js'
import type { PassedOver, Selector } from './select.js'
import type { Range } from './side-index/ranges.js'

/** When a line that is no event was written, as far as its log tells. */
export interface TimeOfLine {
  /** Of the event before it, or where there is none of the one after it. */
  ts: number
  /** The greatest up to it. */
  latest: number
}

const NOTHING: Buffer = Buffer.alloc(0)

/** Of the malformed lines that selections by time gave: most events around them are not given. */
export const timesOfLines = new WeakMap<MalformedLine, TimeOfLine>()

/**
 * Gives the items that reading everything and then leaving out the events that are not wanted would give. Only a
 * malformed line that looks in every respect like the beginning and the end of an event that is not wanted is not
 * noticed (`scan.ts` says what is looked at).
 */
export class SelectingReader extends ItemReader {
  /**
   * The log's own lines with which the segment begins and the one after them, wanted or not, as far as they came with
   * the first bytes that completed any.
   */
  readonly head: LogItem[] = []
  /** The greatest `ts` of the log up to here. */
  latest: number
  /** The last `seq` that a line of the segment carries, up to here. */
  lastSeq: number | undefined
  /** The `ts` of the last event of the log up to here; kept up for selections by time only. */
  before: number | undefined
  readonly #selector: Selector
  readonly #passed: PassedOver
  readonly #plan: ScanPlan | undefined
  readonly #scanner: LineScanner | undefined
  readonly #maxLineBytes: number
  #isInHead = true
  /** The last event up to here, if it was not given. */
  #last: { item: LogItem; isParsed: boolean } | undefined
  /** Lines of this block that came after its last event that was parsed. */
  #after = 0
  /** Whether lines of this block were passed over after its last line that was seen to carry a `seq`. */
  #isSeqOpen = false
  /** Whether lines were passed over since `before`. */
  #isStale = false
  /** The lines that are taken, where they begin, and where that one begins that is added. */
  #bytes = NOTHING
  #from = 0
  #at = 0
  /** The whole lines of the bytes that are pushed. */
  #whole = NOTHING
  /** Malformed lines before the first event. */
  #early: MalformedLine[] = []

  constructor(
    file: string,
    start: Start,
    options: LineOptions,
    selector: Selector,
    passed: PassedOver = { lines: 0, unparsed: 0 },
  ) {
    super(file, start, options)
    const { maxLineBytes = MAX_LINE_BYTES } = options
    this.latest = start.latest ?? Number.NEGATIVE_INFINITY
    this.before = start.before
    this.#selector = selector
    this.#passed = passed
    this.#maxLineBytes = maxLineBytes
    // A line that is too long must be told of, also where it is not wanted.
    if (maxLineBytes >= BLOCK_BYTES && selector.plan !== undefined) {
      this.#plan = selector.plan
      this.#scanner = LineScanner.shared()
    }
  }

  protected override lines(bytes: Buffer, from: number, to: number): void {
    this.#take(bytes, from, to)
    this.splitter.offset += to - from
    this.#whole = bytes.subarray(from, to)
  }

  protected override taken(): LogItem[] {
    if (this.head.length > 0) this.#isInHead = false
    if (this.#early.length > 0) this.#timeEarly(this.#whole)
    this.#whole = NOTHING
    return super.taken()
  }

  /** Passes over lines that were not read: all that can be wanted of them, the range holds itself. */
  pass({ bytes, lines, seq, last, greatest, kept }: Range): void {
    const from = this.offset
    let seen = 0
    const passOver = (count: number, latest: number): void => {
      if (count > 0 && this.head.length > 0) this.#isInHead = false
      this.#passOver(count, latest)
    }
    for (const { offset, line, latest = Number.NEGATIVE_INFINITY, text } of kept) {
      passOver(line - seen, latest)
      const given = Buffer.from(text)
      this.add(given, given.length, true, from + offset)
      seen = line + 1
    }
    passOver(lines - seen, greatest)
    this.splitter.offset = from + bytes
    if (seq > 0) this.lastSeq = seq
    if (last !== undefined) this.before = last
    this.#isSeqOpen = false
    this.#isStale = false
  }

  override end(): LogItem[] {
    const items = super.end()
    if (!this.#selector.last || this.#last === undefined) return items
    const { item, isParsed } = this.#last
    this.#last = undefined
    this.#passed.lines--
    if (!isParsed) this.#passed.unparsed--
    items.push(item)
    return items
  }

  protected override add(bytes: Line, length: number, terminated: boolean, offset: number): void {
    this.advance(1)
    const item = this.itemOf(bytes, length, terminated, offset)
    if (this.#isInHead) {
      this.head.push(item)
      this.#isInHead = !isMalformed(item) && item.event.kind.startsWith('log.')
    }
    if (isMalformed(item)) {
      this.#after++
      this.items.push(item)
      this.timeLine(item)
      return
    }
    this.#after = 0
    this.before = item.event.ts
    this.#isStale = false
    const { event } = item
    const seq = ownSeq(event)
    if (seq !== undefined) {
      this.lastSeq = seq
      this.#isSeqOpen = false
    }
    if (event.ts > this.latest) this.latest = event.ts
    else if (event.ts < this.latest) item.latest = this.latest
    if (this.#selector.matches(event)) {
      this.items.push(item)
      this.#last = undefined
    } else {
      this.#passed.lines++
      this.#last = { item, isParsed: true }
    }
  }

  /** Takes whole lines: `bytes[from, to)`, the first of which begins at the splitter's offset. */
  #take(bytes: Buffer, from: number, to: number): void {
    this.#after = 0
    this.#bytes = bytes
    this.#from = from
    const scanner = this.#scanner
    const plan = this.#plan
    const toOffset = this.splitter.offset - from
    let at = from
    while (at < to && this.#isInHead) at = this.#addLine(bytes, at, toOffset)
    const canScan = scanner !== undefined && plan !== undefined && isUtf8(bytes.subarray(at, to))
    while (at < to) {
      const next = canScan ? scanner.scan(plan, bytes, at, to) : at
      if (next === at) {
        this.#at = at
        at = this.#addLine(bytes, at, toOffset)
        continue
      }
      let seen = 0
      // Adding a line leaves the scanner's memory alone.
      const { lines, found, latest } = scanner as LineScanner
      for (let i = 0; i < found; i++) {
        const line = (scanner as LineScanner).lineOf(i)
        this.#passOver(line - seen, (scanner as LineScanner).latestOf(i))
        const start = at + (scanner as LineScanner).startOf(i)
        const end = at + (scanner as LineScanner).endOf(i)
        this.#at = start
        this.add(bytes.subarray(start, end), end - start, true, toOffset + start)
        seen = line + 1
      }
      this.#passOver(lines - seen, latest)
      at = next
    }
    if (this.#after > 0 || this.#isSeqOpen) this.#lookBack(bytes, from, to, toOffset)
  }

  #addLine(bytes: Buffer, start: number, toOffset: number): number {
    const end = bytes.indexOf(10, start)
    const length = end - start
    const held = length > this.#maxLineBytes ? Math.min(HEAD_BYTES, this.#maxLineBytes) : length
    this.add(bytes.subarray(start, start + held), length, true, toOffset + start)
    return end + 1
  }

  #passOver(lines: number, latest: number): void {
    if (latest > this.latest) this.latest = latest
    this.advance(lines)
    this.#after += lines
    this.#isSeqOpen ||= lines > 0
    this.#isStale ||= lines > 0
    this.#passed.lines += lines
    this.#passed.unparsed += lines
  }

  /** Parses the last event of these lines, for what the end of a segment tells, if it was passed over. */
  #lookBack(bytes: Buffer, from: number, to: number, toOffset: number): void {
    let hasEvent = false
    let end = to - 1
    for (let after = 0; end >= from; after++) {
      const start = end === from ? from : Math.max(from, bytes.lastIndexOf(10, end - 1) + 1)
      const item = this.itemOf(bytes.subarray(start, end), end - start, true, toOffset + start, after)
      if (!isMalformed(item)) {
        if (!hasEvent) this.before = item.event.ts
        if (!hasEvent && after < this.#after) {
          if (this.latest > item.event.ts) item.latest = this.latest
          this.#last = { item, isParsed: false }
        }
        if (!hasEvent && ownSeq(item.event) === undefined && !mayHaveSeq(bytes.subarray(from, to))) break
        hasEvent = true
        const seq = ownSeq(item.event)
        if (seq !== undefined) {
          this.lastSeq = seq
          break
        }
      }
      end = start - 1
    }
    this.#isSeqOpen = false
    this.#isStale = false
  }

  override noticed(notice: MalformedLine): void {
    this.timeLine(notice)
  }

  /** Notes when a line that is no event was written, or a notice belongs. */
  timeLine(item: MalformedLine): void {
    if (!this.#selector.isTimed) return
    if (this.#isStale) this.#lookBefore()
    const { before, latest } = this
    timesOfLines.set(item, { ts: before ?? Number.NEGATIVE_INFINITY, latest })
    if (before === undefined) this.#early.push(item)
  }

  /** Notes when the notice belongs with which the segment begins. @param before of the event before the segment */
  timeNotice(notice: MalformedLine, before: number | undefined): void {
    if (!this.#selector.isTimed) return
    const first = this.head.find((item) => !isMalformed(item)) as LogEntry | undefined
    const ts = before ?? first?.event.ts ?? Number.NEGATIVE_INFINITY
    timesOfLines.set(notice, { ts, latest: Number.NEGATIVE_INFINITY })
  }

  /** Lines before the first event have the time of that. */
  #timeEarly(bytes: Buffer): void {
    let ts: number | undefined
    for (let start = 0; start < bytes.length && ts === undefined; ) {
      const end = bytes.indexOf(10, start)
      ts = this.#timeOf(bytes, start, end)
      start = end + 1
    }
    const time = { ts: ts ?? Number.NEGATIVE_INFINITY, latest: Number.NEGATIVE_INFINITY }
    for (const item of this.#early) timesOfLines.set(item, time)
    this.#early = []
  }

  /** Finds the last event before the line that is added, as lines were passed over. */
  #lookBefore(): void {
    const bytes = this.#bytes
    const from = this.#from
    let ts: number | undefined
    for (let end = this.#at - 1; end >= from && ts === undefined; ) {
      const start = end === from ? from : Math.max(from, bytes.lastIndexOf(10, end - 1) + 1)
      ts = this.#timeOf(bytes, start, end)
      end = start - 1
    }
    if (ts !== undefined) this.before = ts
    this.#isStale = false
  }

  /** The `ts` of a line, if it is an event. */
  #timeOf(bytes: Buffer, start: number, end: number): number | undefined {
    if (end - start > this.#maxLineBytes) return undefined
    const decoded = decodeLine(bytes.subarray(start, end))
    return 'event' in decoded ? decoded.event.ts : undefined
  }
}

/** Whether a key could be `seq`, however it is written (see `scan.ts`). */
const mayHaveSeq = (bytes: Buffer): boolean => bytes.includes('"seq"') || bytes.includes('\\u00')

/** The items that `SelectingReader` would give, of batches that hold all of them. */
export async function* wantedOf(
  batches: AsyncIterable<LogItem[]>,
  selector: Selector,
  passed: PassedOver = { lines: 0, unparsed: 0 },
): AsyncGenerator<LogItem[]> {
  let last: LogItem | undefined
  for await (const items of batches) {
    if (last !== undefined && items.length > 0 && items[0]?.file !== last.file) {
      yield [last]
      last = undefined
    }
    const wanted = items.filter((item) => isMalformed(item) || selector.matches(item.event))
    passed.lines += items.length - wanted.length
    yield wanted
    const final = items.findLast((item) => !isMalformed(item))
    if (!selector.last || final === undefined) continue
    const isGiven = selector.matches((final as LogEntry).event)
    if (last !== undefined) passed.lines++
    if (!isGiven) passed.lines--
    last = isGiven ? undefined : final
  }
  if (last !== undefined) yield [last]
}
