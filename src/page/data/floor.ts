/** The floor at the shared position: asked for as the position moves, and changed by what comes live. */
import { signal } from '@preact/signals'
import type { Edge, Floor, FloorAgent, FloorChange, PlacedEvent } from '../../serve/api/shapes.js'
import { api, isFollowing, last, logId, logPath, position, take, trouble, view } from './store.js'

export const floor = signal<Floor | undefined>(undefined)
/** Messages that just went, newest last, for who draws them moving. */
export const freshEdges = signal<readonly Edge[]>([])

const MAX_EDGES = 50
/** More agents are tiles, which do not say what each did last: that is left out of the answer too. */
export const MAX_CARDS = 120
let isAsking = false
/** Whether the floor at hand is without what agents did last. */
let isBrief = false

/** Asks for the floor at the position, one question at a time: of all places that were passed only the last counts. */
export async function askFloor(): Promise<void> {
  if (isAsking || logId.value === '') return
  isAsking = true
  try {
    for (let asked = -1, brief = false; asked !== position.peek() || (brief && !mayBeBrief()); ) {
      asked = position.peek()
      brief = mayBeBrief()
      const id = logId.peek()
      const query = { at: asked, ...(brief && { brief: 1 }) }
      const answer = (await api().get(logPath('/floor'), query)) as Floor
      if (id !== logId.peek()) continue
      isBrief = brief
      takeFloor(answer)
    }
  } catch (error) {
    const said = take(error)
    if (said !== undefined && floor.value === undefined) trouble.value = said
  } finally {
    isAsking = false
  }
}

const mayBeBrief = (): boolean => view.peek() === 'floor' && (floor.peek()?.agents.length ?? 0) > MAX_CARDS

/** Asks for what a brief floor leaves out, where a view says it. */
export function askWhole(): void {
  if (isBrief && !mayBeBrief()) askFloor()
}

function takeFloor(answer: Floor): void {
  const before = floor.peek()
  const known = new Map(before?.agents.map((agent) => [agent.agentId, agent]))
  // Tiles look for themselves what of them is another.
  const agents =
    answer.agents.length > MAX_CARDS
      ? answer.agents
      : answer.agents.map((agent) => same(known.get(agent.agentId), agent))
  floor.value = { ...answer, agents }
  // What happened in a short step forward moves; a jump does not.
  const from = before?.position ?? answer.position
  const step = answer.position - from
  if (step > 0 && step <= MAX_EDGES) {
    const fresh = answer.edges.filter((edge) => edge.position > from)
    if (fresh.length > 0) freshEdges.value = fresh
  }
}

/** The one that is known if nothing of it changed, so that its card is not drawn again. */
function same(known: FloorAgent | undefined, next: FloorAgent): FloorAgent {
  return known !== undefined && JSON.stringify(known) === JSON.stringify(next) ? known : next
}

export function changeFloor(change: FloorChange): void {
  const now = floor.peek()
  if (now === undefined || !isFollowing.peek() || change.position < now.position) return
  const changed = new Map(change.agents.map((agent) => [agent.agentId, agent]))
  const agents = now.agents.map((agent) => {
    const next = changed.get(agent.agentId)
    changed.delete(agent.agentId)
    return next === undefined ? agent : same(agent, next)
  })
  agents.push(...changed.values())
  floor.value = {
    ...now,
    agents,
    position: change.position,
    pending: change.pending,
    usage: change.usage,
  }
}

/** Messages among what came live. */
export function takeLive(events: readonly PlacedEvent[]): void {
  const fresh: Edge[] = []
  for (const { event, position: at } of events) {
    const { from, to } = event as { from?: unknown; to?: unknown }
    if (typeof from !== 'string' || typeof to !== 'string') continue
    if (event.kind !== 'message' && event.kind !== 'escalate') continue
    fresh.push({ from, to, position: at, ts: event.ts, act: event.kind === 'escalate' ? 'escalate' : '' })
  }
  if (fresh.length === 0 || !isFollowing.peek()) return
  freshEdges.value = fresh.slice(-MAX_EDGES)
  const now = floor.peek()
  if (now !== undefined) {
    floor.value = {
      ...now,
      edges: [...now.edges, ...fresh].slice(-MAX_EDGES),
      ts: events.at(-1)?.event.ts ?? now.ts ?? 0,
    }
  }
}

/** The time that ages are counted to, in a log that is not followed. */
export const floorTime = (): number => floor.value?.ts ?? 0
export const isAtEnd = (): boolean => position.value >= last.value
