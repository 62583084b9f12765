/** `overview`: which logs there are, and what is in one. */

import { tallyLogs } from '../../analyse/reading.js'
import type { StatsReport } from '../../analyse/stats.js'
import { agentsOf } from '../../model/who.js'
import type { HiveEntry } from '../../read/hive.js'
import type { Report, Row } from '../answer.js'
import type { Hive } from '../hives.js'
import { listed, type Tool, totalsOf } from '../tool.js'
import { reportOf } from './reports.js'

/** Logs that are looked up at once. */
const PAGE = 100

export const overview: Tool = {
  name: 'overview',
  title: 'What logs there are, and what is in one',
  about:
    'Begin here. Without log: the logs that can be asked about, newest first (where there is only one, that one). With log: how many events of each kind, its agents with what they sent, got, used and cost, names that are no agents, how many escalations wait, time, sessions, losses. The figures of `hivelog stats`.',
  takes: {},
  isOfAll: true,
  async run({ hive }) {
    const { report, stamp } = await reportOf<StatsReport>(hive, 'stats', {})
    const { agents, others, kinds, ...rest } = report
    const { report: last } = await hive.asked('last lines', () => lastLines(hive))
    const rows: Row[] = [
      ...Object.entries(kinds).map(([kind, count]) => ({
        list: 'kinds',
        at: own(last.kinds, kind),
        value: { kind, count },
      })),
      ...Object.entries(agents).map(([agentId, value]) => ({
        list: 'agents',
        at: own(last.names, agentId),
        value: { agentId, ...value },
      })),
      ...Object.entries(others).map(([name, value]) => ({
        list: 'others',
        at: own(last.names, name),
        value: { name, ...value },
      })),
    ]
    return {
      report: hive.places.short(rest),
      total: rows.length,
      totals: totalsOf(rows, ['kinds', 'agents', 'others']),
      stamp,
      rows: listed(rows),
    }
  },
  async ofAll({ parts: { catalogue } }): Promise<Report> {
    const { total } = await catalogue.page('', 1, 0)
    return {
      report: {},
      total,
      async *rows(from) {
        for (let next = from; next < total; ) {
          const { logs } = await catalogue.page('', PAGE, next)
          if (logs.length === 0) return
          for (const { file: _, ...log } of logs) yield { row: { value: log }, next: ++next }
        }
      },
    }
  },
}

/** Names of agents are strangers' words, `constructor` for one. */
const own = (places: Record<string, string>, name: string): string | undefined =>
  Object.hasOwn(places, name) ? places[name] : undefined

/** Names whose last line is known. */
const MAX_NAMES = 50_000

/** The last line of each kind, and about each name. */
async function lastLines(
  hive: Hive,
): Promise<{ kinds: Record<string, string>; names: Record<string, string> }> {
  const kinds = new Map<string, HiveEntry>()
  const names = new Map<string, HiveEntry>()
  const note = (last: Map<string, HiveEntry>, name: string, entry: HiveEntry): void => {
    if (last.size < MAX_NAMES || last.has(name)) last.set(name, entry)
  }
  await tallyLogs([hive.file], {
    add(entry) {
      note(kinds, entry.event.kind, entry)
      for (const name of agentsOf(entry.event)) note(names, name, entry)
    },
  })
  const placed = (last: ReadonlyMap<string, HiveEntry>): Record<string, string> =>
    Object.fromEntries([...last].map(([name, entry]) => [name, hive.places.at(entry) as string]))
  return { kinds: placed(kinds), names: placed(names) }
}
