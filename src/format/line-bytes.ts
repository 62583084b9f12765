/**
 * JSON text put together as bytes. Putting it together as a string and turning that into bytes costs twice as much,
 * and leaves a dozen small objects a line to the garbage collector.
 */
import { codeAt } from './char-code.js'

const QUOTE = 34
const BACKSLASH = 92
const DELETE = 127
const ZERO = 48
/** Up to these lengths a loop beats a call of `Buffer`. */
const SHORT_BYTES = 12
const SHORT_TEXT = 48
/** Largest number whose digits are found with 32-bit arithmetic. */
const MAX_SMALL = 0x7fffffff

/** The two digits of each number below 100. */
const DIGITS = Buffer.from(Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0')).join(''))

const NOT_PLAIN = /[^\u0020\u0021\u0023-\u005b\u005d-\u007e]/

/**
 * A text that stands in many lines, as UTF-8 in words of eight bytes, which a processor copies at once. They are
 * numbers for that only: none is NaN, whose bits could change, since no text holds the bytes that make it one.
 */
export class Words {
  #values: Float64Array
  #length = 0

  constructor(text: string) {
    this.#values = new Float64Array(0)
    this.set(text)
  }

  get values(): Float64Array {
    return this.#values
  }

  /** In bytes. */
  get length(): number {
    return this.#length
  }

  /** Takes another text in the place of this one. */
  set(text: string): void {
    const room = 3 * text.length + WORD
    if (room > scratch.length) {
      scratch = Buffer.allocUnsafeSlow(room)
      scratchView = viewOf(scratch)
    }
    const length = scratch.write(text)
    const count = Math.ceil(length / WORD)
    if (count !== this.#values.length) this.#values = new Float64Array(count)
    // No bytes but zeros behind the text, lest they make a word NaN.
    scratch.fill(0, length, count * WORD)
    for (let i = 0; i < count; i++) this.#values[i] = scratchView.getFloat64(i * WORD, true)
    this.#length = length
  }
}

export const viewOf = ({ buffer, byteOffset, length }: Buffer): DataView =>
  new DataView(buffer, byteOffset, length)
let scratch = Buffer.allocUnsafeSlow(256)
let scratchView = viewOf(scratch)
/** Bytes. */
export const WORD = 8

export class LineBytes {
  #buffer: Buffer
  #view: DataView
  #length = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
    this.#view = viewOf(buffer)
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  /** How much is put in. May be set back, to take back what was put in last. */
  get length(): number {
    return this.#length
  }

  set length(length: number) {
    this.#length = length
  }

  /** Goes on at the start of another buffer. */
  moveTo(buffer: Buffer): void {
    this.#buffer = buffer
    this.#view = viewOf(buffer)
    this.#length = 0
  }

  words({ values, length }: Words): void {
    // The last word may reach beyond the text.
    this.#room(length + WORD)
    const view = this.#view
    for (let i = 0, at = this.#length; i < values.length; i++, at += WORD) {
      view.setFloat64(at, values[i] as number, true)
    }
    this.#length += length
  }

  bytes(bytes: Uint8Array): void {
    const buffer = this.#room(bytes.length)
    const at = this.#length
    if (bytes.length > SHORT_BYTES) buffer.set(bytes, at)
    else for (let i = 0; i < bytes.length; i++) buffer[at + i] = bytes[i] as number
    this.#length = at + bytes.length
  }

  /** Any text, as UTF-8. */
  text(text: string): void {
    const buffer = this.#room(3 * text.length)
    this.#length += buffer.write(text, this.#length, 'utf8')
  }

  /** `JSON.stringify(text)` */
  quoted(text: string): void {
    const { length } = text
    const buffer = this.#room(length + 2)
    let at = this.#length
    buffer[at++] = QUOTE
    if (length <= SHORT_TEXT) {
      for (let i = 0; i < length; i++) {
        const code = codeAt(text, i)
        if (code < 32 || code === QUOTE || code === BACKSLASH || code >= DELETE) {
          this.text(JSON.stringify(text))
          return
        }
        buffer[at++] = code
      }
    } else {
      if (NOT_PLAIN.test(text)) {
        this.text(JSON.stringify(text))
        return
      }
      at += buffer.write(text, at, 'latin1')
    }
    buffer[at++] = QUOTE
    this.#length = at
  }

  number(value: number): void {
    if (!(value >= 0 && value <= MAX_SMALL && (value | 0) === value)) {
      this.text(String(value))
      return
    }
    const buffer = this.#room(10)
    const start = this.#length
    let at = start + digitsOf(value)
    this.#length = at
    let rest = value
    while (rest >= 10) {
      const hundredth = (rest / 100) | 0
      const two = (rest - 100 * hundredth) << 1
      buffer[--at] = DIGITS[two + 1] as number
      buffer[--at] = DIGITS[two] as number
      rest = hundredth
    }
    if (at > start) buffer[start] = ZERO + rest
  }

  /** The buffer, with at least `bytes` free. */
  #room(bytes: number): Buffer {
    const needed = this.#length + bytes
    if (needed > this.#buffer.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(bigger, 0, 0, this.#length)
      this.#buffer = bigger
      this.#view = viewOf(bigger)
    }
    return this.#buffer
  }
}

function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1_000 ? 3 : 4
  if (value < 1_000_000) return value < 100_000 ? 5 : 6
  if (value < 100_000_000) return value < 10_000_000 ? 7 : 8
  return value < 1_000_000_000 ? 9 : 10
}
