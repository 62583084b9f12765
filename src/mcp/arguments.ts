/**
 * What a tool is given: described to the client as JSON Schema, and checked here, so that whoever asks wrongly is told
 * in one line what is wrong.
 */

/** Asked for something that cannot be: one line that says what is wrong. */
export class AskError extends Error {}

/** One argument. All can be left out but those that a tool says are `needed`. */
export type Argument = { about: string; needed?: true } & (
  | { type: 'text'; max?: number }
  | { type: 'texts' }
  | { type: 'number'; min?: number; max?: number }
  | { type: 'numbers' }
  | { type: 'flag' }
  | { type: 'time' }
  | { type: 'word'; words: readonly string[] }
)

export type Arguments = Readonly<Record<string, Argument>>

/** Checked values, by name. A time is in epoch milliseconds. */
export type Given = Readonly<Record<string, string | number | boolean | string[] | number[] | undefined>>

const MAX_TEXT = 500
const MAX_LIST = 100

/** JSON Schema of a tool's arguments. */
export function schemaOf(known: Arguments): {
  type: 'object'
  properties: Record<string, object>
  required?: string[]
  additionalProperties: false
} {
  const needed = Object.entries(known).flatMap(([name, argument]) => (argument.needed ? [name] : []))
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(known).map(([name, argument]) => [
        name,
        { ...shapeOf(argument), description: argument.about },
      ]),
    ),
    ...(needed.length > 0 && { required: needed }),
    additionalProperties: false,
  }
}

function shapeOf(argument: Argument): object {
  switch (argument.type) {
    case 'text':
      return { type: 'string', minLength: 1, maxLength: argument.max ?? MAX_TEXT }
    case 'texts':
      return {
        type: 'array',
        items: { type: 'string', minLength: 1, maxLength: MAX_TEXT },
        maxItems: MAX_LIST,
      }
    case 'number':
      return {
        type: 'integer',
        minimum: argument.min ?? 0,
        maximum: argument.max ?? Number.MAX_SAFE_INTEGER,
      }
    case 'numbers':
      return { type: 'array', items: { type: 'integer', minimum: 0 }, maxItems: MAX_LIST }
    case 'flag':
      return { type: 'boolean' }
    case 'time':
      return { type: ['string', 'number'] }
    case 'word':
      return { type: 'string', enum: argument.words }
  }
}

/** @throws {AskError} on an argument that is unknown, missing, or none of its type */
export function checked(tool: string, known: Arguments, given: unknown): Given {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given)))
    throw new AskError(`${tool} takes an object of arguments`)
  const values = (given ?? {}) as Record<string, unknown>
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(known, name))
  if (unknown !== undefined) {
    const names = Object.keys(known).join(', ')
    throw new AskError(`${tool} has no argument ${JSON.stringify(unknown.slice(0, 60))}; it takes ${names}`)
  }
  return Object.fromEntries(
    Object.entries(known).flatMap(([name, argument]) => {
      const value = values[name]
      // Clients that fill in a form give null for what was left out.
      if (value !== undefined && value !== null) return [[name, checkedValue(name, argument, value)]]
      if (argument.needed) throw new AskError(`${tool} needs ${name}: ${argument.about}`)
      return []
    }),
  )
}

function checkedValue(name: string, argument: Argument, value: unknown): NonNullable<Given[string]> {
  switch (argument.type) {
    case 'text':
      return textOf(name, value, argument.max)
    case 'texts':
      return listOf(name, value, (each) => textOf(`each of ${name}`, each))
    case 'number':
      return numberOf(name, value, argument.min, argument.max)
    case 'numbers':
      return listOf(name, value, (each) => numberOf(`each of ${name}`, each))
    case 'flag':
      if (typeof value === 'boolean') return value
      throw new AskError(`${name} must be true or false`)
    case 'time':
      return timeOf(name, value)
    case 'word': {
      const word = argument.words.find((each) => each === value)
      if (word !== undefined) return word
      throw new AskError(`${name} must be one of ${argument.words.join(', ')}`)
    }
  }
}

function listOf<T>(name: string, value: unknown, each: (value: unknown) => T): T[] {
  // One of a list is often given by itself.
  const list = Array.isArray(value) ? value : [value]
  if (list.length > 0 && list.length <= MAX_LIST) return list.map(each)
  throw new AskError(`${name} must have from 1 to ${MAX_LIST} entries`)
}

function textOf(name: string, value: unknown, max = MAX_TEXT): string {
  if (typeof value === 'string' && value !== '' && value.length <= max) return value
  throw new AskError(`${name} must be a text of 1 to ${max} characters`)
}

function numberOf(name: string, value: unknown, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
    return value as number
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`
  throw new AskError(`${name} must be a whole number ${range}`)
}

function timeOf(name: string, value: unknown): number {
  const ms =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value)
        ? Date.parse(value)
        : Number.NaN
  if (Number.isFinite(ms)) return ms
  throw new AskError(`${name} must be epoch milliseconds or an ISO time, 2026-08-22T14:03:07Z say`)
}
