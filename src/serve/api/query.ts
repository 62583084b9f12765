/** What stands after the `?`: each value is one of its type, or the request is refused with what is wrong. */
import { HttpError } from '../http.js'

/** Longest value; names of agents and texts to look for are shorter. */
const MAX_VALUE = 500
/** Values of one name. */
const MAX_VALUES = 100

/** @throws {HttpError} unless it is left out or a whole number */
export function numberIn(
  query: URLSearchParams,
  name: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER } = {},
): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new HttpError(400, `${name} must be a whole number from ${min} to ${max}`)
}

/** Epoch milliseconds, given as such or as an ISO time. @throws {HttpError} when it is neither */
export function timeIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = /^-?\d{1,16}(\.\d{1,6})?$/.test(text)
    ? Number(text)
    : /^\d{4}-\d\d-\d\d/.test(text)
      ? Date.parse(text)
      : Number.NaN
  if (Number.isFinite(value)) return value
  throw new HttpError(400, `${name} must be epoch milliseconds or an ISO time`)
}

/** @throws {HttpError} when it is too long */
export function textIn(query: URLSearchParams, name: string): string | undefined {
  const [text] = textsIn(query, name)
  return text === '' ? undefined : text
}

/** All values of that name. @throws {HttpError} when there are too many, or one is too long */
export function textsIn(query: URLSearchParams, name: string): string[] {
  const texts = query.getAll(name)
  if (texts.length > MAX_VALUES) throw new HttpError(400, `${name} can be given ${MAX_VALUES} times at most`)
  if (texts.every((text) => text.length <= MAX_VALUE)) return texts
  throw new HttpError(400, `${name} can have ${MAX_VALUE} characters at most`)
}

/** @throws {HttpError} unless it is left out or one of these */
export function oneIn<T extends string>(
  query: URLSearchParams,
  name: string,
  values: readonly T[],
): T | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const found = values.find((value) => value === text)
  if (found !== undefined) return found
  throw new HttpError(400, `${name} must be ${values.join(', ')}`)
}
