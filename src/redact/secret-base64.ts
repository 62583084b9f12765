/**
 * Runs of base64 (or base64url) that hold text: whether there is a secret in it, only the text itself can tell. A run
 * with one is masked whole.
 */
import { ALNUM, BASE64, DASH, isOf, maskOf, runEnd, runStart, type Span, UNDERSCORE } from './secret-chars.js'

const MASK = maskOf('base64')
const RUN = ALNUM | BASE64 | UNDERSCORE | DASH
/** Shorter runs hold less than `token=abc123`; this many characters in a row must be text. */
export const SHORTEST = 16
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
  // The first six bits of a printable character, or of a blank.
  if (a < 2 || a > 31) return false
  const b = value(text, at + 1)
  if (b < 0 || !isText((a << 2) | (b >> 4))) return false
  const c = value(text, at + 2)
  if (c < 0 || !isText(((b & 15) << 4) | (c >> 2))) return false
  const d = value(text, at + 3)
  return d >= 0 && isText(((c & 3) << 6) | d)
}

/**
 * Pairs of characters of which every run has one, and prose none: of 16 characters of text in base64 one in 3,000 has
 * none, of 24 one in 200,000. (A small letter and a digit are left out: names of files end like that.)
 */
export const TURNS: readonly string[] = (() => {
  const lower = [...'abcdefghijklmnopqrstuvwxyz']
  const upper = lower.map((char) => char.toUpperCase())
  const digits = [...'0123456789']
  const pairs = (first: readonly string[], second: readonly string[]): string[] =>
    first.flatMap((a) => second.map((b) => a + b))
  return [...pairs(lower, upper), ...pairs(digits, upper), ...pairs(upper, digits), ...pairs(digits, lower)]
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

/** Whether the run that holds the character at `at` is long enough. */
export function isLongRun(text: string, at: number): boolean {
  let end = at + 1
  while (end < at + SHORTEST && isOf(text.charCodeAt(end), RUN)) end++
  let start = at
  while (end - start < SHORTEST && isOf(text.charCodeAt(start - 1), RUN)) start--
  return end - start >= SHORTEST
}

/** Finds the runs of a text that hold a secret. */
export class Base64Runs {
  readonly #inside: Inside
  /** What of the last run is to be masked. */
  found: Span | undefined

  constructor(inside: Inside) {
    this.#inside = inside
  }

  /** Looks at the run that holds the character at `at`, and tells where it ends. */
  look(text: string, at: number, floor: number): number {
    this.found = undefined
    const start = runStart(text, at, RUN, floor)
    let end = runEnd(text, at, RUN)
    let folded = ''
    let lineStart = start
    for (let next = nextLine(text, end, start); next !== -1; next = nextLine(text, end, lineStart)) {
      folded += text.slice(lineStart, end)
      lineStart = next
      end = runEnd(text, next, RUN)
    }
    if (end - start < SHORTEST || this.#inside.depth === 0) return end
    const offset =
      lineStart === start
        ? secretOffset(text, start, end, this.#inside)
        : this.#foldedOffset(folded + text.slice(lineStart, end))
    this.found = offset === -1 ? undefined : { start: start + offset, end, mask: MASK }
    return end
  }

  /** At most where the first line ends, as every character of the others stands behind a break. */
  #foldedOffset(run: string): number {
    return secretOffset(run, 0, run.length, this.#inside) === -1 ? -1 : 0
  }
}

/**
 * Where in a run the base64 begins that holds a secret, or -1. What stands before it, a path say, is no part of it. No
 * character is decoded more than four times.
 */
function secretOffset(text: string, start: number, end: number, inside: Inside): number {
  const last = end - 4
  for (let offset = 0; offset < 4; offset++) {
    // From the last of as many groups as there must be to the first: one that is no text rules out all before it.
    for (let at = start + offset; at + SHORTEST <= end; ) {
      let bad = SHORTEST - 4
      while (bad >= 0 && isTextGroup(text, at + bad)) bad -= 4
      if (bad >= 0) {
        at += bad + 4
        continue
      }
      const from = at
      at += SHORTEST
      while (at <= last && isTextGroup(text, at)) at += 4
      // The rest of the last group may be text too.
      const plain = Buffer.from(text.slice(from, Math.min(end, at + 3)), 'base64').toString('latin1')
      if (inside.holdsSecret(plain)) return from - start
    }
  }
  return -1
}
