/**
 * Keeps track of who exists, who lives and who is whose god, for the checks that must know; and finds agents that
 * are spawned twice, and agents whose writer ended before they did.
 */
import type { LogEntry } from '../../read/items.js'
import { idOf } from '../bounded.js'
import type { AnyEvent, Check, LogEnd } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { type Held, Inbox } from './inbox.js'
import { listed, named, placed } from './words.js'

/** Agents that are kept track of at once. */
const MAX_AGENTS = 20_000
/** Sessions in which one id can live at once. */
const MAX_LIVES = 100
/** Agents named as lost in one finding. */
const MAX_LOST = 1000
/** Finished batches of lost agents that are held until the end. */
const MAX_BATCHES = 1000

export interface AgentState {
  readonly id: string
  /** Whether it was spawned, or did anything. */
  exists: boolean
  spawn: CheckPlace | undefined
  /** Sessions in which it lives; '' where events name none. */
  readonly lives: Set<string>
  /** Its last exit, while it does not live. */
  exit: { place: CheckPlace; ts: number } | undefined
  archive: CheckPlace | undefined
  /** How often it was spawned, and how often brought back from the archive: older messages are judged anew. */
  spawns: number
  returns: number
  lastTs: number
  /** Its last event. */
  lastFile: string
  lastLine: number | undefined
  lastSeq: number
  lastKind: string
  readonly inbox: Inbox
  /** Who waits for an answer to messages that the agent has drained. */
  answers: Map<string, Group> | undefined
  respawns: { group: Group; since: CheckPlace } | undefined
  lost: LostAgents | undefined
}

/** Agents that lived when another writer opened the log. */
interface LostAgents {
  at: CheckPlace
  agents: Set<string>
  more: number
}

export class Roster implements Check {
  readonly #findings: Findings
  readonly #living = new Map<string, AgentState>()
  readonly #others = new Map<string, AgentState>()
  readonly #batches: LostAgents[] = []
  readonly #held: Held = { count: 0 }
  #writer: string | undefined
  #onForget: (agent: AgentState) => void = () => {}
  /** Id of the agent that was spawned as god last. */
  god: string | undefined
  hasSpawns = false
  hasExits = false
  /** Whether hivelog wrote the log, which records exits. */
  isOurs = false
  /** Whether there were more agents than can be kept track of. */
  hasForgotten = false
  #last: LogEntry | undefined

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** Has `judge` called for agents that are forgotten because there are too many. */
  set onForget(judge: (agent: AgentState) => void) {
    this.#onForget = judge
  }

  get(id: string): AgentState | undefined {
    return this.#living.get(id) ?? this.#others.get(id)
  }

  /** The agent of an id, which need not exist yet. */
  agent(id: string): AgentState {
    return this.get(id) ?? this.#make(id)
  }

  /** Id of the agent that a message's `to` means: `god` is the one that was spawned as god. */
  resolve(to: string): string {
    if (to !== 'god' || this.god === undefined || this.get(to)?.spawn !== undefined) return to
    return this.god
  }

  *agents(): Generator<AgentState> {
    yield* this.#others.values()
    yield* this.#living.values()
  }

  add(event: AnyEvent, entry: LogEntry): void {
    const { kind } = event
    if (kind.startsWith('log.')) {
      if (kind === 'log.open') this.#opened(event, entry)
      return
    }
    if (kind === 'app-start') this.#restarted()
    const id = idOf(event.agentId) ?? idOf(event.from)
    this.#last = entry
    if (id === undefined) return
    const agent = this.agent(id)
    agent.exists = true
    if (event.ts > agent.lastTs) agent.lastTs = event.ts
    agent.lastFile = entry.file
    agent.lastLine = entry.line
    agent.lastSeq = entry.seq
    agent.lastKind = kind
    if (kind === 'spawn') this.#spawned(agent, event, entry)
    else if (kind === 'exit') this.#exited(agent, event, entry)
    else if (kind === 'archive') this.#archived(agent, event, entry)
  }

  end({ closed }: LogEnd): void {
    const still: string[] = []
    for (const agent of this.agents()) {
      this.#reportRespawns(agent)
      if (agent.lives.size > 0 && agent.archive === undefined) still.push(agent.id)
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
    if (closed && still.length > 0 && this.#last !== undefined && (this.hasExits || this.isOurs)) {
      const who = `${still.length === 1 ? 'agent' : 'agents'} ${listed(still)}`
      const message = `the log ended, and there is no exit of ${who}`
      this.#findings.report('lost-agent', {
        message,
        group: new Group(placeOf(this.#last), still.length),
        agents: still,
      })
    }
    if (this.hasForgotten) {
      const max = MAX_AGENTS.toLocaleString('en-US')
      this.#findings.note(
        `there are more than ${max} agents; those longest gone were judged early and forgotten`,
      )
    }
  }

