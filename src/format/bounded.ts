/** Fields of any type, as they are kept for long: bounded, so that one hostile line cannot hold its megabytes. */
import { createHash } from 'node:crypto'

/** Longest id that is kept as it is, and how much of a longer one. */
const MAX_ID = 256
const ID_HEAD = 64
/** Characters of a text that are kept. */
export const MAX_TEXT = 500

/**
 * An id to tell things apart by. One of more than 256 characters becomes its first 64 and a hash of all of it, so
 * that it takes little memory and still stands for itself only. `undefined` for anything but a string.
 */
export function idOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  if (value.length <= MAX_ID) return value
  return `${unshared(value.slice(0, ID_HEAD))}…${createHash('sha256').update(value).digest('hex')}`
}

/** An id, name or other key: as `idOf`, and a number as text. `undefined` for anything else and for empty text. */
export function keyOf(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : idOf(value) || undefined
}

/** Text for people: at most 500 characters, then `…`. Numbers and booleans as text; `undefined` for anything else. */
export function textOf(value: unknown, max = MAX_TEXT): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return undefined
  return value.length <= max ? value : `${unshared(value.slice(0, max - 1))}…`
}

/** A finite number from 0; 0 for anything else. */
export function amountOf(value: unknown): number {
  return typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY ? value : 0
}

/** A duration in milliseconds: a number, not negative. `undefined` for anything else. */
export function msOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : undefined
}

/** What stands in a field that should have been something else, as short JSON. */
export function jsonOf(value: unknown): string {
  if (value === undefined) return 'missing'
  try {
    return textOf(JSON.stringify(value)) ?? typeof value
  } catch {
    return 'nested too deeply'
  }
}

/** A slice would keep the whole of a long text in memory. */
function unshared(slice: string): string {
  return Buffer.from(slice, 'utf16le').toString('utf16le')
}
