/** What reading a log gives: its lines in order, each an entry or, where it is no event, a malformed line. */
import { decodeLine, ownSeq } from '../format/decode.js'
import type { HiveEvent } from '../format/kinds.js'

/** A line that is an event. */
export interface LogEntry {
  /** What the line says. */
  event: HiveEvent
  /** The event's position in the log; in a log without `seq`, the number of its line over all segments, from 1. */
  seq: number
  /** Offset of the line's first byte in its segment (uncompressed). */
  offset: number
  /** Length of the line without its newline. */
  bytes: number
  /** Path of the segment. */
  file: string
  /** Number of the line in its segment, from 1; left out where reading began in the middle of the file. */
  line?: number
  /** The line as it is in the file, when asked for with `text: true`. */
  text?: string
  /** Where lines before it are left out: the greatest `ts` of the log up to this line, if that is not its own. */
  latest?: number
}

/**
 * A line that is no event, or (with `bytes` 0) a notice: that the file under a follower is not the one it was, that
 * compressed data is damaged, or that a segment does not follow on the one before it (`broken`).
 */
export interface MalformedLine {
  /** How the line begins, at most 200 characters. */
  malformed: string
  /** What is wrong with it. */
  reason: string
  /** Offset of the line's first byte in its segment (uncompressed). */
  offset: number
  /** Path of the segment. */
  file: string
  /** Number of the line in its segment, from 1; left out where reading began in the middle of the file. */
  line?: number
  /** Length of the line without its newline. */
  bytes: number
  /** It is no line, but the notice that the segment does not follow on the one before it. */
  broken?: true
}

/** What readers give: an event with its place, or a line that is none. */
export type LogItem = LogEntry | MalformedLine

/** Narrows an item to a line that is no event. */
export function isMalformed(item: LogItem): item is MalformedLine {
  return 'malformed' in item
}

/** Narrows an item to the notice that the chain of segments is broken where it stands. */
export function isBreak(item: LogItem): item is MalformedLine & { broken: true } {
  return isMalformed(item) && item.broken === true
}

/** What all readers take. */
export interface LineOptions {
  /** Lines longer than this are skipped and given as malformed, without being held. Default 64 MiB. */
  maxLineBytes?: number
  /** Also give each entry's line as `text`. Default false. */
  text?: boolean
}

export const MAX_LINE_BYTES = 64 * 1024 * 1024

/** Bytes of a skipped line that are kept, to show how it begins. */
export const HEAD_BYTES = 1024

const SHOWN_CHARACTERS = 200

/** Where a line is, and what number it has if it carries none. */
export interface Place {
  file: string
  offset: number
  line: number | undefined
  count: number
}

/** A line as it was read: its bytes, or where they are all ASCII its text, which may be a part of a longer one. */
export type Line = Buffer | string

/**
 * Makes the item of a line.
 * @param bytes the line without its newline, or its first bytes if it was too long to hold
 * @param length length of the whole line
 * @param terminated whether a newline follows it
 */
export function makeItem(
  bytes: Line,
  length: number,
  terminated: boolean,
  place: Place,
  text = false,
): LogItem {
  const { file, offset, line, count } = place
  const decoded =
    length > bytes.length ? { reason: `line of ${length} bytes is too long` } : decodeLine(bytes)
  if ('reason' in decoded) {
    const reason = terminated ? decoded.reason : `last line is unfinished: ${decoded.reason}`
    const item: MalformedLine = { malformed: shown(bytes), reason, offset, file, bytes: length }
    if (line !== undefined) item.line = line
    return item
  }
  const seq = ownSeq(decoded.event) ?? count
  const item: LogEntry = { event: decoded.event, seq, offset, bytes: length, file }
  if (line !== undefined) item.line = line
  if (text)
    item.text = wholeText(bytes)
      .replace(/^\ufeff/, '')
      .replace(/\r$/, '')
  return item
}

/** A part of a longer text would keep all of that in memory. */
export const wholeText = (line: Line): string =>
  (typeof line === 'string' ? Buffer.from(line, 'latin1') : line).toString('utf8')

function shown(line: Line): string {
  const most = SHOWN_CHARACTERS * 4
  const start = wholeText(typeof line === 'string' ? line.slice(0, most) : line.subarray(0, most))
  return start.slice(0, SHOWN_CHARACTERS).replace(/[\ud800-\udbff]$/, '')
}
