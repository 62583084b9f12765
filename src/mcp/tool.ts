/** What a tool is, and what they have in common. */
import type { Report, Row, Step } from './answer.js'
import type { Arguments, Given } from './arguments.js'
import type { Hive, Parts } from './hives.js'

export interface Call {
  given: Given
  parts: Parts
  /** The log that is meant; of a tool that takes one. */
  hive: Hive
  /** Whoever asked has gone, or does not want it any more. */
  signal: AbortSignal
}

export interface Tool {
  name: string
  title: string
  /** What it tells, and when to use it: all that a model knows of it. */
  about: string
  /** Beside `log`, `max_bytes` and `cursor`, which each takes. */
  takes: Arguments
  /** Whether it says something without a log, too. */
  isOfAll?: true
  run(call: Call): Promise<Report>
  /** What it tells of all logs. */
  ofAll?(call: Omit<Call, 'hive'>): Promise<Report>
}

export const SINCE_UNTIL: Arguments = {
  since: { type: 'time', about: 'only from then on: epoch milliseconds or ISO time' },
  until: { type: 'time', about: 'only up to then, included' },
}

/** Those of the given arguments, without what is left out. */
export function only<T extends object>(given: Given, names: readonly (keyof T & string)[]): Partial<T> {
  return Object.fromEntries(
    names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  ) as Partial<T>
}

/** Tells questions with other arguments apart. */
export const questionOf = (name: string, given: Given): string =>
  `${name} ${JSON.stringify(Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1)))}`

/** Rows that are all there, a page of which is told. */
export function listed(rows: readonly Row[]): (from: number) => Generator<Step> {
  return function* (from) {
    for (let i = from; i < rows.length; i++) yield { row: rows[i] as Row, next: i + 1 }
  }
}

/** How many rows of each list there are. */
export function totalsOf(rows: readonly Row[], names: readonly string[]): Record<string, number> {
  const totals = Object.fromEntries(names.map((name) => [name, 0]))
  for (const { list } of rows) if (list !== undefined) totals[list] = (totals[list] ?? 0) + 1
  return totals
}
