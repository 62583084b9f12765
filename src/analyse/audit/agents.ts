/** Who the agents are, as far as a log has told: names, parents and roles, at this point of it. */
import type { Fields } from '../../format/fields.js'
import type { HiveEvent } from '../../format/kinds.js'
import { keyOf } from '../bounded.js'
import type { AuditAsker } from './report.js'

/** Agents that are known; of later ones only the id is told. */
const MAX_AGENTS = 100_000

export class AgentNames {
  readonly #agents = new Map<string, AuditAsker>()

  /** Takes a `spawn`, or the `rename` or `role` of other harnesses. */
  add(event: HiveEvent): void {
    const { kind, agentId: id, name, parent, role } = event as Fields
    const agentId = keyOf(id)
    if (agentId === undefined) return
    const known = this.#agents.get(agentId)
    if (known === undefined && this.#agents.size >= MAX_AGENTS) return
    if (kind === 'spawn') this.#agents.set(agentId, asker(agentId, name, parent, role))
    else if (kind === 'rename') this.#agents.set(agentId, asker(agentId, name, known?.parent, known?.role))
    else this.#agents.set(agentId, asker(agentId, known?.name, known?.parent, role))
  }

  /** Stays as it is when the agent gets another name: that is another object. */
  of(id: unknown): AuditAsker {
    const agentId = keyOf(id)
    return agentId === undefined ? {} : (this.#agents.get(agentId) ?? { agentId })
  }
}

function asker(agentId: string, name: unknown, parent: unknown, role: unknown): AuditAsker {
  const agent: AuditAsker = { agentId }
  const fields = { name: keyOf(name), parent: keyOf(parent), role: keyOf(role) }
  if (fields.name !== undefined) agent.name = fields.name
  if (fields.parent !== undefined) agent.parent = fields.parent
  if (fields.role !== undefined) agent.role = fields.role
  return agent
}
