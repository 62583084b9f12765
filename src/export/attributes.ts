/**
 * The attributes of an event that was read from a file. Like those that it had when it was live; but a log of
 * another writer may hold what no backend takes, and one such value would have a whole request refused.
 */
import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api'
import { type Fields, setField } from '../format/fields.js'
import { ENVELOPE_FIELDS, type HiveEvent } from '../format/kinds.js'
import { endTime, toAttributes, toHrTime } from '../otel/span-mapping.js'

/** Characters of one text; what `hivelog` itself writes is shorter (8 KiB), and Jaeger refuses 65,000 bytes. */
const MAX_TEXT = 16_384
/** Values of one list. */
const MAX_LIST = 10_000
/** Fields of one event; the SDK's own limit. */
const MAX_FIELDS = 128
/** OTLP times are nanoseconds in 64 bits: milliseconds from 1970 to the year 2262. */
const MAX_MS = 9_223_372_036_853

/** A time of the log as OTLP can say it. */
export const toTime = (ms: number): HrTime => toHrTime(sayableMs(ms))

/** When a span ends, as OTLP can say it; a clock that was set back makes no span of negative length. */
export const toEndTime = (start: number, end: number): HrTime => endTime(sayableMs(start), sayableMs(end))

const sayableMs = (ms: number): number => Math.min(Math.max(ms, 0), MAX_MS)

export interface ReadAttributes {
  attributes: Attributes
  /** Fields that were too many. */
  dropped: number
  /** Values that were cut. */
  cut: number
}

/** An event's own fields, without the envelope. */
export function fieldsOf(event: HiveEvent): { fields: Fields; dropped: number } {
  const fields: Fields = {}
  let count = 0
  for (const name in event) {
    if (ENVELOPE_FIELDS.has(name)) continue
    if (++count <= MAX_FIELDS) setField(fields, name, (event as Fields)[name])
  }
  return { fields, dropped: Math.max(0, count - MAX_FIELDS) }
}

export function attributesOf(event: HiveEvent): ReadAttributes {
  const { fields, dropped } = fieldsOf(event)
  const attributes = safeAttributes(event.kind, fields)
  let cut = 0
  for (const name in attributes) {
    const value = attributes[name]
    const fitted = fit(value)
    if (fitted === value) continue
    attributes[name] = fitted
    if (typeof value !== 'number') cut++
  }
  return { attributes, dropped, cut }
}

function safeAttributes(kind: string, fields: Fields): Attributes {
  try {
    return toAttributes(kind, fields)
  } catch {
    // Nested more deeply than can be written as JSON again.
    const plain: Fields = {}
    for (const name in fields) {
      const value = fields[name]
      setField(plain, name, typeof value === 'object' && value !== null ? '(nested too deeply)' : value)
    }
    return toAttributes(kind, plain)
  }
}

function fit(value: AttributeValue | undefined): AttributeValue {
  if (typeof value === 'string') return shortText(value)
  if (typeof value === 'number') return sayable(value) ? value : String(value)
  if (!Array.isArray(value)) return value ?? ''
  const list = value as (string | number | boolean)[]
  const isFine =
    list.length <= MAX_LIST &&
    list.every((item) =>
      typeof item === 'string' ? item.length <= MAX_TEXT : typeof item !== 'number' || sayable(item),
    )
  if (isFine) return value
  const short = list.slice(0, MAX_LIST)
  return typeof short[0] === 'string'
    ? short.map((item) => shortText(item as string))
    : short.map((item) => String(item))
}

/** A text, or as much of it as a backend takes. */
export const shortText = (text: string): string =>
  text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`

/** Whether OTLP's JSON can say the number: it knows whole numbers of 64 bits, and no infinity. */
export const sayable = (value: number): boolean =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
