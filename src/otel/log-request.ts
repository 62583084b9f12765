/**
 * A request of log records in Protocol Buffers (OTLP 1.9, `opentelemetry/proto/logs/v1/logs.proto` and its imports),
 * written record by record into one buffer, which is used again: as objects the records of a request take ten times what
 * they are as bytes, and would all live until the last of them is there.
 *
 * Of values only texts and whole numbers are written: others are in no record of a line.
 */
import type { HrTime } from '@opentelemetry/api'
import type { LogRecord } from './log-records.js'

const FIRST_BYTES = 256 * 1024
/** A buffer that one long line made larger is not kept. */
const KEPT_BYTES = 4 * 1024 * 1024

/** Tags: number of the field, and its wire type. */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const tag = (field: number, wire: number): number => (field << 3) | wire

/** The same keys and scopes come with each record. */
const MAX_TEXTS = 100

/** Bytes that a length takes: of a record, and of what holds many. What is longer is moved when it is known to be. */
const FEW = 2
const MANY = 3

export class LogRequest {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #at = 0
  #resource: LogRecord['resource'] | undefined
  /** Where what is open at present begins. */
  #ofResource = 0
  #ofScope = 0
  readonly #texts = new Map<string, Buffer>()

  add(record: LogRecord): void {
    if (record.resource !== this.#resource) {
      this.#endResource()
      this.#beginResource(record)
    }
    this.#byte(tag(2, BYTES))
    const start = this.#begin(FEW)
    this.#time(1, record.hrTime)
    if (record.severityNumber !== undefined) this.#number(2, record.severityNumber)
    this.#byte(tag(5, BYTES))
    this.#value(record.body as string)
    this.#attributes(6, record.attributes)
    const { spanContext, eventName } = record
    if (spanContext !== undefined) {
      this.#byte(tag(8, FIXED32))
      this.#ensure(4)
      this.#at = this.#bytes.writeUInt32LE(spanContext.traceFlags, this.#at)
      this.#hex(9, spanContext.traceId)
      this.#hex(10, spanContext.spanId)
    }
    this.#time(11, record.hrTimeObserved)
    if (eventName !== undefined) this.#text(12, eventName)
    this.#end(start, FEW)
  }

  /** The request. The next record begins another. @param take gives memory for it. Default: memory of its own */
  finish(take: (length: number) => Uint8Array = Buffer.allocUnsafeSlow): Uint8Array {
    this.#endResource()
    const request = take(this.#at)
    request.set(this.#bytes.subarray(0, this.#at))
    this.#at = 0
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
    return request
  }

  #beginResource({ resource, instrumentationScope: { name, version } }: LogRecord): void {
    this.#resource = resource
    this.#byte(tag(1, BYTES))
    this.#ofResource = this.#begin(MANY)
    this.#byte(tag(1, BYTES))
    const attributes = this.#begin(FEW)
    this.#attributes(1, resource.attributes)
    this.#end(attributes, FEW)
    this.#byte(tag(2, BYTES))
    this.#ofScope = this.#begin(MANY)
    this.#byte(tag(1, BYTES))
    const scope = this.#begin(FEW)
    this.#text(1, name)
    if (version !== undefined) this.#text(2, version)
    this.#end(scope, FEW)
  }

  #endResource(): void {
    if (this.#resource === undefined) return
    this.#end(this.#ofScope, MANY)
    this.#end(this.#ofResource, MANY)
    this.#resource = undefined
  }

  #attributes(field: number, attributes: LogRecord['attributes']): void {
    for (const [key, value] of Object.entries(attributes)) {
      this.#byte(tag(field, BYTES))
      const start = this.#begin(FEW)
      this.#text(1, key)
      this.#byte(tag(2, BYTES))
      this.#value(value as string | number)
      this.#end(start, FEW)
    }
  }

  /** An `AnyValue` with its length. */
  #value(value: string | number): void {
    if (typeof value === 'string') {
      const length = Buffer.byteLength(value)
      this.#varint(1 + varintBytes(length) + length)
      this.#byte(tag(1, BYTES))
      this.#varint(length)
      this.#utf8(value, length)
      return
    }
    this.#varint(1 + varintBytes(value))
    this.#number(3, value)
  }

  #text(field: number, text: string): void {
    let bytes = this.#texts.get(text)
    if (bytes === undefined) {
      bytes = Buffer.from(text)
      if (this.#texts.size >= MAX_TEXTS) this.#texts.clear()
      this.#texts.set(text, bytes)
    }
    this.#byte(tag(field, BYTES))
    this.#varint(bytes.length)
    this.#ensure(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #utf8(text: string, length: number): void {
    this.#ensure(length)
    this.#bytes.write(text, this.#at, length, 'utf8')
    this.#at += length
  }

  #number(field: number, value: number): void {
    this.#byte(tag(field, VARINT))
    this.#varint(value)
  }

  #time(field: number, [seconds, nanos]: HrTime): void {
    this.#byte(tag(field, FIXED64))
    this.#ensure(8)
    this.#at = this.#bytes.writeBigUInt64LE(BigInt(seconds) * 1_000_000_000n + BigInt(nanos), this.#at)
  }

  #hex(field: number, digits: string): void {
    const length = digits.length / 2
    this.#byte(tag(field, BYTES))
    this.#varint(length)
    this.#ensure(length)
    this.#at += this.#bytes.write(digits, this.#at, 'hex')
  }

  #byte(byte: number): void {
    this.#ensure(1)
    this.#bytes[this.#at++] = byte
  }

  #varint(value: number): void {
    this.#ensure(8)
    let left = value
    for (; left > 0x7f; left = Math.floor(left / 128)) this.#bytes[this.#at++] = (left % 128) | 0x80
    this.#bytes[this.#at++] = left
  }

  /** Leaves room for a length. @returns where what has that length begins */
  #begin(room: number): number {
    this.#ensure(room)
    this.#at += room
    return this.#at
  }

  /** Writes the length of what began there, which is moved to where the length ends. */
  #end(start: number, room: number): void {
    const length = this.#at - start
    const moved = varintBytes(length) - room
    if (moved !== 0) {
      if (moved > 0) this.#ensure(moved)
      this.#bytes.copyWithin(start + moved, start, this.#at)
    }
    const end = this.#at + moved
    this.#at = start - room
    this.#varint(length)
    this.#at = end
  }

  #ensure(more: number): void {
    const wanted = this.#at + more
    if (wanted <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

/** @param value a whole number from 0 on, as are all lengths, places and `seq` */
function varintBytes(value: number): number {
  let bytes = 1
  for (let left = value; left > 0x7f; left = Math.floor(left / 128)) bytes++
  return bytes
}
