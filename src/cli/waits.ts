/** `hivelog waits` */

import type { MutualWait } from '../analyse/waits/mutual.js'
import { type WaitBy, type WaitPlace, type WaitReport, type WaitRow, waitReport } from '../analyse/waits.js'
import { clean, clock, counted, duration, fit, grouped, placeCell, whereIs } from '../text/terminal.js'
import { type Command, oneOf, parse } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, reportOf } from './hive-args.js'
import { look, Output } from './output.js'
import { table } from './table.js'

const help = `Usage: hivelog waits [OPTION]... [FILE|-]...

What agents waited for, who held it, and how long that took in total. - is
standard input.

      --by WHAT    resource (default), agent (who waited), holder, or pair
                   (who waited ← who held)
${HIVE_HELP}
      --json       one JSON object: {"files", "lines", "events", "malformed",
                   "lost", "by", "total": ROW, "rows": [ROW], "others": ROW,
                   "badDurations", "mutual": [{"agents", "resources",
                   "times", "longestMs", "longestTs", "places":
                   [PLACE, PLACE]}]}; ROW is {"key", "waits", "totalMs",
                   "p95Ms", "maxMs", "longest": {"ts", "ms", PLACE,
                   "agentId", "resource", "holder"}, "agents": [ID],
                   "holders": [ID]}; PLACE is "log", "file", "line", "seq";
                   "total" and "others" are left out where there is nothing;
                   "skipped" counts lines of other kinds, if there are any
      --help       this text

Longest total first. p95 is exact up to 512 waits of a group, else within 1 %.
Past 1,000 groups, waits are counted under "(others)". Two agents that waited
for each other at the same time, for different things, are named: that is what
a deadlock looks like. Circles of three and more are not looked for. Lines of
other kinds are counted, and not checked; hivelog verify checks all.

A FILE is a log with its archived segments and the logs of its child processes;
several FILEs are one hive. The default is $HIVELOG_FILE or hive.jsonl.
Exit code 0, also where agents waited for each other; 1: no event there; 2: bad
use, or no log.

Example: hivelog waits --by pair hive.jsonl
`

const BY: readonly WaitBy[] = ['resource', 'agent', 'holder', 'pair']
const MAX_MUTUAL = 10

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('waits', args, {
      by: { type: 'string', default: 'resource' },
      json: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
    })
    const by = oneOf('--by', values.by, BY)
    const given = await hiveArguments('waits', values, positionals)
    const { report, nothing } = await reportOf(given, (files, selection) =>
      waitReport(files, { ...selection, by }),
    )
    const output = new Output()
    if (values.json) await output.json(report)
    else if (nothing === undefined) for (const line of reportLines(report)) await output.line(line)
    await output.flush()
    return nothing ?? 0
  },
}

function* reportLines(report: WaitReport): Generator<string> {
  const { by, rows, total, others, badDurations, malformed, lost, events, mutual } = report
  const { width } = look()
  if (total === undefined) {
    yield `no waits are recorded in this log (${counted(events, 'event')} read)`
  } else {
    yield `${counted(total.waits, 'wait')}, ${duration(total.totalMs)} in total`
    if (total.longest !== undefined) yield fit(`longest: ${longest(total.longest)}`, width)
    const people = { resource: ['waited', 'held'], agent: ['held'], holder: ['waited'], pair: [] }[by]
    const all = [...rows, ...(others === undefined ? [] : [others])]
    yield* table(
      [by, ...people, 'total', 'waits', 'p95', 'max', 'longest at'],
      all.map((row) => cells(row, people)),
      { width, textColumns: 1 + people.length, dispensable: ['p95', 'waited', 'held'], keyWidth: 20 },
    )
  }
  yield* mutualLines(mutual, width)
  if (others !== undefined)
    yield `(others): past ${grouped(rows.length)} keys, ${counted(others.waits, 'wait')} are counted together`
  if (badDurations > 0) {
    yield `durations that are missing, no number, or negative: ${grouped(badDurations)}, not counted as time`
  }
  if (malformed > 0) yield `not read: ${counted(malformed, 'malformed line')}; see hivelog verify`
  if (lost > 0) yield `lost, as the writer says (log.gap): ${counted(lost, 'event')}`
}

function cells(row: WaitRow, people: readonly string[]): string[] {
  const { totalMs, waits, p95Ms, maxMs } = row
  return [
    row.key,
    ...people.map((side) => names(side === 'held' ? row.holders : row.agents)),
    duration(totalMs),
    grouped(waits),
    ...[p95Ms, maxMs].map((ms) => (ms === undefined ? '-' : duration(ms))),
    row.longest === undefined ? '-' : placeCell(row.longest),
  ]
}

function names(ids: readonly string[]): string {
  const shown = ids.slice(0, 2).join(', ')
  return ids.length > 2 ? `${shown} +${ids.length - 2}` : shown || '?'
}

function longest(place: WaitPlace): string {
  const { ts, ms, agentId, resource, holder } = place
  const held = holder === undefined ? '' : `, held by ${clean(holder)}`
  const what = `${clean(agentId ?? '?')} for ${clean(resource ?? '?')}${held}`
  return `${duration(ms)} until ${clock(ts, true)} (${whereIs(place)}): ${what}`
}

function* mutualLines(mutual: readonly MutualWait[], width: number): Generator<string> {
  if (mutual.length === 0) return
  yield ''
  yield 'waited for each other at the same time:'
  for (const { agents, resources, times, longestMs, longestTs, places } of mutual.slice(0, MAX_MUTUAL)) {
    const [a, b] = agents.map(clean)
    const [first, second] = resources.map(clean)
    const often = times > 1 ? `, ${grouped(times)} times` : ''
    const when = `${duration(longestMs)} from ${clock(longestTs, true)} (${places.map(whereIs).join(' and ')})${often}`
    yield fit(`  ${when}`, width)
    yield fit(`    ${a} for ${first}, ${b} for ${second}`, width)
  }
  if (mutual.length > MAX_MUTUAL) yield `  … and ${grouped(mutual.length - MAX_MUTUAL)} more; see --json`
}
