/** Events to state: applies one event after the other. Knows no files and no clock, and trusts no field's type. */
import type { Fields } from '../../format/fields.js'
import { type HiveEvent, isKind } from '../../format/kinds.js'
import { amountOf, idOf, textOf } from '../bounded.js'
import type { OnChange, StateChange } from './changes.js'
import { Pending } from './pending.js'
import { Roster } from './roster.js'
import { Routing } from './routing.js'
import { type AgentState, type AgentStatus, emptyState, type HiveState, noUsage } from './state.js'
import { addUsage } from './usage-totals.js'

/** The statuses that an `exit` can name. */
const EXITS: ReadonlySet<unknown> = new Set(['ok', 'error', 'killed', 'lost'])

/** Makes the state of a hive from its events, one by one, in their order. */
export class StateReducer {
  readonly #state: HiveState
  readonly #roster: Roster
  readonly #routing: Routing
  readonly #pending: Pending
  readonly #onChange: OnChange | undefined

  /** @param from state to go on from, which is this reducer's from then on. Default: that of an empty log */
  constructor(from: HiveState = emptyState(), onChange?: OnChange) {
    this.#state = from
    this.#roster = new Roster(from.agents, from.unlisted.endedAgents)
    this.#routing = new Routing(this.#roster, from.inboxes, from.unlisted.messages, onChange)
    this.#pending = new Pending(from.pending, from.unlisted.pending, onChange)
    this.#onChange = onChange
  }

  /** The last event that was applied. */
  get seq(): number {
    return this.#state.seq
  }

  /** The state now: a copy that later events leave alone. */
  state(): HiveState {
    return structuredClone(this.view())
  }

  /** The state now, of which the parts live on: for whoever writes it down at once. */
  view(): HiveState {
    const state = this.#state
    state.agents = this.#roster.list()
    state.inboxes = this.#routing.list()
    state.pending = this.#pending.list()
    state.unlisted = {
      endedAgents: this.#roster.forgotten,
      pending: this.#pending.unlisted,
      messages: this.#routing.unlisted,
    }
    return state
  }

  /** A line that is no event. */
  malformed(): void {
    this.#state.malformed++
  }

  /**
   * Counts an event in. Throws nothing, whatever the event holds.
   * @param seq its position in the log
   */
  apply(event: HiveEvent, seq: number): void {
    const state = this.#state
    state.seq = seq
    state.ts = event.ts
    state.firstTs ??= event.ts
    if (event.kind.startsWith('log.')) this.#housekeeping(event)
    else {
      state.events++
      this.#event(event, seq)
    }
  }

