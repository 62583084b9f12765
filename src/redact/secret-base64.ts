/**
 * Runs of base64 (or base64url) that hold text: whether there is a secret in it, only the text itself can tell. A run
 * with one is masked whole.
 */
import {
  ALNUM,
  BASE64,
  DASH,
  type Detector,
  isOf,
  maskOf,
  runEnd,
  runStart,
  UNDERSCORE,
} from './secret-chars.js'

const RUN = ALNUM | BASE64 | UNDERSCORE | DASH
/** Shorter runs hold less than `token=abc123`. */
const SHORTEST = 16
/** Groups of four characters that must be text in a row. */
const GROUPS = 4
/** Shortest line of a run that goes on in the next, as in mails. */
const LINE = 60

const VALUE = new Int8Array(128).fill(-1)
;[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].forEach((char, value) => {
  VALUE[char.charCodeAt(0)] = value
})
VALUE[45] = 62
VALUE[95] = 63

const isText = (byte: number): boolean =>
  (byte >= 32 && byte < 127) || byte === 10 || byte === 13 || byte === 9
const value = (text: string, at: number): number => {
  const code = text.charCodeAt(at)
  return code < 128 ? (VALUE[code] as number) : -1
}

/** Whether the four characters at `at` are three bytes of plain text. */
function isTextGroup(text: string, at: number): boolean {
  const a = value(text, at)
  // The first six bits of a printable character.
  if (a < 2 || a > 31) return false
  const b = value(text, at + 1)
  if (b < 0 || !isText((a << 2) | (b >> 4))) return false
  const c = value(text, at + 2)
  if (c < 0 || !isText(((b & 15) << 4) | (c >> 2))) return false
  const d = value(text, at + 3)
  return d >= 0 && isText(((c & 3) << 6) | d)
}

/** Pairs of characters that every run of some length has, and prose has not. */
const TURNS: readonly string[] = (() => {
  const lower = [...'abcdefghijklmnopqrstuvwxyz']
  const upper = lower.map((char) => char.toUpperCase())
  const digits = [...'0123456789']
  const pairs = (first: readonly string[], second: readonly string[]): string[] =>
    first.flatMap((a) => second.map((b) => a + b))
  return [
    ...pairs(lower, upper),
    ...pairs(digits, upper),
    ...pairs(upper, digits),
    ...pairs(lower, digits),
    ...pairs(digits, lower),
  ]
})()

/** A line break in a run that is folded, as in mails: where the next line begins, or -1. */
function nextLine(text: string, at: number, lineStart: number): number {
  if (at - lineStart < LINE || (at - lineStart) % 4 !== 0) return -1
  let i = at
  if (text.startsWith('\\r', i)) i += 2
  if (text.startsWith('\\n', i)) i += 2
  if (i === at && text[i] === '\r') i++
  if (i < at + 2 && text[i] === '\n') i++
  return i > at && isOf(text.charCodeAt(i), RUN) ? i : -1
}

/** Looks into decoded texts, which may hold encoded ones again. */
export interface Inside {
  /** How many more times a text may be looked into. */
  depth: number
  /** Whether there is a secret in a decoded text. */
  holdsSecret(text: string): boolean
}

/** No character of a run is decoded more than four times. */
export function base64Detector(inside: Inside): Detector {
  // A run is looked at once, however many of its pairs are anchors: the last one without a secret.
  let text = ''
  let from = 0
  let to = 0
  let depth = -1
  return {
    anchors: TURNS,
    find(now, at, floor) {
      if (inside.depth === 0 || (at >= from && at < to && inside.depth === depth && now === text))
        return undefined
      const start = runStart(now, at, RUN, floor)
      let end = runEnd(now, at, RUN)
      let run = ''
      let lineStart = start
      for (let next = nextLine(now, end, start); next !== -1; next = nextLine(now, end, lineStart)) {
        run += now.slice(lineStart, end)
        lineStart = next
        end = runEnd(now, next, RUN)
      }
      if (end - start >= SHORTEST) {
        run += now.slice(lineStart, end)
        const offset = secretOffset(run, inside)
        if (offset !== -1) return { start: start + offset, end, mask: maskOf('base64') }
      }
      text = now
      from = start
      to = end
      depth = inside.depth
      return undefined
    },
  }
}

/** Where in a run the base64 begins that holds a secret, or -1. What stands before it, a path say, is no part of it. */
function secretOffset(run: string, inside: Inside): number {
  const last = run.length - 4
  for (let offset = 0; offset < 4; offset++) {
    for (let at = offset; at <= last; at += 4) {
      if (!isTextGroup(run, at)) continue
      const from = at
      while (at <= last && isTextGroup(run, at)) at += 4
      if (at - from < GROUPS * 4) continue
      // The rest of the last group may be text too.
      const text = Buffer.from(run.slice(from, at + 3), 'base64').toString('latin1')
      if (inside.holdsSecret(text)) return from
    }
  }
  return -1
}
