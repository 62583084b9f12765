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

/** One value for all; texts without a gap; anything, and null where there is nothing. */
export type Field = { all: unknown } | string | unknown[]

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
  return isText ? texts(values as string[]) : values.map((value) => value ?? null)
}

/** The values of a field that so many objects have; `null` where one has none. */
export function valuesOf(field: Field, count: number): readonly unknown[] {
  if (typeof field === 'string') return textsOf(field)
  return Array.isArray(field) ? field : new Array<unknown>(count).fill(field.all)
}
