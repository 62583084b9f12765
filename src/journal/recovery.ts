/**
 * What a writer must know of a file that it goes on with: the last `seq`, and whether a crash left a torn line at
 * the end. Nothing is repaired here and nothing is ever cut off: the writer closes a torn line with a newline and
 * accounts for it in a `log.torn` line.
 */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { decodeLine } from '../events/decode.js'
import type { HiveEvent } from '../events/kinds.js'
import { linesBackward } from '../file/backward.js'
import { LogOpenError } from './errors.js'

export interface FileState {
  /** `seq` of the last whole line; its line number in logs that carry none; `before` when there is none. */
  lastSeq: number
  /** `seq` of the file's first line. */
  firstSeq: number
  /** Ordinal of the segment as its `log.open` tells it. */
  segment: number | undefined
  /** Time of the first event, epoch milliseconds. */
  firstTs: number | undefined
  /** Bytes after the last whole line that are no event: a line cut short by a crash. */
  tornBytes: number
  /** Whether the file ends without a newline. */
  isOpenEnded: boolean
}

/** A file of this size or less may be nothing but the torn first write of a crashed process. */
const MAX_TORN_FILE = 1024 * 1024

/**
 * Reads the state of a segment from its first line and its last ones.
 * @param before `seq` of the last line of the segment before, 0 if there is none
 * @throws {LogOpenError} when the file holds no event at all and does not look like the start of a log
 */
export function readState(file: string, size: number, before: number): FileState {
  const state: FileState = {
    lastSeq: before,
    firstSeq: before + 1,
    segment: undefined,
    firstTs: undefined,
    tornBytes: 0,
    isOpenEnded: false,
  }
  if (size === 0) return state
  const fd = openSync(file, 'r')
  try {
    const last = readEnd(fd, size, state)
    if (last === undefined) {
      if (size > MAX_TORN_FILE || !looksLikeFirstWrite(fd)) {
        throw new LogOpenError(
          `${file} holds no event in any line, so it is no hive log; give the log a file of its own`,
        )
      }
      return state
    }
    const first = readFirst(fd, size)
    if (first !== undefined) {
      state.firstTs = first.ts
      if (first.kind === 'log.open' && typeof first.segment === 'number') state.segment = first.segment
      if (typeof first.seq === 'number') state.firstSeq = first.seq
    }
    state.lastSeq = typeof last.seq === 'number' ? last.seq : before + countLines(fd, size)
    return state
  } finally {
    closeSync(fd)
  }
}

/** `seq` of the last line of an archived segment, compressed or not. */
export function lastSeqOf(file: string, gzip: boolean, firstSeq: number): number {
  if (gzip) {
    const lines = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\n')
    for (let i = lines.length - 1; i >= 0; i--) {
      const decoded = decodeLine(lines[i] as string)
      if ('event' in decoded) return decoded.event.seq ?? firstSeq - 1 + lines.length
    }
    return firstSeq - 1
  }
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    for (const line of linesBackward(fd, size)) {
      const decoded = decodeLine(line.bytes)
      if ('event' in decoded) return decoded.event.seq ?? firstSeq - 1 + countLines(fd, size)
    }
    return firstSeq - 1
  } finally {
    closeSync(fd)
  }
}

function readEnd(fd: number, size: number, state: FileState): HiveEvent | undefined {
  for (const line of linesBackward(fd, size)) {
    if (!line.terminated) state.isOpenEnded = true
    const decoded = decodeLine(line.bytes)
    if ('event' in decoded) return decoded.event
    state.tornBytes += line.bytes.length
  }
  return undefined
}

function readFirst(fd: number, size: number): HiveEvent | undefined {
  const block = Buffer.allocUnsafe(Math.min(size, 64 * 1024))
  const got = readSync(fd, block, 0, block.length, 0)
  const newline = block.subarray(0, got).indexOf(10)
  const decoded = decodeLine(block.subarray(0, newline === -1 ? got : newline))
  return 'event' in decoded ? decoded.event : undefined
}

function looksLikeFirstWrite(fd: number): boolean {
  const expected = '{"ts":'
  const start = Buffer.alloc(expected.length)
  const got = readSync(fd, start, 0, start.length, 0)
  return got > 0 && expected.startsWith(start.toString('latin1', 0, got))
}

function countLines(fd: number, size: number): number {
  const block = Buffer.allocUnsafe(1024 * 1024)
  let lines = 0
  let position = 0
  let lastByte = 10
  while (position < size) {
    const got = readSync(fd, block, 0, Math.min(block.length, size - position), position)
    if (got === 0) break
    for (let at = block.indexOf(10); at !== -1 && at < got; at = block.indexOf(10, at + 1)) lines++
    lastByte = block[got - 1] as number
    position += got
  }
  return lastByte === 10 ? lines : lines + 1
}

/** SHA-256 of a whole archived segment, uncompressed. */
export function hashOf(file: string, gzip: boolean): string {
  const hash = createHash('sha256')
  if (gzip) return hash.update(gunzipSync(readFileSync(file))).digest('hex')
  const fd = openSync(file, 'r')
  try {
    const block = Buffer.allocUnsafe(1024 * 1024)
    for (let got = readSync(fd, block); got > 0; got = readSync(fd, block))
      hash.update(block.subarray(0, got))
    return hash.digest('hex')
  } finally {
    closeSync(fd)
  }
}
