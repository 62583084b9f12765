/**
 * Goes through one segment once: hashes it, compares its seals, and notes how its lines are numbered. Lines of an
 * ordinary look whose `seq` is the expected one are not parsed; if no seal vouches for them that is made up for later.
 */
import { decodeLine, ownSeq } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import { type HiveEvent, isKind } from '../format/kinds.js'
import { logIdOf } from '../format/seal.js'
import { gapRange, type SeqRange } from '../read/chain.js'
import { LineSplitter, type OnLine } from '../read/lines.js'
import { PrefixHash } from '../read/prefix-hash.js'
import { quickSeq } from '../read/quick-seq.js'
import { type BadLines, isRun, type Mark, type Run } from './order.js'
import { RefFinder } from './refs.js'
import type { SegmentFinding } from './report.js'

/** Breaks in the order after which a segment counts as shuffled and its order is no longer followed. */
const MAX_MARKS = 1000

/** A seal whose signature is to be checked. */
export interface SealLine {
  line: number
  offset: number
  /** Offset after it. */
  end: number
  sha256: string
  seq: number
  sig: string | undefined
  /** Whether the writer at that time signed with the log's id. */
  withLogId: boolean
}

/** What a `log.open` line says. */
export interface OpenLine {
  line: number
  offset: number
  /** Id of the log that it belongs to. */
  log: string | undefined
  signs: { everyBytes: number; everyMs: number } | undefined
  adopted: Adopted | undefined
}

/** A stretch that a writer found at opening. */
export interface Adopted {
  from: number
  bytes: number
  sha256: unknown
  /** Archived segment that it is in, without folder; the segment itself when left out. */
  file: string | undefined
}

/** What a `log.gap` line says: lines that may be missing, or an artifact that could not be stored. */
export interface GapLine {
  line: number
  offset: number
  range: SeqRange | undefined
  artifact: string | undefined
}

/** What a `log.changed` line says. */
export interface ChangedLine {
  line: number
  offset: number
  file: string | undefined
  /** In words. */
  why: string
}

/** Where something was changed: from the last good seal to the first that does not fit. */
export interface Window {
  fromLine: number
  toLine: number
  /** Bytes that the seal counts more than there are. */
  shorterBy: number
}

/** Lines with which a segment begins, as far as a writer's own go that say what came before. */
const OPENING_LINES = 8

export class SegmentScan {
  lines = 0
  bytes = 0
  events = 0
  seals = 0
  torn = 0
  signed = 0
  readonly gaps = { count: 0, lost: 0 }
  readonly marks: Mark[] = []
  readonly findings: SegmentFinding[] = []
  /** Seals whose hash is right. */
  readonly goodSeals: SealLine[] = []
  /** The event in line 1. */
  first: HiveEvent | undefined
  endsWithSeal = false
  openTail = 0
  /** Whether a line with a `seq` of its own was seen, in this segment or before it. */
  isNumbered: boolean
  /** Up to where good seals vouch: the last of them. */
  sealed = { line: 0, end: 0, bytes: 0 }
  /** Where something was changed under seals: at most one, and one more for each time that a writer began anew. */
  readonly windows: Window[] = []
  readonly opens: OpenLine[] = []
  readonly changes: ChangedLine[] = []
  readonly gapLines: GapLine[] = []
  /** All seals, good or not. */
  readonly sealPlaces: { line: number; end: number }[] = []
  /** Id of the log whose first line this segment begins with, if it does. */
  firstLineId: string | undefined
  /** Where lines name artifacts. */
  readonly refs: RefFinder
  /** Lines after the last good seal that were not parsed. */
  unparsed = 0
  readonly #hash = new PrefixHash()
  readonly #splitter: LineSplitter
  #expected: number
  #run: Run | undefined
  #window: Window | undefined
  #withLogId = false
  #suspect: { line: number; offset: number } | undefined
  #isTrusted = true
  /** How many bytes longer the file would be had no seal been changed. */
  #shift = 0
  #isShuffled = false

  /**
   * @param expected `seq` of the first line
   * @param withRefs whether artifacts that lines name are looked for
   */
  constructor(expected: number, isNumbered: boolean, withRefs = false) {
    this.refs = new RefFinder(withRefs)
    this.#expected = expected
    this.isNumbered = isNumbered
    const onLine: OnLine = (buffer, start, end, offset, length) =>
      this.#line(buffer, start, end, offset, length)
    this.#splitter = new LineSplitter(onLine)
  }

  get sha256(): string {
    return this.#hash.digest()
  }

  push(chunk: Buffer): void {
    this.refs.begin(chunk, this.bytes)
    this.bytes += chunk.length
    this.#hash.begin(chunk)
    this.#splitter.push(chunk)
    this.#hash.end(this.#splitter.offset)
  }

