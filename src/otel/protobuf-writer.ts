/**
 * Writes messages of Protocol Buffers, of the kinds that OTLP has, one after the other into one buffer, which is used
 * again. A length comes before what is that long, so room is left for it, and what follows is moved where the guess was
 * wrong: to write is cheaper than to count first.
 */
import type { HrTime } from '@opentelemetry/api'
import { codeAt } from '../format/char-code.js'
import { viewOf, WORD, Words } from '../format/line-bytes.js'

const FIRST_BYTES = 256 * 1024
/** A buffer that one long text made larger is not kept. */
const KEPT_BYTES = 4 * 1024 * 1024

/** Wire types. */
export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5

/** Bytes that a length takes: of an attribute, of a record, and of what holds many. */
export const ONE = 1
export const FEW = 2
export const MANY = 3

/** Characters of texts that are written here one by one: a call into Node takes longer. Their length takes one byte. */
const SHORT = 100
const MAX_BYTE = 0x7f
/** Fields whose tag takes one byte. */
const MAX_SHORT_FIELD = 15
/** Bytes of a pair of texts beside them: two tags and two lengths of it, and as many of its value. */
const PAIR_BYTES = 8
const UINT32 = 2 ** 32
const INT64_END = 2 ** 63

/** By the code of a hexadecimal digit: what it stands for. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? 0 : value
})

/** A field of an attribute whose name is known before: all that stands before a short text that is its value. */
export class Key {
  readonly field: number
  readonly name: string
  /** @internal Bytes of the name; none when it is too long. */
  readonly length: number
  /** @internal */
  readonly words: Words

  constructor(field: number, name: string) {
    const length = Buffer.byteLength(name)
    this.field = field
    this.name = name
    this.length = length < SHORT && field <= MAX_SHORT_FIELD ? length : Number.POSITIVE_INFINITY
    const bytes = [(field << 3) | BYTES, 0, (1 << 3) | BYTES, length]
    this.words = new Words(String.fromCharCode(...bytes) + name + VALUE)
  }
}
/** The value's field and the text's in it, with room for the lengths. */
const VALUE = String.fromCharCode((2 << 3) | BYTES, 0, (1 << 3) | BYTES, 0)

