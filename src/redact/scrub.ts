/**
 * Makes an event's fields fit to be written: secrets replaced, odd values made plain JSON, fields that are too big
 * moved to an artifact, and what no call should take the time for cut (`toPlain` says how much that is). It runs once, before the event reaches either the file or a span.
 */
import { type Fields, partFields } from '../format/encode.js'
import { setField } from '../format/fields.js'
import { type ArtifactRef, ENVELOPE_FIELDS, isCustomKind, isKnownKind } from '../format/kinds.js'
import { cutText, MAX_CHARS, type Scrub, toPlain } from '../format/quote.js'
import { type Redactor, SECRET_KEY_MASK } from './redact.js'

/** Bytes above which a field is stored as an artifact. */
export const MAX_FIELD_BYTES = 8 * 1024
/** Fields above which a custom event's fields are stored together as one artifact, and characters of a name. */
const MAX_FIELDS = 128
const MAX_NAME = 256
/** Fields, from the first, and characters of a text in one, of which the last clean one is remembered. */
const REMEMBERED_FIELDS = 16
const REMEMBERED_CHARS = 64

export class Scrubber {
  #redactor: Redactor
  /**
   * The last text that each field held, by its place, and of which nothing had to change: names of agents and acts
   * come again and again, and are the very same texts then.
   */
  #clean: string[] = []
  #store: (content: string) => ArtifactRef
  #maxFieldBytes: number
  #scrub: Scrub
  /** For lists of ids, in which nothing is an argument of anything. */
  #idScrub: Scrub

  /**
   * @param store keeps a content that is too big to inline
   * @param maxFieldBytes bytes of JSON above which a field counts as too big
   */
  constructor(redactor: Redactor, store: (content: string) => ArtifactRef, maxFieldBytes = MAX_FIELD_BYTES) {
    this.#redactor = redactor
    this.#store = store
    this.#maxFieldBytes = maxFieldBytes
    this.#scrub = scrubWith(redactor)
    const { string, key } = this.#scrub
    this.#idScrub = { string, key }
  }

  /** Redacts a text; of one that is longer than `MAX_CHARS` the rest is cut. */
  text(text: string): string {
    return this.#redactor.string(text.length > MAX_CHARS ? cutText(text) : text)
  }

