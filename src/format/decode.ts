/** Line to event. A line that is no event is told apart with a reason, never with an exception. */
import { isUtf8 } from 'node:buffer'
import { type HiveEvent, MAX_TS } from './kinds.js'

export type Decoded = { event: HiveEvent } | { reason: string }

/**
 * Decodes one line, without its newline. A trailing carriage return and a leading byte order mark are skipped.
 * An event is a JSON object with a `ts` that is a possible time and a `kind` that is a non-empty string; a kind's
 * own fields are not checked, so logs of other writers are read as they are. Never throws.
 */
export function decodeLine(line: string | Buffer): Decoded {
  let text: string
  if (typeof line === 'string') {
    text = line
  } else {
    text = line.toString('utf8')
    if (text.includes('\ufffd') && !isUtf8(line)) return { reason: 'invalid UTF-8' }
  }
  const last = text.charCodeAt(text.length - 1)
  if (last === 13) text = text.slice(0, -1)
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { reason: whyNotJson(text, error) }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { reason: 'not a JSON object' }
  const { ts, kind } = value as Record<string, unknown>
  if (ts === undefined) return { reason: 'no ts' }
  if (typeof ts !== 'number' || !(Math.abs(ts) <= MAX_TS)) return { reason: 'ts is not epoch milliseconds' }
  if (kind === undefined) return { reason: 'no kind' }
  if (typeof kind !== 'string' || kind === '') return { reason: 'kind is not a name' }
  return { event: value as HiveEvent }
}

/**
 * The greatest `seq` that a line can have: fifteen digits, as many as a segment's name holds, and far from where
 * adding one to a number no longer changes it. At a million lines a second it is reached after 31 years.
 */
export const MAX_SEQ = 999_999_999_999_999

/** An event's own position in the log, if it carries a possible one. */
export function ownSeq(event: HiveEvent): number | undefined {
  const { seq } = event
  return Number.isSafeInteger(seq) && (seq as number) > 0 && (seq as number) <= MAX_SEQ ? seq : undefined
}

function whyNotJson(text: string, error: unknown): string {
  if (text.trim() === '') return 'empty line'
  if (text.includes('\0')) return 'NUL bytes'
  if (error instanceof RangeError) return 'nested too deeply'
  // The parser's own messages differ between versions of Node.
  return text.trimStart().startsWith('{') && !text.trimEnd().endsWith('}') ? 'JSON cut short' : 'invalid JSON'
}
