/** `hivelog stats` */
import { type Command, oneFile, parse } from './args.js'
import { collectStats, type LogStats } from './log-stats.js'
import { Output } from './output.js'
import { table } from './table.js'
import { byteSize, clean, clock, counted, dollars, duration, grouped } from './text.js'

const help = `Usage: hivelog stats [--json] [FILE|-]

Counts what is in a log: events by kind and agent, time, sessions, tokens, cost,
and losses. The cost is what events tell; hivelog cost prices the others too.

      --json       one JSON object: {"file", "segments", "bytes", "lines",
                   "events", "malformed", "lost", "firstTs", "lastTs",
                   "peak": {"events", "ts"} (the busiest second),
                   "kinds": {KIND: count}, "agents": {ID: {"events", "sent",
                   "received", "inputTokens", "outputTokens", "costUsd"}},
                   "sessions": count, "usage": {"calls", "inputTokens",
                   "outputTokens", "cacheReadTokens", "cacheWriteTokens",
                   "costUsd"}}; times are epoch milliseconds, bytes are
                   uncompressed
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: done; 2: bad use, or the file cannot be read.

Example: hivelog stats --json hive.jsonl | jq .usage.costUsd
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('stats', args, { json: { type: 'boolean', default: false } })
    const stats = await collectStats(oneFile('stats', positionals))
    const output = new Output()
    if (values.json) await output.json(stats)
    else for (const line of statsLines(stats)) await output.line(line.trimEnd())
    await output.flush()
    return 0
  },
}

function statsLines(stats: LogStats): string[] {
  const { events, lines, bytes, malformed, lost, firstTs, lastTs, peak, usage } = stats
  const segments = counted(stats.segments, 'segment')
  const rows = [
    `file      ${clean(stats.file)}  ${byteSize(bytes)}  ${segments}`,
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
    const tokens = `${grouped(usage.inputTokens)} tokens in, ${grouped(usage.outputTokens)} out`
    rows.push(`models    ${counted(usage.calls, 'call')}, ${tokens}, ${dollars(usage.costUsd)}`)
  }
  const kinds = Object.entries(stats.kinds)
  rows.push(
    ...table(
      ['kind', 'events'],
      kinds.map(([kind, count]) => [kind, grouped(count)]),
    ),
  )
  const agents = Object.entries(stats.agents).map(([id, agent]) => [
    id,
    grouped(agent.events),
    grouped(agent.sent),
    grouped(agent.received),
    grouped(agent.inputTokens),
    grouped(agent.outputTokens),
    dollars(agent.costUsd),
  ])
  rows.push(...table(['agent', 'events', 'sent', 'received', 'tokens in', 'tokens out', 'cost'], agents))
  return rows
}
