/**
 * What a writer must know of a file that it goes on with: that it is a log, the last `seq`, and whether a crash left a
 * torn line at the end. Nothing is repaired here and nothing is ever cut off: the writer closes a torn line with a
 * newline and accounts for it in a `log.torn` line.
 */
import { readSync } from 'node:fs'
import { linesBackward } from '../disk/backward.js'
import { closeQuietly, openFileSync } from '../disk/open.js'
import { decodeLine, MAX_SEQ, ownSeq } from '../format/decode.js'
import type { HiveEvent } from '../format/kinds.js'
import { ordinalOf } from './archive.js'
import { LogOpenError } from './errors.js'

export interface FileState {
  /** `seq` of the last whole line; its line number in logs that carry none; `before` when there is none. */
  lastSeq: number
  /** `seq` of the file's first line. */
  firstSeq: number
  /** Whether it holds more than the remains of openings that were cut short. */
  isBegun: boolean
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
/** Longer lines are nobody's events. */
const MAX_LINE_BYTES = 64 * 1024 * 1024
/** Numbers that a log must have left to be gone on with: more than anybody can write. */
const ROOM = 2 ** 48
const LAST_SEQ = MAX_SEQ - ROOM

/**
 * Reads the state of a segment from its first line and its last ones.
 * @param before tells the `seq` of the last line of the segment before, 0 if there is none
 * @throws {LogOpenError} when the file cannot be read, is no log, or has no numbers left for further lines
 */
export function readState(file: string, size: number, before: () => number): FileState {
  const state: FileState = {
    lastSeq: 0,
    firstSeq: 1,
    isBegun: false,
    segment: undefined,
    firstTs: undefined,
    tornBytes: 0,
    isOpenEnded: false,
  }
  try {
    if (size === 0) after(before(), state)
    else readFile(file, size, before, state)
  } catch (error) {
    if (error instanceof LogOpenError) throw error
    throw new LogOpenError(`cannot read ${file}, the log to go on with: ${(error as Error).message}`, error)
  }
  if (!(state.lastSeq <= LAST_SEQ)) {
    throw new LogOpenError(
      `${file} cannot be gone on with: after seq ${state.lastSeq} there are no numbers left for its lines; move it away, and its archived segments`,
    )
  }
  return state
}

function readFile(file: string, size: number, before: () => number, state: FileState): void {
  const fd = openFileSync(file)
  try {
    const first = firstEvent(fd, size, file)
    const last = readEnd(fd, size, state)
    if (first === undefined || last === undefined) {
      after(before(), state)
      return
    }
    if (first.isFirstLine) {
      state.firstTs = first.event.ts
      state.segment = ordinalOf(first.event)
    }
    const firstSeq = first.isFirstLine ? ownSeq(first.event) : undefined
    const lastSeq = ownSeq(last)
    if (firstSeq === undefined || lastSeq === undefined) after(before(), state)
    if (firstSeq !== undefined) state.firstSeq = firstSeq
    state.lastSeq = lastSeq ?? state.lastSeq + countLines(fd, size)
  } finally {
    closeQuietly(fd)
  }
}

/** The state of a segment that follows on line `before` and of which no line is known yet. */
function after(before: number, state: FileState): FileState {
  state.lastSeq = before
  state.firstSeq = before + 1
  return state
}

/** The last event. Looks on past the `log.torn` lines of recoveries that were cut short themselves. */
function readEnd(fd: number, size: number, state: FileState): HiveEvent | undefined {
  let last: HiveEvent | undefined
  for (const line of linesBackward(fd, size, undefined, MAX_LINE_BYTES)) {
    if (!line.terminated) state.isOpenEnded = true
    const decoded = line.bytes.length < line.length ? { reason: 'too long' } : decodeLine(line.bytes)
    if ('event' in decoded) {
      last ??= decoded.event
      state.isBegun = decoded.event.kind !== 'log.torn'
      if (state.isBegun) break
    } else if (last === undefined) state.tornBytes += line.length
  }
  return last
}

/**
 * The file's first event. Before it there may only be what a crash leaves of a first write: lines that begin as one,
 * or blocks that never reached the disk. `undefined` in a file that holds no more than the former.
 * @throws {LogOpenError} when the file is no log
 */
function firstEvent(
  fd: number,
  size: number,
  file: string,
): { event: HiveEvent; isFirstLine: boolean } | undefined {
  let isTorn = true
  for (let start = 0; start < size; ) {
    const line = lineAt(fd, start, size)
    const decoded = line.bytes.length < line.length ? { reason: 'too long' } : decodeLine(line.bytes)
    if ('event' in decoded) return { event: decoded.event, isFirstLine: start === 0 }
    const isHole = line.bytes[0] === 0
    if (!isHole && (!beginsAsEvent(line.bytes) || isWholeJson(line.bytes))) break
    if (isHole) isTorn = false
    start += line.length + 1
    if (start > MAX_TORN_FILE) break
    if (start >= size && isTorn) return undefined
  }
  throw new LogOpenError(
    `${file} is no hive log: its first line holds no event; give the log a file of its own`,
  )
}

/** The line from `start` on, at most as much of it as an event can have. */
function lineAt(fd: number, start: number, size: number): { bytes: Buffer; length: number } {
  for (let length = 64 * 1024; ; length *= 8) {
    const wanted = Math.min(length, size - start, MAX_LINE_BYTES)
    const block = Buffer.allocUnsafe(wanted)
    const bytes = block.subarray(0, readSync(fd, block, 0, wanted, start))
    const newline = bytes.indexOf(10)
    if (newline !== -1) return { bytes: bytes.subarray(0, newline), length: newline }
    const isAll = bytes.length < wanted || wanted === size - start
    if (isAll) return { bytes, length: bytes.length }
    // What is no event in its first bytes is not read to its end.
    const isOver = wanted === MAX_LINE_BYTES || !MAY_BE_EVENT.test(bytes.toString('latin1', 0, 64))
    if (isOver) return { bytes, length: size - start }
  }
}

/** After a byte order mark perhaps. */
const MAY_BE_EVENT = /^(?:\xef\xbb\xbf)?\s*\{/

/** Whether a line begins as the writer's own do, or is shorter than that beginning. */
function beginsAsEvent(line: Buffer): boolean {
  const expected = '{"ts":'
  const start = line.toString('latin1', 0, expected.length)
  return start !== '' && expected.startsWith(start)
}

/** What is whole was not cut short by a crash. */
function isWholeJson(line: Buffer): boolean {
  try {
    JSON.parse(line.toString('utf8', 0, MAX_TORN_FILE))
    return true
  } catch {
    return false
  }
}

export function countLines(fd: number, size: number): number {
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
