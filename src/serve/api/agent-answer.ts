/** `GET /api/logs/{id}/agent/{agentId}`: all that a page tells of one agent. */
import { idOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import { HttpError } from '../http.js'
import { eachRow } from './buckets.js'
import type { Content } from './content.js'
import type { AgentAnswer, AgentSnapshot } from './shapes.js'

const MAX_SNAPSHOTS = 1_000

/** @param partners what `hivelog talk` tells of the agent */
export async function agentAnswer(content: Content, id: string, partners: object): Promise<AgentAnswer> {
  const { rows, now, history } = content
  const [agent] = now.agents([id])
  if (agent === undefined) throw new HttpError(404, 'there is no agent of that id at the end of the log')
  const number = rows.agents.find(id)
  const snapshot = rows.kinds.find('snapshot')
  const counts = new Map<number, number>()
  const snapshots: number[] = []
  await eachRow(0, rows.count, (row) => {
    if (number === 0 || rows.agent(row) !== number) return
    const kind = rows.kind(row)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
    if (kind !== snapshot) return
    snapshots.push(row)
    if (snapshots.length > MAX_SNAPSHOTS) snapshots.shift()
  })
  const events = [...counts].map(([kind, count]) => ({ kind: rows.kinds.name(kind), count }))
  return {
    agent,
    lives: [...history.lives(id)],
    partners,
    snapshots: await snapshotsOf(content, snapshots.reverse()),
    events: events.sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1)),
  }
}

async function snapshotsOf(content: Content, rows: readonly number[]): Promise<AgentSnapshot[]> {
  const lines = await content.lines.read(rows)
  return lines.flatMap(({ event }, i) => {
    const { label, ref, bytes } = event as Fields
    const id = idOf(ref)
    if (id === undefined) return []
    const shown: AgentSnapshot = {
      position: content.rows.positions.of(rows[i] as number),
      ts: event.ts,
      ref: id,
      bytes: typeof bytes === 'number' ? bytes : 0,
    }
    if (typeof label === 'string') shown.label = label.slice(0, 500)
    return [shown]
  })
}
