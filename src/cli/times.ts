/** Times and durations as people type them on a command line. */
import type { LogSpan } from '../read/glance.js'
import { clock } from '../text/terminal.js'
import { UsageError } from './args.js'

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/
const CLOCK = /^(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?$/
const AGO = /^(\d{1,12}(?:\.\d{1,6})?(?:ms|s|min|m|h|d))(?: ago)?$/
const DAY = /^(today|yesterday)(?: (.+))?$/

/** What a time on a command line is understood by. */
export interface TimeContext {
  /** When the log's events are: whose day a time of day means. Default: that of `now`. */
  span?: LogSpan | undefined
  /** Epoch milliseconds from which relative times count. Default: the present. */
  now?: number
}

/**
 * Epoch milliseconds of a time: epoch milliseconds themselves; ISO 8601 (local time unless it says otherwise); a
 * time of day (`14:03`), on the last day of the log on which the log has that time, else on its last day; or
 * counted from now: `now`, `30m`, `2h ago`, `today`, `yesterday 14:00`.
 * @throws {UsageError}
 */
export function parseTime(
  option: string,
  value: string,
  { span, now = Date.now() }: TimeContext = {},
): number {
  const ms = timeOf(value.trim(), span ?? { from: now, to: now }, now)
  if (ms !== undefined) return ms
  throw new UsageError(
    `${option} needs a time like 2026-08-22T14:03:07, 14:03, 30m (ago), 'yesterday 14:00' or 1787386181194 (epoch ms), not '${value}'`,
  )
}

function timeOf(value: string, span: LogSpan, now: number): number | undefined {
  if (/^\d{11,15}$/.test(value)) return Number(value)
  if (ISO.test(value) && isDay(value)) {
    // A date alone would be taken as UTC.
    const ms = Date.parse(value.length === 10 ? `${value}T00:00` : value.replace(' ', 'T'))
    return Number.isNaN(ms) ? undefined : ms
  }
  if (CLOCK.test(value)) return inSpan(value, span)
  if (value === 'now') return now
  const ago = AGO.exec(value)?.[1]
  if (ago !== undefined) return now - (millisOf(ago) as number)
  const [, day, time = '00:00'] = DAY.exec(value) ?? []
  return day === undefined ? undefined : onDay(time, now, day === 'today' ? 0 : -1)
}

/** Whether it is one that is understood by the days of the log. */
export const isTimeOfDay = (value: string): boolean => CLOCK.test(value.trim())

/** The last day of the span that has this time in it, else the span's last day. */
function inSpan(time: string, { from, to }: LogSpan): number | undefined {
  const onLast = onDay(time, to, 0)
  // A time that is after the log's end on its last day is before it on the day before.
  const latest = onLast !== undefined && onLast > to ? onDay(time, to, -1) : onLast
  return latest !== undefined && latest >= from ? latest : onLast
}

/** A time of day, on the day of a time or some days after it. */
function onDay(time: string, near: number, days: number): number | undefined {
  const match = CLOCK.exec(time)
  if (match === null) return undefined
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1, 4).map((part) => Number(part ?? 0))
  const millis = Number((match[4] ?? '').padEnd(3, '0'))
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined
  const date = new Date(near)
  date.setDate(date.getDate() + days)
  return date.setHours(hours, minutes, seconds, millis)
}

/** What to say of a time that lies outside the log; `undefined` when it does not. */
export function outsideNote(option: string, ms: number, span: LogSpan | undefined): string | undefined {
  if (span === undefined || (ms >= span.from && ms <= span.to)) return undefined
  const where = ms < span.from ? 'before the first' : 'after the last'
  return `${option} ${clock(ms, true)} is ${where} event of the log, which goes from ${clock(span.from, true)} to ${clock(span.to, true)}`
}

/**
 * Milliseconds of a duration such as `500ms`, `90s`, `10m`, `1.5h`, `2d`.
 * @param max whole days, in milliseconds
 * @throws {UsageError}
 */
export function parseDuration(option: string, value: string, max = Number.POSITIVE_INFINITY): number {
  const ms = millisOf(value)
  if (ms === undefined)
    throw new UsageError(`${option} needs a duration like 500ms, 90s, 10m, 1h or 2d, not '${value}'`)
  if (ms > max) throw new UsageError(`${option} can be ${max / 86_400_000}d at most, not ${value}`)
  return ms
}

function millisOf(duration: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|min|m|h|d)$/.exec(duration)
  return match === null ? undefined : Number(match[1]) * (UNITS[match[2] as string] as number)
}

/** Whether the month has such a day: what is too much would be taken for a day of the next. */
function isDay(date: string): boolean {
  const [year = 0, month = 0, day = 0] = date.slice(0, 10).split('-').map(Number)
  return day >= 1 && day <= new Date(year, month, 0).getDate()
}
