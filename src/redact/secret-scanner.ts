/**
 * Finds secrets of many shapes in one pass over a text. Nearly all texts hold none, so the pass is a lookup
 * per character: does this pair of characters stand in the anchor of any shape? Only then is the shape itself
 * tried.
 */
import { type Detector, maskEnd, type Span } from './secret-chars.js'
import type { Edit } from './secret-views.js'

interface Candidate {
  anchor: string
  /** Where in the anchor the pair of characters stands. */
  offset: number
  detector: Detector
}

const NONE: readonly Candidate[] = []
const PAIRS = 128 * 128
/**
 * The space and the letters of English, from the most to the least common; what is not among them is rarer.
 */
const COMMON = ' etaoinshrdlucmfwypvbgkjqxz'
const RARITY_OF_OTHERS = 40

function rarity(char: string): number {
  const rank = COMMON.indexOf(char)
  return rank !== -1 ? rank : char === '.' || char === '/' ? COMMON.length : RARITY_OF_OTHERS
}

/** The pair of characters of an anchor that is least likely to stand in an ordinary text. */
function rarestPair(anchor: string): number {
  let best = 0
  let most = -1
  for (let i = 0; i + 1 < anchor.length; i++) {
    const score = rarity(anchor[i] as string) + rarity(anchor[i + 1] as string)
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
  for (let i = 0; i < anchor.length; i++) {
    const code = text.charCodeAt(at + i)
    const wanted = anchor.charCodeAt(i)
    if (code !== wanted && !(anyCase && (code | 32) === wanted)) return false
  }
  return true
}

/** From this length on a text is copied into bytes before it is read. */
const SHORT = 40
const CHUNK = 8192
/** One for each text within a text. */
const scratches: Buffer[] = []
function addScratch(): Buffer {
  const added = Buffer.allocUnsafeSlow(CHUNK)
  scratches.push(added)
  return added
}
const NO_EDITS: readonly Edit[] = []

/** Where in `bytes` the next marked pair begins, from `from` on; `length` when there is none. */
function nextMarked(bytes: Buffer, marked: Uint8Array, from: number, length: number): number {
  let before = (bytes[from] as number) << 7
  for (let i = from + 1; i < length; i++) {
    const code = bytes[i] as number
    if (marked[(before | code) & (PAIRS - 1)] !== 0) return i - 1
    before = code << 7
  }
  return length
}

export class SecretScanner {
  /** How many texts within texts are being read. */
  #nesting = 0
  readonly #marked = new Uint8Array(PAIRS)
  // Filled, since an array with great gaps is a slow dictionary.
  readonly #candidates: (readonly Candidate[])[] = new Array(PAIRS).fill(NONE)

  /** Where two shapes fit at the same place, the one that comes first counts. */
  constructor(detectors: readonly Detector[]) {
    for (const detector of [mask, ...detectors]) {
      for (const anchor of detector.anchors) this.#add(anchor, detector)
    }
  }

  #add(anchor: string, detector: Detector): void {
    const offset = rarestPair(anchor)
    const pair = anchor.slice(offset, offset + 2)
    const cases = (char: string): string[] =>
      detector.anyCase === true && char !== char.toUpperCase() ? [char, char.toUpperCase()] : [char]
    for (const first of cases(pair[0] as string)) {
      for (const second of cases(pair[1] as string)) {
        const code = pairCode(first.charCodeAt(0), second.charCodeAt(0))
        this.#marked[code] = 1
        this.#candidates[code] = [...(this.#candidates[code] ?? NONE), { anchor, offset, detector }]
      }
    }
  }

  /** What is to be masked in the text, in order; nothing in nearly every text. */
  edits(text: string): readonly Edit[] {
    return text.length < SHORT && !this.#holds(text) ? NO_EDITS : this.#collect(text)
  }

  /** Whether there is a secret or a mask in a short text; copying that would take longer than reading it. */
  #holds(text: string): boolean {
    const marked = this.#marked
    let before = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      const pair = (before | code) & (PAIRS - 1)
      before = code << 7
      if (marked[pair] !== 0 && this.#find(text, pair, i - 1, 0) !== undefined) return true
    }
    return false
  }

  #collect(text: string): readonly Edit[] {
    const marked = this.#marked
    let edits: Edit[] | undefined
    let floor = 0
    const own = scratches[this.#nesting] ?? addScratch()
    this.#nesting++
    try {
      // Chunks overlap by a character, so that each pair of characters stands in one of them.
      for (let base = 0; base + 1 < text.length; ) {
        const length = own.write(text.length <= CHUNK ? text : text.slice(base, base + CHUNK), 'latin1')
        let next = base + length - 1
        for (
          let i = nextMarked(own, marked, 0, length);
          i < length;
          i = nextMarked(own, marked, i + 1, length)
        ) {
          const pair = pairCode(own[i] as number, own[i + 1] as number)
          const span = this.#find(text, pair, base + i, floor)
          if (span === undefined) continue
          if (text.slice(span.start, span.end) !== span.mask) {
            edits ??= []
            edits.push(span)
          }
          floor = span.end
          i = Math.max(i, floor - base - 1)
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
    for (const { anchor, offset, detector } of this.#candidates[pair] ?? NONE) {
      const start = at - offset
      if (start < floor || !standsAt(text, start, anchor, detector.anyCase === true)) continue
      const span = detector.find(text, start, floor)
      if (span !== undefined && span.start >= floor) return span
    }
    return undefined
  }
}
