/**
 * What the hive went through, where a state alone does not tell: the lives of agents, when they were held, and what was
 * asked and decided. It listens to the model, and all of it is bounded.
 */
import { textOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { Agent } from '../../model/agents.js'
import type { HiveListener } from '../../model/listener.js'
import type { HiveModel } from '../../model/model.js'
import type { Life } from './shapes.js'

/** Agents whose lives are known, and lives of one. */
const MAX_AGENTS = 30_000
const MAX_LIVES = 1_000
const MAX_HELD = 50_000
/** Escalations that are known: the newest. */
const MAX_CASES = 20_000

/** A time for which a harness held an agent. */
export interface HeldTime {
  agentId: string
  from: number
  to?: number
  position: number
}

/** A question to the human, and the decision. */
export interface Case {
  id: string
  from?: string
  to?: string
  subject?: string
  askedTs: number
  askedPosition: number
  decision?: { approve: boolean; by?: string; via?: string; note?: string; ts: number; position: number }
}

export interface HistoryParts {
  model(): HiveModel
  /** Position of the present event. */
  position(): number
  /** A message was taken. @param order of the message's event in the whole story, from 1 */
  onTaken(order: number): void
}

export class History {
  readonly held: HeldTime[] = []
  readonly #lives = new Map<string, Life[]>()
  /** By the position of the question, oldest first. */
  readonly #cases = new Map<number, Case>()
  /** Of each id the last question. */
  readonly #byId = new Map<string, Case>()
  /** Decisions that came before what they decide. */
  readonly #early = new Map<string, NonNullable<Case['decision']>>()
  readonly #parts: HistoryParts
  readonly listener: HiveListener

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.listener = this.#listening()
  }

  /** Oldest first. */
  lives(agentId: string): readonly Life[] {
    return this.#lives.get(agentId) ?? []
  }

  /** All that are known, oldest first. */
  cases(): Iterable<Case> {
    return this.#cases.values()
  }

  #listening(): HiveListener {
    const ends = (agent: Agent): void => this.#end(agent, agent.since)
    return {
      spawned: (agent, before) => {
        const last = this.#lives.get(agent.id)?.at(-1)
        if (before !== undefined && last !== undefined) last.to ??= agent.since
        this.#begin(agent)
      },
      seen: (agent) => this.#begin(agent),
      ended: ends,
      lost: ends,
      aside: (agent, before) => this.#aside(agent, before),
      forgotten: (agent) => {
        this.#lives.delete(agent.id)
      },
      drained: (_, __, taken) => {
        for (const { order } of taken) if (order > 0) this.#parts.onTaken(order)
      },
      escalated: ({ id, ts, from, to, subject }, early) => {
        const asked: Case = {
          id,
          ...(from !== undefined && { from }),
          ...(to !== undefined && { to }),
          ...(subject !== undefined && { subject }),
          askedTs: ts,
          askedPosition: this.#parts.position(),
        }
        const decision = early === undefined ? undefined : this.#early.get(id)
        if (decision !== undefined) asked.decision = decision
        this.#early.delete(id)
        this.#byId.set(id, asked)
        this.#cases.set(asked.askedPosition, asked)
        if (this.#cases.size <= MAX_CASES) return
        const [[position, oldest]] = this.#cases as unknown as [[number, Case]]
        this.#cases.delete(position)
        if (this.#byId.get(oldest.id) === oldest) this.#byId.delete(oldest.id)
      },
      answered: (id, answer, approve) => {
        const decision = this.#decision(approve === true)
        const asked = this.#byId.get(id)
        if (answer === 'decides' && asked !== undefined) asked.decision = decision
        else if (answer === 'early') {
          this.#early.set(id, decision)
          const [oldest] = this.#early.keys()
          if (this.#early.size > MAX_CASES) this.#early.delete(oldest as string)
        }
      },
    }
  }

  #decision(approve: boolean): NonNullable<Case['decision']> {
    const { by, via, note } = (this.#parts.model().entry?.event ?? {}) as Fields
    const who = textOf(by)
    const how = textOf(via)
    const why = textOf(note)
    return {
      approve,
      ...(who !== undefined && { by: who }),
      ...(how !== undefined && { via: how }),
      ...(why !== undefined && { note: why }),
      ts: this.#parts.model().lastTs as number,
      position: this.#parts.position(),
    }
  }

  #begin({ id, since, status }: Agent): void {
    let lives = this.#lives.get(id)
    if (lives === undefined) {
      if (this.#lives.size >= MAX_AGENTS) return
      lives = []
      this.#lives.set(id, lives)
    }
    lives.push({ from: since, status })
    if (lives.length > MAX_LIVES) lives.shift()
  }

  #end({ id, status }: Agent, at: number): void {
    const last = this.#lives.get(id)?.at(-1)
    if (last === undefined) return
    last.to = at
    last.status = status
    this.#letGo(id, at)
  }

  #aside({ id, status, since }: Agent, before: Agent['status']): void {
    const last = this.#lives.get(id)?.at(-1)
    if (last !== undefined) last.status = status
    if (before === 'held') this.#letGo(id, since)
    if (status !== 'held') return
    this.held.push({ agentId: id, from: since, position: this.#parts.position() })
    if (this.held.length > MAX_HELD) this.held.shift()
  }

  #letGo(id: string, at: number): void {
    for (let i = this.held.length - 1; i >= 0; i--) {
      const held = this.held[i] as HeldTime
      if (held.agentId !== id) continue
      held.to ??= at
      return
    }
  }
}