  end(): void {
    const rest = this.#splitter.remainder()
    if (rest !== undefined) {
      const isWhole = rest.length === rest.bytes.length && 'event' in decodeLine(rest.bytes)
      if (isWhole) this.#line(rest.bytes, 0, rest.bytes.length, rest.offset, rest.length)
      else this.openTail = rest.length
      this.endsWithSeal = false
    }
    this.#hash.finish()
    this.#closeRun()
    this.#closeWindow()
  }

  /** The change that its writer says it noticed before it began this segment. */
  get changedBefore(): ChangedLine | undefined {
    return this.changes.find(({ line }) => line <= OPENING_LINES)
  }

  #line(buffer: Buffer, start: number, end: number, offset: number, length: number): void {
    this.lines++
    const isNaming = offset + length > this.refs.next
    if (
      !isNaming &&
      length === end - start &&
      quickSeq(buffer, start, end) === this.#expected &&
      this.isNumbered
    ) {
      this.#run ??= { line: this.lines, offset, seq: this.#expected, count: 0 }
      this.#expected++
      this.events++
      this.unparsed++
      this.endsWithSeal = false
      return
    }
    const bytes = buffer.subarray(start, end)
    if (this.lines === 1 && length === bytes.length) this.firstLineId = logIdOf(bytes)
    const decoded = length > bytes.length ? { reason: 'the line is too long' } : decodeLine(bytes)
    this.endsWithSeal = false
    if ('reason' in decoded) {
      this.#bad(offset, length, decoded.reason)
      return
    }
    const { event } = decoded
    if (isNaming || event.kind === 'snapshot') this.refs.line(event, offset, length, this.lines)
    if (this.lines === 1) this.first = event
    const seq = ownSeq(event)
    if (seq === undefined && this.isNumbered) {
      this.#bad(offset, length, 'it has no seq, though lines before it have')
      return
    }
    this.isNumbered ||= seq !== undefined
    if (event.kind.startsWith('log.')) this.#housekeeping(event, bytes, offset)
    else this.events++
    this.#numbered(seq ?? this.#expected, offset)
  }

  #numbered(seq: number, offset: number): void {
    if (seq !== this.#expected) this.#closeRun()
    this.#run ??= { line: this.lines, offset, seq, count: 0 }
    this.#expected = seq + 1
  }

  #closeRun(): void {
    if (this.#run === undefined) return
    this.#run.count = this.#expected - this.#run.seq
    this.#mark(this.#run)
    this.#run = undefined
  }

  #mark(mark: Mark): void {
    if (this.#isShuffled) return
    if (this.marks.length === MAX_MARKS) {
      this.#isShuffled = true
      const message = `the order of the lines is broken in over ${MAX_MARKS} places; from here on it is not checked`
      this.findings.push({ kind: 'out-of-order', line: mark.line, offset: mark.offset, message })
      return
    }
    this.marks.push(mark)
  }

  #bad(offset: number, length: number, reason: string): void {
    this.#closeRun()
    const isCounted = !this.isNumbered
    if (isCounted) this.#expected++
    const last = this.marks.at(-1)
    if (last !== undefined && !isRun(last) && last.line + last.count === this.lines) {
      last.count++
      last.bytes += length
    } else {
      this.#mark({ line: this.lines, offset, count: 1, reason, bytes: length, torn: undefined, isCounted })
    }
  }

  #housekeeping(event: HiveEvent, bytes: Buffer, offset: number): void {
    if (isKind(event, 'log.seal')) {
      this.#seal(event, bytes, offset)
    } else if (isKind(event, 'log.gap')) {
      this.gaps.count++
      if (typeof event.lost === 'number') this.gaps.lost += event.lost
      const artifact = typeof event.artifact === 'string' ? event.artifact : undefined
      this.gapLines.push({ line: this.lines, offset, range: gapRange(event as Fields), artifact })
    } else if (isKind(event, 'log.torn')) {
      this.#torn(event.bytes, offset)
    } else if (isKind(event, 'log.open')) {
      this.#open(event as Fields, offset)
    } else if (event.kind === 'log.changed') {
      const { file, reason, expected, found } = event as Fields
      const sizes =
        typeof expected === 'number' && typeof found === 'number'
          ? `: it had ${found} bytes instead of ${expected}`
          : ''
      const why = `${typeof reason === 'string' ? reason : 'no reason is given'}${sizes}`
      this.changes.push({ line: this.lines, offset, file: typeof file === 'string' ? file : undefined, why })
    }
  }

  #open({ log, signs, adopted }: Fields, offset: number): void {
    const open: OpenLine = {
      line: this.lines,
      offset,
      log: typeof log === 'string' ? log : undefined,
      signs: isObject(signs) ? policyOf(signs) : undefined,
      adopted: isObject(adopted) ? adoptedOf(adopted) : undefined,
    }
    this.opens.push(open)
    this.#withLogId = open.signs !== undefined
    if (open.adopted === undefined || open.adopted.file !== undefined) return
    // From here on seals are about the bytes as the writer found them, whatever was wrong with those.
    this.#closeWindow()
    this.#hash.drop()
    this.#suspect = undefined
    this.#isTrusted = true
    this.#shift = 0
  }

  #closeWindow(): void {
    if (this.#window !== undefined) this.windows.push(this.#window)
    this.#window = undefined
  }

  #torn(bytes: unknown, offset: number): void {
    const before = this.#run === undefined ? this.marks.at(-1) : undefined
    if (before !== undefined && !isRun(before) && before.line + before.count === this.lines) {
      const lines: BadLines = before
      lines.torn = typeof bytes === 'number' ? bytes : -1
      if (lines.torn === lines.bytes) this.torn += lines.count
    } else {
      const message = `log.torn accounts for ${shown(bytes)} bytes, but no cut-off line stands before it`
      this.findings.push({ kind: 'unaccounted-torn', line: this.lines, offset, message })
    }
  }

  #seal(event: HiveEvent, line: Buffer, offset: number): void {
    const { sha256, bytes, sig } = event as Fields
    this.seals++
    this.endsWithSeal = true
    this.sealPlaces.push({ line: this.lines, end: offset + line.length + 1 })
    if (sig !== undefined) this.signed++
    if (!this.#isTrusted) return
    this.#hash.upTo(offset)
    const isSupposed = isSha256(sha256) && this.#hash.supposed() === sha256
    const fits = isSupposed || this.#hash.digest() === sha256
    if (this.#suspect !== undefined) {
      // The seal before did not fit. If this one does, at least once that one is set right, then it alone is wrong.
      if (!fits) {
        this.#isTrusted = false
        this.#window ??= this.#windowTo(bytes, offset)
        return
      }
      const { line: sealLine, offset: sealOffset } = this.#suspect
      this.#badSeal(
        sealLine,
        sealOffset,
        'this seal was changed; the next one vouches for the lines before it',
      )
      if (!isSupposed) {
        this.#hash.drop()
        this.#shift = 0
      }
      this.#suspect = undefined
      this.#window = undefined
    } else if (!fits) {
      this.#window = this.#windowTo(bytes, offset)
      if (!isSha256(sha256)) this.#badSeal(this.lines, offset, 'this seal holds no hash that could be one')
      this.#suppose(line, offset)
      return
    }
    const due = offset + this.#shift
    if (bytes !== due) {
      this.#badSeal(
        this.lines,
        offset,
        `this seal says that ${shown(bytes)} bytes are before it, but it is ${due}`,
      )
      this.#suppose(line, offset)
    }
    const end = offset + line.length + 1
    this.sealed = { line: this.lines, end, bytes: offset }
    this.unparsed = 0
    const text = typeof sig === 'string' ? sig : undefined
    const withLogId = this.#withLogId
    const seq = ownSeq(event) ?? this.#expected
    this.goodSeals.push({
      line: this.lines,
      offset,
      end,
      sha256: sha256 as string,
      seq,
      sig: text,
      withLogId,
    })
  }

  /** From the last good seal, whose own line only the next one vouches for, to the seal at hand. */
  #windowTo(bytes: unknown, offset: number): Window {
    const shorterBy = typeof bytes === 'number' ? bytes - offset - this.#shift : 0
    return { fromLine: Math.max(1, this.sealed.line), toLine: this.lines, shorterBy }
  }

  /** Goes on as if this seal held what it should: if the next one then fits, only this one was changed. */
  #suppose(line: Buffer, offset: number): void {
    const sha256 = this.#hash.supposed() ?? this.#hash.digest()
    const repaired = line
      .toString('utf8')
      .replace(/"sha256":"[^"]*"/, `"sha256":"${sha256}"`)
      .replace(/"bytes":\d+/, `"bytes":${offset + this.#shift}`)
    this.#suspect = { line: this.lines, offset }
    const instead = Buffer.from(`${repaired}\n`)
    const end = offset + line.length + 1
    this.#shift += instead.length - (end - offset)
    this.#hash.suppose(instead, end)
  }

  #badSeal(line: number, offset: number, message: string): void {
    if (this.findings.some((finding) => finding.kind === 'bad-seal' && finding.line === line)) return
    this.findings.push({ kind: 'bad-seal', line, offset, message })
  }
}

/** A number as it is; anything else could be anything. */
const shown = (value: unknown): string => (typeof value === 'number' ? String(value) : 'no number of')

const isSha256 = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const isLength = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const policyOf = ({ everyBytes, everyMs }: Fields): NonNullable<OpenLine['signs']> => ({
  everyBytes: typeof everyBytes === 'number' ? everyBytes : Number.POSITIVE_INFINITY,
  everyMs: typeof everyMs === 'number' ? everyMs : Number.POSITIVE_INFINITY,
})

/** What makes no sense is taken as a stretch whose hash cannot fit. */
function adoptedOf({ from, bytes, sha256, file }: Fields): Adopted {
  const isPossible = isLength(from) && isLength(bytes)
  return {
    from: isPossible ? from : 0,
    bytes: isPossible ? bytes : 0,
    sha256: isPossible ? sha256 : undefined,
    file: typeof file === 'string' ? file : undefined,
  }
}
