/**
 * Finds secrets of many shapes in one pass over a text. Nearly all texts hold none, so the pass is a lookup
 * per character: does this pair of characters stand in the anchor of any shape? Only then is the shape itself
 * tried.
 */
import { codeAt } from '../format/char-code.js'
import { Base64Runs, type Inside, isLongRun, SHORTEST as SHORTEST_RUN, TURNS } from './secret-base64.js'
import { type Detector, maskEnd, type Span } from './secret-chars.js'
import type { Edit } from './secret-views.js'

interface Candidate {
  anchor: string
  /** Where in the anchor the pair of characters stands. */
  offset: number
  detector: Detector
}

/** What a pair of characters may be, several at once: part of an anchor, a turn in a run of base64, … */
const ANCHOR = 1
const TURN = 2
/** … a sign that something in the text is escaped with backslashes, … */
export const ESCAPES = 4
/** … or with percent signs, or as forms do. */
export const PERCENTS = 8
const ANY = ANCHOR | TURN | ESCAPES | PERCENTS

const pairsOf = (first: string, second: string): string[] =>
  [...first].flatMap((a) => [...second].map((b) => a + b))
const SIGNS: readonly (readonly [number, readonly string[]])[] = [
  [ESCAPES, pairsOf('\\', 'nrtu"\'\\/')],
  [PERCENTS, pairsOf('%', '0123456789abcdefABCDEF')],
  [PERCENTS, pairsOf('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', '+')],
]

const NONE: readonly Candidate[] = []
const PAIRS = 128 * 128
/**
 * The space and the letters of English, from the most to the least common; what is not among them is rarer.
 */
const COMMON = ' etaoinshrdlucmfwypvbgkjqxz'
/** What ids, names of files and numbers have. */
const RARITY_OF_OTHERS: readonly (readonly [RegExp, number])[] = [
  [/[-./]/, 14],
  [/[0-9_]/, 22],
  [/[A-Z]/, 34],
  [/./, 40],
]

const RAREST = 40
/** Of each ASCII character. */
const RARITY = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code)
  const rank = COMMON.indexOf(char)
  return rank !== -1 ? rank : (RARITY_OF_OTHERS.find(([chars]) => chars.test(char))?.[1] ?? RAREST)
})

/** The pair of characters of an anchor that is least likely to stand in an ordinary text. */
function rarestPair(anchor: string): number {
  let best = 0
  let most = -1
  for (let i = 0; i + 1 < anchor.length; i++) {
    const score = (RARITY[anchor.charCodeAt(i)] ?? RAREST) + (RARITY[anchor.charCodeAt(i + 1)] ?? RAREST)
    if (score > most) {
      most = score
      best = i
    }
  }
  return best
}

/** Characters beyond ASCII fall together with others; the anchor is compared afterwards. */
const pairCode = (before: number, code: number): number => ((before << 7) | code) & (PAIRS - 1)

/** A mask is passed over whole, so that nothing in it, or across its end, is taken for a secret. */
const mask: Detector = {
  anchors: ['[redacted:'],
  find(text, at) {
    const end = maskEnd(text, at)
    return end === -1 ? undefined : { start: at, end, mask: text.slice(at, end) }
  },
}

function standsAt(text: string, at: number, anchor: string, anyCase: boolean): boolean {
  if (anchor.length === 2 && !anyCase)
    return text.charCodeAt(at) === anchor.charCodeAt(0) && text.charCodeAt(at + 1) === anchor.charCodeAt(1)
  for (let i = 0; i < anchor.length; i++) {
    const code = text.charCodeAt(at + i)
    const wanted = anchor.charCodeAt(i)
    if (code !== wanted && !(anyCase && (code | 32) === wanted)) return false
  }
  return true
}

/** From this length on a text is copied into bytes before it is read. */
const SHORT = 72
const CHUNK = 8192
/** One for each text within a text. */
const scratches: Buffer[] = []
function addScratch(): Buffer {
  const added = Buffer.allocUnsafeSlow(CHUNK)
  scratches.push(added)
  return added
}
const NO_EDITS: readonly Edit[] = []

