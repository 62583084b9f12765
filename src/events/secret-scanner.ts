/**
 * Finds secrets of many shapes in one pass over a text. Nearly all texts hold none, so the pass is a lookup per
 * character: does this pair of characters stand in the anchor of any shape? Only then is the shape itself tried.
 */
import { type Detector, maskEnd } from './secret-chars.js'

interface Candidate {
  anchor: string
  /** Where in the anchor the pair of characters stands. */
  offset: number
  detector: Detector
}

const PAIRS = 128 * 128
/** Letters of English from the most to the least common. */
const COMMON = 'etaoinshrdlucmfwypvbgkjqxz'

const rarity = (char: string): number => (COMMON.includes(char) ? COMMON.indexOf(char) : COMMON.length)

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

export class SecretScanner {
  readonly #marked = new Uint8Array(PAIRS)
  readonly #candidates = new Map<number, Candidate[]>()

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
        const list = this.#candidates.get(code)
        if (list === undefined) this.#candidates.set(code, [{ anchor, offset, detector }])
        else list.push({ anchor, offset, detector })
      }
    }
  }

  /** The text with every secret masked; the very same string when there is none. */
  redact(text: string): string {
    const marked = this.#marked
    let out = ''
    let copied = 0
    let floor = 0
    let before = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      const pair = ((before << 7) | code) & (PAIRS - 1)
      before = code
      if (marked[pair] === 0) continue
      const span = this.#find(text, pair, i - 1, floor)
      if (span === undefined) continue
      if (text.slice(span.start, span.end) !== span.mask) {
        out += text.slice(copied, span.start) + span.mask
        copied = span.end
      }
      floor = span.end
      // The character before the rest is looked at again, with what follows it.
      i = Math.max(i, span.end - 1)
      before = 0
    }
    return copied === 0 ? text : out + text.slice(copied)
  }

  #find(text: string, pair: number, at: number, floor: number) {
    for (const { anchor, offset, detector } of this.#candidates.get(pair) ?? []) {
      const start = at - offset
      if (start < floor || !standsAt(text, start, anchor, detector.anyCase === true)) continue
      const span = detector.find(text, start, floor)
      if (span !== undefined && span.start >= floor) return span
    }
    return undefined
  }
}
