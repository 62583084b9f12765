/** An event's own fields as a bag of values, and how to read and fill one safely. */
import { brief } from './quote.js'

/** An event's own fields, in the order in which they are to be written. `undefined` is left out. */
export type Fields = Record<string, unknown>

/** Characters of an id or a name that are repeated in every line and on every span. */
export const MAX_ID_LENGTH = 256

/** Sets a field of any name: `__proto__` stays a name, and does not become the prototype. */
export function setField(fields: Fields, name: string, value: unknown): void {
  if (name !== '__proto__') fields[name] = value
  else Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true })
}

/** What stands in place of a value that throws when it is read. */
export const unreadable = (error: unknown): string => `[unserializable: ${brief(error)}]`

/** The value of a property of anything; a note where reading it throws, `undefined` where there is none. */
export function readField(from: unknown, name: string | number): unknown {
  if (from === null || (typeof from !== 'object' && typeof from !== 'function')) return undefined
  try {
    return (from as Fields)[name]
  } catch (error) {
    return unreadable(error)
  }
}

/** Adds the properties of these names that `from` has to `fields`; one that is null counts as absent. */
export function readFields(fields: Fields, from: unknown, names: readonly string[]): Fields {
  for (const name of names) {
    const value = readField(from, name)
    if (value !== undefined && value !== null) fields[name] = value
  }
  return fields
}

/** `Array.isArray` that does not throw, as it does for a revoked proxy. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/**
 * The items of a list, at most `most` of them, with a note in place of one that throws when it is read; and how many
 * the list says it has.
 */
export function readList(list: readonly unknown[], most: number): { items: unknown[]; length: number } {
  const said = readField(list, 'length')
  const length =
    typeof said === 'number' && said > 0 ? Math.min(Math.trunc(said), Number.MAX_SAFE_INTEGER) : 0
  const items: unknown[] = []
  for (let i = 0; i < length && i < most; i++) items.push(readField(list, i))
  return { items, length }
}
