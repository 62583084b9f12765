/**
 * Takes secrets out of what is recorded. The shapes are a table, secret-rules.ts, of which secrets.ts makes detectors;
 * secret-places.ts and secret-blocks.ts tell some by their build or place, and secret-pairs.ts by the name before them,
 * which secret-keys.ts tells (what may follow it is in secret-values.ts and secret-headers.ts). secret-scanner.ts looks
 * for all of them at once. What is encoded is looked into: base64 (secret-base64.ts), percent signs and JSON within
 * JSON (secret-views.ts).
 */
import { isUtf8 } from 'node:buffer'
import type { Inside } from './secret-base64.js'
import { maskOf } from './secret-chars.js'
import { SecretKeys } from './secret-keys.js'
import { flagDetector, pairDetector } from './secret-pairs.js'
import { PLACE_DETECTORS } from './secret-places.js'
import { ESCAPES, PERCENTS, SecretScanner } from './secret-scanner.js'
import { applyEdits, type Edit, percentDecoded, unescaped, union, type View } from './secret-views.js'
import { RULE_DETECTORS } from './secrets.js'

/** What is masked before anything is written or sent. */
export interface RedactOptions {
  /**
   * Patterns of your own, beside the built-in ones; every match is replaced, by `[redacted:<name>]` or, without
   * a name, `[redacted:custom]`. A pattern is used as if it had the `g` flag and not `y`. One that takes long on
   * hostile text (nested repetition) slows recording down: that it does not is up to you. Default: none.
   */
  patterns?: readonly (RegExp | { name: string; pattern: RegExp })[]
  /**
   * Names of fields whose whole value is replaced, at any depth, beside the built-in ones (`password`, `secret`,
   * `apiKey`, `authorization`, `cookie`, …). Case, `_` and `-` do not count. Pairs within a text (`name=value`,
   * `"name":"value"`) of such a name lose their value too. Default: none.
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

/** How often a text within a text is looked into: JSON in a URL in base64, say. */
const DEPTH = 3

const NONE: readonly Edit[] = []

export class Redactor {
  readonly #keys: SecretKeys
  readonly #scanner: SecretScanner | undefined
  readonly #own: readonly OwnPattern[]
  readonly #inside: Inside = { depth: DEPTH, holdsSecret: (text) => this.#holdsSecret(text) }

  constructor(options: RedactOptions = {}) {
    const builtin = options.builtin ?? true
    this.#keys = new SecretKeys(options.keys ?? [], builtin)
    const detectors = builtin ? [...PLACE_DETECTORS, ...RULE_DETECTORS] : []
    if (this.#keys.any) detectors.push(pairDetector(this.#keys), flagDetector(this.#keys))
    if (detectors.length > 0) this.#scanner = new SecretScanner(detectors, this.#inside)
    this.#own = (options.patterns ?? []).map(ownPattern)
  }

  /**
   * The text with its secrets masked: `[redacted:<shape>]` stands for each, the text around it stays. Returns
   * the very same string when there is nothing to redact; redacting the result again changes nothing.
   */
  string(text: string): string {
    // Nearly all texts are short and plain.
    if (this.#own.length === 0) {
      if (this.#scanner === undefined || text.length < SHORTEST || this.#scanner.isPlain(text)) return text
    }
    let now = text
    for (let pass = 0; pass < PASSES; pass++) {
      const before = now
      if (this.#scanner !== undefined && now.length >= SHORTEST) {
        const edits = this.#edits(now, this.#scanner)
        if (edits.length > 0) now = applyEdits(now, edits)
      }
      for (const own of this.#own) now = replaceOwn(now, own)
      if (now === before) break
    }
    return now
  }

  /**
   * Bytes with the secrets in them masked when they are text (UTF-8, UTF-16 with a byte order mark, or an 8-bit
   * encoding). Returns the very same bytes when there is nothing to redact, and for what is no text: a picture, an
   * archive.
   */
  bytes(bytes: Uint8Array): Uint8Array {
    const encoding = textEncoding(bytes)
    if (encoding === undefined) return bytes
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding)
    const clean = this.string(text)
    return clean === text ? bytes : Buffer.from(clean, encoding)
  }

  /** What is to be masked, within what is encoded too. */
  #edits(text: string, scanner: SecretScanner): readonly Edit[] {
    let edits = scanner.edits(text)
    const { signs } = scanner
    if (this.#inside.depth === 0 || (signs & (ESCAPES | PERCENTS)) === 0) return edits
    // A token that goes on after a `%2F` is whole only when decoded, and one with a `+` only when not.
    if ((signs & PERCENTS) !== 0) edits = union(edits, this.#editsInside(percentDecoded(text), scanner))
    if ((signs & ESCAPES) !== 0) edits = union(edits, this.#editsInside(unescaped(text), scanner))
    return edits
  }

  #editsInside(view: View | undefined, scanner: SecretScanner): readonly Edit[] {
    if (view === undefined) return NONE
    this.#inside.depth--
    try {
      return this.#edits(view.text, scanner).map(({ start, end, mask }) => ({
        start: view.origin(start),
        end: view.origin(end),
        // Quotes around it would be those of the decoded text.
        mask: mask.replace(/^[\\"']+|[\\"']+$/g, ''),
      }))
    } finally {
      this.#inside.depth++
    }
  }

  #holdsSecret(text: string): boolean {
    if (this.#scanner === undefined || text.length < SHORTEST) return false
    const { signs } = this.#scanner
    this.#inside.depth--
    try {
      return this.#edits(text, this.#scanner).length > 0
    } finally {
      this.#inside.depth++
      this.#scanner.signs = signs
    }
  }

  /**
   * Whether a field of this name is replaced whole, whatever it holds. A name in which a secret was masked has been
   * asked for already, as it was: what is redacted again must not change.
   */
  isSecretKey(name: string): boolean {
    return this.#keys.tell(name)?.field === true && name.search(MASKS) === -1
  }
}

/** Share of control characters from which on bytes are no text; compressed ones have a tenth. */
const MOST_CONTROLS = 0.05
const MOST_CONTROLS_8BIT = 0.01

/** How the bytes are to be read as text, or `undefined` when they are none. */
function textEncoding(bytes: Uint8Array): 'utf8' | 'utf16le' | 'latin1' | undefined {
  if (bytes.length >= 2 && bytes.length % 2 === 0 && bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf16le'
  let controls = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    // Tab, line ends, form feed, backspace and escape are in texts.
    if (byte < 32 && (byte < 8 || byte > 13) && byte !== 27) controls++
  }
  const share = controls / Math.max(1, bytes.length)
  if (share > MOST_CONTROLS) return undefined
  if (isUtf8(bytes)) return 'utf8'
  return share > MOST_CONTROLS_8BIT ? undefined : 'latin1'
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