  /** Scrubs the fields of a known kind, in place: they are the caller's own object. Returns it. */
  known(fields: Fields): Fields {
    let i = -1
    for (const name in fields) {
      const value = fields[name]
      i++
      if (typeof value === 'string') {
        if (this.#clean[i] === value) continue
        const clean = this.text(value)
        // Three bytes a character at most, so a short text needs no counting.
        if (clean.length * 3 > this.#maxFieldBytes) fields[name] = this.#fit(clean)
        else if (clean !== value) fields[name] = clean
        else if (i < REMEMBERED_FIELDS && value.length <= REMEMBERED_CHARS) this.#clean[i] = value
      } else if (typeof value !== 'boolean' && value !== undefined && !Number.isFinite(value)) {
        fields[name] = this.#fitPlain(toPlain(value, name === 'ids' ? this.#idScrub : this.#scrub))
      }
    }
    return fields
  }

  /**
   * Scrubs the fields of a user's own event into a new object, at any depth. A field whose name the line itself
   * uses (`ts`, `seq`, …) gets a `_` in front.
   */
  custom(fields: unknown): Fields {
    const plain = toPlain(fields ?? {}, this.#scrub)
    if (typeof plain !== 'object' || plain === null || Array.isArray(plain))
      return { value: this.#fitPlain(plain) }
    const names = Object.keys(plain)
    if (names.length > MAX_FIELDS || names.some((name) => name.length > MAX_NAME)) {
      return { fields: this.#store(JSON.stringify(plain)) }
    }
    const out: Fields = {}
    for (const name of names) setField(out, freeName(name, plain), this.#fitPlain((plain as Fields)[name]))
    return out
  }

  /**
   * Scrubs, into a new object, what code that need not know hivelog gave an event of `kind`: the kind's own fields
   * in the format's order, then others as a custom event's. `undefined` when nobody but the journal, or nobody at
   * all, may record such a kind.
   */
  any(kind: unknown, fields: Fields): Fields | undefined {
    if (isCustomKind(kind)) return this.custom(fields)
    if (typeof kind !== 'string' || !isKnownKind(kind) || kind.startsWith('log.')) return undefined
    const { own, others } = partFields(kind, fields)
    this.known(own)
    return others === undefined ? own : { ...own, ...this.custom(others) }
  }

  /** Any value as text for an artifact: a string as it is, everything else as JSON. Redacted. */
  content(value: unknown): string {
    return typeof value === 'string'
      ? this.text(value)
      : (JSON.stringify(toPlain(value, this.#scrub)) ?? 'null')
  }

  /** Takes fields for too big from fewer bytes on. */
  lowerLimit(maxFieldBytes: number): void {
    this.#maxFieldBytes = Math.min(this.#maxFieldBytes, maxFieldBytes)
    this.forget()
  }

  /** The redactor masks more from now on: what was clean need not be. */
  forget(): void {
    this.#clean = []
  }

  /** Bytes for an artifact: the secrets in a text masked, anything else as it is. */
  bytes(bytes: Uint8Array): Uint8Array {
    return this.#redactor.bytes(bytes)
  }

  #fitPlain(value: unknown): unknown {
    if (typeof value === 'string') return this.#fit(value)
    if (typeof value !== 'object' || value === null) return value
    const json = JSON.stringify(value)
    return Buffer.byteLength(json) > this.#maxFieldBytes ? this.#store(json) : value
  }

  #fit(text: string): string | ArtifactRef {
    if (text.length <= this.#maxFieldBytes / 3) return text
    return Buffer.byteLength(text) > this.#maxFieldBytes ? this.#store(text) : text
  }
}

/** Which kinds there may be, for people who used another. */
export const KIND_RULE =
  'a kind of your own is lower-case letters, digits, "_", "." and "-", begins with a letter, not with "log.", and is ' +
  "at most 128 characters and none of hivelog's"

/** `name`, or with as many `_` in front as it takes to be neither the line's own name nor another field's. */
function freeName(name: string, fields: object): string {
  if (!ENVELOPE_FIELDS.has(name)) return name
  let free = `_${name}`
  while (Object.hasOwn(fields, free)) free = `_${free}`
  return free
}

/** What to do with the strings and keys of a value of any shape. */
export function scrubWith(redactor: Redactor): Scrub {
  return {
    string: (text) => redactor.string(text),
    key: (name, value) => (isSecretField(redactor, name, value) ? SECRET_KEY_MASK : undefined),
    item: (before) => (isSecretArgument(before, redactor) ? SECRET_KEY_MASK : undefined),
  }
}

/**
 * Whether the value of a field of this name is to be replaced whole. A dotted name, as attributes have, counts by its
 * last part too: `http.request.header.cookie`.
 */
export function isSecretField(redactor: Redactor, name: string, value: unknown): boolean {
  const last = name.slice(name.lastIndexOf('.') + 1)
  if (!canBeSecret(last, value)) return false
  return redactor.isSecretKey(name) || (last.length < name.length && redactor.isSecretKey(last))
}

/** Whether an argument of a command is a secret by the one before it: people pass `--password`, `hunter2`. */
export function isSecretArgument(before: unknown, redactor: Redactor): boolean {
  return typeof before === 'string' && before.startsWith('-') && redactor.isSecretKey(before)
}

/** Whether a value could give a secret away: not whether there is one, and not how many tests `pass`. */
function canBeSecret(name: string, value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'boolean') return false
  return typeof value !== 'number' || name.toLowerCase() !== 'pass'
}
