/** `cost`: what model calls used and cost. */

import { LocalTime } from '../../analyse/cost/time.js'
import { COST_KEYS, type CostBy, type CostReport, costKeyOf } from '../../analyse/cost.js'
import { tallyLogs } from '../../analyse/reading.js'
import type { Fields } from '../../format/fields.js'
import type { HiveEntry } from '../../read/hive.js'
import type { Row } from '../answer.js'
import type { Given } from '../arguments.js'
import type { Hive } from '../hives.js'
import { listed, only, questionOf, SINCE_UNTIL, type Tool } from '../tool.js'
import { reportOf } from './reports.js'

/** Keys whose lines are known. */
const MAX_KEYS = 50_000

export const cost: Tool = {
  name: 'cost',
  title: 'What model calls used and cost',
  about:
    'Calls, tokens and US dollars by agent, model, provider, task, decision, session, hour or day, the greatest first, each with its share and the first and the last line that it is made of; sums in the report, with models of no known price. As `hivelog cost`.',
  takes: {
    by: { type: 'word', words: COST_KEYS, about: 'what the sums are told apart by; default agent' },
    ...SINCE_UNTIL,
  },
  async run({ hive, given }) {
    const asked: Given = { ...only(given, ['since', 'until']), by: given.by ?? 'agent' }
    const { report, stamp } = await reportOf<CostReport>(hive, 'cost', asked)
    const { rows: sums, ...rest } = report
    const { report: lines } = await hive.asked(questionOf('cost lines', asked), () => linesOf(hive, asked))
    const places = new Map(lines.keys)
    const rows = sums.map((each): Row => ({ at: places.get(each.key), value: each }))
    return { report: hive.places.short(rest), total: rows.length, stamp, rows: listed(rows) }
  },
}

/** Of each key, its first and its last line. */
async function linesOf(hive: Hive, { by, ...time }: Given): Promise<{ keys: [string | null, string][] }> {
  const units = by === 'hour' || by === 'day' ? new LocalTime(by) : undefined
  const keyOf = ({ event }: HiveEntry): string | null =>
    units === undefined ? costKeyOf(by as CostBy, event as Fields) : (units.of(event.ts)?.key ?? null)
  const found = new Map<string | null, [first: string, last: string]>()
  const taker = {
    kinds: ['usage'],
    add(entry: HiveEntry) {
      if (entry.event.kind !== 'usage') return
      const key = keyOf(entry)
      const at = hive.places.at(entry) as string
      const known = found.get(key)
      if (known !== undefined) known[1] = at
      else if (found.size < MAX_KEYS) found.set(key, [at, at])
    },
  }
  await tallyLogs([hive.file], taker, only<{ since: number; until: number }>(time, ['since', 'until']))
  return { keys: [...found].map(([key, ends]) => [key, [...new Set(ends)].join(' | ')]) }
}
