/** How values of telemetry are read: numbers may be texts, and texts be too long for a line. */
import { type Fields, MAX_ID_LENGTH } from '../../format/fields.js'
import type { Values } from './agent-event.js'

/** A text, as long as an id or a name may be. */
export function text(values: Values, name: string): string | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  return typeof value === 'string' && value !== '' ? value.slice(0, MAX_ID_LENGTH) : undefined
}

const NUMBER = /^-?\d{1,15}(?:\.\d{1,12})?$/

/** A number from 0, also where it is a text: Codex and Claude Code send some so. */
export function number(values: Values, name: string): number | undefined {
  let value = Object.hasOwn(values, name) ? values[name] : undefined
  if (typeof value === 'string' && NUMBER.test(value)) value = Number(value)
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

/** A yes or no, also where it is a text. */
export function truth(values: Values, name: string): boolean | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  if (value === true || value === 'true') return true
  return value === false || value === 'false' ? false : undefined
}

/** Bytes of a text that stays out of the line. */
export function bytes(values: Values, name: string): number | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  return typeof value === 'string' ? Buffer.byteLength(value) : undefined
}

/** Fields that have a value. */
export function known(fields: Fields): Fields {
  const found: Fields = {}
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) found[name] = value
  return found
}
