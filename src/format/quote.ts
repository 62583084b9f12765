/** JSON text of strings and of any other value, fast for the plain ones and total for the odd ones. */
import { types } from 'node:util'

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON must escape exactly these
const NEEDS_ESCAPE = /[\u0000-\u001f"\\\ud800-\udfff]/

/** `JSON.stringify(text)`, several times faster when nothing has to be escaped. */
export function quote(text: string): string {
  // A loop beats the regular expression's fixed cost on short strings.
  if (text.length > 48) return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c < 32 || c === 34 || c === 92 || (c >= 0xd800 && c <= 0xdfff)) return JSON.stringify(text)
  }
  return `"${text}"`
}

/** How deep a value may nest before the rest is cut off; readers and `JSON.parse` stacks stay safe. */
const MAX_DEPTH = 32
/**
 * Values within one value: fields, items, and the value itself. What is shared or computed counts each time, since it
 * is written each time. As many take some 20 ms.
 */
export const MAX_NODES = 50_000
/**
 * Characters (UTF-16 code units) of a text, or of all texts and names within one value, of which one text gets half at
 * most. Some 30 ms to redact.
 */
export const MAX_CHARS = 8 * 1024 * 1024
/**
 * Milliseconds after which no more is asked of a value. What it consists of takes a tenth of that, so it is the
 * value's own code (getters, `toJSON`, a proxy) that takes long; one such call cannot be cut short.
 */
const MAX_MS = 500
/** Fields for which a value is kept back while a field before them takes what it can. */
const MAX_HELD = 128
/** Every so many values the clock is looked at. */
const LOOK = 16
/** How far a cut goes back to where no secret goes on, so that it leaves no half of one that is not known as such. */
const MAX_WORD = 1024
const BETWEEN_WORDS = /[\s"'`,;&<>(){}[\]|]/

/** What to do with the strings and keys met on the way down. */
export interface Scrub {
  string(text: string): string
  /** What to write instead of this value of this key; `undefined` to write the value. */
  key(name: string, value: unknown): string | undefined
  /** What to write instead of this text, which comes in a list after `before`. Default: the text, scrubbed. */
  item?(before: unknown, text: string): string | undefined
}

/**
 * A plain JSON value that says the same as `value`, for everything that JavaScript can hold: it never throws, and
 * takes no longer than `MAX_NODES`, `MAX_CHARS` and `MAX_MS` allow.
 *
 * `toJSON` is honoured; a `bigint` becomes its decimal string, a circular reference, a function, a symbol, bytes, a
 * throwing getter or too deep a nesting becomes a bracketed note. Where the budget ends, a note says how much is
 * missing: `[cut, 7 more items]` as a list's last item, `7 more fields` in an object's field `[cut]`, and
 * `[cut, 7 more characters]` at a text's end. `undefined` stays and is left out by the caller.
 */
export function toPlain(value: unknown, scrub: Scrub): unknown {
  return new Walk(scrub).plain(value, '')
}

/** The text, or its beginning with a note of how much is missing: at most `max` characters and that note. */
export function cutText(text: string, max = MAX_CHARS): string {
  if (text.length <= max) return text
  const least = Math.max(0, max - MAX_WORD)
  let end = max
  while (end > least && !BETWEEN_WORDS.test(text.charAt(end - 1))) end--
  if (end === least && least > 0) end = max
  return `${text.slice(0, end)}[cut, ${text.length - end} more characters]`
}

/** One value on its way to a plain one. */
class Walk {
  #scrub: Scrub
  #path: object[] = []
  #nodes = MAX_NODES
  #chars = MAX_CHARS
  #until = Number.POSITIVE_INFINITY
  #isLate = false

  constructor(scrub: Scrub) {
    this.#scrub = scrub
  }

  get #isSpent(): boolean {
    return this.#nodes <= 0 || this.#chars <= 0 || this.#isLate
  }

  plain(value: unknown, key: string): unknown {
    if (--this.#nodes % LOOK === 0) this.#lookAtClock()
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
      case 'undefined':
        return value
      case 'bigint':
        return this.#bigint(value)
      case 'function':
      case 'symbol':
        return `[${typeof value}]`
    }
    if (value === null) return null
    const object = value as object
    if (this.#path.includes(object)) return '[circular]'
    if (this.#path.length >= MAX_DEPTH) return '[too deep]'
    if (this.#isSpent) return '[cut]'
    this.#path.push(object)
    try {
      return this.#object(object, key)
    } catch (error) {
      return this.#note(error)
    } finally {
      this.#path.pop()
    }
  }

  #lookAtClock(): void {
    const now = performance.now()
    if (this.#until === Number.POSITIVE_INFINITY) this.#until = now + MAX_MS
    else if (now > this.#until) this.#isLate = true
  }

  /** One text takes half of what is left at most, so that there is some for the next. */
  #text(text: string): string {
    const cut = cutText(text, Math.max(0, this.#chars >> 1))
    this.#chars -= cut.length
    return this.#scrub.string(cut)
  }

  /** The decimal digits of a huge one take time that grows with the square of its length. */
  #bigint(value: bigint): string {
    if (value < MAX_BIGINT && value > -MAX_BIGINT) return this.#text(String(value))
    return `[bigint, over ${BIGINT_DIGITS} digits]`
  }

  #object(object: object, key: string): unknown {
    // Not by its `toJSON`, which makes a list of numbers of it.
    if (isBinary(object)) return binaryNote(object)
    const toJSON = (object as { toJSON?: unknown }).toJSON
    if (typeof toJSON === 'function') {
      const replaced: unknown = toJSON.call(object, key)
      if (replaced !== object) return this.plain(replaced, key)
    }
    if (types.isBoxedPrimitive(object)) return this.plain(unboxed(object), key)
    if (object instanceof Map) return this.#map(object, key)
    if (object instanceof Set)
      return this.#list(firstOf(setValues.call(object), this.#nodes), setSize.call(object), key)
    if (Array.isArray(object)) return this.#list(object, Number(object.length), key)
    const names = Object.keys(object)
    const from = object as Record<string, unknown>
    if (object instanceof Error) {
      const others = names.filter((name) => name !== 'name' && name !== 'message')
      return this.#fields(['name', 'message', ...others], (name) => from[name])
    }
    return this.#fields(names, (name) => from[name])
  }

  /** As an object where all keys are text, so that they count as names; else as pairs. */
  #map(map: Map<unknown, unknown>, key: string): unknown {
    const size = mapSize.call(map)
    const entries = firstOf(mapEntries.call(map), this.#nodes)
    if (!entries.every(([name]) => typeof name === 'string')) return this.#list(entries, size, key)
    const names = entries.map(([name]) => name as string)
    return this.#fields(names, (_, i) => entries[i]?.[1], size)
  }

  #fields(
    names: readonly string[],
    read: (name: string, i: number) => unknown,
    count = names.length,
  ): unknown {
    const out: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) {
      const name = names[i]
      if (name === undefined || this.#isSpent) {
        out['[cut]'] = `${count - i} more fields`
        break
      }
      const cleanName = this.#text(name)
      const held = Math.min(count - i - 1, MAX_HELD)
      this.#nodes -= held
      let item: unknown
      try {
        const value = read(name, i)
        item = this.#scrub.key(name, value) ?? this.plain(value, name)
      } catch (error) {
        item = this.#note(error)
      }
      this.#nodes += held
      if (item === undefined) continue
      // `__proto__` as an own key must stay a key, not become the prototype.
      Object.defineProperty(out, cleanName, {
        value: item,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    }
    this.#maskNamed(out)
    return out
  }

  /** A pair of a name and a value, as headers and settings are often given: the name tells what the value is. */
  #maskNamed(pair: Record<string, unknown>): void {
    if (!Object.hasOwn(pair, 'value')) return
    const name = [pair.name, pair.key].find((each) => typeof each === 'string')
    const mask = name === undefined ? undefined : this.#scrub.key(name as string, pair.value)
    if (mask !== undefined) pair.value = mask
  }

  /** Not with `map`: a subclass can make it return anything. Nor is the length of a proxy to be believed. */
  #list(list: readonly unknown[], length: number, key: string): unknown[] {
    const out: unknown[] = []
    let before: unknown
    for (let i = 0; i < length; i++) {
      if (this.#isSpent) {
        out.push(`[cut, ${length - i} more items]`)
        break
      }
      const item = list[i]
      const mask = typeof item === 'string' ? this.#scrub.item?.(before, item) : undefined
      const plain = mask ?? this.plain(item, key) ?? null
      if (Array.isArray(plain)) this.#maskPair(plain)
      out.push(plain)
      before = item
    }
    return out
  }

  /** A pair of a name and a value as lists of headers and entries of a map have it. */
  #maskPair(pair: unknown[]): void {
    const [name, value] = pair
    if (pair.length !== 2 || typeof name !== 'string') return
    const mask = this.#scrub.key(name, value)
    if (mask !== undefined) pair[1] = mask
  }

  /** What stands in place of a value that throws when it is read. */
  #note(error: unknown): string {
    return this.#scrub.string(`[unserializable: ${brief(error)}]`)
  }
}

