/**
 * JSON text put together as bytes. Putting it together as a string and turning that into bytes costs twice as much,
 * and leaves a dozen small objects a line to the garbage collector.
 */

const QUOTE = 34
const BACKSLASH = 92
const DELETE = 127
const ZERO = 48
/** Up to these lengths a loop beats a call of `Buffer`. */
const SHORT_BYTES = 12
const SHORT_TEXT = 48
/** Largest number whose digits are found with 32-bit arithmetic. */
const MAX_SMALL = 0x7fffffff

const NOT_PLAIN = /[^\u0020\u0021\u0023-\u005b\u005d-\u007e]/

export class LineBytes {
  #buffer: Buffer
  #length = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
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
    this.#length = 0
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
        const code = text.charCodeAt(i)
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
    let digits = 1
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) digits++
    let at = this.#length + digits
    this.#length = at
    let rest = value
    do {
      const tenth = (rest / 10) | 0
      buffer[--at] = ZERO + rest - 10 * tenth
      rest = tenth
    } while (rest > 0)
  }

  /** The buffer, with at least `bytes` free. */
  #room(bytes: number): Buffer {
    const needed = this.#length + bytes
    if (needed > this.#buffer.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(bigger, 0, 0, this.#length)
      this.#buffer = bigger
    }
    return this.#buffer
  }
}
