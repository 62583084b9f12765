/** Makes a detector of each shape in the table of rules. */
import {
  ALNUM,
  BASE64,
  DASH,
  type Detector,
  DIGIT,
  DOT,
  isOf,
  maskOf,
  runEnd,
  sticky,
  UNDERSCORE,
  URL_SAFE,
  wordBegins,
} from './secret-chars.js'
import { type PatternShape, type PrefixShape, RULES, type SchemeShape } from './secret-rules.js'
import { looksLikeToken } from './secret-values.js'

const WORD = ALNUM | UNDERSCORE
const JOINT = UNDERSCORE | DASH | DOT

/** How far into a candidate a digit or a stretch is looked for. */
const LOOK = 128

function satisfies(text: string, from: number, to: number, shape: PrefixShape): boolean {
  const end = Math.min(to, from + LOOK)
  let digit = shape.digit !== true
  let longest = 0
  let current = 0
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i)
    current = isOf(code, ALNUM) ? current + 1 : 0
    if (current > longest) longest = current
    if (isOf(code, DIGIT)) digit = true
  }
  return digit && longest >= (shape.stretch ?? 0)
}

function prefixDetector(id: string, shape: PrefixShape): Detector {
  const { body, min, max, alone } = shape
  const starts = shape.prefixes.split(' ')
  const mask = maskOf(id)
  return {
    // Together, so that the order of the table decides which of them a key is.
    anchors: [...new Set(starts.map((prefix) => (prefix.startsWith('sk-') ? 'sk-' : prefix)))],
    find(text, at, floor) {
      if (!wordBegins(text, at, floor)) return undefined
      if (alone === true && at > floor && isOf(text.charCodeAt(at - 1), JOINT)) return undefined
      for (const prefix of starts) {
        if (!text.startsWith(prefix, at)) continue
        const from = at + prefix.length
        // A first look of bounded length, so that prefixes that repeat within one run cost no more than the text.
        const seen = runEnd(text, from, body, Math.min(text.length, from + Math.max(LOOK, min)))
        if (seen - from < min || (max !== undefined && seen - from > max)) continue
        if (!satisfies(text, from, seen, shape)) continue
        const run = runEnd(text, seen, body, max === undefined ? text.length : from + max)
        const end = (body & DOT) === 0 ? run : beforeDots(text, run)
        if (end - from < min) continue
        // A body of limited length that goes on is another thing: a hash, say.
        if (max !== undefined && isOf(text.charCodeAt(end), WORD | body)) continue
        return { start: at, end, mask }
      }
      return undefined
    },
  }
}

/** A full stop after a token belongs to the sentence. */
function beforeDots(text: string, end: number): number {
  let i = end
  while (text[i - 1] === '.') i--
  return i
}

function patternDetector(id: string, { anchors, back = 0, probe = 0, pattern }: PatternShape): Detector {
  const mask = maskOf(id)
  return {
    anchors,
    find(text, at, floor) {
      if (at - back < floor || (probe !== 0 && !isOf(text.charCodeAt(at + probe), ALNUM))) return undefined
      pattern.lastIndex = at - back
      const match = pattern.exec(text)
      if (match === null) return undefined
      const start = match.index + (match.groups?.keep?.length ?? 0)
      // The bound of the last repetition is there for the regular expression, not for the secret.
      return { start, end: runEnd(text, pattern.lastIndex, URL_SAFE), mask }
    },
  }
}

const GAP = /[ \t]{1,8}|%20|\+/y
const SCHEME_BODY = URL_SAFE | DOT | BASE64
/** `sso-key <key>:<secret>` */
const COLON = 58

function schemeDetector(id: string, { schemes }: SchemeShape): Detector {
  const anchors = schemes.split(' ')
  const mask = maskOf(id)
  return {
    anchors,
    anyCase: true,
    find(text, at, floor) {
      if (!wordBegins(text, at, floor)) return undefined
      const scheme = anchors.find((each) => text.slice(at, at + each.length).toLowerCase() === each) as string
      const start = sticky(GAP, text, at + scheme.length)
      if (start === -1) return undefined
      let end = runEnd(text, start, SCHEME_BODY)
      if (text.charCodeAt(end) === COLON) end = runEnd(text, end + 1, SCHEME_BODY)
      end = beforeDots(text, end)
      return end - start >= 12 && looksLikeToken(text, start, end) ? { start, end, mask } : undefined
    },
  }
}

/** The detectors of the table, in its order. Shapes told by a name are secret-keys.ts's. */
export const RULE_DETECTORS: readonly Detector[] = RULES.flatMap(({ id, shapes }) =>
  shapes.flatMap((shape) => {
    if ('prefixes' in shape) return [prefixDetector(id, shape)]
    if ('anchors' in shape) return [patternDetector(id, shape)]
    return 'schemes' in shape ? [schemeDetector(id, shape)] : []
  }),
)
