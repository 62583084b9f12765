/** Which agent of one run is which of the other, where their ids were generated. */
import type { HiveEvent } from '../../format/kinds.js'

interface Spawned {
  name: string
  parent: string | undefined
}

/** Agents of one log that are remembered; ids of later ones are compared as they are. */
const MAX_AGENTS = 100_000
const MAX_NAME = 80

/** Who is spawned and mentioned in one log, gathered while it is read. */
export class Roster {
  /** In order of their first spawn. */
  readonly spawned = new Map<string, Spawned>()
  readonly seen = new Set<string>()
  isFull = false

  add(event: HiveEvent): void {
    const { kind, agentId, from, to, name, parent } = event as Record<string, unknown>
    this.#see(agentId)
    this.#see(from)
    this.#see(to)
    if (kind !== 'spawn' || typeof agentId !== 'string' || this.spawned.has(agentId)) return
    if (this.spawned.size >= MAX_AGENTS) {
      this.isFull = true
      return
    }
    this.spawned.set(agentId, {
      name: typeof name === 'string' ? name.slice(0, MAX_NAME) : 'agent',
      parent: typeof parent === 'string' ? parent : undefined,
    })
  }

  #see(id: unknown): void {
    if (typeof id === 'string' && this.seen.size < MAX_AGENTS) this.seen.add(id)
  }
}

/** New names of agents, by their ids in the log. */
export type Renames = ReadonlyMap<string, string>

/**
 * An id that is in both logs is kept. The agents that are left are the same where they have the same name, the same
 * parent, and the same place among those of their name and parent in order of spawn; both get one new name.
 */
export function matchAgents(a: Roster, b: Roster): { a: Renames; b: Renames } {
  const ofA = roles(a, b)
  const ofB = roles(b, a)
  const inB = new Set(ofB.values())
  const common = new Set([...ofA.values()].filter((role) => inB.has(role)))
  const only = (renames: Map<string, string>): Renames =>
    new Map([...renames].filter(([, role]) => common.has(role)))
  return { a: only(ofA), b: only(ofB) }
}

function roles(own: Roster, other: Roster): Map<string, string> {
  const names = new Map<string, string>()
  const counts = new Map<string, number>()
  for (const [id, { name, parent }] of own.spawned) {
    if (other.seen.has(id)) continue
    const of = parent === undefined ? undefined : (names.get(parent) ?? parent)
    // A chain of parents must not make names that grow with its length.
    const role = of === undefined ? name : `${name} of ${of.slice(0, MAX_NAME)}`
    const count = (counts.get(role) ?? 0) + 1
    counts.set(role, count)
    let unique = `${role}#${count}`
    while (own.seen.has(unique) || other.seen.has(unique)) unique += '#'
    names.set(id, unique)
  }
  return names
}
