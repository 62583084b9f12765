/** Times and durations as people type them on a command line. */
import { UsageError } from './args.js'

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/
const CLOCK = /^(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?$/

/**
 * Epoch milliseconds of a time: epoch milliseconds themselves, ISO 8601 (local time unless it says otherwise), or a
 * time of day, which is today's.
 * @throws {UsageError}
 */
export function parseTime(option: string, value: string, now = Date.now()): number {
  if (/^\d{11,15}$/.test(value)) return Number(value)
  if (ISO.test(value)) {
    // A date alone would be taken as UTC.
    const ms = Date.parse(value.length === 10 ? `${value}T00:00` : value.replace(' ', 'T'))
    if (!Number.isNaN(ms) && isDay(value)) return ms
  }
  const match = CLOCK.exec(value)
  if (match !== null) {
    const [hours = 0, minutes = 0, seconds = 0] = match.slice(1, 4).map((part) => Number(part ?? 0))
    const millis = Number((match[4] ?? '').padEnd(3, '0'))
    if (hours < 24 && minutes < 60 && seconds < 60)
      return new Date(now).setHours(hours, minutes, seconds, millis)
  }
  throw new UsageError(
    `${option} needs a time like 2026-08-22T14:03:07, 14:03 or 1787386181194 (epoch ms), not '${value}'`,
  )
}

/**
 * Milliseconds of a duration such as `500ms`, `90s`, `10m`, `1.5h`, `2d`.
 * @param max whole days, in milliseconds
 * @throws {UsageError}
 */
export function parseDuration(option: string, value: string, max = Number.POSITIVE_INFINITY): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|min|m|h|d)$/.exec(value)
  if (match === null)
    throw new UsageError(`${option} needs a duration like 500ms, 90s, 10m, 1h or 2d, not '${value}'`)
  const ms = Number(match[1]) * (UNITS[match[2] as string] as number)
  if (ms > max) throw new UsageError(`${option} can be ${max / 86_400_000}d at most, not ${value}`)
  return ms
}

/** Whether the month has such a day: what is too much would be taken for a day of the next. */
function isDay(date: string): boolean {
  const [year = 0, month = 0, day = 0] = date.slice(0, 10).split('-').map(Number)
  return day >= 1 && day <= new Date(year, month, 0).getDate()
}
