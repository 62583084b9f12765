/** `cost`: what model calls used and cost. */

import { LocalTime } from '../../analyse/cost/time.js'
import { COST_KEYS, type CostBy, type CostReport, costKeyOf } from '../../analyse/cost.js'
import type { Fields } from '../../format/fields.js'
import type { Row } from '../answer.js'
import type { Given } from '../arguments.js'
import type { Hive } from '../hives.js'
import { listed, only, questionOf, SINCE_UNTIL, type Tool } from '../tool.js'
import { reportOf } from './reports.js'

/** Lines that are read at once. */
const BATCH = 2_048

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
async function linesOf(
  hive: Hive,
  { by, since, until }: Given,
): Promise<{ keys: [string | null, string][] }> {
  const content = await hive.content()
  const { rows } = content
  const time = by === 'hour' || by === 'day' ? new LocalTime(by) : undefined
  const [from, to] = [Number(since ?? Number.NEGATIVE_INFINITY), Number(until ?? Number.POSITIVE_INFINITY)]
  const usage = rows.kinds.find('usage')
  const found = new Map<string | null, [first: number, last: number]>()
  for (let at = 0; at < rows.count; at += BATCH) {
    const wanted: number[] = []
    for (let row = at; row < Math.min(rows.count, at + BATCH); row++) {
      const ts = rows.ts(row)
      if (usage !== 0 && rows.kind(row) === usage && ts >= from && ts <= to) wanted.push(row)
    }
    const lines = wanted.length === 0 ? [] : await content.lines.read(wanted)
    for (const [i, { event }] of lines.entries()) {
      const row = wanted[i] as number
      const key =
        time === undefined ? costKeyOf(by as CostBy, event as Fields) : (time.of(event.ts)?.key ?? null)
      const known = found.get(key)
      if (known === undefined) found.set(key, [row, row])
      else known[1] = row
    }
  }
  const places = await hive.places.ofRows(content, [...found.values()].flat())
  return {
    keys: [...found].map(([key, ends]) => [
      key,
      [...new Set(ends)].map((row) => places.get(row)).join(' | '),
    ]),
  }
}
