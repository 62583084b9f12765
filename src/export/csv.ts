/**
 * A log as a table: one row an event, fixed columns, whatever else an event has as JSON in the last. Quoted as
 * RFC 4180 says, lines end in CR LF. A text that a spreadsheet would take for a formula has an apostrophe before it, also
 * where a cell only begins for one that splits rows at semicolons, tabs or bars and so does not see our quotes.
 */
import { ENVELOPE_FIELDS, type HiveEvent } from '../format/kinds.js'
import { type HiveEntry, hiveBatches, logsOfHive } from '../read/hive.js'
import { isBreak, isMalformed } from '../read/items.js'
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

/** What a formula begins with; full-width forms are taken for the sign itself by some. */
const SIGN = '[=+\\-@\\uff1d\\uff0b\\uff0d\\uff20]'
const FORMULA = new RegExp(`^[\\s\\p{Cc}"'\`]*${SIGN}|^[\\t\\r\\n]`, 'u')
/** Where a cell begins for one that splits otherwise: there a line end in quotes ends the row. */
const SPLITS = /[;|\t\r\n\v\f\u0085\u2028\u2029](?![\r\n])/g
/** What may stand between that and the sign, with both: each run of it is looked at once. */
const INNER = new RegExp(`([\\s\\p{Cc}"'\`;|]+)(${SIGN})?`, 'gu')
const INNER_JSON = new RegExp(`([\\s\\p{Cc}"'\`;|\\\\]+)(${SIGN})?`, 'gu')
const QUOTED = /[",\r\n]|^\s|\s$/

/** Names of the columns, as the first row. */
export const CSV_HEAD = ['time', 'ts', 'seq', 'kind', ...COLUMNS, ...ENVELOPE, 'log', 'line', 'more'].join(
  ',',
)

/**
 * Writes the events of a hive as a table in the order of its story, the head first. Housekeeping lines are rows too.
 * `from` and `to` are of the first log, and leave the others out.
 * @param write takes a row with its carriage return, without its newline
 */
export async function exportCsv(
  files: readonly string[],
  options: Omit<RebuildOptions, 'serviceName' | 'maxEventsPerSpan'>,
  write: (row: string) => Promise<void>,
): Promise<{ rows: number; malformed: number }> {
  const { session, trace, from = 0, to = Number.POSITIVE_INFINITY, since, until, onProgress } = options
  const isRange = options.from !== undefined || options.to !== undefined
  const selection = {
    thisFile: options.thisFile === true,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(onProgress !== undefined && { onProgress }),
  }
  const [first] = logsOfHive(files, true)
  let rows = 0
  let malformed = 0
  let isBegun = false
  for await (const items of hiveBatches(files, selection)) {
    // Not before the log could be opened.
    if (!isBegun) await write(`${CSV_HEAD}\r`)
    isBegun = true
    for (const item of items) {
      if (isMalformed(item)) malformed += isBreak(item) ? 0 : 1
      else if (
        (!isRange || (item.log === first && item.seq >= from && item.seq <= to)) &&
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
export function csvRow({ event, seq, log, line }: HiveEntry): string {
  const cells: unknown[] = [new Date(event.ts).toISOString(), event.ts, seq, event.kind]
  const fields = event as Record<string, unknown>
  for (const name of COLUMNS) cells.push(Object.hasOwn(fields, name) ? fields[name] : undefined)
  for (const name of ENVELOPE) cells.push(Object.hasOwn(fields, name) ? fields[name] : undefined)
  cells.push(log, line, moreOf(event))
  return cells.map(cell).join(',')
}

/** The fields that have no column, as a JSON object. */
function moreOf(event: HiveEvent): object | undefined {
  const rest = Object.entries(event).filter(([name]) => !OWN.has(name) && !ENVELOPE_FIELDS.has(name))
  return rest.length === 0 ? undefined : Object.fromEntries(rest)
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const safe = typeof value === 'string' ? withoutFormula(value) : json(value)
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function withoutFormula(text: string): string {
  const inner = text.replace(INNER, (whole, before: string, sign?: string) =>
    sign === undefined ? whole : before.replace(SPLITS, "$&'") + sign,
  )
  return FORMULA.test(text) ? `'${inner}` : inner
}

/** In JSON the sign can be written so that the value stays what it is. */
function json(value: unknown): string {
  try {
    return JSON.stringify(value).replace(INNER_JSON, (whole, before: string, sign?: string) =>
      sign === undefined || before.search(SPLITS) === -1
        ? whole
        : `${before}\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  } catch {
    return '(nested too deeply)'
  }
}
