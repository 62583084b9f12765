/** The words of findings: names, places, numbers and times as they stand in a sentence. */

import { shownId } from '../../text/clean.js'
import type { CheckPlace } from './findings.js'

const LONGEST_NAME = 60
const LONGEST_TEXT = 80

/** An id from the log, cut where it is very long. */
export function named(id: string, longest = LONGEST_NAME): string {
  return id.length > longest ? `${id.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…` : id
}

/** The id of an escalation, as other commands show it. */
export const asked = (id: string): string => named(shownId(id))

/** A text from the log in quotation marks. */
export const quoted = (text: string): string => `"${named(text, LONGEST_TEXT)}"`

/** `lead, coder and 3 more` */
export function listed(names: readonly string[], total = names.length, most = 5): string {
  const shown = names.slice(0, total > most ? most : total).map((name) => named(name))
  const rest = total - shown.length
  if (rest > 0) return `${shown.join(', ')} and ${grouped(rest)} more`
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

export const grouped = (value: number): string => value.toLocaleString('en-US')

/** `1 message`, `1,200 messages` */
export const counted = (count: number, noun: string): string =>
  `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`

/** `320 ms`, `12 s`, `3 min 10 s`, `4 h 20 min`, `2 d 4 h`: the two units that matter, without a zero. */
export function lasting(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 1000)
  const parts = (
    [
      ['d', Math.floor(seconds / 86_400)],
      ['h', Math.floor(seconds / 3600) % 24],
      ['min', Math.floor(seconds / 60) % 60],
      ['s', seconds % 60],
    ] as [string, number][]
  ).map(([unit, value]) => ({ unit, value }))
  const first = parts.findIndex(({ value }) => value > 0)
  return parts
    .slice(first, first + 2)
    .filter(({ value }) => value > 0)
    .map(({ unit, value }) => `${grouped(value)} ${unit}`)
    .join(' ')
}

/** `line 12`, or `seq 12` for a line of another file than the finding's own. */
export function placed({ file, line, seq }: CheckPlace, from: CheckPlace): string {
  if (line !== undefined && (file === from.file || seq === undefined)) return `line ${grouped(line)}`
  return seq === undefined ? 'the end of what can be read' : `seq ${grouped(seq)}`
}

/** `line 12`, `lines 12 to 15`, `seq 12 to 15` over several files */
export function between(first: CheckPlace, last: CheckPlace): string {
  if (first === last) return placed(first, first)
  const isOneFile = first.file === last.file && first.line !== undefined && last.line !== undefined
  const [noun, from, to] = isOneFile ? ['lines', first.line, last.line] : ['seq', first.seq, last.seq]
  return from === undefined || to === undefined
    ? `${placed(first, first)} to ${placed(last, first)}`
    : `${noun} ${grouped(from)} to ${grouped(to)}`
}
