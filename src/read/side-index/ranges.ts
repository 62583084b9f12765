/**
 * What lies between one state of a side index and the next: of when and of which kinds the lines there are, so that who
 * needs none of them need not read them. The log's own lines (`log.*`) are few, and nearly all reports want them: they
 * are held here as they are in the log, as are the first line of a segment and its last event.
 */
import { ownSeq } from '../../format/decode.js'
import type { HiveEvent } from '../../format/kinds.js'
import { FlatReader } from '../flat.js'
import { isMalformed, type Line, type LogItem, wholeText } from '../items.js'

/** A line that is held. */
export interface KeptLine {
  /** Bytes and lines of its range before it. */
  offset: number
  line: number
  /** The greatest `ts` of the range before it; left out where that is not greater than any. */
  latest?: number
  /** The line without its newline. */
  text: string
}

/** The lines from one state to the next. */
export interface Range {
  /** Of the segment. */
  bytes: number
  lines: number
  /** A line is no event, or more would have to be held than is worth it. */
  isOdd: boolean
  /** The last `seq` that one of its lines carries; 0 if none does. */
  seq: number
  /** `ts` of its last event; `undefined` if it has none. */
  last: number | undefined
  /** Least and greatest `ts` of its events. */
  least: number
  greatest: number
  /** Kinds of its lines but for those of `kept` that are the log's own; `undefined` for any. */
  kinds: readonly string[] | undefined
  kept: readonly KeptLine[]
}

/** Kinds that are told apart in a range, and characters of each; and bytes of what is held of it. */
const MAX_KINDS = 48
const MAX_KIND = 64
const MAX_KEPT = 4096

class GrowingRange implements Range {
  bytes = 0
  lines = 0
  isOdd = false
  seq = 0
  last: number | undefined
  least = Number.POSITIVE_INFINITY
  greatest = Number.NEGATIVE_INFINITY
  readonly kept: KeptLine[] = []
  #kinds: Set<string> | undefined = new Set()
  #lastKind = ''
  #keptBytes = 0

  get kinds(): readonly string[] | undefined {
    return this.#kinds && [...this.#kinds]
  }

