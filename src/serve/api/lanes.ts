/**
 * `GET /api/logs/{id}/lanes`: what each agent was at, and when, and who wrote to whom. A stretch with more than `limit`
 * of it is told by how much there is.
 */
import { idOf, textOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { HiveEvent } from '../../format/kinds.js'
import { hasCallFailed, hasFailed, hasToolFailed } from '../../format/outcome.js'
import { Buckets, eachRow } from './buckets.js'
import type { Content } from './content.js'
import { numberIn, textsIn, timeIn } from './query.js'
import { LASTING } from './rows.js'
import type { Bar, LaneMessage, Lanes } from './shapes.js'

const LIMIT = 5_000
const MAX_LIMIT = 20_000
/** Agents that are listed: those that were there then. */
const MAX_AGENTS = 2_000
/** Buckets of each agent where there is too much to be told. */
const DENSE = 100
const BATCH = 1_000

interface Asked {
  from: number
  to: number
  limit: number
  /** Only these; all where there is none. */
  agents: ReadonlySet<string>
}

export async function lanes(content: Content, query: URLSearchParams): Promise<Lanes> {
  const asked = askedFor(content, query)
  const { from, to, limit } = asked
  const shown = agentsThen(content, asked)
  const { rows, more } = await rowsThen(content, asked)
  const bars: Bar[] = [...spans(content, asked)]
  const messages: LaneMessage[] = []
  for (let at = 0; at < rows.length; at += BATCH) {
    const batch = rows.slice(at, at + BATCH)
    const lines = await content.lines.read(batch)
    for (const [i, { event }] of lines.entries()) {
      const row = batch[i] as number
      const position = content.rows.positions.of(row)
      if (event.kind === 'message') messages.push(messageOf(content, row, event, position))
      else {
        const bar = barOf(event, position)
        if (bar !== undefined && bar.from <= to && (bar.to ?? to) >= from) bars.push(bar)
      }
    }
  }
  bars.sort((a, b) => a.from - b.from || a.position - b.position)
  const isMore = more || bars.length > limit
  return {
    from,
    to,
    agents: shown,
    bars: bars.slice(0, limit),
    messages,
    more: isMore,
    ...(isMore && { dense: await dense(content, asked, shown) }),
  }
}

/** @param from and to: default the whole time of the log */
function askedFor({ now }: Content, query: URLSearchParams): Asked {
  const { firstTs = 0, lastTs = 0 } = now.model
  const from = timeIn(query, 'from') ?? firstTs
  return {
    from,
    to: Math.max(from, timeIn(query, 'to') ?? lastTs),
    limit: numberIn(query, 'limit', { min: 1, max: MAX_LIMIT }) ?? LIMIT,
    agents: new Set(textsIn(query, 'agent')),
  }
}

function agentsThen({ now, history }: Content, { from, to, agents }: Asked): Lanes['agents'] {
  const shown: Lanes['agents'] = []
  for (const { id, name } of now.model.agents.all()) {
    if (agents.size > 0 && !agents.has(id)) continue
    const lives = history.lives(id).filter((life) => life.from <= to && (life.to ?? to) >= from)
    if (lives.length > 0) shown.push({ agentId: id, name, lives })
    if (shown.length >= MAX_AGENTS) break
  }
  return shown
}

/** The first rows of that time that become bars and messages, at most as many as asked for. */
async function rowsThen(
  { rows }: Content,
  { from, to, limit, agents }: Asked,
): Promise<{ rows: number[]; more: boolean }> {
  const message = rows.kinds.find('message')
  const lasting = new Set(LASTING.map((kind) => rows.kinds.find(kind)).filter((number) => number !== 0))
  const wanted = new Set([...agents].map((id) => rows.agents.find(id)))
  const found: number[] = []
  let count = 0
  await eachRow(0, rows.count, (row) => {
    const ts = rows.ts(row)
    if (ts < from) return
    const kind = rows.kind(row)
    const isMessage = kind === message && message !== 0
    // What is told after the stretch may have begun in it.
    if (!isMessage && !lasting.has(kind)) return
    if (ts > (isMessage ? to : to + rows.longest)) return
    if (wanted.size > 0 && !wanted.has(rows.agent(row)) && !(isMessage && wanted.has(rows.to(row)))) return
    count++
    if (found.length < limit) found.push(row)
  })
  return { rows: found, more: count > found.length }
}

function barOf(event: HiveEvent, position: number): Bar | undefined {
  const fields = event as Fields
  const agentId = idOf(fields.agentId)
  if (agentId === undefined) return undefined
  const { kind, ts } = event
  const ms = typeof fields.ms === 'number' && fields.ms >= 0 ? fields.ms : 0
  const bar = { agentId, type: kind as Bar['type'], from: ts - ms, to: ts, position }
  switch (kind) {
    case 'tool':
      return { ...bar, name: textOf(fields.name, 100) ?? '', ok: !hasToolFailed(fields) }
    case 'usage':
      return { ...bar, name: textOf(fields.model, 100) ?? '', ok: !hasFailed(fields) }
    case 'call': {
      const name = `${textOf(fields.method, 20) ?? ''} ${textOf(fields.host, 80) ?? ''}`.trim()
      return { ...bar, name, ok: !hasCallFailed(fields) }
    }
    default:
      return { ...bar, name: textOf(fields.resource, 100) ?? '' }
  }
}

function messageOf({ rows }: Content, row: number, event: HiveEvent, position: number): LaneMessage {
  const { from, to, act } = event as Fields
  const taken = rows.takenBy(row)
  const meant = textOf(act, 100)
  return {
    from: idOf(from) ?? '',
    to: idOf(to) ?? '',
    ts: event.ts,
    ...(taken >= 0 && { takenTs: rows.ts(taken) }),
    ...(meant !== undefined && { act: meant }),
    position,
  }
}

/** Bars that are no line's own: agents that were held, and escalations from question to decision. */
function* spans({ history }: Content, { from, to, agents }: Asked): Generator<Bar> {
  const isWanted = (id: string | undefined): id is string =>
    id !== undefined && (agents.size === 0 || agents.has(id))
  const isThen = (start: number, end: number | undefined): boolean => start <= to && (end ?? to) >= from
  for (const held of history.held) {
    if (isWanted(held.agentId) && isThen(held.from, held.to)) yield { ...held, type: 'held', name: 'held' }
  }
  for (const { id, from: agentId, subject, askedTs, askedPosition, decision } of history.cases()) {
    if (!isWanted(agentId) || !isThen(askedTs, decision?.ts)) continue
    yield {
      agentId,
      type: 'escalation',
      from: askedTs,
      ...(decision !== undefined && { to: decision.ts, ok: decision.approve }),
      name: subject ?? id,
      position: askedPosition,
    }
  }
}

async function dense(
  { rows }: Content,
  { from, to }: Asked,
  shown: Lanes['agents'],
): Promise<NonNullable<Lanes['dense']>> {
  const byAgent = new Map(
    shown.map(({ agentId }) => [rows.agents.find(agentId), new Buckets(rows, from, to, DENSE)]),
  )
  await eachRow(0, rows.count, (row) => byAgent.get(rows.agent(row))?.add(rows, row))
  return shown.map(({ agentId }) => ({
    agentId,
    buckets: (byAgent.get(rows.agents.find(agentId)) as Buckets).list(),
  }))
}
