/** Text of strangers, times, amounts: each said in one way on the whole page. */
import { clean, visible } from '../../text/clean.js'
import { byteSize, dollars, duration, grouped } from '../../text/terminal.js'
import { floorTime } from '../data/floor.js'
import { inUtc, isFollowing, now } from '../data/store.js'

export { byteSize, clean, dollars, duration, grouped, visible }

/** One line of what an agent wrote: harmless, and in its own direction of writing. */
export function Said({ text, most = 2_000 }: { text: unknown; most?: number }) {
  const line = clean(String(text ?? ''))
  return <bdi>{line.length > most ? `${line.slice(0, most)}…` : line}</bdi>
}

const LOCAL = new Intl.DateTimeFormat(undefined, format())
const UTC = new Intl.DateTimeFormat(undefined, format('UTC'))
const LOCAL_DAY = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' })
const UTC_DAY = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  timeZone: 'UTC',
})

function format(timeZone?: string): Intl.DateTimeFormatOptions {
  return {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
    ...(timeZone !== undefined && { timeZone }),
  }
}

const isTime = (ts: number): boolean => Number.isFinite(ts) && Math.abs(ts) <= 8.64e15

export const clockOf = (ts: number): string => (isTime(ts) ? (inUtc.value ? UTC : LOCAL).format(ts) : '?')
export const dayOf = (ts: number): string =>
  isTime(ts) ? (inUtc.value ? UTC_DAY : LOCAL_DAY).format(ts) : '?'
export const isoOf = (ts: number): string => (isTime(ts) ? new Date(ts).toISOString() : '')

/** A time of day in the viewer's zone; UTC when pointed at. */
export function Clock({ ts, day = false }: { ts: number; day?: boolean }) {
  const iso = isoOf(ts)
  return (
    <time class="clock" dateTime={iso} title={iso.replace('T', ' ').replace('Z', ' UTC')}>
      {day ? `${dayOf(ts)}, ` : ''}
      {clockOf(ts)}
    </time>
  )
}

/** In short: `12 s`, `4 min`, `3 h`, `2 d`. */
export function brief(ms: number): string {
  if (ms < 1_000) return 'now'
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`
  return `${Math.floor(ms / 86_400_000)} d`
}

/** A log that is not followed stands still, and so do the ages in it. */
export const ageOf = (ts: number): number =>
  Math.max(0, (isFollowing.value ? Math.max(now.value, floorTime()) : floorTime()) - ts)

export function Age({ ts }: { ts: number }) {
  return <span title={isoOf(ts)}>{brief(ageOf(ts))}</span>
}

const SHORT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })
export const short = (value: number): string => (value < 10_000 ? grouped(value) : SHORT.format(value))
export const counted = (count: number, noun: string): string =>
  `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
