/** Text for a terminal: measured in columns, cut to fit, painted. */

import { basename } from 'node:path'
import { clean } from './clean.js'

export { clean, shownId } from './clean.js'

/**
 * Text of which every character takes one column and combines with none: nearly all there is in a log, and in what
 * we write around it (arrows, dots, lines). Whatever else may come is measured grapheme by grapheme.
 */
const PLAIN =
  /^[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2500-\u25fc\u2713-\u2718]*$/
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Extended_Pictographic}\ufe0f/u
/** Longer text is not looked at as a whole: what fits is found from its start. */
const MAX_PLAIN = 10_000
/** Made when first needed: most text is plain. */
let segmenter: Intl.Segmenter | undefined

function segments(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return segmenter.segment(text)
}

/** Columns that the text takes on a terminal. */
export function columns(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const { segment } of segments(text)) width += widthOf(segment)
  return width
}

/** The text, or as much of its start as fits, with `…` for the rest. */
export function fit(text: string, width: number): string {
  if (text.length <= width && PLAIN.test(text)) return text
  if (width <= 0) return ''
  if (text.length < MAX_PLAIN && PLAIN.test(text)) return `${text.slice(0, width - 1)}…`
  let used = 0
  let kept = ''
  for (const { segment, index } of segments(text)) {
    const wide = widthOf(segment)
    if (used + wide > width - 1) {
      const rest = text.slice(index)
      return rest === segment && used + wide <= width ? kept + segment : `${kept}…`
    }
    kept += segment
    used += wide
  }
  return kept
}

/** Where a line is: `hive.jsonl:4 seq 4`. */
export const whereIs = ({ file, line, seq }: { file: string; line?: number; seq: number }): string =>
  `${clean(basename(file))}${line === undefined ? '' : `:${line}`} seq ${seq}`

/** Where a line is, in a cell of a table: `hive.jsonl:4`; of a long name the end, since that is what differs. */
export function placeCell({ file, line, seq }: { file: string; line?: number; seq: number }): string {
  const name = clean(basename(file))
  const short = name.length > MAX_PLACE ? `…${name.slice(1 - MAX_PLACE)}` : name
  return line === undefined ? `${short} seq ${seq}` : `${short}:${line}`
}

const MAX_PLACE = 16

/** Pads with spaces to a width. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columns(text)))
}

function widthOf(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2
  return /^\p{Mn}/u.test(grapheme) ? 0 : 1
}

export type Style =
  | 'dim'
  | 'bold'
  | 'red'
  | 'green'
  | 'yellow'
  | 'blue'
  | 'magenta'
  | 'cyan'
  | 'alarm'
  | 'plain'

export const CODES: Record<Style, string> = {
  plain: '',
  dim: '2',
  bold: '1',
  red: '31',
  green: '32',
  yellow: '33',
  blue: '34',
  magenta: '35',
  cyan: '36',
  alarm: '1;33',
}

export function paint(text: string, style: Style, color: boolean): string {
  return color && style !== 'plain' && text !== '' ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text
}

/** How numbers are formatted, made when first needed: the first one takes a command a tenth of its time. */
const formats = new Map<string, Intl.NumberFormat>()

function formatted(value: number, options: Intl.NumberFormatOptions): string {
  const name = Object.keys(options).join()
  let format = formats.get(name)
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', options)
    formats.set(name, format)
  }
  return format.format(value)
}

const THOUSANDS = /\B(?=(?:\d{3})+$)/g

/** `1,234,567` */
export function grouped(value: number): string {
  // All but what nearly never comes: the same text as the format makes.
  return Number.isSafeInteger(value) && !Object.is(value, -0)
    ? String(value).replace(THOUSANDS, ',')
    : formatted(value, {})
}

/** `1 line`, `1,200 lines` */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** `1.2 MiB` */
export function byteSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  let value = bytes
  let unit = -1
  do {
    value /= 1024
    unit++
  } while (value >= 1024 && unit < 4)
  return `${value.toFixed(1)} ${['KiB', 'MiB', 'GiB', 'TiB', 'PiB'][unit]}`
}

/** `320 ms`, `1.2 s`, `4 min 10 s`, `3 h 20 min`, `2 d 4 h` */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

const CENTS: Intl.NumberFormatOptions = { minimumFractionDigits: 2, maximumFractionDigits: 2 }
const COMPACT: Intl.NumberFormatOptions = { notation: 'compact', maximumFractionDigits: 1 }

/** Dollars from 1 to less than 1e9 as `CENTS` makes them: rounded in the digits that the number is written with. */
function inCents(value: number): string {
  const [whole = '', fraction = ''] = String(value).split('.')
  const cents = Number(whole + fraction.slice(0, 2).padEnd(2, '0')) + (fraction.charAt(2) >= '5' ? 1 : 0)
  return `${grouped(Math.trunc(cents / 100))}.${String(cents % 100).padStart(2, '0')}`
}

/** `$0.0123`, `$12.30`, `$12,345.67`, `$1.2B`, and `<$0.0001` for what is less but not nothing. */
export function dollars(value: number): string {
  if (value > 0 && value < 0.00005) return '<$0.0001'
  if (value >= 1e9) return `$${amount(value)}`
  if (value >= 1) return `$${inCents(value)}`
  return `$${value !== 0 && Math.abs(value) < 1 ? value.toFixed(4) : formatted(value, CENTS)}`
}

/** Dollars of some calls: `?` where no price is known, with `+` where some have none. */
export function costCell(
  { costUsd, unpricedCalls }: { costUsd: number; unpricedCalls: number },
  calls: number,
): string {
  if (calls > 0 && unpricedCalls >= calls) return '?'
  return `${dollars(costUsd)}${unpricedCalls > 0 ? '+' : ''}`
}

/** A count, in full while it is short: `1,234,567`, `1.2B`, `1.0e+18`. */
export function amount(value: number): string {
  if (value < 1e9) return grouped(Math.round(value))
  return value < 1e15 ? formatted(value, COMPACT) : value.toExponential(1)
}

/** Local time, `14:03:07.123`; with the date, `2026-08-22 14:03:07.123`. */
export function clock(ts: number, withDate: boolean): string {
  const date = new Date(ts)
  if (Number.isNaN(date.getTime())) return '--:--:--.---'
  const two = (value: number): string => String(value).padStart(2, '0')
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  const precise = `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
  return withDate
    ? `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${precise}`
    : precise
}
