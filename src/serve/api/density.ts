/** `GET /api/logs/{id}/density`: how much happened when, of all and of some agents. */
import { HttpError } from '../http.js'
import { Buckets, eachRow } from './buckets.js'
import type { Content } from './content.js'
import { numberIn, textsIn } from './query.js'
import type { Density } from './shapes.js'

const BUCKETS = 200
const MAX_BUCKETS = 2_000
/** Buckets of all agents together. */
const MAX_CELLS = 200_000

export async function density({ rows }: Content, query: URLSearchParams): Promise<Density> {
  const count = numberIn(query, 'buckets', { min: 1, max: MAX_BUCKETS }) ?? BUCKETS
  const agents = [...new Set(textsIn(query, 'agent'))]
  if (agents.length * count > MAX_CELLS)
    throw new HttpError(400, `agents times buckets can be ${MAX_CELLS} at most; ask for fewer`)
  const { positions } = rows
  const first = Math.max(0, positions.rowUpTo((numberIn(query, 'from') ?? 0) - 1) + 1)
  const end = positions.rowUpTo(numberIn(query, 'to') ?? positions.last) + 1
  if (first >= end) return { from: 0, to: 0, buckets: [], ...(agents.length > 0 && { agents: [] }) }
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  await eachRow(first, end, (row) => {
    const ts = rows.ts(row)
    if (ts < from) from = ts
    if (ts > to) to = ts
  })
  const all = new Buckets(rows, from, to, count)
  const byAgent = new Map(agents.map((id) => [rows.agents.find(id), new Buckets(rows, from, to, count)]))
  await eachRow(first, end, (row) => {
    all.add(rows, row)
    const agent = rows.agent(row)
    if (agent !== 0) byAgent.get(agent)?.add(rows, row)
  })
  const told = agents.map((agentId) => ({
    agentId,
    buckets: (byAgent.get(rows.agents.find(agentId)) as Buckets).list(),
  }))
  return { from, to, buckets: all.list(), ...(agents.length > 0 && { agents: told }) }
}
