/**
 * A log as a table: one row an event, fixed columns, whatever else an event has as JSON in the last. Quoted as
 * RFC 4180 says, lines end in CR LF. A text that a spreadsheet would take for a formula has an apostrophe before it.
 */
import { ENVELOPE_FIELDS, type HiveEvent } from '../format/kinds.js'
import { isMalformed, type LogEntry } from '../read/items.js'
import { logBatches } from '../read/read.js'
import type { RebuildOptions } from './rebuild-spans.js'

const COLUMNS = [
  'agentId',
  'name',
  'from',
  'to',
  'act',
  'subject',
  'id',
  'status',
  'model',
  'inputTokens',
  'outputTokens',
  'costUsd',
  'ms',
] as const
const ENVELOPE = ['session', 'checkpoint', 'trace', 'span'] as const
const OWN: ReadonlySet<string> = new Set<string>(COLUMNS)

/** Full-width forms are taken for the sign itself by some. */
const FORMULA = /^[\s\p{Cc}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u
const QUOTED = /[",\r\n]|^\s|\s$/

/** Names of the columns, as the first row. */
export const CSV_HEAD = ['time', 'ts', 'seq', 'kind', ...COLUMNS, ...ENVELOPE, 'more'].join(',')

/**
 * Writes the events of the log `file` as a table, its head first. Housekeeping lines are rows too.
 * @param write takes a row with its carriage return, without its newline
 */
export async function exportCsv(
  file: string,
  { session, trace, from, to }: Pick<RebuildOptions, 'session' | 'trace' | 'from' | 'to'>,
  write: (row: string) => Promise<void>,
): Promise<{ rows: number; malformed: number }> {
  const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
  let rows = 0
  let malformed = 0
  let isBegun = false
  for await (const items of logBatches(file, range)) {
    // Not before the log could be opened.
    if (!isBegun) await write(`${CSV_HEAD}\r`)
    isBegun = true
    for (const item of items) {
      if (isMalformed(item)) malformed++
      else if (
        (session === undefined || item.event.session === session) &&
        (trace === undefined || item.event.trace === trace)
      ) {
        rows++
        await write(`${csvRow(item)}\r`)
      }
    }
  }
  return { rows, malformed }
}

/** The row of an event, without its line end. */
export function csvRow({ event, seq }: LogEntry): string {
  const cells: unknown[] = [new Date(event.ts).toISOString(), event.ts, seq, event.kind]
  const fields = event as Record<string, unknown>
  for (const name of COLUMNS) cells.push(Object.hasOwn(fields, name) ? fields[name] : undefined)
  for (const name of ENVELOPE) cells.push(Object.hasOwn(fields, name) ? fields[name] : undefined)
  cells.push(moreOf(event))
  return cells.map(cell).join(',')
}

/** The fields that have no column, as a JSON object. */
function moreOf(event: HiveEvent): string | undefined {
  const rest = Object.entries(event).filter(([name]) => !OWN.has(name) && !ENVELOPE_FIELDS.has(name))
  return rest.length === 0 ? undefined : json(Object.fromEntries(rest))
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = typeof value === 'string' ? value : json(value)
  const safe = FORMULA.test(text) ? `'${text}` : text
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return '(nested too deeply)'
  }
}
