/**
 * What a writer must know of a file that it goes on with: the last `seq`, and whether a crash left a torn line at
 * the end. Nothing is repaired here and nothing is ever cut off: the writer closes a torn line with a newline and
 * accounts for it in a `log.torn` line.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { linesBackward } from '../disk/backward.js'
import { decodeLine, ownSeq } from '../format/decode.js'
import type { HiveEvent } from '../format/kinds.js'
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

/**
 * Reads the state of a segment from its first line and its last ones.
 * @param before tells the `seq` of the last line of the segment before, 0 if there is none
 * @throws {LogOpenError} when the file holds no event at all and does not look like the start of a log
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
  if (size === 0) return after(before(), state)
  const fd = openSync(file, 'r')
  try {
    const last = readEnd(fd, size, state)
    if (last === undefined) {
      if (size > MAX_TORN_FILE || !looksLikeFirstWrite(fd)) {
        throw new LogOpenError(
          `${file} holds no event in any line, so it is no hive log; give the log a file of its own`,
        )
      }
      return after(before(), state)
    }
    const first = readFirst(fd, size)
    if (first !== undefined) {
      state.firstTs = first.ts
      if (first.kind === 'log.open' && typeof first.segment === 'number') state.segment = first.segment
    }
    const firstSeq = first && ownSeq(first)
    const lastSeq = ownSeq(last)
    if (firstSeq === undefined || lastSeq === undefined) after(before(), state)
    if (firstSeq !== undefined) state.firstSeq = firstSeq
    state.lastSeq = lastSeq ?? state.lastSeq + countLines(fd, size)
    return state
  } finally {
    closeSync(fd)
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
  for (const line of linesBackward(fd, size)) {
    if (!line.terminated) state.isOpenEnded = true
    const decoded = decodeLine(line.bytes)
    if ('event' in decoded) {
      last ??= decoded.event
      state.isBegun = decoded.event.kind !== 'log.torn'
      if (state.isBegun) break
    } else if (last === undefined) state.tornBytes += line.bytes.length
  }
  return last
}

/** The file's first event, if its first line is one. */
export function readFirst(fd: number, size: number): HiveEvent | undefined {
  const block = Buffer.allocUnsafe(Math.min(size, 64 * 1024))
  const got = readSync(fd, block, 0, block.length, 0)
  const newline = block.subarray(0, got).indexOf(10)
  const decoded = decodeLine(block.subarray(0, newline === -1 ? got : newline))
  return 'event' in decoded ? decoded.event : undefined
}

/** Its first line, which the next writer may have closed before it crashed too, begins as that of a log does. */
function looksLikeFirstWrite(fd: number): boolean {
  const expected = '{"ts":'
  const start = Buffer.alloc(expected.length)
  const got = readSync(fd, start, 0, start.length, 0)
  const [line = ''] = start.toString('latin1', 0, got).split('\n', 1)
  return line !== '' && expected.startsWith(line)
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
