/**
 * One field of many objects, in the form that takes the least room, and that is taken apart by what the engine has for
 * it: a process that answers one question is over before loops over all objects have become fast.
 */

/** A character that hardly any text has, and JSON writes as it is. */
const BETWEEN = '\x7f'

/** With `BETWEEN` between them; those of which one is missing, or has that, as they are, and null where there is none. */
export type Texts = string | (string | null)[]

export function texts(values: readonly (string | undefined)[]): Texts {
  for (let i = 0; i < values.length; i++) {
    const text = values[i]
    if (text === undefined || text.includes(BETWEEN)) return values.map((each) => each ?? null)
  }
  return values.join(BETWEEN)
}

export const textsOf = (given: Texts): readonly (string | null)[] =>
  typeof given === 'string' ? given.split(BETWEEN) : given

/** The JSON of texts that come at one end of a list and go at the other: what is in it already is not made again. */
export class TextsQueue {
  #values: readonly string[] = []
  /** The JSON of parts of it, in their order, and how many values each has. */
  #parts: { count: number; json: string }[] = []

  /** The JSON of `texts(values)`. @param values are not changed afterwards */
  json(values: readonly string[]): string {
    const before = this.#values
    const gone = before.length === 0 ? 0 : before.indexOf(values[0] as string)
    const stay = before.length - gone
    let isQueue = gone !== -1 && stay <= values.length
    for (let i = 0; i < stay && isQueue; i++) isQueue = before[gone + i] === values[i]
    this.#values = values
    if (isQueue) this.#forget(before, gone)
    else this.#parts = []
    const fresh = isQueue ? values.slice(stay) : values
    const part = fresh.length === 0 ? '' : texts(fresh)
    if (typeof part !== 'string') {
      this.#values = []
      this.#parts = []
      return JSON.stringify(texts(values))
    }
    if (fresh.length > 0) this.#parts.push({ count: fresh.length, json: JSON.stringify(part).slice(1, -1) })
    return `"${this.#parts.map(({ json }) => json).join(BETWEEN)}"`
  }

  /** Leaves out the first ones. */
  #forget(values: readonly string[], count: number): void {
    let left = count
    for (let first = this.#parts[0]; first !== undefined && left > 0; first = this.#parts[0]) {
      this.#parts.shift()
      if (first.count > left) {
        const rest = values.slice(count, count + first.count - left)
        this.#parts.unshift({ count: rest.length, json: JSON.stringify(rest.join(BETWEEN)).slice(1, -1) })
      }
      left -= first.count
    }
  }
}

/**
 * Whole numbers: the first, and what each is more than the one before it; or where not all are whole, all as they are.
 * The first stands apart: an array of numbers that are all small is written in a third of the time.
 */
export type Numbers = Steps | { as: number[] }

interface Steps {
  first: number
  steps: number[]
}

export function numbers(values: number[]): Numbers {
  return stepsOf(values) ?? { as: values }
}

/** `undefined` where a difference need not be exact. */
function stepsOf(values: readonly unknown[]): Steps | undefined {
  const first = values.length === 0 ? 0 : (values[0] as number)
  // The engine writes an array that never had holes in a fraction of the time.
  const steps: number[] = []
  let last = first
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const step = value - last
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(step)) return undefined
    steps.push(step)
    last = value
  }
  return { first, steps }
}

export function numbersOf(given: Numbers): readonly number[] {
  if ('as' in given) return given.as
  const { first, steps } = given
  let last = first
  for (let i = 0; i < steps.length; i++) {
    last += steps[i] as number
    steps[i] = last
  }
  return steps
}

/** One value for all; texts without a gap; steps between numbers; anything, and null where there is nothing. */
export type Field = { all: unknown } | Steps | string | unknown[]

/** Numbers from here on are longer than what they differ by, and take much longer to write. */
const BIG = 2 ** 31

/** @param values at least one; none is `null` */
export function fieldOf(values: readonly unknown[]): Field {
  const [first] = values
  let isSame = first !== undefined
  let isText = typeof first === 'string'
  for (let i = 1; i < values.length && (isSame || isText); i++) {
    const value = values[i]
    if (value !== first) isSame = false
    if (typeof value !== 'string') isText = false
  }
  if (isSame) return { all: first }
  if (isText) return texts(values as string[])
  const steps = typeof first === 'number' && first >= BIG ? stepsOf(values) : undefined
  return steps ?? values.map((value) => value ?? null)
}

/** The values of a field that so many objects have; `null` where one has none. */
export function valuesOf(field: Field, count: number): readonly unknown[] {
  if (typeof field === 'string') return textsOf(field)
  if (Array.isArray(field)) return field
  return 'steps' in field ? numbersOf(field) : new Array<unknown>(count).fill(field.all)
}
