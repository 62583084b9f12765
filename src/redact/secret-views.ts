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
  /** From a place in `text` to the place in the encoded text. */
  origin(at: number): number
  /** How many characters the one at a place in `text` takes encoded. */
  width(at: number): number
}

/** Collects a decoded text piece by piece. */
class ViewBuilder {
  #text = ''
  /** Places in the decoded text after each escape, and by how much the encoded text is ahead there. */
  readonly #places: number[] = []
  readonly #shifts: number[] = []
  #shift = 0

  /** A stretch that is not encoded. */
  copy(text: string): void {
    this.#text += text
  }

  /** `decoded`, which takes `length` characters encoded. */
  escape(decoded: string, length: number): void {
    this.#text += decoded
    if (decoded.length === length) return
    this.#shift += length - decoded.length
    this.#places.push(this.#text.length)
    this.#shifts.push(this.#shift)
  }

  view(): View {
    const places = this.#places
    const shifts = this.#shifts
    const origin = (at: number): number => {
      // The last place that is not past `at`.
      let low = 0
      let high = places.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((places[middle] as number) <= at) low = middle + 1
        else high = middle
      }
      return at + (low === 0 ? 0 : (shifts[low - 1] as number))
    }
    return { text: this.#text, origin, width: (at) => origin(at + 1) - origin(at) }
  }
}

const isHex = (text: string, at: number, count: number): boolean => {
  for (let i = 0; i < count; i++) if (!isOf(text.charCodeAt(at + i), HEX)) return false
  return true
}
const hex = (text: string, at: number, count: number): number =>
  Number.parseInt(text.slice(at, at + count), 16)

/** Stands for a quote that is not escaped: what stands before and behind it is of different texts. */
const BORDER = '\u2028'
const SIMPLE: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** The text with its backslash escapes decoded; `undefined` when there are none. */
export function unescaped(text: string): View | undefined {
  if (!text.includes('\\')) return undefined
  const out = new ViewBuilder()
  let copied = 0
  let found = false
  for (let at = nextOf(text, 0); at !== -1; at = nextOf(text, copied)) {
    out.copy(text.slice(copied, at))
    if (text[at] === '"') {
      out.escape(BORDER, 1)
      copied = at + 1
      continue
    }
    const next = text[at + 1]
    if (next === undefined) {
      copied = at
      break
    }
    const unicode = next === 'u' && isHex(text, at + 2, 4)
    found = true
    const length = unicode ? 6 : 2
    const simple = SIMPLE[next]
    out.escape(unicode ? String.fromCharCode(hex(text, at + 2, 4)) : (simple ?? next), length)
    copied = at + length
  }
  if (!found) return undefined
  out.copy(text.slice(copied))
  return out.view()
}

/** Where the next backslash or quote stands, or -1. */
function nextOf(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 92 || code === 34) return i
  }
  return -1
}

/** A first field of a form. */
const FIELD = /^[\w.-]{1,40}=[^+\s]{0,512}\+/

/** Whether `+` may stand for a space, as in what a form sends. */
const isForm = (text: string): boolean =>
  !text.includes('%20') &&
  text.includes('+') &&
  (text.includes('&') || text.includes('?') || FIELD.test(text))

/** The text with its percent escapes decoded, and `+` as a space where nothing else says one. */
export function percentDecoded(text: string): View | undefined {
  const out = new ViewBuilder()
  const form = isForm(text)
  const plain = (from: number, to: number): void => {
    out.copy(form ? text.slice(from, to).replaceAll('+', ' ') : text.slice(from, to))
  }
  let copied = 0
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', at + 1)) {
    if (!isHex(text, at + 1, 2)) continue
    plain(copied, at)
    // A byte of a longer character stands for itself: no secret's shape has one.
    out.escape(String.fromCharCode(hex(text, at + 1, 2)), 3)
    copied = at + 3
  }
  if (copied === 0 && !form) return undefined
  plain(copied, text.length)
  return out.view()
}
