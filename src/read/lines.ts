/** Splits a stream of chunks into lines, with their offsets; a line may span any number of chunks. */
import { isAscii } from 'node:buffer'
import {
  HEAD_BYTES,
  type Line,
  type LineOptions,
  type LogItem,
  MAX_LINE_BYTES,
  type MalformedLine,
  makeItem,
} from './items.js'

/**
 * Takes a line: it is `buffer[start, end)`, valid only during the call. `length` is greater than `end - start` when
 * the line was too long and only its first bytes are there.
 */
export type OnLine = (buffer: Buffer, start: number, end: number, offset: number, length: number) => void

export interface Remainder {
  bytes: Buffer
  offset: number
  length: number
}

export class LineSplitter {
  /** Offset of the first byte of the line that is not complete yet. */
  offset: number
  readonly #onLine: OnLine
  readonly #maxLineBytes: number
  readonly #headBytes: number
  #pieces: Buffer[] = []
  #length = 0

  constructor(onLine: OnLine, offset = 0, maxLineBytes = MAX_LINE_BYTES) {
    this.#onLine = onLine
    this.offset = offset
    this.#maxLineBytes = maxLineBytes
    this.#headBytes = Math.min(HEAD_BYTES, maxLineBytes)
  }

  /** Takes the next bytes. The chunk may be reused after the call. */
  push(chunk: Buffer): void {
    let start = 0
    if (this.#length > 0) {
      const newline = chunk.indexOf(10)
      const end = newline === -1 ? chunk.length : newline
      this.#hold(chunk.subarray(0, end))
      if (newline === -1) return
      const { bytes, length } = this.#take()
      this.#onLine(bytes, 0, bytes.length, this.offset, length)
      this.offset += length + 1
      start = newline + 1
    }
    for (;;) {
      const newline = chunk.indexOf(10, start)
      if (newline === -1) break
      const length = newline - start
      const end = length > this.#maxLineBytes ? start + this.#headBytes : newline
      this.#onLine(chunk, start, end, this.offset, length)
      this.offset += length + 1
      start = newline + 1
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start))
  }

  /** Whether a line has begun that is not complete yet. */
  get isWithinLine(): boolean {
    return this.#length > 0
  }

  /** Takes the rest of the line that is not complete yet. Returns how many bytes that was. */
  finishLine(chunk: Buffer): number {
    const newline = chunk.indexOf(10)
    const bytes = newline === -1 ? chunk.length : newline + 1
    this.push(chunk.subarray(0, bytes))
    return bytes
  }

  /** Takes out the bytes after the last newline, if there are any. */
  remainder(): Remainder | undefined {
    if (this.#length === 0) return undefined
    const offset = this.offset
    const { bytes, length } = this.#take()
    this.offset += length
    return { bytes, offset, length }
  }

  #hold(piece: Buffer): void {
    const wasTooLong = this.#length > this.#maxLineBytes
    this.#length += piece.length
    if (wasTooLong) return
    this.#pieces.push(Buffer.from(piece))
    if (this.#length > this.#maxLineBytes) {
      this.#pieces = [Buffer.concat(this.#pieces, this.#headBytes)]
    }
  }

  #take(): { bytes: Buffer; length: number } {
    const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces)
    const length = this.#length
    this.#pieces = []
    this.#length = 0
    return { bytes, length }
  }
}

/** Where in a log the bytes that are pushed begin. */
export interface Start {
  offset: number
  /** Lines of this segment before it; `undefined` if unknown. */
  line: number | undefined
  /** Lines of the whole log before it. */
  count: number
  /** The greatest `ts` of the log before it, where a selection is read. */
  latest?: number | undefined
  /** The `ts` of the last event before it, where a selection by time is read. */
  before?: number | undefined
}

/** Bytes that are made text at once. */
const TEXT_BYTES = 64 * 1024

/** The text of lines that lie near each other: made together where it is ASCII, it takes a fraction of the time. */
class AsciiText {
  #buffer: Buffer | undefined
  #from = 0
  #to = 0
  /** `undefined` where it is not ASCII. */
  #text: string | undefined

  /** `undefined` where it must be made of the bytes. */
  of(buffer: Buffer, from: number, to: number): string | undefined {
    if (buffer !== this.#buffer || from < this.#from || to > this.#to) {
      if (to - from > TEXT_BYTES) return undefined
      this.#buffer = buffer
      this.#from = from
      this.#to = Math.min(buffer.length, from + TEXT_BYTES)
      const isPlain = isAscii(buffer.subarray(from, this.#to))
      this.#text = isPlain ? buffer.toString('latin1', from, this.#to) : undefined
    }
    return this.#text?.slice(from - this.#from, to - this.#from)
  }

  /** The bytes are others from now on. */
  forget(): void {
    this.#buffer = this.#text = undefined
  }
}

/** Turns the chunks of one segment into items. */
export class ItemReader {
  /** Lines of the whole log up to here. */
  count: number
  protected readonly splitter: LineSplitter
  /** Lines of the segment up to here, if known. */
  protected line: number | undefined
  protected items: LogItem[] = []
  readonly #file: string
  readonly #withText: boolean
  readonly #text = new AsciiText()

  constructor(file: string, start: Start, options: LineOptions) {
    this.#file = file
    this.#withText = options.text === true
    this.count = start.count
    this.line = start.line
    const add = (buffer: Buffer, from: number, to: number, offset: number, length: number): void => {
      this.add(this.lineIn(buffer, from, to), length, true, offset)
    }
    this.splitter = new LineSplitter(add, start.offset, options.maxLineBytes)
  }

  /** Offset of the first byte of the line that is not complete yet. */
  get offset(): number {
    return this.splitter.offset
  }

  /** The lines that these bytes complete. */
  push(chunk: Buffer): LogItem[] {
    const from = this.splitter.isWithinLine ? this.splitter.finishLine(chunk) : 0
    const to = chunk.lastIndexOf(10) + 1
    if (to > from) this.lines(chunk, from, to)
    const rest = Math.max(from, to)
    if (rest < chunk.length) this.splitter.push(chunk.subarray(rest))
    return this.taken()
  }

  /** Takes whole lines, `bytes[from, to)`, the first of which begins at the splitter's offset, and moves that on. */
  protected lines(bytes: Buffer, from: number, to: number): void {
    this.splitter.push(bytes.subarray(from, to))
  }

  /** The last line, if it has no newline. */
  end(): LogItem[] {
    const rest = this.splitter.remainder()
    if (rest !== undefined) this.add(rest.bytes, rest.length, false, rest.offset)
    return this.taken()
  }

  /** A notice was given behind the last line. */
  noticed(_notice: MalformedLine): void {}

  /** The line in these bytes; good until what was taken is given. */
  protected lineIn(buffer: Buffer, from: number, to: number): Line {
    return this.#text.of(buffer, from, to) ?? buffer.subarray(from, to)
  }

  protected add(bytes: Line, length: number, terminated: boolean, offset: number): void {
    this.advance(1)
    this.items.push(this.itemOf(bytes, length, terminated, offset))
  }

  protected advance(lines: number): void {
    this.count += lines
    if (this.line !== undefined) this.line += lines
  }

  /** @param after how many of the lines up to here come after this one */
  protected itemOf(bytes: Line, length: number, terminated: boolean, offset: number, after = 0): LogItem {
    const line = this.line === undefined ? undefined : this.line - after
    const place = { file: this.#file, offset, line, count: this.count - after }
    return makeItem(bytes, length, terminated, place, this.#withText)
  }

  protected taken(): LogItem[] {
    const { items } = this
    this.items = []
    this.#text.forget()
    return items
  }
}
