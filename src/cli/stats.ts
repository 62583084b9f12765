/** `hivelog stats` */
import { type NameStats, type StatsReport, statsReport } from '../analyse/stats.js'
import {
  amount,
  byteSize,
  clean,
  clock,
  columns,
  costCell,
  counted,
  duration,
  fit,
  grouped,
} from '../text/terminal.js'
import { type Command, parse } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, reportOf } from './hive-args.js'
import { look, Output } from './output.js'
import { ESTIMATE_LINES, waitingText } from './state-text.js'
import { table } from './table.js'

const help = `Usage: hivelog stats [OPTION]... [FILE|-]...

Counts what is in a hive: events by kind and agent, time, sessions, tokens, cost
and losses. A model call costs what its event says, else what the price list
says; ? and + stand for calls of no known price. Events of an agent are those
that name it, as cat --agent prints them. Estimates, of logs of other programs,
are marked with ≈.

${HIVE_HELP}
      --json       one JSON object: {"files", "segments", "bytes", "lines",
                   "events", "malformed", "lost", "firstTs", "lastTs",
                   "peak": {"events", "ts"} (the busiest second),
                   "kinds": {KIND: count}, "agents": {ID: {"status", "lives",
                   "events" (about it), "sent", "received", "waiting",
                   "estimated" (where what waits is a guess), "calls",
                   "inputTokens", "outputTokens", "costUsd",
                   "unpricedCalls"}}, "others": {NAME: {"events", "sent",
                   "received"}} (names that are no agents), "unlisted": as
                   these (past 50,000 names), "pending" (escalations),
                   "sessions": count, "usage": {"calls", "failedCalls",
                   "inputTokens", "outputTokens", "cacheReadTokens",
                   "cacheWriteTokens", "costUsd", "unpricedCalls"}}; times are
                   epoch milliseconds, bytes are uncompressed
      --help       this text

A FILE is a log with its archived segments and the logs of its child processes;
several FILEs are one hive. The default is $HIVELOG_FILE or hive.jsonl.
Exit code 0: done; 1: no event there; 2: bad use, or no log.

Example: hivelog stats --json hive.jsonl | jq .usage.costUsd
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('stats', args, {
      json: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
    })
    const given = await hiveArguments('stats', values, positionals)
    const { report: stats, nothing } = await reportOf(given, statsReport)
    const output = new Output()
    if (values.json) await output.json(stats)
    else if (nothing === undefined) for (const line of statsLines(stats)) await output.line(line.trimEnd())
    await output.flush()
    return nothing ?? 0
  },
}

function statsLines(stats: StatsReport): string[] {
  const { width } = look()
  const { files, events, lines, bytes, malformed, lost, firstTs, lastTs, peak, usage } = stats
  const what = files.length === 1 ? `file      ${clean(files[0] as string)}` : `logs      ${files.length}`
  const rows = [
    beside(what, `${byteSize(bytes)}  ${counted(stats.segments, 'segment')}`, width),
    `lines     ${grouped(lines)}  (${counted(events, 'event')}, ${counted(stats.sessions, 'session')})`,
  ]
  if (malformed > 0) rows.push(`malformed ${counted(malformed, 'line')}; see hivelog verify`)
  if (lost > 0) rows.push(`lost      ${counted(lost, 'event')}, as the writer says`)
  if (firstTs !== undefined && lastTs !== undefined) {
    rows.push(`time      ${clock(firstTs, true)} to ${clock(lastTs, true)}  (${duration(lastTs - firstTs)})`)
  }
  if (peak !== undefined)
    rows.push(`peak      ${grouped(peak.events)} events/s at ${clock(peak.ts, true).slice(0, -4)}`)
  if (usage.calls > 0) {
    const tokens = `${amount(usage.inputTokens)} tokens in, ${amount(usage.outputTokens)} out`
    rows.push(`models    ${counted(usage.calls, 'call')}, ${tokens}, ${costCell(usage, usage.calls)}`)
    const { failedCalls, unpricedCalls } = usage
    if (failedCalls > 0) rows.push(`          ${counted(failedCalls, 'call')} failed or aborted`)
    if (unpricedCalls > 0)
      rows.push(`          ${counted(unpricedCalls, 'call')} of no known price; see hivelog cost`)
  }
  if (stats.pending > 0) rows.push(`pending   ${counted(stats.pending, 'escalation')}; see hivelog audit`)
  const kinds = Object.entries(stats.kinds)
  rows.push(
    ...table(
      ['kind', 'events'],
      kinds.map(([kind, count]) => [kind, grouped(count)]),
      { width },
    ),
  )
  const agents = Object.entries(stats.agents).map(([id, agent]) => [
    id,
    agent.status,
    ...counts(agent),
    waitingText(agent.waiting, agent.estimated),
    amount(agent.inputTokens),
    amount(agent.outputTokens),
    costCell(agent, agent.calls),
  ])
  rows.push(
    ...table(
      ['agent', 'status', 'events', 'sent', 'received', 'waiting', 'tokens in', 'out', 'cost'],
      agents,
      {
        width,
        textColumns: 2,
        dispensable: ['waiting', 'received', 'sent', 'events'],
        keyWidth: 16,
      },
    ),
  )
  if (Object.values(stats.agents).some(({ estimated }) => estimated === true)) rows.push(...ESTIMATE_LINES)
  const others = Object.entries(stats.others).map(([id, name]) => [id, ...counts(name)])
  rows.push(...table(['no agent', 'events', 'sent', 'received'], others, { width }))
  if (stats.unlisted !== undefined) rows.push('more names than are told apart; what is left is in --json')
  return rows
}

const counts = ({ events, sent, received }: NameStats): string[] => [events, sent, received].map(grouped)

/** A name, and to its right what must be seen whole. */
function beside(name: string, what: string, width: number): string {
  return `${fit(name, width - columns(what) - 2)}  ${what}`
}
