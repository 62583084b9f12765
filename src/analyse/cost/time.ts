/** Hours and days of local time. */

const MINUTE = 60_000
/** No zone changes its offset within a quarter of an hour. */
const QUARTER = 15 * MINUTE
const HOUR = 60 * MINUTE
const MAX_DATE = 8.64e15

/** A stretch of local time: its name (ISO 8601, with the offset for an hour) and when it begins (epoch ms). */
export interface Span {
  key: string
  ts: number
}

/** Name of the zone that local time is in, from the environment (`TZ`). */
export function localZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** Gives the hour or day in which an event happened; quick for events in the order of time. */
export class LocalTime {
  readonly #unit: 'hour' | 'day'
  #quarter = Number.NaN
  #span: Span | undefined

  constructor(unit: 'hour' | 'day') {
    this.#unit = unit
  }

  /** `undefined` at the edges of what a date can be. */
  of(ts: number): Span | undefined {
    const quarter = Math.floor(ts / QUARTER)
    if (quarter !== this.#quarter) {
      this.#quarter = quarter
      this.#span = this.#unit === 'hour' ? hourOf(ts) : dayOf(ts)
    }
    return this.#span
  }
}

/** By offset, not by setting minutes: when clocks go back, the hour that comes twice is two hours. */
function hourOf(ts: number): Span | undefined {
  const minutes = -new Date(ts).getTimezoneOffset()
  const local = Math.floor((ts + minutes * MINUTE) / HOUR) * HOUR
  const start = local - minutes * MINUTE
  if (!(Math.abs(local) <= MAX_DATE && Math.abs(start) <= MAX_DATE)) return undefined
  return { key: `${new Date(local).toISOString().slice(0, -5)}${offset(minutes)}`, ts: start }
}

function dayOf(ts: number): Span | undefined {
  const date = new Date(ts)
  const local = ts - date.getTimezoneOffset() * MINUTE
  const start = date.setHours(0, 0, 0, 0)
  if (!(Math.abs(local) <= MAX_DATE && Math.abs(start) <= MAX_DATE)) return undefined
  return { key: new Date(local).toISOString().replace(/T.*/, ''), ts: start }
}

function offset(minutes: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`
}