const BIGINT_DIGITS = 1_000
const MAX_BIGINT = 10n ** BigInt(BIGINT_DIGITS)

// The built-in ones: a subclass can have others.
const mapEntries = Map.prototype.entries
const setValues = Set.prototype.values
const sizeOf = (prototype: object): ((this: unknown) => number) =>
  Object.getOwnPropertyDescriptor(prototype, 'size')?.get as () => number
const mapSize = sizeOf(Map.prototype)
const setSize = sizeOf(Set.prototype)
const { next: nextOfMap } = Object.getPrototypeOf(new Map().entries())
const { next: nextOfSet } = Object.getPrototypeOf(new Set().values())

function firstOf<T>(iterator: IterableIterator<T>, most: number): T[] {
  const next = types.isMapIterator(iterator) ? nextOfMap : nextOfSet
  const items: T[] = []
  while (items.length < most) {
    const { value, done } = next.call(iterator)
    if (done === true) break
    items.push(value)
  }
  return items
}

const isBinary = (value: object): value is ArrayBufferView | ArrayBuffer =>
  ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)

const binaryNote = (value: { byteLength: number }): string => `[binary, ${Number(value.byteLength)} bytes]`

function unboxed(value: object): unknown {
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value)
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value)
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value)
  return types.isBigIntObject(value)
    ? BigInt.prototype.valueOf.call(value)
    : Symbol.prototype.valueOf.call(value)
}

/** A thrown value's message, or any value as text; never throws itself. Lists and bytes are told by their size only. */
export function describe(error: unknown): string {
  try {
    return textOf(error instanceof Error ? error.message : error)
  } catch {
    return 'unknown error'
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'bigint') return value < MAX_BIGINT && value > -MAX_BIGINT ? String(value) : '[bigint]'
  if (typeof value !== 'object' || value === null) return String(value)
  // Their own texts hold those of all items, which may be shared, and theirs.
  if (Array.isArray(value)) return `[list, ${Number(value.length)} items]`
  if (isBinary(value)) return binaryNote(value)
  return value.toString === Array.prototype.toString ? '[object]' : String(value)
}

/** The beginning of `describe`, for a line that is told to people. */
export const brief = (value: unknown): string => cutText(describe(value), 256)