export class ProtobufWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #view = viewOf(this.#bytes)
  #at = 0
  /** The last time, and its nanoseconds in two halves. */
  #seconds = 0
  #nanos = 0
  #low = 0
  #high = 0

  /** All that was written. What comes next begins anew. @param take gives memory for it. Default: memory of its own */
  finish(take: (length: number) => Uint8Array = Buffer.allocUnsafeSlow): Uint8Array {
    const written = take(this.#at)
    written.set(this.#bytes.subarray(0, this.#at))
    this.clear()
    return written
  }

  /** Forgets what was written. */
  clear(): void {
    this.#at = 0
    if (this.#bytes.length > KEPT_BYTES) this.#setBytes(Buffer.allocUnsafeSlow(FIRST_BYTES))
  }

  /** Begins a field. @param wire how what it holds is written */
  tag(field: number, wire: number): void {
    const tag = (field << 3) | wire
    if (tag > MAX_BYTE) this.varint(tag)
    else {
      this.#ensure(1)
      this.#bytes[this.#at++] = tag
    }
  }

  /** @param value a whole number from 0 on */
  varint(value: number): void {
    this.#ensure(8)
    const bytes = this.#bytes
    let at = this.#at
    let left = value
    for (; left >= UINT32; left = Math.floor(left / 128)) bytes[at++] = (left % 128) | 0x80
    for (; left > MAX_BYTE; left >>>= 7) bytes[at++] = (left & MAX_BYTE) | 0x80
    bytes[at++] = left
    this.#at = at
  }

  /** A field of a whole number from 0 on. */
  number(field: number, value: number): void {
    this.tag(field, VARINT)
    this.varint(value)
  }

  fixed32(field: number, value: number): void {
    this.tag(field, FIXED32)
    this.#ensure(4)
    this.#uint32(value)
  }

  /** A field of a time, in nanoseconds. */
  time(field: number, [seconds, nanos]: HrTime): void {
    this.tag(field, FIXED64)
    this.#ensure(8)
    // Events come many at a time.
    if (seconds !== this.#seconds || nanos !== this.#nanos) {
      this.#seconds = seconds
      this.#nanos = nanos
      // No number holds it exactly: it is `high` times 2^16, and `low`.
      const high = Math.floor(seconds / 65_536) * 1e9
      const low = (seconds % 65_536) * 1e9 + nanos + (high % 65_536) * 65_536
      this.#low = low >>> 0
      this.#high = Math.floor(high / 65_536) + Math.floor(low / UINT32)
    }
    this.#uint32(this.#low)
    this.#uint32(this.#high)
  }

  /** A field of bytes, given as hexadecimal digits. */
  hex(field: number, digits: string): void {
    const length = digits.length >> 1
    this.tag(field, BYTES)
    this.varint(length)
    this.#ensure(length)
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) {
      const high = DIGITS[digits.charCodeAt(2 * i)] ?? 0
      bytes[this.#at++] = (high << 4) | (DIGITS[digits.charCodeAt(2 * i + 1)] ?? 0)
    }
  }

  /** A field of text. */
  text(field: number, text: string): void {
    this.tag(field, BYTES)
    if (this.#ascii(text, 0)) return
    const length = Buffer.byteLength(text)
    this.varint(length)
    this.#utf8(text, length)
  }

  attributes(field: number, attributes: object): void {
    for (const key in attributes) {
      if (Object.hasOwn(attributes, key))
        this.attribute(field, key, (attributes as Record<string, unknown>)[key])
    }
  }

  /** An attribute whose name is known. */
  knownAttribute(key: Key, value: unknown): void {
    if (typeof value !== 'string' || !this.#plainValue(key, value)) this.attribute(key.field, key.name, value)
  }

  /** Writes a short and plain text after a name that is known, or nothing. */
  #plainValue({ length, words }: Key, value: string): boolean {
    const ofValue = value.length
    if (length + ofValue > SHORT) return false
    const start = this.#at
    this.#words(words, ofValue)
    const bytes = this.#bytes
    let at = start + words.length
    bytes[start + 1] = PAIR_BYTES - 2 + length + ofValue
    bytes[at - 3] = ofValue + 2
    bytes[at - 1] = ofValue
    for (let i = 0; i < ofValue; i++) {
      const code = codeAt(value, i)
      if (code > MAX_BYTE) return false
      bytes[at++] = code
    }
    this.#at = at
    return true
  }

  /** Puts words where what comes next is written. @param more bytes that come after */
  #words({ values, length }: Words, more: number): void {
    // The last word may reach beyond the text.
    this.#ensure(length + WORD + more)
    for (let i = 0, at = this.#at; i < values.length; i++, at += WORD) {
      this.#view.setFloat64(at, values[i] as number, true)
    }
  }

  attribute(field: number, key: string, value: unknown): void {
    if (typeof value === 'string' && this.#plainPair(field, key, value)) return
    this.tag(field, BYTES)
    const start = this.begin(ONE)
    this.text(1, key)
    this.tag(2, BYTES)
    this.value(value)
    this.end(start, ONE)
  }

  /** Most are two short and plain texts, with all else known before: so they are written in one go, or not here. */
  #plainPair(field: number, key: string, value: string): boolean {
    const { length } = key
    const ofValue = value.length
    if (length + ofValue > SHORT || field > MAX_SHORT_FIELD) return false
    this.#ensure(PAIR_BYTES + SHORT)
    const bytes = this.#bytes
    let at = this.#at
    bytes[at] = (field << 3) | BYTES
    bytes[at + 1] = PAIR_BYTES - 2 + length + ofValue
    bytes[at + 2] = (1 << 3) | BYTES
    bytes[at + 3] = length
    at += 4
    for (let i = 0; i < length; i++) {
      const code = codeAt(key, i)
      if (code > MAX_BYTE) return false
      bytes[at++] = code
    }
    bytes[at] = (2 << 3) | BYTES
    bytes[at + 1] = ofValue + 2
    bytes[at + 2] = (1 << 3) | BYTES
    bytes[at + 3] = ofValue
    at += 4
    for (let i = 0; i < ofValue; i++) {
      const code = codeAt(value, i)
      if (code > MAX_BYTE) return false
      bytes[at++] = code
    }
    this.#at = at
    return true
  }

  /** An `AnyValue` with its length. Of what it cannot say it says nothing. */
  value(value: unknown): void {
    if (typeof value === 'string') this.#textValue(value)
    else if (typeof value === 'boolean') {
      this.#ensure(3)
      this.#bytes[this.#at++] = 2
      this.number(2, value ? 1 : 0)
    } else {
      const start = this.begin(ONE)
      if (typeof value === 'number') this.#numberValue(value)
      else if (typeof value === 'object' && value !== null) this.#objectValue(value)
      this.end(start, ONE)
    }
  }

  #textValue(text: string): void {
    // The value's length, its field, and the text's length.
    const start = this.#at
    if (this.#ascii(text, 2)) {
      this.#bytes[start] = this.#at - start - 1
      this.#bytes[start + 1] = (1 << 3) | BYTES
      return
    }
    const length = Buffer.byteLength(text)
    this.varint(1 + varintBytes(length) + length)
    this.tag(1, BYTES)
    this.varint(length)
    this.#utf8(text, length)
  }

  #numberValue(value: number): void {
    if (Number.isInteger(value) && value >= -INT64_END && value < INT64_END) {
      this.tag(3, VARINT)
      if (value >= 0) this.varint(value)
      else this.#negative(value)
      return
    }
    this.tag(4, FIXED64)
    this.#ensure(8)
    this.#at = this.#bytes.writeDoubleLE(value, this.#at)
  }

  /** As 64 bits, the highest of which is set, so in ten bytes. */
  #negative(value: number): void {
    this.#ensure(10)
    let left = BigInt.asUintN(64, BigInt(value))
    for (; left > 0x7fn; left >>= 7n) this.#bytes[this.#at++] = Number(left & 0x7fn) | 0x80
    this.#bytes[this.#at++] = Number(left)
  }

  #objectValue(value: object): void {
    if (value instanceof Uint8Array) {
      this.tag(7, BYTES)
      this.varint(value.length)
      this.#ensure(value.length)
      this.#bytes.set(value, this.#at)
      this.#at += value.length
      return
    }
    const isList = Array.isArray(value)
    this.tag(isList ? 5 : 6, BYTES)
    const start = this.begin(ONE)
    if (isList) {
      for (const item of value as unknown[]) {
        this.tag(1, BYTES)
        this.value(item)
      }
    } else this.attributes(1, value)
    this.end(start, ONE)
  }

  /** Leaves room for a length. @returns where what has that length begins */
  begin(room: number): number {
    this.#ensure(room)
    this.#at += room
    return this.#at
  }

  /** Writes the length of what began there, which is moved to where the length ends. */
  end(start: number, room: number): void {
    const length = this.#at - start
    const moved = varintBytes(length) - room
    if (moved !== 0) {
      if (moved > 0) this.#ensure(moved)
      this.#bytes.copyWithin(start + moved, start, this.#at)
    }
    const end = this.#at + moved
    this.#at = start - room
    this.varint(length)
    this.#at = end
  }

  /** Writes a text that is short and plain, with its length, after `room` bytes; else nothing. */
  #ascii(text: string, room: number): boolean {
    const { length } = text
    if (length > SHORT) return false
    this.#ensure(room + 1 + SHORT)
    const bytes = this.#bytes
    const begin = this.#at + room + 1
    for (let i = 0; i < length; i++) {
      const code = codeAt(text, i)
      if (code > MAX_BYTE) return false
      bytes[begin + i] = code
    }
    bytes[begin - 1] = length
    this.#at = begin + length
    return true
  }

  #utf8(text: string, length: number): void {
    this.#ensure(length)
    this.#bytes.write(text, this.#at, length, 'utf8')
    this.#at += length
  }

  /** There must be room. */
  #uint32(value: number): void {
    const bytes = this.#bytes
    bytes[this.#at++] = value & 0xff
    bytes[this.#at++] = (value >>> 8) & 0xff
    bytes[this.#at++] = (value >>> 16) & 0xff
    bytes[this.#at++] = value >>> 24
  }

  #ensure(more: number): void {
    if (this.#at + more > this.#bytes.length) this.#grow(this.#at + more)
  }

  #grow(wanted: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#setBytes(larger)
  }

  #setBytes(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }
}

/** @param value a whole number from 0 on, as are all lengths */
function varintBytes(value: number): number {
  let bytes = 1
  for (let left = value; left > MAX_BYTE; left = Math.floor(left / 128)) bytes++
  return bytes
}