  #spawned(agent: AgentState, event: AnyEvent, entry: LogEntry): void {
    const session = sessionOf(event)
    const place = placeOf(entry)
    this.hasSpawns = true
    if (event.isGod === true) this.god = agent.id
    const parent = idOf(event.parent)
    if (parent !== undefined) this.agent(parent).exists = true
    if (agent.lives.has(session) && agent.spawn !== undefined) {
      if (agent.respawns === undefined) agent.respawns = { group: new Group(place), since: agent.spawn }
      else agent.respawns.group.add(place)
    } else if (agent.lives.size < MAX_LIVES) {
      agent.lives.add(session)
    }
    agent.spawn = place
    agent.exit = undefined
    agent.archive = undefined
    agent.lost = undefined
    agent.spawns++
    this.#others.delete(agent.id)
    this.#living.set(agent.id, agent)
  }

  #exited(agent: AgentState, event: AnyEvent, entry: LogEntry): void {
    this.hasExits = true
    const { lost } = agent
    if (lost !== undefined) {
      // Somebody has recorded the loss after all.
      if (!lost.agents.delete(agent.id)) lost.more--
      agent.lost = undefined
    }
    agent.lives.delete(sessionOf(event))
    // The end of a session that was not seen to begin ends the only life there is.
    if (agent.lives.size === 1 && agent.spawns <= 1) agent.lives.clear()
    if (agent.lives.size > 0) return
    this.#reportRespawns(agent)
    agent.exit = { place: placeOf(entry), ts: event.ts }
    this.#gone(agent)
  }

  #archived(agent: AgentState, event: AnyEvent, entry: LogEntry): void {
    if (event.archived === false) {
      agent.archive = undefined
      agent.returns++
    } else if (event.archived === true) {
      agent.archive ??= placeOf(entry)
    }
  }

  /** A harness that keeps no exits has started anew: whoever lived before does not any more. */
  #restarted(): void {
    for (const agent of [...this.#living.values()]) {
      agent.lives.clear()
      this.#gone(agent)
    }
  }

  #opened(event: AnyEvent, entry: LogEntry): void {
    this.isOurs = true
    const pid = typeof event.pid === 'number' ? event.pid : ''
    const writer = `${sessionOf(event)}\n${pid}\n${idOf(event.host) ?? ''}`
    if (this.#writer !== undefined && this.#writer !== writer && this.#living.size > 0) {
      const batch: LostAgents = { at: placeOf(entry), agents: new Set(), more: 0 }
      for (const agent of [...this.#living.values()]) {
        if (batch.agents.size < MAX_LOST) batch.agents.add(agent.id)
        else batch.more++
        agent.lost = batch
        agent.lives.clear()
        this.#gone(agent)
      }
      if (this.#batches.length < MAX_BATCHES) this.#batches.push(batch)
      else
        this.#findings.note(
          `writers ended without a word more than ${MAX_BATCHES} times; the rest is not listed`,
        )
    }
    this.#writer = writer
  }

  #reportRespawns(agent: AgentState): void {
    if (agent.respawns === undefined) return
    const { group, since } = agent.respawns
    agent.respawns = undefined
    const times = group.count === 1 ? '' : ` ${group.count.toLocaleString('en-US')} times`
    const where = placed(group.first, group.first)
    const until = group.count === 1 ? `at ${where}` : `from ${where} to ${placed(group.last, group.first)}`
    const message = `agent ${named(agent.id)} was spawned again${times} ${until}, without an exit since ${placed(since, group.first)}`
    // Where nothing is ever said to end, a second spawn is most likely a second start.
    const severity = this.hasExits || this.isOurs ? {} : { severity: 'info' as const }
    this.#findings.report('duplicate-agent', { message, group, agents: [agent.id], ...severity })
  }

  #gone(agent: AgentState): void {
    this.#living.delete(agent.id)
    this.#others.delete(agent.id)
    this.#others.set(agent.id, agent)
  }

  #make(id: string): AgentState {
    if (this.#living.size + this.#others.size >= MAX_AGENTS) this.#forgetOne()
    const agent: AgentState = {
      id,
      exists: false,
      spawn: undefined,
      lives: new Set(),
      exit: undefined,
      archive: undefined,
      spawns: 0,
      returns: 0,
      lastTs: Number.NEGATIVE_INFINITY,
      lastFile: '',
      lastLine: undefined,
      lastSeq: 0,
      lastKind: '',
      inbox: new Inbox(this.#held),
      answers: undefined,
      respawns: undefined,
      lost: undefined,
    }
    this.#others.set(id, agent)
    return agent
  }

  #forgetOne(): void {
    const [first] = this.#others.size > 0 ? this.#others.values() : this.#living.values()
    if (first === undefined) return
    this.#others.delete(first.id)
    this.#living.delete(first.id)
    this.hasForgotten = true
    this.#reportRespawns(first)
    this.#onForget(first)
    first.inbox.clear()
  }
}

const sessionOf = (event: AnyEvent): string => idOf(event.session) ?? ''
