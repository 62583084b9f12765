/** What a new segment must know of the archived one before it. */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { linesBackward } from '../disk/backward.js'
import type { Segment } from '../disk/segments.js'
import { decodeLine, ownSeq } from '../format/decode.js'
import type { HiveEvent } from '../format/kinds.js'
import { LogOpenError } from './errors.js'
import { countLines, readFirst } from './recovery.js'

export interface Archive {
  lastSeq: number
  /** Its ordinal, as its first line tells it. */
  segment: number | undefined
  /** Of all its bytes, uncompressed. */
  sha256: string
}

/** Reads all of an archived segment. @throws {LogOpenError} when that fails */
export function readArchive(segment: Segment): Archive {
  try {
    return segment.gzip ? fromGzip(segment) : fromFile(segment)
  } catch (error) {
    throw new LogOpenError(
      `${segment.file}, the segment before, cannot be read: ${(error as Error).message}; restore it, or move it away`,
      error,
    )
  }
}

function fromGzip({ file, firstSeq }: Segment): Archive {
  const bytes = gunzipSync(readFileSync(file))
  const first = decodeLine(bytes.subarray(0, bytes.indexOf(10) + 1))
  return {
    lastSeq: lastSeqOf(linesOf(bytes), firstSeq, () => [...linesOf(bytes)].length),
    segment: 'event' in first ? ordinalIn(first.event) : undefined,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
}

function fromFile({ file, firstSeq }: Segment): Archive {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    return {
      lastSeq: lastSeqOf(linesBackward(fd, size), firstSeq, () => countLines(fd, size)),
      segment: ordinalIn(readFirst(fd, size)),
      sha256: hashOf(fd),
    }
  } finally {
    closeSync(fd)
  }
}

/** `seq` of the last event; by counting the lines where the last one tells none. */
function lastSeqOf(lines: Iterable<{ bytes: Buffer }>, firstSeq = 1, count: () => number): number {
  for (const { bytes } of lines) {
    const decoded = decodeLine(bytes)
    if ('event' in decoded) return ownSeq(decoded.event) ?? firstSeq - 1 + count()
  }
  return firstSeq - 1
}

function ordinalIn(first: HiveEvent | undefined): number | undefined {
  return first?.kind === 'log.open' && typeof first.segment === 'number' ? first.segment : undefined
}

/** The lines of `bytes`, last first. */
function* linesOf(bytes: Buffer): Generator<{ bytes: Buffer }> {
  for (let end = bytes.length; end > 0; ) {
    const start = end < 2 ? 0 : bytes.lastIndexOf(10, end - 2) + 1
    yield { bytes: bytes.subarray(start, end) }
    end = start
  }
}

function hashOf(fd: number): string {
  const hash = createHash('sha256')
  const block = Buffer.allocUnsafe(1024 * 1024)
  let position = 0
  for (let got = 1; got > 0; position += got) {
    got = readSync(fd, block, 0, block.length, position)
    hash.update(block.subarray(0, got))
  }
  return hash.digest('hex')
}

/** The uncompressed bytes of an archived segment. A chunk is valid until the next one is asked for. */
export function* archiveChunks({ file, gzip }: Segment): Generator<Buffer> {
  if (gzip) {
    yield gunzipSync(readFileSync(file))
    return
  }
  const fd = openSync(file, 'r')
  try {
    const block = Buffer.allocUnsafe(1024 * 1024)
    for (let position = 0; ; ) {
      const got = readSync(fd, block, 0, block.length, position)
      if (got === 0) return
      yield block.subarray(0, got)
      position += got
    }
  } finally {
    closeSync(fd)
  }
}
