/**
 * Whom `by` means in a decision, and whether that is an agent that decides what it may not: only people decide. That a
 * parent decides what its child asked is as it should be (docs/hive.md, Escalations). All who judge decisions ask here.
 */
import { BoundedMap } from '../format/bounded-map.js'
import type { Agent, Agents } from './agents.js'
import { hasNoInbox } from './who.js'

const MAX_NAMES = 20_000

/** A decision that an agent gave, and that is not as it should be. */
export interface AgentDecision {
  /** Id of the agent that decided. */
  decider: string
  /** The name that stands in the line; `undefined` where that is the agent's id. */
  alias: string | undefined
  /** Id of the agent that asked; the same, where an agent decided what it had asked itself. */
  asker: string
}

/** Whether an agent that was spawned is meant by a name: the same for who knows its agents, and no story. */
export const isCalled = (by: string, { id, name, isGod }: Pick<Agent, 'id' | 'name' | 'isGod'>): boolean =>
  by === id || by === name || (by === 'god' && isGod)

/** What the agents of a hive are called, and were called before. Is told as the story goes on. */
export class AgentNames {
  readonly #agents: Agents
  readonly #byName = new BoundedMap<Agent>(MAX_NAMES)
  /** Who asks is an agent, also where nothing else is told of it. */
  readonly #askers = new BoundedMap<true>(MAX_NAMES)

  constructor(agents: Agents) {
    this.#agents = agents
  }

  /** An agent was spawned, or has another name from now on. */
  called(agent: Agent): void {
    if (agent.name !== agent.id) this.#byName.set(agent.name, agent)
  }

  /** Somebody asked people something. */
  asked(from: string | undefined): void {
    if (from !== undefined && !hasNoInbox(from)) this.#askers.set(from, true)
  }

  /**
   * Id of the agent that is meant: by its id, by a name that it has or had, or by `god`. Names of those who are no agents,
   * such as `human`, mean one only where it was spawned.
   */
  idOf(name: string): string | undefined {
    return this.#agentOf(name)?.id ?? (this.#askers.has(name) ? name : undefined)
  }

  /** @param by who decided, as the line says @param from who asked, as that line says */
  judge(by: string, from: string): AgentDecision | undefined {
    const parent = this.#agentOf(from)?.parent
    const asker = this.#agentOf(from)?.id ?? from
    const decider = by === from ? asker : this.idOf(by)
    if (decider === undefined || (decider !== asker && decider === parent)) return undefined
    return { decider, alias: by === decider ? undefined : by, asker }
  }

  #agentOf(name: string): Agent | undefined {
    const agents = this.#agents
    const agent = agents.get(name) ?? this.#byName.get(name) ?? (name === 'god' ? agents.god : undefined)
    return agent !== undefined && (agent.lives > 0 || !hasNoInbox(name)) ? agent : undefined
  }
}
