/** Goes through a log's segments from any place on, as a shipper sends them: whole lines, a piece at a time. */
import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { chunksOf, isAt, type Source } from '../read/sources.js'
import { openSegment, type Position, segmentAfter } from './segments.js'
import { ShipError } from './transport.js'

const NEWLINE = 10

/** Consecutive whole lines of one segment. */
export interface Piece {
  at: Position
  bytes: Buffer
  /** Behind its last line. */
  end: Position
}

export class LogWalk {
  readonly file: string
  #at: Position
  #reader: PlainReader | InflatingReader | undefined
  /** Which file it was that was read from last, as long as the place is in it. */
  #stamp: string | undefined

  constructor(file: string, at: Position) {
    this.file = file
    this.#at = at
  }

  /** Where the next piece begins. */
  get at(): Position {
    return this.#at
  }

  /** Goes on from another place, or from the end of a piece that is done with. */
  async to(at: Position): Promise<void> {
    if (at.segment !== this.#at.segment) {
      await this.rest()
      this.#stamp = undefined
    }
    this.#at = at
  }

  /** Closes the segment; it is opened again when it is needed. */
  async rest(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.close()
  }

  /**
   * The whole lines from here on, about `maxBytes` of them, but one at least; `undefined` when there is none yet. Where
   * a segment ends, those of the next one.
   * @throws {ShipError} when the segment is not there any more
   */
  async next(maxBytes: number): Promise<Piece | undefined> {
    for (;;) {
      const reader = await this.#opened()
      const piece = await this.#piece(reader, maxBytes)
      if (piece !== undefined || (await isAt(reader.source, this.file))) return piece
      // The last lines may have come between the two looks.
      const last = await this.#piece(reader, maxBytes)
      if (last !== undefined) return last
      const segment = await segmentAfter(this.file, this.#at.segment)
      if (segment === undefined) return undefined
      await this.to({ segment, offset: 0 })
    }
  }

  /** Bytes of the log's file from here on, lines or not; `undefined` when it is not the file that is written to. */
  async ahead(): Promise<number | undefined> {
    if (this.#stamp === undefined) await this.#opened()
    const there = await stat(this.file, { bigint: true }).catch(() => undefined)
    if (there === undefined || stampOf(there) !== this.#stamp) return undefined
    return Number(there.size) - this.#at.offset
  }

  /** The bytes of the segment from `offset` on, `maxBytes` at most, lines or not: to have a look at them. */
  async glance(offset: number, maxBytes: number): Promise<Buffer> {
    const { source } = await this.#opened()
    if (source.gzip) return Buffer.alloc(0)
    const { buffer, bytesRead } = await source.handle.read(Buffer.allocUnsafe(maxBytes), 0, maxBytes, offset)
    return buffer.subarray(0, bytesRead)
  }

  async #piece(reader: PlainReader | InflatingReader, maxBytes: number): Promise<Piece | undefined> {
    const at = this.#at
    const bytes = await reader.lines(at.offset, maxBytes)
    if (bytes.length === 0) return undefined
    return { at, bytes, end: { segment: at.segment, offset: at.offset + bytes.length } }
  }

  async #opened(): Promise<PlainReader | InflatingReader> {
    if (this.#reader === undefined) {
      const source = (await openSegment(this.file, this.#at.segment))?.source
      if (source === undefined) {
        throw new ShipError(
          `the segment of ${this.file} that begins at seq ${this.#at.segment} is gone, and the server has not all of it`,
          409,
        )
      }
      this.#stamp = stampOf(source.stats)
      this.#reader = source.gzip ? new InflatingReader(source) : new PlainReader(source)
    }
    return this.#reader
  }
}

/** A file's number alone may be another's, once the file is gone. */
const stampOf = ({ dev, ino, birthtimeNs }: BigIntStats): string => `${dev} ${ino} ${birthtimeNs}`

/** Up to the last newline within `maxBytes`, or to the first one there is. */
function wholeLines(bytes: Buffer, maxBytes: number): Buffer {
  const within = bytes.length <= maxBytes ? bytes.length - 1 : maxBytes - 1
  const end = bytes.length === 0 ? 0 : bytes.lastIndexOf(NEWLINE, within) + 1
  return bytes.subarray(0, end > 0 ? end : bytes.indexOf(NEWLINE) + 1)
}

class PlainReader {
  readonly source: Source

  constructor(source: Source) {
    this.source = source
  }

  async lines(offset: number, maxBytes: number): Promise<Buffer> {
    const { handle } = this.source
    const { size } = await handle.stat()
    const there = Math.max(0, size - offset)
    for (let wanted = Math.min(maxBytes, there); wanted > 0; wanted = Math.min(wanted * 2, there)) {
      const bytes = await readFully(handle, offset, wanted)
      const lines = wholeLines(bytes, maxBytes)
      if (lines.length > 0 || bytes.length < wanted || wanted === there) return lines
    }
    return Buffer.alloc(0)
  }

  close(): Promise<void> {
    return this.source.handle.close()
  }
}

async function readFully(handle: Source['handle'], offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  let got = 0
  while (got < length) {
    const { bytesRead } = await handle.read(buffer, got, length - got, offset + got)
    if (bytesRead === 0) break
    got += bytesRead
  }
  return buffer.subarray(0, got)
}

/** What is compressed is unpacked once, from its start on, however many pieces it is sent in. */
class InflatingReader {
  readonly source: Source
  #chunks: AsyncGenerator<Buffer> | undefined
  /** Unpacked, and not given yet; it begins at `#start`. */
  #held: Buffer = Buffer.alloc(0)
  #start = 0
  /** Why no more can be unpacked. */
  #failure: { error: unknown } | undefined

  constructor(source: Source) {
    this.source = source
  }

  async lines(offset: number, maxBytes: number): Promise<Buffer> {
    const from = offset - this.#start
    if (this.#chunks === undefined || from < 0 || from > this.#held.length) {
      await this.#chunks?.return(undefined)
      this.#chunks = chunksOf(this.source, offset)
      this.#failure = undefined
      this.#held = Buffer.alloc(0)
    } else this.#held = this.#held.subarray(from)
    this.#start = offset
    const pieces = [this.#held]
    let size = this.#held.length
    let hasLine = this.#held.includes(NEWLINE)
    while (size < maxBytes || !hasLine) {
      const value = await this.#next(this.#chunks)
      if (value === undefined) break
      pieces.push(value)
      size += value.length
      hasLine ||= value.includes(NEWLINE)
    }
    if (pieces.length > 1) this.#held = Buffer.concat(pieces, size)
    const lines = wholeLines(this.#held, maxBytes)
    // The lines before the damage are sent as any others.
    if (lines.length === 0 && this.#failure !== undefined) throw this.#failure.error
    return lines
  }

  async #next(chunks: AsyncGenerator<Buffer>): Promise<Buffer | undefined> {
    try {
      const { done, value } = await chunks.next()
      return done === true ? undefined : value
    } catch (error) {
      this.#failure = { error }
      return undefined
    }
  }

  async close(): Promise<void> {
    await this.#chunks?.return(undefined)
    await this.source.handle.close()
  }
}
