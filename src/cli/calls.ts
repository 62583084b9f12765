/** `hivelog calls` */
import { type CallBy, type CallReport, type CallRow, callReport } from '../analyse/calls.js'
import { clock, counted, duration, fit, grouped } from '../text/terminal.js'
import { type Command, oneOf, parse } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, reportOf } from './hive-args.js'
import { look, Output } from './output.js'
import { table } from './table.js'

const help = `Usage: hivelog calls [OPTION]... [FILE|-]...

Which external APIs the agents called: how often, with what errors, how long
that took, and when. - is standard input.

      --by WHAT    host (default), path (method, host and path without query),
                   agent, status, or tool (the tools that ran, instead)
${HIVE_HELP}
      --json       one JSON object: {"files", "lines", "events", "malformed",
                   "lost", "by", "total": ROW, "rows": [ROW], "others": ROW,
                   "badDurations"}; ROW is {"key", "calls", "errors",
                   "clientErrors", "rateLimited", "serverErrors",
                   "otherErrors", "ms": {"count", "p50", "p95", "max",
                   "total"}, "firstTs", "lastTs", "peakMinute": {"calls",
                   "ts"}, "agents": [ID], "agentsCut"}; "total", "others",
                   "p50", "p95" and "max" are left out where there is nothing;
                   "skipped" counts lines of other kinds, if there are any
      --help       this text

A call that failed is counted once: 4xx (but 429), 429 (too many requests),
5xx, or other (no answer). p50 and p95 are exact up to 512 calls of a group,
else within 1 %. Past 1,000 groups, calls are counted under "(others)". Lines of
other kinds are counted, and not checked; hivelog verify checks all.

A FILE is a log with its archived segments and the logs of its child processes;
several FILEs are one hive. The default is $HIVELOG_FILE or hive.jsonl.
Exit code 0, also where calls failed; 1: no event there; 2: bad use, or no log.

Example: hivelog calls --by path hive.jsonl
`

/** Rows that a table shows. */
const MAX_ROWS = 20

const BY: readonly CallBy[] = ['host', 'path', 'agent', 'status', 'tool']

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('calls', args, {
      by: { type: 'string', default: 'host' },
      json: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
    })
    const by = oneOf('--by', values.by, BY)
    const given = await hiveArguments('calls', values, positionals)
    const { report, nothing } = await reportOf(given, (files, selection) =>
      callReport(files, { ...selection, by }),
    )
    const output = new Output()
    if (values.json) await output.json(report)
    else if (nothing === undefined) for (const line of reportLines(report)) await output.line(line)
    await output.flush()
    return nothing ?? 0
  },
}

function* reportLines(report: CallReport): Generator<string> {
  const { by, rows, total, others, badDurations, malformed, lost, events } = report
  const { width } = look()
  const isTool = by === 'tool'
  if (total === undefined) {
    const what = isTool ? 'tools' : 'external calls'
    yield `no ${what} are recorded in this log (${counted(events, 'event')} read)`
  } else {
    const { calls, errors, firstTs, lastTs, peakMinute } = total
    yield `${counted(calls, isTool ? 'tool run' : 'external call')}, ${grouped(errors)} failed`
    yield `${clock(firstTs, true)} to ${clock(lastTs, true)}  (${duration(lastTs - firstTs)})`
    yield fit(
      `busiest minute: ${grouped(peakMinute.calls)} at ${clock(peakMinute.ts, true).slice(0, -7)}`,
      width,
    )
    const isOneDay = new Date(firstTs).toDateString() === new Date(lastTs).toDateString()
    const all = [...rows, ...(others === undefined ? [] : [others])]
    const names = COLUMNS[by].filter(
      (name) => !ERRORS.includes(name) || all.some((row) => hasSome(row, name)),
    )
    yield* table(
      names,
      all.map((row) => names.map((name) => (CELLS[name] ?? CELLS.key)(row, isOneDay))),
      {
        width,
        maxRows: MAX_ROWS,
        textColumns: names.includes('agents') ? 2 : 1,
        dispensable: DISPENSABLE,
        keyWidth: KEY_WIDTH[by],
      },
    )
  }
  if (others !== undefined)
    yield `(others): past ${grouped(rows.length)} keys, ${counted(others.calls, isTool ? 'run' : 'call')} are counted together`
  if (badDurations > 0)
    yield `durations that are no number, or negative: ${grouped(badDurations)}, not counted`
  if (malformed > 0) yield `not read: ${counted(malformed, 'malformed line')}; see hivelog verify`
  if (lost > 0) yield `lost, as the writer says (log.gap): ${counted(lost, 'event')}`
}

const ERRORS = ['4xx', '429', '5xx', 'other']
const TIMES = ['p50', 'p95', 'max', 'first', 'last']

const COLUMNS: Record<CallBy, string[]> = {
  host: ['host', 'agents', 'calls', ...ERRORS, ...TIMES],
  path: ['path', 'calls', ...ERRORS, ...TIMES],
  agent: ['agent', 'calls', ...ERRORS, ...TIMES],
  status: ['status', 'agents', 'calls', ...TIMES],
  tool: ['tool', 'agents', 'runs', 'failed', ...TIMES],
}

/** What goes first where there is no room: it is in --json. */
const DISPENSABLE = ['first', 'agents', 'p50', 'other', '4xx', 'last']
/** Columns of the terminal that a key should have at least, if it is so long. */
const KEY_WIDTH: Record<CallBy, number> = { host: 20, path: 44, agent: 20, status: 8, tool: 20 }
/** Columns of errors that did not happen are not shown. */
const hasSome = (row: CallRow, name: string): boolean => CELLS[name]?.(row, true) !== '-'

type Cell = (row: CallRow, isOneDay: boolean) => string

const CELLS: Record<string, Cell> & { key: Cell } = {
  key: ({ key }) => key,
  agents,
  calls: ({ calls }) => grouped(calls),
  runs: ({ calls }) => grouped(calls),
  failed: ({ errors }) => some(errors),
  '4xx': ({ clientErrors }) => some(clientErrors),
  '429': ({ rateLimited }) => some(rateLimited),
  '5xx': ({ serverErrors }) => some(serverErrors),
  other: ({ otherErrors }) => some(otherErrors),
  p50: ({ ms }) => time(ms.p50),
  p95: ({ ms }) => time(ms.p95),
  max: ({ ms }) => time(ms.max),
  first: ({ firstTs }, isOneDay) => when(firstTs, isOneDay),
  last: ({ lastTs }, isOneDay) => when(lastTs, isOneDay),
}

const some = (count: number): string => (count === 0 ? '-' : grouped(count))
const time = (ms: number | undefined): string => (ms === undefined ? '-' : duration(ms))

function agents({ agents, agentsCut }: CallRow): string {
  const [first, second] = agents
  const more = agents.length - 2
  const names = [first, second].filter((name) => name !== undefined).join(', ')
  return more > 0 ? `${names} +${more}${agentsCut ? ' and more' : ''}` : names
}

/** Time of day; with other days in the table, month, day, hour and minute. */
const when = (ts: number, isOneDay: boolean): string =>
  isOneDay ? clock(ts, false).slice(0, 8) : clock(ts, true).slice(5, 16)
