/** Looks once more at a stretch of a segment that no seal vouches for: what is in it, and whether it is too long. */
import { createHash } from 'node:crypto'
import { decodeLine } from '../format/decode.js'
import { LineSplitter } from '../read/lines.js'
import { chunksOf, type Source } from '../read/sources.js'

/** How often a writer seals: an unsealed stretch is no longer, except by what it writes at once. */
export interface SealPolicy {
  everyBytes: number
  everyMs: number
}

/** As writers seal that say nothing of it. */
export const DEFAULT_POLICY: SealPolicy = { everyBytes: 4 * 1024 * 1024, everyMs: 60_000 }

/** A line can be large, a burst too, and one batch of events can tell of a span of five minutes. */
const SLACK_BYTES = 1024 * 1024
const SLACK_MS = 300_000

export interface Stretch {
  sha256: string
  /** Bytes that are there of it. */
  bytes: number
  /** Its first and last line. */
  line: number
  toLine: number
  /** Lines in it that are no housekeeping of the log (`log.*`). */
  events: number
  /** From the time of its first event to that of its last, milliseconds. */
  ms: number
}

/**
 * @param near a place at or before `from` whose line is known
 * @param to offset after the last byte
 */
export async function readStretch(
  source: Source,
  near: { line: number; end: number },
  from: number,
  to: number,
): Promise<Stretch> {
  const hash = createHash('sha256')
  const stretch = { line: 0, events: 0, bytes: 0 }
  let line = near.line
  let first: number | undefined
  let last: number | undefined
  const splitter = new LineSplitter((buffer, start, end, offset, length) => {
    line++
    if (offset + length < from) return
    stretch.line ||= line
    const decoded = length > end - start ? undefined : decodeLine(buffer.subarray(start, end))
    const event = decoded !== undefined && 'event' in decoded ? decoded.event : undefined
    if (event?.kind.startsWith('log.') === true) return
    stretch.events++
    first ??= event?.ts
    last = event?.ts ?? last
  }, near.end)
  let position = near.end
  try {
    for await (const chunk of chunksOf(source, near.end)) {
      const upTo = chunk.subarray(0, Math.max(0, to - position))
      const within = upTo.subarray(Math.max(0, from - position))
      hash.update(within)
      stretch.bytes += within.length
      splitter.push(upTo)
      position += chunk.length
      if (position >= to) break
    }
  } catch (error) {
    // Damaged compressed data; the scan has told of it.
    if (!source.gzip) throw error
  }
  const toLine = splitter.remainder() === undefined ? line : line + 1
  const ms = Math.abs((last ?? 0) - (first ?? 0))
  return { ...stretch, sha256: hash.digest('hex'), line: stretch.line || toLine, toLine, ms }
}

/** Why a stretch is longer than a writer leaves one unsealed; `undefined` when it is not. */
export function tooLong(
  { events, bytes, ms }: Pick<Stretch, 'events' | 'bytes' | 'ms'>,
  { everyBytes, everyMs }: SealPolicy,
): string | undefined {
  if (events === 0) return undefined
  if (bytes > 2 * everyBytes + SLACK_BYTES) return `its writer seals every ${everyBytes} bytes`
  if (ms > 2 * everyMs + SLACK_MS)
    return `its writer seals every ${everyMs / 1000} s, and these are ${ms / 1000} s`
  return undefined
}
