/** Reads what strangers give: any type, getters that throw, huge. */
import { isList, readField, readList } from './fields.js'

/** A text that is not empty. */
export function textIn(from: unknown, name: string): string | undefined {
  const value = readField(from, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A number that is one. */
export function numberIn(from: unknown, name: string): number | undefined {
  const value = readField(from, name)
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Items of a list that are looked at: a run's messages and parts are far fewer. */
const MAX_ITEMS = 10_000

/** The items of a list; none, of what is no list. */
export function itemsIn(from: unknown, name: string): readonly unknown[] {
  const value = readField(from, name)
  return isList(value) ? readList(value, MAX_ITEMS).items : []
}
