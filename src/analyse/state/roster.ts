/** Who exists in a hive. Of those that ended only the last ones are kept, so that the roster stays small. */
import { type AgentState, type AgentStatus, isEnded, MAX_ENDED_AGENTS } from './state.js'

export class Roster {
  readonly #agents = new Map<string, AgentState>()
  /** Those that ended, in the order in which they did. */
  readonly #ended = new Set<string>()
  #god: string | undefined
  /** How many that ended are no longer listed. */
  forgotten: number

  constructor(agents: readonly AgentState[] = [], forgotten = 0) {
    this.forgotten = forgotten
    for (const agent of agents) this.#agents.set(agent.agentId, agent)
    const ended = agents.filter(({ status }) => isEnded(status)).sort((a, b) => a.sinceSeq - b.sinceSeq)
    for (const { agentId } of ended) this.#ended.add(agentId)
    this.#god = this.#lastGod()
  }

  get size(): number {
    return this.#agents.size
  }

  /** Id of the orchestrator that was spawned last. */
  get god(): string | undefined {
    return this.#god
  }

  get(agentId: string): AgentState | undefined {
    return this.#agents.get(agentId)
  }

  has(agentId: string): boolean {
    return this.#agents.has(agentId)
  }

  add(agent: AgentState): void {
    this.#agents.set(agent.agentId, agent)
  }

  spawned(agent: AgentState): void {
    if (agent.isGod) this.#god = agent.agentId
    else if (this.#god === agent.agentId) this.#god = this.#lastGod()
  }

  setStatus(agent: AgentState, status: AgentStatus, seq: number, ts: number): void {
    agent.status = status
    agent.since = ts
    agent.sinceSeq = seq
    this.#ended.delete(agent.agentId)
    if (!isEnded(status)) return
    this.#ended.add(agent.agentId)
    if (this.#ended.size > MAX_ENDED_AGENTS) this.#forget()
  }

  /** Those that have not ended. */
  living(): AgentState[] {
    return this.list().filter(({ agentId }) => !this.#ended.has(agentId))
  }

  list(): AgentState[] {
    return [...this.#agents.values()]
  }

  #forget(): void {
    const [oldest] = this.#ended
    if (oldest === undefined) return
    this.#ended.delete(oldest)
    this.#agents.delete(oldest)
    if (this.#god === oldest) this.#god = this.#lastGod()
    this.forgotten++
  }

  #lastGod(): string | undefined {
    let last: AgentState | undefined
    for (const agent of this.#agents.values()) {
      if (agent.isGod && (agent.spawnSeq ?? 0) > (last?.spawnSeq ?? 0)) last = agent
    }
    return last?.agentId
  }
}