  event(ts: number, kind: string, seq: number | undefined): void {
    this.lines++
    this.last = ts
    if (ts < this.least) this.least = ts
    if (ts > this.greatest) this.greatest = ts
    if (seq !== undefined) this.seq = seq
    if (kind !== this.#lastKind) this.#kind(kind)
  }

  #kind(kind: string): void {
    this.#lastKind = kind
    // Those are kept.
    if (kind.startsWith('log.')) return
    this.#kinds?.add(kind)
    if ((this.#kinds?.size ?? 0) > MAX_KINDS || kind.length > MAX_KIND) this.#kinds = undefined
  }

  /** @param latest the greatest `ts` of the range before the line */
  keep(offset: number, number: number, latest: number, line: Line): void {
    this.#keptBytes += line.length
    if (this.#keptBytes > MAX_KEPT) this.isOdd = true
    else this.#add(offset, number, latest, line)
  }

  /** The segment's last event, unless it is there or too long. */
  keepLast(offset: number, number: number, latest: number, line: Line): void {
    if (this.kept.at(-1)?.line !== number && line.length <= MAX_KEPT) this.#add(offset, number, latest, line)
  }

  #add(offset: number, line: number, latest: number, bytes: Line): void {
    const isGreater = latest !== Number.NEGATIVE_INFINITY
    this.kept.push({ offset, line, ...(isGreater && { latest }), text: wholeText(bytes) })
  }
}

/** A range that must be read, as nothing is known of it. */
export const unknownRange = (bytes: number, lines: number): Range =>
  Object.assign(new GrowingRange(), { bytes, lines, isOdd: true })

/** Reads lines, and says what ranges they make. */
export class RangeReader extends FlatReader {
  #range = new GrowingRange()
  #at: number
  /** The range of the last event, that event, and the greatest `ts` of the range before it. */
  #lastRange: GrowingRange | undefined
  #lastLine: Line = ''
  #lastStart = 0
  #lastEnd = 0
  #lastOffset = 0
  #lastNumber = 0
  #lastLatest = 0

  /** @param start where a range begins */
  constructor(...[file, start, options, flat]: ConstructorParameters<typeof FlatReader>) {
    super(file, start, options, flat)
    this.#at = start.offset
  }

  /** The lines since the start or the last call. @param isLast whether the segment ends here */
  takeRange(isLast: boolean): Range {
    const range = this.#range
    range.bytes = this.offset - this.#at
    if (isLast)
      this.#lastRange?.keepLast(this.#lastOffset, this.#lastNumber, this.#lastLatest, this.#lastLine)
    this.#at = this.offset
    this.#range = new GrowingRange()
    return range
  }

  protected override add(bytes: Line, length: number, terminated: boolean, offset: number): void {
    super.add(bytes, length, terminated, offset)
    const item = this.items.at(-1) as LogItem
    if (isMalformed(item)) {
      this.#range.lines++
      this.#range.isOdd = true
    } else this.#count(item.event, bytes, 0, bytes.length, offset)
  }

  protected override addEvent(
    event: HiveEvent,
    bytes: Buffer,
    start: number,
    end: number,
    offset: number,
  ): void {
    super.addEvent(event, bytes, start, end, offset)
    this.#count(event, bytes, start, end, offset)
  }

  /** Counts an event in, whose line is that part of the bytes. */
  #count(event: HiveEvent, bytes: Line, start: number, end: number, offset: number): void {
    const range = this.#range
    const { ts, kind } = event
    this.#lastRange = range
    this.#lastLine = bytes
    this.#lastStart = start
    this.#lastEnd = end
    this.#lastOffset = offset - this.#at
    this.#lastNumber = range.lines
    this.#lastLatest = range.greatest
    range.event(ts, kind, ownSeq(event))
    // Its own lines, and what tells whether a segment follows on the one before it.
    if (offset === 0 || kind.startsWith('log.')) {
      range.keep(this.#lastOffset, this.#lastNumber, this.#lastLatest, part(bytes, start, end))
    }
  }

  protected override taken(): LogItem[] {
    // The bytes are valid until now.
    const line = part(this.#lastLine, this.#lastStart, this.#lastEnd)
    this.#lastLine = typeof line === 'string' ? line : Buffer.from(line)
    this.#lastStart = 0
    this.#lastEnd = line.length
    return super.taken()
  }

  override noticed(): void {
    this.#range.isOdd = true
  }
}

const part = (line: Line, start: number, end: number): Line =>
  typeof line === 'string' ? line.slice(start, end) : line.subarray(start, end)

const NUMBERS = ['bytes', 'lines', 'seq', 'last', 'least', 'greatest'] as const

/** The ranges of a segment as they are written. */
interface Columns {
  /** All of `NUMBERS` of the first range, then of the second: doubles, in Base64. Where there is none: not a number. */
  numbers: string
  odd: number[]
  names: string[]
  /** Numbers of names: the sets of kinds that ranges have; `null` for any. */
  sets: (number[] | null)[]
  /** Which of them each has. */
  set: number[]
  /** By number of the range. */
  kept: [number, KeptLine[]][]
}

export function textOfRanges(ranges: readonly Range[]): string {
  const numbers = Float64Array.from(
    ranges.flatMap((range) => NUMBERS.map((name) => range[name] ?? Number.NaN)),
  )
  const names = new Numbers()
  const sets = new Numbers()
  const setOf = ({ kinds }: Range): number =>
    sets.of(JSON.stringify(kinds?.map((kind) => names.of(kind)).sort((a, b) => a - b) ?? null))
  const set = ranges.map(setOf)
  const columns: Columns = {
    numbers: Buffer.from(numbers.buffer).toString('base64'),
    odd: [...ranges.keys()].filter((i) => ranges[i]?.isOdd),
    names: names.all,
    sets: sets.all.map((each) => JSON.parse(each)),
    set,
    kept: [...ranges.entries()].flatMap(([i, { kept }]) =>
      kept.length === 0 ? [] : [[i, [...kept]] satisfies [number, KeptLine[]]],
    ),
  }
  return JSON.stringify(columns)
}

/** @param text what `textOfRanges` gave */
export function rangesOf(text: string): Range[] {
  const columns = JSON.parse(text) as Columns
  // A copy, since a small buffer is a part of one that numbers may not begin in.
  const numbers = new Float64Array(new Uint8Array(Buffer.from(columns.numbers, 'base64')).buffer)
  const sets = columns.sets.map((set) => set?.map((name) => columns.names[name] as string))
  const odd = new Set(columns.odd)
  const kept = new Map(columns.kept)
  return columns.set.map((set, i) => {
    const number = (name: (typeof NUMBERS)[number]): number =>
      numbers[i * NUMBERS.length + NUMBERS.indexOf(name)] as number
    const last = number('last')
    return {
      bytes: number('bytes'),
      lines: number('lines'),
      isOdd: odd.has(i),
      seq: number('seq'),
      last: Number.isNaN(last) ? undefined : last,
      least: number('least'),
      greatest: number('greatest'),
      kinds: sets[set],
      kept: kept.get(i) ?? [],
    }
  })
}

/** Numbers texts. */
class Numbers {
  readonly all: string[] = []
  readonly #known = new Map<string, number>()

  of(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    this.#known.set(text, this.all.length)
    return this.all.push(text) - 1
  }
}