/** A sign that was seen need not be seen again. */
const wantedAfter = (signs: number): number => ANY & ~(signs & (ESCAPES | PERCENTS))

/**
 * Where in `bytes` the next marked pair begins, from `from` on; `length` when there is none. Turns before `quiet` are
 * in a run that was looked at.
 */
function nextMarked(
  bytes: Buffer,
  marked: Uint8Array,
  from: number,
  length: number,
  quiet: number,
  wanted: number,
): number {
  let before = (bytes[from] as number) << 7
  let i = from + 1
  for (const stop = Math.min(quiet, length); i < stop; i++) {
    const code = bytes[i] as number
    if (((marked[(before | code) & (PAIRS - 1)] as number) & wanted & ~TURN) !== 0) return i - 1
    before = code << 7
  }
  // Two at a time: a branch less.
  for (; i + 1 < length; i += 2) {
    const first = bytes[i] as number
    const second = bytes[i + 1] as number
    const pair = (marked[(before | first) & (PAIRS - 1)] as number) & wanted
    const next = (marked[((first << 7) | second) & (PAIRS - 1)] as number) & wanted
    if ((pair | next) !== 0) return pair !== 0 ? i - 1 : i
    before = second << 7
  }
  if (i < length && ((marked[(before | (bytes[i] as number)) & (PAIRS - 1)] as number) & wanted) !== 0)
    return i - 1
  return length
}

export class SecretScanner {
  /** `ESCAPES` and `PERCENTS` that the last text had. */
  signs = 0
  /** Where the last run ends that was looked at in a short text. */
  #runsTo = 0
  /** How many texts within texts are being read. */
  #nesting = 0
  readonly #marked = new Uint8Array(PAIRS)
  /** The same without the turns, for texts that hold no run. */
  readonly #anchors = new Uint8Array(PAIRS)
  readonly #runs: Base64Runs
  // Filled, since an array with great gaps is a slow dictionary.
  readonly #candidates: (readonly Candidate[])[] = new Array(PAIRS).fill(NONE)

  /** Where two shapes fit at the same place, the one that comes first counts. */
  constructor(detectors: readonly Detector[], inside: Inside) {
    this.#runs = new Base64Runs(inside)
    for (const turn of TURNS) this.#mark(turn, TURN)
    for (const [sign, pairs] of SIGNS) {
      for (const pair of pairs) {
        this.#mark(pair, sign)
        this.#mark(pair, sign, this.#anchors)
      }
    }
    for (const detector of [mask, ...detectors]) {
      for (const anchor of detector.anchors) this.#add(anchor, detector)
    }
  }