  #event(event: HiveEvent, seq: number): void {
    const fields = event as Fields
    switch (event.kind) {
      case 'message':
        this.#state.messages++
        this.#sender(fields, event.ts, seq)
        this.#routing.message(fields, event.ts, seq)
        break
      case 'escalate':
        this.#sender(fields, event.ts, seq)
        this.#pending.escalate(fields, event.ts, seq)
        break
      case 'approval':
        this.#pending.approval(fields)
        break
      case 'drop':
        this.#sender(fields, event.ts, seq)
        this.#routing.undelivered(fields)
        break
      case 'terminal-handoff':
        this.#sender(fields, event.ts, seq)
        break
      case 'agent-hold':
        this.#aside(idOf(fields.id), fields.onHold === true ? 'held' : 'alive', event.ts, seq)
        break
      default:
        this.#ofAgent(event.kind, fields, event.ts, seq)
    }
  }

  #ofAgent(kind: string, fields: Fields, ts: number, seq: number): void {
    const agentId = idOf(fields.agentId)
    if (agentId === undefined) return
    if (kind === 'spawn') {
      this.#spawn(agentId, fields, ts, seq)
      return
    }
    const agent = this.#touch(agentId, ts, seq)
    switch (kind) {
      case 'drain':
        this.#routing.drain(agentId, fields)
        break
      case 'usage':
        this.#usage(agent, fields)
        break
      case 'snapshot':
        this.#snapshot(agent, fields, ts, seq)
        break
      case 'exit':
        this.#exit(agent, fields, ts, seq)
        break
      case 'archive':
        this.#aside(agentId, fields.archived === false ? 'alive' : 'archived', ts, seq)
        break
      case 'rename':
        this.#rename(agent, fields)
        break
      case 'role':
        this.#role(agent, fields)
        break
      case 'session':
        if (typeof fields.sessionId === 'string') agent.session = idOf(fields.sessionId) as string
    }
  }

  #housekeeping(event: HiveEvent): void {
    const state = this.#state
    if (isKind(event, 'log.gap')) {
      const events = amountOf(event.lost)
      state.lost += events
      this.#onChange?.({ type: 'lost', events, total: state.lost })
    } else if (isKind(event, 'log.open')) this.#opened(event as Fields, event.ts, state.seq)
  }

  /** Another process writes now: whoever the one before left alive is gone. */
  #opened(fields: Fields, ts: number, seq: number): void {
    const before = this.#state.writer
    const writer: NonNullable<HiveState['writer']> = { since: ts }
    for (const name of ['writer', 'host', 'session'] as const) {
      const value = textOf(fields[name])
      if (value !== undefined) writer[name] = value
    }
    for (const name of ['pid', 'segment'] as const) {
      if (typeof fields[name] === 'number') writer[name] = fields[name]
    }
    this.#state.writer = writer
    if (before === undefined) return
    const isSame =
      before.pid === writer.pid && before.host === writer.host && before.session === writer.session
    // A writer begins a segment with it; only another one goes on with a segment that is there.
    if (isSame && before.segment !== writer.segment) {
      writer.since = before.since
      return
    }
    for (const agent of this.#roster.living()) this.#setStatus(agent, 'lost', seq, ts)
  }

  #spawn(agentId: string, fields: Fields, ts: number, seq: number): void {
    const known = this.#roster.get(agentId)
    const agent = known ?? newAgent(agentId, ts, seq)
    const before = known?.status
    agent.name = textOf(fields.name) ?? agentId
    agent.isGod = fields.isGod === true
    agent.lives++
    agent.spawnSeq = seq
    agent.spawnTs = ts
    agent.events = 1
    agent.lastSeq = seq
    agent.lastTs = ts
    for (const name of ['parent', 'role', 'model', 'session'] as const) {
      const value = textOf(fields[name])
      if (value === undefined) delete agent[name]
      else agent[name] = value
    }
    if (typeof fields.pid === 'number') agent.pid = fields.pid
    else delete agent.pid
    delete agent.error
    if (known === undefined) this.#roster.add(agent)
    this.#roster.spawned(agent)
    this.#roster.setStatus(agent, 'alive', seq, ts)
    const change: StateChange = { type: 'status', agentId, to: 'alive' }
    if (before !== undefined) change.from = before
    this.#onChange?.(change)
  }

  /** The agent whose event this is; one that was never spawned here is known from now on. */
  #touch(agentId: string, ts: number, seq: number): AgentState {
    let agent = this.#roster.get(agentId)
    if (agent === undefined) {
      agent = newAgent(agentId, ts, seq)
      this.#roster.add(agent)
      this.#onChange?.({ type: 'status', agentId, to: 'alive' })
    }
    agent.events++
    agent.lastSeq = seq
    agent.lastTs = ts
    return agent
  }

  /** Who sends need not be an agent: it counts if it is one. */
  #sender(fields: Fields, ts: number, seq: number): void {
    const from = idOf(fields.from)
    if (from !== undefined && this.#roster.has(from)) this.#touch(from, ts, seq)
  }

  #usage(agent: AgentState, fields: Fields): void {
    agent.usage ??= noUsage()
    for (const totals of [agent.usage, this.#state.usage]) addUsage(totals, fields)
    this.#onChange?.({
      type: 'usage',
      agentId: agent.agentId,
      agent: { ...agent.usage },
      hive: { ...this.#state.usage },
    })
  }

  #snapshot(agent: AgentState, fields: Fields, ts: number, seq: number): void {
    const ref = idOf(fields.ref)
    if (ref === undefined) return
    const label = textOf(fields.label)
    agent.snapshot = { seq, ts, agentId: agent.agentId, ref, bytes: amountOf(fields.bytes) }
    if (label !== undefined) agent.snapshot.label = label
    this.#state.snapshot = { ...agent.snapshot }
  }

  #exit(agent: AgentState, fields: Fields, ts: number, seq: number): void {
    const error = textOf(fields.error)
    if (error === undefined) delete agent.error
    else agent.error = error
    const named = fields.status
    const status = EXITS.has(named) ? (named as AgentStatus) : error === undefined ? 'ok' : 'error'
    this.#setStatus(agent, status, seq, ts)
  }

  /** A harness puts an agent aside, or takes it back. */
  #aside(agentId: string | undefined, status: AgentStatus, ts: number, seq: number): void {
    const agent = agentId === undefined ? undefined : this.#roster.get(agentId)
    if (agent !== undefined) this.#setStatus(agent, status, seq, ts)
  }

  #setStatus(agent: AgentState, status: AgentStatus, seq: number, ts: number): void {
    const from = agent.status
    this.#roster.setStatus(agent, status, seq, ts)
    if (from !== status) this.#onChange?.({ type: 'status', agentId: agent.agentId, from, to: status })
  }

  #rename(agent: AgentState, fields: Fields): void {
    const name = textOf(fields.name)
    if (name === undefined) return
    this.#onChange?.({ type: 'name', agentId: agent.agentId, from: agent.name, to: name })
    agent.name = name
  }

  #role(agent: AgentState, fields: Fields): void {
    const to = textOf(fields.role)
    if (to === undefined) return
    const from = agent.role
    this.#onChange?.({ type: 'role', agentId: agent.agentId, ...(from !== undefined && { from }), to })
    agent.role = to
  }
}

function newAgent(agentId: string, ts: number, seq: number): AgentState {
  return {
    agentId,
    name: agentId,
    isGod: false,
    status: 'alive',
    since: ts,
    sinceSeq: seq,
    lives: 0,
    events: 0,
    lastSeq: seq,
    lastTs: ts,
  }
}
