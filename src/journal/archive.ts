/** What a new segment must know of the archived one before it. */
import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { gunzipPieces } from '../disk/gunzip-sync.js'
import { closeQuietly, openFileSync } from '../disk/open.js'
import type { Segment } from '../disk/segments.js'
import { decodeLine, ownSeq } from '../format/decode.js'
import type { HiveEvent } from '../format/kinds.js'
import { LogOpenError } from './errors.js'

export interface Archive {
  lastSeq: number
  /** Its ordinal, as its first line tells it. */
  segment: number | undefined
  /** Of all its bytes, uncompressed. */
  sha256: string
}

const PIECE = 1024 * 1024
/** Bytes from the end in which the last event is looked for; where none is found the lines are counted. */
const END_BYTES = 8 * 1024 * 1024
const HEAD_BYTES = 64 * 1024
/** No log has a line of this length; what inflates to one was made to. */
const MAX_LINE_BYTES = 1024 * 1024 * 1024

/** Reads all of an archived segment, in bounded memory. @throws {LogOpenError} when that fails */
export function readArchive(segment: Segment): Archive {
  try {
    const scan = new Scan()
    for (const piece of archiveChunks(segment)) scan.take(piece)
    return scan.result(segment.firstSeq ?? 1)
  } catch (error) {
    throw new LogOpenError(
      `${segment.file}, the segment before, cannot be read: ${(error as Error).message}; restore it, or move it away`,
      error,
    )
  }
}

/**
 * The uncompressed bytes of an archived segment. A chunk is valid until the next one is asked for.
 * @throws when it cannot be read, or is no file
 */
export function* archiveChunks({ file, gzip }: Segment): Generator<Buffer> {
  const fd = openFileSync(file)
  try {
    if (gzip) {
      yield* gunzipPieces(fd)
      return
    }
    const block = Buffer.allocUnsafe(PIECE)
    for (let position = 0; ; ) {
      const got = readSync(fd, block, 0, block.length, position)
      if (got === 0) return
      yield block.subarray(0, got)
      position += got
    }
  } finally {
    closeQuietly(fd)
  }
}

class Scan {
  readonly #hash = createHash('sha256')
  /** The first line, or how it begins. */
  #head = Buffer.alloc(0)
  #isHeadWhole = false
  /** The last bytes, in pieces. */
  #end: Buffer[] = []
  #endBytes = 0
  #bytes = 0
  #lines = 0
  #lineBytes = 0

  take(piece: Buffer): void {
    this.#hash.update(piece)
    this.#bytes += piece.length
    for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) this.#lines++
    const newline = piece.lastIndexOf(10)
    this.#lineBytes = newline === -1 ? this.#lineBytes + piece.length : piece.length - newline - 1
    if (this.#lineBytes > MAX_LINE_BYTES) throw new Error('a line in it does not end within 1 GiB')
    this.#takeHead(piece)
    this.#end.push(Buffer.from(piece))
    this.#endBytes += piece.length
    while (this.#endBytes - (this.#end[0] as Buffer).length >= END_BYTES) {
      this.#endBytes -= (this.#end.shift() as Buffer).length
    }
  }

  result(firstSeq: number): Archive {
    const lines = this.#lineBytes > 0 ? this.#lines + 1 : this.#lines
    const first = decodeLine(this.#head)
    const last = this.#lastEvent()
    const isAllThere = this.#endBytes === this.#bytes
    const counted = last === undefined && isAllThere ? firstSeq - 1 : firstSeq - 1 + lines
    return {
      lastSeq: (last && ownSeq(last)) ?? counted,
      segment: 'event' in first ? ordinalOf(first.event) : undefined,
      sha256: this.#hash.digest('hex'),
    }
  }

  #takeHead(piece: Buffer): void {
    if (this.#isHeadWhole || this.#head.length >= HEAD_BYTES) return
    const newline = piece.indexOf(10)
    this.#head = Buffer.concat([this.#head, newline === -1 ? piece : piece.subarray(0, newline)])
    this.#isHeadWhole = newline !== -1
  }

  #lastEvent(): HiveEvent | undefined {
    const bytes = Buffer.concat(this.#end)
    for (let end = bytes.length; end > 0; ) {
      const start = end < 2 ? 0 : bytes.lastIndexOf(10, end - 2) + 1
      const decoded = decodeLine(bytes.subarray(start, bytes[end - 1] === 10 ? end - 1 : end))
      if ('event' in decoded) return decoded.event
      end = start
    }
    return undefined
  }
}

/** No more segments than this can be told apart by a number. */
const MAX_ORDINAL = 2 ** 48

/** The ordinal of the segment that begins with `first`, if it tells a possible one. */
export function ordinalOf(first: HiveEvent | undefined): number | undefined {
  if (first?.kind !== 'log.open') return undefined
  const { segment } = first as Record<string, unknown>
  const isPossible = Number.isSafeInteger(segment) && (segment as number) > 0
  return isPossible && (segment as number) < MAX_ORDINAL ? (segment as number) : undefined
}
