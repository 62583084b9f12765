/**
 * Follows the lives of agents for the checks: finds agents that are spawned twice, agents whose writer ended before
 * they did, and agents whose lives end as soon as they begin.
 */
import type { RecentMap } from '../../format/recent-map.js'
import type { Agent } from '../../model/agents.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import { type AgentStatus, isEnded, MAX_LIVING_AGENTS } from '../../model/state.js'
import type { LogEnd } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { between, grouped, lasting, listed, named, placed } from './words.js'

/** Agents named as lost in one finding. */
const MAX_LOST = 1000
/** Batches of lost agents that are held until the end. */
const MAX_BATCHES = 1000
/** Times in the archive that are told apart in one agent's life, since it was last brought back. */
const MAX_ARCHIVED = 10_000

/** What the checks know of an agent beside what the model does. `order` is that of the model. */
export class Life {
  readonly agent: Agent
  firstSpawn: { order: number } | undefined
  spawn: { place: CheckPlace; ts: number; session: string | undefined; isOver: boolean } | undefined
  /** Its last exit, while it does not live again. */
  exit: { place: CheckPlace; ts: number; order: number } | undefined
  /** When it was archived, and when no more, in turns: orders. */
  archived: number[] = []
  /** Who waits for an answer to messages that the agent has drained. */
  answers: Set<string> | undefined
  /** Whom it told something last when, once it drained messages that were still to come: orders. */
  told: RecentMap<string, number> | undefined
  respawns: { group: Group; since: CheckPlace } | undefined
  /** Lives in a row that ended at once. */
  short: { group: Group; from: number; to: number } | undefined
  lost: LostAgents | undefined

  constructor(agent: Agent) {
    this.agent = agent
  }

  /** Whether it was archived when the event of this number came, and was not brought back since. */
  wasArchived(order: number): boolean {
    const { archived } = this
    for (let i = archived.length - 1; i >= 0; i--) {
      if ((archived[i] as number) < order) return i % 2 === 0
    }
    return false
  }
}

/** Agents that lived when another writer opened the log. */
interface LostAgents {
  at: CheckPlace
  agents: Set<string>
  more: number
}

export class Lives {
  /** Whether the hive has exits at all, and whether hivelog wrote it, which records them. */
  hasExits = false
  isOurs = false
  readonly #findings: Findings
  readonly #model: HiveModel
  readonly #lives = new Map<Agent, Life>()
  readonly #batches: LostAgents[] = []
  readonly #longest: number
  readonly #least: number

  constructor(findings: Findings, model: HiveModel) {
    this.#findings = findings
    this.#model = model
    this.#longest = findings.settings.number('crash-loop', 'shorter')
    this.#least = findings.settings.number('crash-loop', 'lives')
  }

  get(agent: Agent): Life | undefined {
    return this.#lives.get(agent)
  }

  of(agent: Agent): Life {
    let life = this.#lives.get(agent)
    if (life === undefined) {
      life = new Life(agent)
      this.#lives.set(agent, life)
    }
    return life
  }

