/**
 * What a session's log says of its agents and escalations, as far as what is told by several ways must be written once:
 * who lives, what waits for a person, what is decided.
 */
import { BoundedMap } from '../format/bounded-map.js'
import type { Fields } from '../format/fields.js'
import type { Line } from './records.js'
import type { AgentTold, Told } from './told.js'

/** Agents, and escalations, that are remembered at least. */
const MAX_KNOWN = 10_000

export class Known {
  /** Whether it lives, by id. */
  readonly #agents = new BoundedMap<boolean>(MAX_KNOWN)
  /** Some are never said to begin. */
  readonly #askers = new BoundedMap<true>(MAX_KNOWN)
  readonly #decided = new BoundedMap<true>(MAX_KNOWN)
  /** Escalations that wait, oldest first. */
  readonly #pending = new Set<string>()

  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  /** Whether an agent of this id lives, or lived, or asked people something. */
  isAgent(id: string): boolean {
    return this.#agents.has(id) || this.#askers.has(id)
  }

  isPending(id: string): boolean {
    return this.#pending.has(id)
  }

  isDecided(id: string): boolean {
    return this.#decided.has(id)
  }

  /** A line is in the log. */
  note(kind: string, fields: Fields): void {
    const { agentId, from, id, approve } = fields
    if (kind === 'escalate' && typeof from === 'string') this.#askers.set(from, true)
    if (kind === 'spawn' && typeof agentId === 'string') this.#agents.set(agentId, true)
    else if (kind === 'exit' && typeof agentId === 'string') this.#agents.set(agentId, false)
    else if (typeof id !== 'string') return
    else if (kind === 'escalate') {
      this.#decided.delete(id)
      this.#pending.add(id)
      if (this.#pending.size > MAX_KNOWN) this.#pending.delete(this.#pending.values().next().value as string)
    } else if (kind === 'approval' && typeof approve === 'boolean') {
      this.#pending.delete(id)
      this.#decided.set(id, true)
    }
  }

  /** The lines of what is told that the log does not have: with the spawns of agents that it does not know. */
  linesOf({ ts, agent, parent, begins, lines }: Told): Line[] {
    const fresh: Line[] = []
    const spawned = new Set<string>()
    const spawn = (who: AgentTold | undefined, by: string | undefined, again: boolean): void => {
      if (who === undefined || spawned.has(who.agentId)) return
      const lives = this.#agents.get(who.agentId)
      if (lives === true || (lives === false && !again)) return
      spawned.add(who.agentId)
      fresh.push({ ts, kind: 'spawn', fields: spawnFields(who, by) })
    }
    spawn(parent, undefined, begins === true)
    spawn(agent, parent?.agentId, begins === true)
    const asked = new Set<string>()
    for (const line of lines) {
      const { agentId, id } = line.fields as Record<string, string | undefined>
      if (line.kind === 'exit') {
        const lives = spawned.has(agentId ?? '') || this.#agents.get(agentId ?? '') === true
        if (!lives) continue
      } else if (line.kind === 'escalate') {
        if (this.isPending(id ?? '') || this.isDecided(id ?? '')) continue
        asked.add(id ?? '')
      } else if (line.kind === 'approval') {
        if (!this.isPending(id ?? '') && !asked.has(id ?? '')) continue
      }
      fresh.push(line)
    }
    return fresh
  }
}

const spawnFields = ({ agentId, name, isGod = false, model }: AgentTold, parent?: string): Fields => ({
  agentId,
  name,
  isGod,
  ...(parent !== undefined && { parent }),
  ...(model !== undefined && { model }),
})
