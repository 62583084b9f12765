/** Who exists in a hive (docs/hive.md, Lives). Of agents that ended, and of those that live, only so many are kept. */
import { ExactSum } from '../format/exact-sum.js'
import type { Inbox } from './inbox.js'
import { type AgentStatus, isEnded, type SnapshotState } from './state.js'

/** Sums of tokens and dollars while they grow. */
export class Totals {
  calls = 0
  inputTokens = 0
  outputTokens = 0
  cacheReadTokens = 0
  cacheWriteTokens = 0
  unpriced = 0
  readonly cost = new ExactSum()
}

/** An agent: its present life, and what is summed over all of them. Listeners read it and leave it as it is. */
export class Agent {
  readonly id: string
  /** Number among all agents, in the order in which they became known. */
  readonly number: number
  name: string
  isGod = false
  parent: string | undefined
  role: string | undefined
  model: string | undefined
  pid: number | undefined
  session: string | undefined
  status: AgentStatus = 'alive'
  /** When it came to be so: epoch milliseconds, and the event. */
  since: number
  sinceSeq: number
  error: string | undefined
  /** Spawns under this id; 0 when only its events are in the log. */
  lives = 0
  spawnSeq: number | undefined
  spawnTs: number | undefined
  /** Its own events in this life. */
  events = 0
  lastSeq: number
  lastTs: number
  lastKind = ''
  usage: Totals | undefined
  snapshot: SnapshotState | undefined
  inbox: Inbox | undefined
  /** The log that it belongs to: in which it was last spawned, else first seen. */
  log: string | undefined
  /** Place of its last event. */
  lastLog: string | undefined
  lastFile: string | undefined
  lastLine: number | undefined

  constructor(id: string, number: number, ts: number, seq: number, log: string | undefined) {
    this.id = id
    this.number = number
    this.name = id
    this.since = this.lastTs = ts
    this.sinceSeq = this.lastSeq = seq
    this.log = log
  }
}

export class Agents {
  /** How many are no longer kept, of those that ended and of those that had not. */
  forgottenEnded: number
  forgottenLiving: number
  readonly #maxEnded: number
  readonly #maxLiving: number
  readonly #agents = new Map<string, Agent>()
  /** Those that have not ended, and those that have, each in the order in which they came to. */
  readonly #living = new Set<Agent>()
  readonly #ended = new Set<Agent>()
  /** Those whose last spawn was as god, in the order of these spawns. */
  readonly #gods = new Set<Agent>()
  #god: Agent | undefined
  #known = 0

  constructor(maxEnded: number, maxLiving: number, forgottenEnded = 0, forgottenLiving = 0) {
    this.#maxEnded = maxEnded
    this.#maxLiving = maxLiving
    this.forgottenEnded = forgottenEnded
    this.forgottenLiving = forgottenLiving
  }

  get size(): number {
    return this.#agents.size
  }

  /** The orchestrator that was spawned last. */
  get god(): Agent | undefined {
    return this.#god
  }

  get(id: string): Agent | undefined {
    return this.#agents.get(id)
  }

  /** In the order in which they became known. */
  all(): IterableIterator<Agent> {
    return this.#agents.values()
  }

  /** Those that have not ended: alive, held or archived. */
  living(): ReadonlySet<Agent> {
    return this.#living
  }

  ended(): ReadonlySet<Agent> {
    return this.#ended
  }

  gods(): ReadonlySet<Agent> {
    return this.#gods
  }

  add(id: string, ts: number, seq: number, log: string | undefined): Agent {
    const agent = new Agent(id, this.#known++, ts, seq, log)
    this.#agents.set(id, agent)
    this.#living.add(agent)
    return agent
  }

  spawned(agent: Agent): void {
    if (agent.isGod) {
      this.#gods.delete(agent)
      this.#gods.add(agent)
      this.#god = agent
    } else if (this.#gods.delete(agent) && this.#god === agent) this.#god = lastOf(this.#gods)
  }

  /** @returns an agent that has to be forgotten for it, so that there are not too many */
  setStatus(agent: Agent, status: AgentStatus, ts: number, seq: number): Agent | undefined {
    const hadEnded = isEnded(agent.status)
    agent.status = status
    agent.since = ts
    agent.sinceSeq = seq
    if (isEnded(status)) {
      // The one that ended last is forgotten last.
      this.#ended.delete(agent)
      this.#ended.add(agent)
      this.#living.delete(agent)
    } else if (hadEnded) {
      this.#ended.delete(agent)
      this.#living.add(agent)
    }
    return this.excess()
  }

  /** One that is to be forgotten if there are too many. */
  excess(): Agent | undefined {
    if (this.#ended.size > this.#maxEnded) return firstOf(this.#ended)
    return this.#living.size > this.#maxLiving ? firstOf(this.#living) : undefined
  }

  forget(agent: Agent): void {
    this.#agents.delete(agent.id)
    if (this.#ended.delete(agent)) this.forgottenEnded++
    else if (this.#living.delete(agent)) this.forgottenLiving++
    if (this.#gods.delete(agent) && this.#god === agent) this.#god = lastOf(this.#gods)
  }

  /** Goes on with agents that were stored, in their order; the other orders are by id. */
  restore(
    agents: readonly Agent[],
    living: readonly string[],
    ended: readonly string[],
    gods: readonly string[],
  ) {
    for (const agent of agents) this.#agents.set(agent.id, agent)
    this.#known = agents.length
    for (const id of living) this.#addTo(this.#living, id)
    for (const id of ended) this.#addTo(this.#ended, id)
    for (const id of gods) this.#addTo(this.#gods, id)
    for (const agent of agents) (isEnded(agent.status) ? this.#ended : this.#living).add(agent)
    this.#god = lastOf(this.#gods)
  }

  #addTo(set: Set<Agent>, id: string): void {
    const agent = this.#agents.get(id)
    if (agent !== undefined) set.add(agent)
  }
}

function firstOf<T>(set: ReadonlySet<T>): T | undefined {
  const [first] = set
  return first
}

function lastOf<T>(set: ReadonlySet<T>): T | undefined {
  let last: T | undefined
  for (const each of set) last = each
  return last
}
