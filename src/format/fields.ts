/** An event's own fields as a bag of values, and how to read and fill one safely. */
import { describe } from './quote.js'

/** An event's own fields, in the order in which they are to be written. `undefined` is left out. */
export type Fields = Record<string, unknown>

/** Sets a field of any name: `__proto__` stays a name, and does not become the prototype. */
export function setField(fields: Fields, name: string, value: unknown): void {
  if (name !== '__proto__') fields[name] = value
  else Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true })
}

/** The value of a property of anything; a note where reading it throws, `undefined` where there is none. */
export function readField(from: unknown, name: string): unknown {
  if (from === null || (typeof from !== 'object' && typeof from !== 'function')) return undefined
  try {
    return (from as Fields)[name]
  } catch (error) {
    return `[unserializable: ${describe(error)}]`
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
