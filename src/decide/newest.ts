/** How escalations stand by the newest part of one log, read at once: for code that decides what it did not ask. */
import { closeSync, fstatSync, readFileSync, readSync } from 'node:fs'
import { systemCodeOf } from '../disk/errors.js'
import { gunzipSound } from '../disk/gunzip-sync.js'
import { openFileSync } from '../disk/open.js'
import { archivedSegments, type Segment } from '../disk/segments.js'
import { decodeLine } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import { Standings } from './standings.js'

/** As much as is read in a blink. */
const MAX_BYTES = 64 * 1024 * 1024
const BLOCK = 1024 * 1024
const NEWLINE = 10
/** So the log's own writer begins the kind. */
const KINDS = [Buffer.from('"kind":"escalate"'), Buffer.from('"kind":"approval"')]

/**
 * Reads the end of a log, and its archives with it, but not the logs of its child processes: those go on meanwhile.
 * Throws nothing.
 * @param onFault is told in one line what cannot be read; what lies before it is not known
 * @param max bytes that are read, uncompressed; a question that lies further back is not known. Default 64 MiB
 */
export function newestStandings(log: string, onFault: (message: string) => void, max = MAX_BYTES): Standings {
  const standings = new Standings()
  const newestFirst: Line[][] = []
  const cannotRead = (message: string): void =>
    onFault(`what was decided before cannot be read in the log: ${message}`)
  try {
    let left = max
    const live: Segment = { file: log, firstSeq: undefined, gzip: false }
    for (const segment of [live, ...archivedSegments(log).reverse()]) {
      const read = linesOf(segment, left, cannotRead)
      if (read === undefined) break
      newestFirst.push(read.lines)
      left -= read.bytes
      if (left <= 0) break
    }
  } catch (error) {
    cannotRead((error as Error).message)
  }
  for (const lines of newestFirst.reverse()) {
    for (const { kind, ts, fields } of lines) standings.take(kind, fields, ts)
  }
  return standings
}

interface Line {
  kind: string
  ts: number
  fields: Fields
}

/** @returns nothing of a compressed segment that has more than `max` bytes: of its end alone nothing can be read */
function linesOf(
  segment: Segment,
  max: number,
  onFault: (message: string) => void,
): { lines: Line[]; bytes: number } | undefined {
  const fd = openFileSync(segment.file)
  try {
    const lines: Line[] = []
    let bytes = 0
    let rest = Buffer.alloc(0)
    const onDamage = (why: string): void =>
      onFault(`${segment.file}: its compressed data is damaged (${why})`)
    const pieces = segment.gzip ? [inflated(fd, max, onDamage)] : lastPieces(fd, max)
    for (const piece of pieces) {
      if (piece === undefined) return undefined
      bytes += piece.length
      const end = piece.lastIndexOf(NEWLINE) + 1
      if (end > 0) take(Buffer.concat([rest, piece.subarray(0, end)]), lines)
      rest = Buffer.concat([end > 0 ? Buffer.alloc(0) : rest, piece.subarray(end)])
    }
    return { lines, bytes }
  } finally {
    closeSync(fd)
  }
}

function inflated(fd: number, max: number, onDamage: (why: string) => void): Buffer | undefined {
  try {
    const { bytes, fault } = gunzipSound(readFileSync(fd), max)
    if (fault !== undefined) onDamage(fault.message)
    return bytes
  } catch (error) {
    if (systemCodeOf(error) === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw error
  }
}

function* lastPieces(fd: number, max: number): Generator<Buffer> {
  const { size } = fstatSync(fd)
  const block = Buffer.alloc(BLOCK)
  for (let at = Math.max(0, size - max); at < size; ) {
    const got = readSync(fd, block, 0, Math.min(BLOCK, size - at), at)
    if (got === 0) return
    at += got
    yield block.subarray(0, got)
  }
}

/** @param bytes whole lines, but that the first may have lost its beginning */
function take(bytes: Buffer, lines: Line[]): void {
  const places: number[] = []
  for (const kind of KINDS) {
    for (let at = bytes.indexOf(kind); at !== -1; at = bytes.indexOf(kind, at + 1)) places.push(at)
  }
  let end = 0
  for (const at of places.sort((a, b) => a - b)) {
    // A line's text can hold the same words again.
    if (at < end) continue
    end = bytes.indexOf(NEWLINE, at)
    const decoded = decodeLine(bytes.subarray(bytes.lastIndexOf(NEWLINE, at) + 1, end))
    if (!('event' in decoded)) continue
    const { kind, ts } = decoded.event
    if (kind === 'escalate' || kind === 'approval')
      lines.push({ kind, ts, fields: decoded.event as unknown as Fields })
  }
}
