/** Character classes of secrets, as bits, and the few steps over them that every shape is made of. */

export const DIGIT = 1
export const LOWER = 2
export const UPPER = 4
export const UNDERSCORE = 8
export const DASH = 16
export const DOT = 32
/** `+`, `/` and `=`: what base64 has beside letters and digits. */
export const BASE64 = 64
/** Hex digits of either case. */
export const HEX = 128

export const ALNUM = DIGIT | LOWER | UPPER
/** Letters, digits, `_` and `-`: base64url. */
export const URL_SAFE = ALNUM | UNDERSCORE | DASH

const CLASS = new Uint8Array(128)
const mark = (chars: string, bit: number): void => {
  for (let i = 0; i < chars.length; i++) CLASS[chars.charCodeAt(i)] = (CLASS[chars.charCodeAt(i)] ?? 0) | bit
}
mark('0123456789', DIGIT)
mark('abcdefghijklmnopqrstuvwxyz', LOWER)
mark('ABCDEFGHIJKLMNOPQRSTUVWXYZ', UPPER)
mark('_', UNDERSCORE)
mark('-', DASH)
mark('.', DOT)
mark('+/=', BASE64)
mark('0123456789abcdefABCDEF', HEX)

/** Whether the character code is of one of the classes; `NaN`, past the end of a text, is of none. */
export function isOf(code: number, classes: number): boolean {
  return code < 128 && ((CLASS[code] ?? 0) & classes) !== 0
}

/**
 * Where the run of characters of these classes that begins at `from` ends, looking no further than `limit`.
 */
export function runEnd(text: string, from: number, classes: number, limit = text.length): number {
  let i = from
  while (i < limit && isOf(text.charCodeAt(i), classes)) i++
  return i
}

/**
 * Where the run of characters of these classes that ends before `to` begins, looking no further back than
 * `limit`.
 */
export function runStart(text: string, to: number, classes: number, limit: number): number {
  let i = to
  while (i > limit && isOf(text.charCodeAt(i - 1), classes)) i--
  return i
}

const ESCAPE_LETTERS = 'nrtbf'
const BACKSLASH = 92
const PERCENT = 37

/**
 * Whether a word begins at `at`. What stands before must be no letter or digit, unless that is the end of an
 * escape: `\n`, `\u0026` or `%3D` in a text that holds JSON or a URL. Nothing before `floor` counts.
 */
export function wordBegins(text: string, at: number, floor: number): boolean {
  if (at <= floor || !isOf(text.charCodeAt(at - 1), ALNUM)) return true
  if (text.charCodeAt(at - 2) === BACKSLASH) return ESCAPE_LETTERS.includes(text[at - 1] as string)
  if (text.charCodeAt(at - 3) === PERCENT) return runStart(text, at, HEX, at - 2) === at - 2
  if (text.charCodeAt(at - 6) !== BACKSLASH) return false
  return text[at - 5] === 'u' && runStart(text, at, HEX, at - 4) === at - 4
}

/** A part of a text that is to be replaced. */
export interface Span {
  start: number
  end: number
  /** What stands there afterwards. */
  mask: string
}

/** Finds secrets of one shape. */
export interface Detector {
  /** One of these texts, each of two characters or more, stands in every secret of the shape. */
  anchors: readonly string[]
  /** Anchors (lower-case) are found in any case. */
  anyCase?: boolean
  /**
   * Looks at the anchor that begins at `at`. Nothing before `floor` belongs to it: that is done already.
   * Costs no more than is consumed by the span it returns, plus a constant.
   */
  find(text: string, at: number, floor: number): Span | undefined
}

export const maskOf = (name: string): string => `[redacted:${name}]`

const MASK = /\[redacted:[\w.-]{1,64}\]/y

/** Where the mask that begins at `at` ends, or -1 when none begins there. */
export function maskEnd(text: string, at: number): number {
  return sticky(MASK, text, at)
}

/** The span from `start` to `end`, replaced unless it is a mask already. */
export function masked(text: string, start: number, end: number, mask: string): Span {
  return { start, end, mask: maskEnd(text, start) === end ? text.slice(start, end) : mask }
}

/** Where the match of a sticky pattern at `at` ends, or -1 when there is none. */
export function sticky(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : -1
}
