/** Whom an event is about (docs/hive.md, Who is meant). */
import { idOf } from '../format/bounded.js'
import type { HiveEvent } from '../format/kinds.js'

/** Recipients that have no inbox, unless an agent has that id. */
const NO_INBOX: ReadonlySet<string> = new Set(['human', 'scheduler', 'broadcast'])

export const hasNoInbox = (name: string): boolean => NO_INBOX.has(name)

/**
 * The ids that an event names as those it is about, each once: its `agentId`, `from`, `to`, each in `delivered`, and
 * the `id` of an `agent-hold`. They are as the event has them; `HiveModel.resolve` says which agent a name means. Ids
 * of more than 256 characters are shortened as they are everywhere.
 */
export function agentsOf(event: HiveEvent): string[] {
  const { kind, agentId, from, to, delivered, id } = event as Record<string, unknown>
  const ids: string[] = []
  add(ids, agentId)
  if (kind === 'agent-hold') add(ids, id)
  add(ids, from)
  add(ids, to)
  if (!Array.isArray(delivered)) return ids
  if (delivered.length <= MANY) for (const each of delivered) add(ids, each)
  else {
    const all = new Set(ids)
    for (const each of delivered) if (typeof each === 'string') all.add(idOf(each) as string)
    return [...all]
  }
  return ids
}

/** From so many on they are told apart by a set. */
const MANY = 16

function add(ids: string[], value: unknown): void {
  const id = idOf(value)
  if (id !== undefined && !ids.includes(id)) ids.push(id)
}

/** As `agentsOf`, into a set that grows with the events, without making a list of each. */
export function addAgentsOf(event: HiveEvent, ids: Set<string>): void {
  const { kind, agentId, from, to, delivered, id } = event as Record<string, unknown>
  addTo(ids, agentId)
  addTo(ids, from)
  addTo(ids, to)
  if (kind === 'agent-hold') addTo(ids, id)
  if (Array.isArray(delivered)) for (const each of delivered) addTo(ids, each)
}

function addTo(ids: Set<string>, value: unknown): void {
  const id = idOf(value)
  if (id !== undefined) ids.add(id)
}

/** Whether an event is about one of these agents: as `agentsOf` says, without making a list. */
export function isAbout(event: HiveEvent, agents: ReadonlySet<string>): boolean {
  const { kind, agentId, from, to, delivered, id } = event as Record<string, unknown>
  return (
    isOne(agentId, agents) ||
    isOne(from, agents) ||
    isOne(to, agents) ||
    (kind === 'agent-hold' && isOne(id, agents)) ||
    (Array.isArray(delivered) && delivered.some((each) => isOne(each, agents)))
  )
}

function isOne(value: unknown, agents: ReadonlySet<string>): boolean {
  return typeof value === 'string' && agents.has(idOf(value) as string)
}