  #mark(pair: string, mark: number, table = this.#marked): void {
    const code = pairCode(pair.charCodeAt(0), pair.charCodeAt(1))
    table[code] = (table[code] ?? 0) | mark
  }

  #add(anchor: string, detector: Detector): void {
    const offset = rarestPair(anchor)
    const pair = anchor.slice(offset, offset + 2)
    const cases = (char: string): string[] =>
      detector.anyCase === true && char !== char.toUpperCase() ? [char, char.toUpperCase()] : [char]
    for (const first of cases(pair[0] as string)) {
      for (const second of cases(pair[1] as string)) {
        const code = pairCode(first.charCodeAt(0), second.charCodeAt(0))
        this.#mark(first + second, ANCHOR)
        this.#mark(first + second, ANCHOR, this.#anchors)
        this.#candidates[code] = [...(this.#candidates[code] ?? NONE), { anchor, offset, detector }]
      }
    }
  }

  /** What is to be masked in the text, in order; nothing in nearly every text. */
  edits(text: string): readonly Edit[] {
    this.signs = 0
    return text.length < SHORT && !this.#holds(text) ? NO_EDITS : this.#collect(text)
  }

  /** Whether a short text holds no secret, nor anything encoded in which one could be. */
  isPlain(text: string): boolean {
    this.signs = 0
    return text.length < SHORT && !this.#holds(text) && (this.signs & (ESCAPES | PERCENTS)) === 0
  }

  /** Whether there is a secret or a mask in a short text; copying that would take longer than reading it. */
  #holds(text: string): boolean {
    const { length } = text
    const marked = length < SHORTEST_RUN ? this.#anchors : this.#marked
    let before = 0
    let i = 0
    this.#runsTo = 0
    // Two at a time: a branch less.
    for (; i + 1 < length; i += 2) {
      const first = codeAt(text, i)
      const second = codeAt(text, i + 1)
      const pair = ((before << 7) | first) & (PAIRS - 1)
      const next = ((first << 7) | second) & (PAIRS - 1)
      before = second
      if (((marked[pair] as number) | (marked[next] as number)) !== 0) {
        if (this.#isHeld(text, marked[pair] as number, pair, i - 1)) return true
        if (this.#isHeld(text, marked[next] as number, next, i)) return true
      }
    }
    if (i >= length) return false
    const pair = ((before << 7) | codeAt(text, i)) & (PAIRS - 1)
    const mark = marked[pair] as number
    return mark !== 0 && this.#isHeld(text, mark, pair, i - 1)
  }

  /** Whether the pair of characters at `at` of a short text leads to a secret or a mask. */
  #isHeld(text: string, mark: number, pair: number, at: number): boolean {
    if (mark === 0) return false
    this.signs |= mark
    if ((mark & ANCHOR) !== 0 && this.#find(text, pair, at, 0) !== undefined) return true
    if ((mark & TURN) === 0 || at < this.#runsTo || !isLongRun(text, at + 1)) return false
    this.#runsTo = this.#runs.look(text, at, 0)
    return this.#runs.found !== undefined
  }

  #collect(text: string): readonly Edit[] {
    const marked = this.#marked
    let edits: Edit[] | undefined
    let floor = 0
    let runsTo = 0
    const own = scratches[this.#nesting] ?? addScratch()
    this.#nesting++
    try {
      // Chunks overlap by a character, so that each pair of characters stands in one of them.
      for (let base = 0; base + 1 < text.length; ) {
        const length = own.write(text.length <= CHUNK ? text : text.slice(base, base + CHUNK), 'latin1')
        let next = base + length - 1
        let from = 0
        while (from < length) {
          const i = nextMarked(own, marked, from, length, runsTo - base, wantedAfter(this.signs))
          if (i >= length) break
          from = i + 1
          const pair = pairCode(own[i] as number, own[i + 1] as number)
          const mark = marked[pair] as number
          const at = base + i
          this.signs |= mark
          let span = (mark & ANCHOR) === 0 ? undefined : this.#find(text, pair, at, floor)
          if (span === undefined && (mark & TURN) !== 0 && at >= runsTo && isLongRun(text, at)) {
            runsTo = this.#runs.look(text, at, floor)
            span = this.#runs.found
          }
          if (span === undefined) continue
          if (text.slice(span.start, span.end) !== span.mask) {
            edits ??= []
            edits.push(span)
          }
          floor = span.end
          from = Math.max(from, floor - base)
          next = Math.max(next, floor)
        }
        base = next
      }
    } finally {
      this.#nesting--
    }
    return edits ?? NO_EDITS
  }

  /** Tries the shapes whose anchor has this pair of characters, which stands at `at`. */
  #find(text: string, pair: number, at: number, floor: number): Span | undefined {
    const candidates = this.#candidates[pair] as readonly Candidate[]
    for (let i = 0; i < candidates.length; i++) {
      const { anchor, offset, detector } = candidates[i] as Candidate
      const start = at - offset
      if (start < floor || !standsAt(text, start, anchor, detector.anyCase === true)) continue
      const span = detector.find(text, start, floor)
      if (span !== undefined && span.start >= floor) return span
    }
    return undefined
  }
}