  spawned(agent: Agent, before: AgentStatus | undefined): void {
    const life = this.of(agent)
    const entry = this.#model.entry as HiveEntry
    const { ts } = entry.event
    const place = placeOf(entry)
    const { session } = agent
    const last = life.spawn
    life.firstSpawn ??= { order: this.#model.order }
    if (last !== undefined && (before === 'alive' || before === 'held')) {
      this.#over(life, ts, last.place)
      // The same agent in another session lives beside it.
      if (last.session === session) {
        if (life.respawns === undefined) life.respawns = { group: new Group(place), since: last.place }
        else life.respawns.group.add(place)
      }
    }
    this.#closeArchived(life)
    life.spawn = { place, ts, session, isOver: false }
    life.exit = undefined
    life.lost = undefined
  }

  ended(agent: Agent, before: AgentStatus): void {
    const life = this.of(agent)
    const entry = this.#model.entry as HiveEntry
    this.hasExits = true
    if (life.lost !== undefined) {
      // Somebody has recorded the loss after all.
      if (!life.lost.agents.delete(agent.id)) life.lost.more--
      life.lost = undefined
    }
    const place = placeOf(entry)
    if (!isEnded(before)) this.#over(life, entry.event.ts, place)
    this.#reportRespawns(life)
    this.#closeArchived(life)
    life.exit = { place, ts: entry.event.ts, order: this.#model.order }
  }

  lost(agent: Agent, before: AgentStatus): void {
    const life = this.of(agent)
    const entry = this.#model.entry as HiveEntry
    const at = placeOf(entry)
    if (before !== 'archived') this.#over(life, entry.event.ts, at)
    this.#reportRespawns(life)
    this.#closeArchived(life)
    // A harness that starts anew records no exits.
    if (entry.event.kind !== 'log.open') return
    let batch = this.#batches.at(-1)
    if (batch === undefined || !isSamePlace(batch.at, at)) {
      if (this.#batches.length >= MAX_BATCHES) {
        this.#findings.note(
          `writers ended without a word more than ${grouped(MAX_BATCHES)} times; the rest is not listed`,
        )
        return
      }
      batch = { at, agents: new Set(), more: 0 }
      this.#batches.push(batch)
    }
    if (batch.agents.size < MAX_LOST) batch.agents.add(agent.id)
    else batch.more++
    life.lost = batch
  }

  aside(agent: Agent, before: AgentStatus): void {
    const life = this.of(agent)
    if (agent.status === 'archived') {
      const entry = this.#model.entry as HiveEntry
      this.#over(life, entry.event.ts, placeOf(entry))
      this.#reportRespawns(life)
      if (life.archived.length < MAX_ARCHIVED) life.archived.push(this.#model.order)
      else
        this.#findings.note(
          `agent ${named(agent.id)} was archived more than ${grouped(MAX_ARCHIVED / 2)} times; messages to it are not all judged`,
        )
    } else if (before === 'archived') life.archived = []
  }

  forgotten(agent: Agent): void {
    const life = this.#lives.get(agent)
    if (life === undefined) return
    this.#reportRespawns(life)
    this.#reportShort(life)
    this.#lives.delete(agent)
  }

  end({ closed, last }: LogEnd): void {
    const still: string[] = []
    for (const agent of this.#model.agents.all()) {
      const life = this.#lives.get(agent)
      if (life !== undefined) {
        this.#reportRespawns(life)
        this.#reportShort(life)
      }
      if ((agent.status === 'alive' || agent.status === 'held') && agent.lives > 0) still.push(agent.id)
    }
    for (const { at, agents, more } of this.#batches) {
      if (agents.size + more === 0) continue
      const who = `${agents.size + more === 1 ? 'agent' : 'agents'} ${listed([...agents], agents.size + more)}`
      const message = `another writer opened the log at ${placed(at, at)}, and there is no exit of ${who}`
      this.#findings.report('lost-agent', {
        message,
        group: new Group(at, agents.size + more),
        agents: [...agents],
      })
    }
    // Writers of other logs may record no exits at all.
    if (closed && still.length > 0 && last !== undefined && (this.hasExits || this.isOurs)) {
      const who = `${still.length === 1 ? 'agent' : 'agents'} ${listed(still)}`
      const message = `the log ended, and there is no exit of ${who}`
      this.#findings.report('lost-agent', { message, group: new Group(last, still.length), agents: still })
    }
    const { forgottenLiving, forgottenEnded } = this.#model.agents
    if (forgottenLiving > 0) {
      this.#findings.note(
        `there are more than ${grouped(MAX_LIVING_AGENTS)} agents; ${grouped(forgottenLiving)} that were spawned long ago were judged early and forgotten`,
      )
    }
    if (forgottenEnded > 0) {
      this.#findings.note(
        `${grouped(forgottenEnded)} agents that ended long ago were judged early and forgotten`,
      )
    }
  }

  /** The present life is over, or put aside. */
  #over(life: Life, ts: number, place: CheckPlace): void {
    const { spawn } = life
    // A life is over once, however many say so.
    if (spawn === undefined || spawn.isOver) return
    spawn.isOver = true
    if (ts - spawn.ts >= this.#longest) {
      this.#reportShort(life)
      return
    }
    if (life.short === undefined) life.short = { group: new Group(spawn.place), from: spawn.ts, to: ts }
    else life.short.group.add(spawn.place)
    life.short.to = ts
    life.short.group.last = place
  }

  #closeArchived({ archived }: Life): void {
    if (archived.length % 2 === 1) archived.push(this.#model.order)
  }

  #reportShort(life: Life): void {
    const { short, agent } = life
    life.short = undefined
    if (short === undefined || short.group.count < this.#least) return
    const { group, from, to } = short
    const where = `in ${lasting(Math.max(0, to - from))} (${between(group.first, group.last)})`
    const message = `agent ${named(agent.id)} was spawned ${grouped(group.count)} times in a row ${where}, and each life was over within ${lasting(this.#longest)}`
    this.#findings.report('crash-loop', { message, group, agents: [agent.id] })
  }

  #reportRespawns(life: Life): void {
    if (life.respawns === undefined) return
    const { group, since } = life.respawns
    life.respawns = undefined
    const times = group.count === 1 ? '' : ` ${grouped(group.count)} times`
    const where = placed(group.first, group.first)
    const until = group.count === 1 ? `at ${where}` : `from ${where} to ${placed(group.last, group.first)}`
    const message = `agent ${named(life.agent.id)} was spawned again${times} ${until}, without an exit since ${placed(since, group.first)}`
    // Where nothing is ever said to end, a second spawn is most likely a second start.
    const severity = this.hasExits || this.isOurs ? {} : { severity: 'info' as const }
    this.#findings.report('duplicate-agent', { message, group, agents: [life.agent.id], ...severity })
  }
}

const isSamePlace = (a: CheckPlace, b: CheckPlace): boolean =>
  a.seq === b.seq && a.file === b.file && a.line === b.line
