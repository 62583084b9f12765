/**
 * Texts within texts: what a text says once its percent signs (`password%3D…`) or its backslashes (JSON within JSON)
 * are decoded. A secret found there is masked where it stands encoded.
 */
import { HEX, isOf } from './secret-chars.js'

/** A part of a text and what stands there afterwards. Lists of them are sorted and do not overlap. */
export interface Edit {
  start: number
  end: number
  mask: string
}

export function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = ''
  let copied = 0
  for (const { start, end, mask } of edits) {
    out += text.slice(copied, start) + mask
    copied = end
  }
  return out + text.slice(copied)
}

/** Both lists in one; where edits overlap, one that covers both, with the mask of the wider. */
export function union(first: readonly Edit[], second: readonly Edit[]): readonly Edit[] {
  if (first.length === 0) return second
  if (second.length === 0) return first
  const out: Edit[] = []
  for (const edit of [...first, ...second].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = out.at(-1)
    if (last === undefined || edit.start >= last.end) out.push(edit)
    else if (edit.end > last.end) {
      const mask = edit.end - edit.start > last.end - last.start ? edit.mask : last.mask
      out[out.length - 1] = { start: last.start, end: edit.end, mask }
    }
  }
  return out
}

/** A text decoded, and where each of its characters stands encoded. */
export interface View {
  text: string
  /** From a place in `text`, its end included, to the place in the encoded text. */
  origin(at: number): number
}

/** Collects a decoded text, character by character. */
class ViewBuilder {
  readonly #codes: Uint16Array
  readonly #origins: Uint32Array
  readonly #length: number
  #used = 0
  /** All bits of all characters. */
  #bits = 0

  constructor(length: number) {
    this.#codes = new Uint16Array(length)
    this.#origins = new Uint32Array(length + 1)
    this.#length = length
  }

  add(code: number, origin: number): void {
    this.#codes[this.#used] = code
    this.#origins[this.#used++] = origin
    this.#bits |= code
  }

  view(): View {
    const origins = this.#origins
    origins[this.#used] = this.#length
    const codes = this.#codes.subarray(0, this.#used)
    const text =
      this.#bits < 256
        ? Buffer.from(codes).toString('latin1')
        : Buffer.from(codes.buffer, 0, codes.byteLength).toString('utf16le')
    return { text, origin: (at) => origins[at] as number }
  }
}

/** The number that the hex digits say that stand there, or -1 when not all are. */
function hexAt(text: string, at: number, count: number): number {
  let number = 0
  for (let i = at; i < at + count; i++) {
    const code = text.charCodeAt(i)
    if (!isOf(code, HEX)) return -1
    number = number * 16 + (code < 58 ? code - 48 : (code | 32) - 87)
  }
  return number
}

/** Stands for a quote that is not escaped: what stands before and behind it is of different texts. */
const BORDER = 0x2028
const QUOTE = 34
const BACKSLASH = 92
const U = 117
/** What a letter after a backslash says; every other character says itself. */
const ESCAPED = new Uint8Array(128).map((_, code) => code)
for (const [letter, char] of ['n\n', 'r\r', 't\t', 'b\b', 'f\f']) {
  ESCAPED[(letter as string).charCodeAt(0)] = (char as string).charCodeAt(0)
}

/** The text with its backslash escapes decoded. */
export function unescaped(text: string): View {
  const out = new ViewBuilder(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) out.add(BORDER, i)
    else if (code !== BACKSLASH || i + 1 === text.length) out.add(code, i)
    else {
      const next = text.charCodeAt(i + 1)
      const unicode = next === U ? hexAt(text, i + 2, 4) : -1
      if (unicode !== -1) {
        out.add(unicode, i)
        i += 5
      } else {
        out.add(next < 128 ? (ESCAPED[next] as number) : next, i)
        i++
      }
    }
  }
  return out.view()
}

const PERCENT = 37
const PLUS = 43
/** A first field of a form. */
const FIELD = /^[\w.-]{1,40}=[^+\s]{0,512}\+/

/** Whether `+` may stand for a space, as in what a form sends. */
const isForm = (text: string): boolean =>
  !text.includes('%20') &&
  text.includes('+') &&
  (text.includes('&') || text.includes('?') || FIELD.test(text))

/** The text with its percent escapes decoded, and in a form `+` as a space; `undefined` when there are none. */
export function percentDecoded(text: string): View | undefined {
  const form = isForm(text)
  if (!form && !text.includes('%')) return undefined
  const out = new ViewBuilder(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    // A byte of a longer character stands for itself: no secret's shape has one.
    const byte = code === PERCENT ? hexAt(text, i + 1, 2) : -1
    if (byte !== -1) {
      out.add(byte, i)
      i += 2
    } else out.add(form && code === PLUS ? 32 : code, i)
  }
  return out.view()
}
