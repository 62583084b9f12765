/**
 * Takes secrets out of what is recorded. The shapes are in secrets.ts (told by a prefix), secret-places.ts
 * and secret-blocks.ts (by their build or place) and secret-pairs.ts (by the name before them, which
 * secret-keys.ts tells; what may follow it is in secret-values.ts and secret-headers.ts). secret-scanner.ts
 * looks for all of them at once.
 */
import { maskOf } from './secret-chars.js'
import { SecretKeys } from './secret-keys.js'
import { encodedPairDetector, flagDetector, pairDetector } from './secret-pairs.js'
import { PLACE_DETECTORS } from './secret-places.js'
import { SecretScanner } from './secret-scanner.js'
import { TOKEN_DETECTORS } from './secrets.js'

export interface RedactOptions {
  /**
   * Patterns of your own, beside the built-in ones; every match is replaced, by `[redacted:<name>]` or,
   * without a name, `[redacted:custom]`. A pattern is used as if it had the `g` flag and not `y`. One that
   * takes long on hostile text (nested repetition) slows recording down: that it does not is up to you.
   */
  patterns?: readonly (RegExp | { name: string; pattern: RegExp })[]
  /**
   * Names of fields whose whole value is replaced, at any depth, beside the built-in ones (`password`,
   * `secret`, `apiKey`, `authorization`, `cookie`, …). Case, `_` and `-` do not count. Pairs within a text
   * (`name=value`, `"name":"value"`) of such a name lose their value too.
   */
  keys?: readonly string[]
  /** `false` switches the built-in shapes and names off. Default `true`. */
  builtin?: boolean
}

/** What stands in place of the value of a secret field. */
export const SECRET_KEY_MASK: string = maskOf('key')

interface OwnPattern {
  pattern: RegExp
  mask: string
}

/** Secrets are rare, so a text that held one can be read again until nothing changes any more. */
const PASSES = 8
/** Shorter texts hold no pair of a name and a value. */
const SHORTEST = 5

export class Redactor {
  readonly #keys: SecretKeys
  readonly #scanner: SecretScanner | undefined
  readonly #own: readonly OwnPattern[]

  constructor(options: RedactOptions = {}) {
    const builtin = options.builtin ?? true
    this.#keys = new SecretKeys(options.keys ?? [], builtin)
    const detectors = builtin ? [...PLACE_DETECTORS, ...TOKEN_DETECTORS] : []
    if (this.#keys.any)
      detectors.push(...[pairDetector, flagDetector, encodedPairDetector].map((make) => make(this.#keys)))
    this.#scanner = detectors.length > 0 ? new SecretScanner(detectors) : undefined
    this.#own = (options.patterns ?? []).map(ownPattern)
  }

  /**
   * The text with its secrets masked: `[redacted:<shape>]` stands for each, the text around it stays. Returns
   * the very same string when there is nothing to redact; redacting the result again changes nothing.
   */
  string(text: string): string {
    let now = text
    for (let pass = 0; pass < PASSES; pass++) {
      const before = now
      if (this.#scanner !== undefined && now.length >= SHORTEST) now = this.#scanner.redact(now)
      for (const own of this.#own) now = replaceOwn(now, own)
      if (now === before) break
    }
    return now
  }

  /** Whether a field of this name is replaced whole, whatever it holds. */
  isSecretKey(name: string): boolean {
    return this.#keys.tell(name)?.field === true
  }
}

function ownPattern(given: RegExp | { name: string; pattern: RegExp }): OwnPattern {
  const { name, pattern } = given instanceof RegExp ? { name: 'custom', pattern: given } : given
  const flags = `${pattern.flags.replace(/[gy]/g, '')}g`
  const label = name.replace(/[^\w.-]+/g, '-').slice(0, 64)
  return { pattern: new RegExp(pattern.source, flags), mask: maskOf(label === '' ? 'custom' : label) }
}

const MASKS = /\[redacted:[\w.-]{1,64}\]/g

/**
 * Replaces every match; one that lies within a mask is left, one that cuts into a mask takes the whole of it.
 */
function replaceOwn(text: string, { pattern, mask }: OwnPattern): string {
  let out = ''
  let copied = 0
  let masks: { start: number; end: number }[] | undefined
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '') continue
    masks ??= [...text.matchAll(MASKS)].map((found) => ({
      start: found.index,
      end: found.index + found[0].length,
    }))
    let start = match.index
    let end = start + match[0].length
    if (masks.some((known) => known.start <= start && end <= known.end)) continue
    for (const known of masks) {
      if (known.start < start && start < known.end) start = known.start
      if (known.start < end && end < known.end) end = known.end
    }
    if (start < copied) start = copied
    if (end <= start) continue
    out += text.slice(copied, start) + mask
    copied = end
  }
  return copied === 0 ? text : out + text.slice(copied)
}
