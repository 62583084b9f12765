/**
 * What a hive is: fed the events of its logs in the order of its story, it knows who exists, what waits for whom, what
 * is pending with the human, and what it cost, and tells a listener what each event changes. docs/hive.md has the
 * rules. It knows no files and no clock, trusts no field's type, and never throws.
 */
import { isChildOf, logsAbove } from '../format/beside.js'
import { amountOf, idOf, textOf } from '../format/bounded.js'
import { ownSeq } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import type { HiveEvent } from '../format/kinds.js'
import { exitStatus, hasFailed } from '../format/outcome.js'
import { subjectText } from '../format/subject.js'
import { type Agent, Agents, Totals } from './agents.js'
import { type Escalation, type EscalationLimits, Escalations, type EscalationsCarry } from './escalations.js'
import { Inbox, type InboxCarry, type Message, placeIn, Room, type StoredMessages } from './inbox.js'
import type { HiveListener } from './listener.js'
import {
  agentFrom,
  agentState,
  escalationFrom,
  escalationState,
  inboxState,
  type Listed,
  storedFrom,
  totalsFrom,
  totalsState,
} from './plain.js'
import {
  type AgentStatus,
  emptyState,
  type HiveLogState,
  type HiveState,
  type InboxState,
  isEnded,
  MAX_ENDED_AGENTS,
  MAX_LISTED_MESSAGES,
  MAX_LIVING_AGENTS,
  MAX_STRANGERS,
  type SnapshotState,
} from './state.js'
import { hasNoInbox } from './who.js'
import { isSameWriter, Log, writerOf } from './writers.js'

/** An event of a hive, and where its line is. */
export interface HiveEntry {
  event: HiveEvent
  /** Position in its log. */
  seq: number
  /** Path of its log; only looked at where the hive is read from several. */
  log?: string
  /** Path of its segment. */
  file?: string
  /** Number of its line in the segment, from 1. */
  line?: number
  /** Offset of its line in the segment. */
  offset?: number
}

/** US dollars of the call of a `usage` event with these fields; `undefined` where no price is known. */
export type Price = (fields: Fields, ts: number) => number | undefined

/** A state of which the messages that wait may not be made yet. */
export type StoredState = Omit<HiveState, 'inboxes'> & {
  inboxes: (Omit<InboxState, 'messages'> & { messages: InboxState['messages'] | StoredMessages })[]
}

export interface ModelOptions extends EscalationLimits {
  listener?: HiveListener
  /** What a call cost. Default: what its event says (`costUsd`, a finite number from 0), and nothing else. */
  price?: Price
  /** Path of the first log, where the hive is read from several. Default: it is read from one. */
  firstLog?: string
  /** Messages that each inbox holds; of the others it knows the number. Default 100. */
  inboxCapacity?: number
}

/** Messages that all inboxes hold together; beyond it each holds the newest five. */
export const MAX_HELD_MESSAGES = 100_000

/** What going on from a state needs, beside what it lists: its `carry`. */
export interface Carry {
  /** Whether the one log is foreign. */
  foreign?: boolean
  living?: string[]
  ended?: string[]
  gods?: string[]
  logs?: string[]
  inboxes?: InboxCarry[]
  /** Whether inboxes give up the ids of messages that they do not hold. */
  crowded?: true
  escalations?: EscalationsCarry
  /** Parts of sums that are not a number alone: of agents by their id, of the hive by ''. */
  sums?: [id: string, parts: [number, number]][]
}

export class HiveModel {
  readonly agents: Agents
  readonly escalations: Escalations
  readonly usage: Totals
  readonly room: Room
  /** Inboxes of names that are no agents. */
  readonly strangers = new Map<string, Inbox>()
  readonly logs = new Map<string | undefined, Log>()
  /** The event that is taken in now, or was last; `undefined` before the first. */
  entry: HiveEntry | undefined
  /** The agent that sent what the present event tells of, if it is one. */
  sender: Agent | undefined
  /** Entries that were taken in. */
  order = 0
  events = 0
  messages = 0
  malformedLines = 0
  lostEvents = 0
  firstTs: number | undefined
  lastTs: number | undefined
  snapshot: SnapshotState | undefined
  /** Messages to strangers beyond as many as are kept, and to agents that were forgotten. */
  unlistedMessages: number
  readonly #listener: HiveListener
  readonly #price: Price
  readonly #firstLog: string | undefined
  /** The log of the present event. */
  #log: Log
  /** What `filledInboxes` gave last. */
  #filled: readonly Inbox[] = []

  /** @param from state to go on from. Default: that of an empty hive */
  constructor(options: ModelOptions = {}, from: StoredState = emptyState()) {
    this.#listener = options.listener ?? {}
    this.#price = options.price ?? recordedCost
    this.#firstLog = options.firstLog
    const { endedAgents, livingAgents = 0, messages } = from.unlisted
    this.agents = new Agents(MAX_ENDED_AGENTS, MAX_LIVING_AGENTS, endedAgents, livingAgents)
    this.escalations = new Escalations(options)
    this.room = new Room(options.inboxCapacity ?? MAX_LISTED_MESSAGES, MAX_HELD_MESSAGES)
    this.unlistedMessages = messages
    this.#log = this.#logOf(options.firstLog)
    this.usage = totalsFrom(from.usage)
    this.#restore(from)
  }

  /** The last event of the first log that was taken in; 0 before the first. */
  get seq(): number {
    return this.logs.get(this.#firstLog)?.seq ?? 0
  }

  /** A line that is no event. */
  malformed(): void {
    this.malformedLines++
  }

  /** Takes the entries in the order of the hive's story. */
  add(entry: HiveEntry): void {
    const { event, seq } = entry
    this.entry = entry
    this.sender = undefined
    this.order++
    if (this.#firstLog !== undefined && entry.log !== this.#log.name) this.#log = this.#logOf(entry.log)
    const log = this.#log
    log.seq = seq
    const { ts, kind } = event
    log.ts = this.lastTs = ts
    this.firstTs ??= ts
    const wasEmpty = log.isForeign === undefined
    // One line that carries a number is enough.
    if (log.isForeign !== false) log.isForeign = ownSeq(event) === undefined
    if (kind.startsWith('log.')) this.#housekeeping(event as Fields, kind, ts, wasEmpty)
    else {
      this.events++
      this.#event(event as Fields, kind, ts, seq)
    }
  }

  /** The agent that a recipient's name means, if it means one. */
  resolve(name: string): Agent | undefined {
    const agent = this.agents.get(name)
    if (agent !== undefined && (agent.lives > 0 || !hasNoInbox(name))) return agent
    if (name === 'god' || (name === 'human' && this.#log.isForeign === true)) return this.agents.god
    return undefined
  }

  /** The inbox of an agent or a stranger, if anything was ever routed there. */
  inbox(recipient: string): Inbox | undefined {
    return this.agents.get(recipient)?.inbox ?? this.strangers.get(recipient)
  }

  #event(fields: Fields, kind: string, ts: number, seq: number): void {
    switch (kind) {
      case 'message':
        this.messages++
        this.#sender(fields.from, kind, ts, seq)
        this.#message(fields, ts, seq)
        break
      case 'escalate':
        this.#sender(fields.from, kind, ts, seq)
        this.#escalate(fields, ts, seq)
        break
      case 'approval':
        this.#approval(fields, ts, seq)
        break
      case 'drop':
        this.#sender(fields.from, kind, ts, seq)
        this.#drop(fields, ts, seq)
        break
      case 'terminal-handoff':
        this.#sender(fields.from, kind, ts, seq)
        break
      case 'agent-hold':
        this.#hold(fields, ts, seq)
        break
      case 'app-start':
        for (const agent of [...this.agents.living()]) {
          if (agent.log === this.#log.name && agent.status !== 'archived') this.#lose(agent, ts, seq)
        }
        break
      default:
        this.#ofAgent(kind, fields, ts, seq)
    }
  }

  #ofAgent(kind: string, fields: Fields, ts: number, seq: number): void {
    const id = idOf(fields.agentId)
    if (kind === 'spawn') {
      if (id !== undefined) this.#spawn(id, fields, ts, seq)
      return
    }
    const agent = id === undefined ? undefined : this.#touch(id, kind, ts, seq)
    if (kind === 'usage') this.#used(agent, fields, ts)
    if (agent === undefined) return
    switch (kind) {
      case 'drain':
        this.#drain(agent, fields, ts)
        break
      case 'snapshot':
        this.#snapshot(agent, fields, ts, seq)
        break
      case 'exit':
        this.#exit(agent, fields, ts, seq)
        break
      case 'archive':
        if (fields.archived === true && (agent.status === 'alive' || agent.status === 'held'))
          this.#aside(agent, 'archived', ts, seq)
        else if (fields.archived === false && agent.status === 'archived')
          this.#aside(agent, 'alive', ts, seq)
        break
      case 'rename':
        this.#rename(agent, fields)
        break
      case 'role':
        this.#role(agent, fields)
        break
      case 'session': {
        const session = idOf(fields.sessionId)
        if (session !== undefined) agent.session = session
      }
    }
  }

  #housekeeping(fields: Fields, kind: string, ts: number, wasEmpty: boolean): void {
    if (kind === 'log.gap') {
      const events = amountOf(fields.lost)
      this.lostEvents += events
      this.#listener.lostEvents?.(events)
    } else if (kind === 'log.open') this.#opened(fields, ts, wasEmpty)
  }

  /** Another process writes the log now: whoever of it the one before left alive is gone. */
  #opened(fields: Fields, ts: number, wasEmpty: boolean): void {
    const log = this.#log
    const before = log.writer
    const writer = writerOf(fields, ts)
    log.writer = writer
    if (before !== undefined && isSameWriter(before, writer)) {
      writer.since = before.since
      return
    }
    if (wasEmpty) return
    const gone = [...this.agents.living()].filter((agent) => agent.log === log.name)
    for (const agent of gone.sort((a, b) => a.number - b.number)) this.#lose(agent, ts, log.seq)
  }

  #lose(agent: Agent, ts: number, seq: number): void {
    const before = agent.status
    this.#setStatus(agent, 'lost', ts, seq)
    this.#listener.lost?.(agent, before)
  }

  #spawn(id: string, fields: Fields, ts: number, seq: number): void {
    const known = this.agents.get(id)
    if (known !== undefined && isSameLife(known, fields, this.#log.name)) {
      this.#goOn(known, fields, ts, seq)
      return
    }
    const before = known?.status
    const log = this.#log.name
    const agent = known ?? this.#add(id, ts, seq)
    const again = isProcessAgain(agent, fields, log) ? agent : undefined
    agent.name = textOf(fields.name) ?? id
    agent.isGod = fields.isGod === true || again?.isGod === true
    agent.lives++
    agent.spawnSeq = seq
    agent.spawnTs = ts
    agent.events = 0
    agent.log = log
    agent.parent = textOf(fields.parent) ?? again?.parent
    agent.role = textOf(fields.role) ?? again?.role
    agent.model = textOf(fields.model) ?? again?.model
    agent.session = textOf(fields.session)
    agent.pid = typeof fields.pid === 'number' ? fields.pid : undefined
    agent.error = undefined
    this.#note(agent, 'spawn', ts, seq)
    this.agents.spawned(agent)
    this.#setStatus(agent, 'alive', ts, seq)
    this.#listener.spawned?.(agent, before)
  }

  /** Whether an event that comes next is a spawn that begins no life (docs/hive.md, Lives). */
  goesOn({ event, log }: HiveEntry): boolean {
    if (event.kind !== 'spawn') return false
    const fields = event as Fields
    const id = idOf(fields.agentId)
    const agent = id === undefined ? undefined : this.agents.get(id)
    return agent !== undefined && isSameLife(agent, fields, log)
  }

  #goOn(agent: Agent, fields: Fields, ts: number, seq: number): void {
    const { name } = this.#log
    if (name !== undefined && isChildOf(name, agent.log as string)) {
      agent.log = name
      if (typeof fields.pid === 'number') agent.pid = fields.pid
    }
    agent.parent ??= textOf(fields.parent)
    agent.role ??= textOf(fields.role)
    agent.model ??= textOf(fields.model)
    this.#note(agent, 'spawn', ts, seq)
    this.#listener.wentOn?.(agent)
  }

  /** The agent whose event this is; one that was never spawned here is known from now on. */
  #touch(id: string, kind: string, ts: number, seq: number): Agent {
    let agent = this.agents.get(id)
    if (agent === undefined) {
      agent = this.#add(id, ts, seq)
      this.#listener.seen?.(agent)
    }
    this.#note(agent, kind, ts, seq)
    return agent
  }

  #note(agent: Agent, kind: string, ts: number, seq: number): void {
    agent.events++
    agent.lastSeq = seq
    agent.lastTs = ts
    agent.lastKind = kind
    agent.lastLog = this.#log.name
    const { entry } = this
    agent.lastFile = entry?.file
    agent.lastLine = entry?.line
  }

  #add(id: string, ts: number, seq: number): Agent {
    const agent = this.agents.add(id, ts, seq, this.#log.name)
    // What waited for the name waits for the agent.
    agent.inbox = this.strangers.get(id)
    if (agent.inbox !== undefined) this.strangers.delete(id)
    this.#forget(this.agents.excess())
    return agent
  }

  #forget(agent: Agent | undefined): void {
    if (agent === undefined) return
    this.#listener.forgotten?.(agent)
    this.agents.forget(agent)
    if (agent.inbox === undefined) return
    this.unlistedMessages += agent.inbox.waiting
    agent.inbox.clear()
  }

  /** Who sends need not be an agent: it counts if it is one. */
  #sender(from: unknown, kind: string, ts: number, seq: number): void {
    const id = idOf(from)
    const agent = id === undefined ? undefined : this.agents.get(id)
    this.sender = agent
    if (agent !== undefined) this.#note(agent, kind, ts, seq)
  }

  #setStatus(agent: Agent, status: AgentStatus, ts: number, seq: number): void {
    this.#forget(this.agents.setStatus(agent, status, ts, seq))
  }

  #exit(agent: Agent, fields: Fields, ts: number, seq: number): void {
    const before = agent.status
    // Who started the process of an agent knows less of its end than the process itself.
    if (agent.log !== this.#log.name && isEnded(before) && before !== 'lost') return
    agent.error = textOf(fields.error)
    this.#setStatus(agent, exitStatus(fields), ts, seq)
    this.#listener.ended?.(agent, before)
  }

  #hold(fields: Fields, ts: number, seq: number): void {
    const id = idOf(fields.id)
    if (id === undefined) return
    const agent = this.#touch(id, 'agent-hold', ts, seq)
    if (fields.onHold === true && agent.status === 'alive') this.#aside(agent, 'held', ts, seq)
    else if (fields.onHold === false && agent.status === 'held') this.#aside(agent, 'alive', ts, seq)
  }

  /** A harness puts an agent aside, or takes it back. */
  #aside(agent: Agent, status: AgentStatus, ts: number, seq: number): void {
    const before = agent.status
    this.#setStatus(agent, status, ts, seq)
    this.#listener.aside?.(agent, before)
  }

  #rename(agent: Agent, fields: Fields): void {
    const name = textOf(fields.name)
    if (name === undefined) return
    const before = agent.name
    agent.name = name
    this.#listener.renamed?.(agent, before)
  }

  #role(agent: Agent, fields: Fields): void {
    const role = textOf(fields.role)
    if (role === undefined) return
    const before = agent.role
    agent.role = role
    this.#listener.role?.(agent, before)
  }

  #message(fields: Fields, ts: number, seq: number): void {
    const { to, delivered } = fields
    if (delivered === false) return
    if (Array.isArray(delivered)) {
      if (delivered.length === 0) return
      const message = this.#messageOf(fields, ts, seq)
      if (delivered.length === 1) this.#deliverTo(delivered[0], message)
      else this.#deliverToAll(new Set(delivered), message)
      return
    }
    const name = idOf(to)
    if (name === undefined) return
    if (name === 'broadcast') {
      const message = this.#messageOf(fields, ts, seq)
      const sender = message.from
      for (const agent of this.agents.living()) {
        if (agent.status !== 'archived' && agent.id !== sender) this.#deliver(agent, agent.id, message)
      }
      return
    }
    this.#deliverTo(name, this.#messageOf(fields, ts, seq))
  }

  #deliverTo(to: unknown, message: Message): void {
    const name = idOf(to)
    if (name === undefined) return
    const agent = this.resolve(name)
    if (agent === undefined && hasNoInbox(name)) return
    const inbox = this.#deliver(agent, name, message)
    if (inbox !== undefined && name === 'human' && agent?.id !== name) inbox.isEstimated = true
  }

  /** Once to whom several of the names mean. */
  #deliverToAll(names: Set<unknown>, message: Message): void {
    const reached = new Set<Agent>()
    // Last: who is named otherwise, too, is not guessed.
    if (names.delete('human')) names.add('human')
    for (const name of names) {
      const agent = typeof name === 'string' ? this.resolve(name) : undefined
      if (agent !== undefined && reached.has(agent)) continue
      if (agent !== undefined) reached.add(agent)
      this.#deliverTo(name, message)
    }
  }

  #messageOf(fields: Fields, ts: number, seq: number): Message {
    const { entry } = this
    const { requiresReply } = fields
    return {
      order: this.order,
      seq,
      ts,
      id: idOf(fields.id),
      from: idOf(fields.from),
      act: textOf(fields.act),
      subject: textOf(fields.subject),
      requiresReply: typeof requiresReply === 'boolean' ? requiresReply : undefined,
      log: this.#log.name,
      file: entry?.file,
      line: entry?.line,
    }
  }

  /** @param name whose inbox it is where that is no agent */
  #deliver(agent: Agent | undefined, name: string, message: Message): Inbox | undefined {
    let inbox = agent === undefined ? this.strangers.get(name) : agent.inbox
    if (inbox === undefined) {
      inbox = new Inbox(agent?.id ?? name, this.room)
      if (agent !== undefined) agent.inbox = inbox
      else if (this.strangers.size < MAX_STRANGERS) this.strangers.set(name, inbox)
      else {
        this.unlistedMessages++
        return undefined
      }
    }
    if (inbox.put(message)) this.#listener.delivered?.(inbox, message)
    else this.#listener.deliveredLate?.(inbox, message)
    return inbox
  }

  #inboxOf(agent: Agent): Inbox {
    agent.inbox ??= new Inbox(agent.id, this.room)
    return agent.inbox
  }

  #drain(agent: Agent, { ids, count }: Fields, ts: number): void {
    const inbox = this.#inboxOf(agent)
    const before = inbox.waiting
    const listener = this.#listener
    const taken: Message[] | undefined = listener.drained === undefined ? undefined : []
    if (Array.isArray(ids)) inbox.drain(ids, Math.floor(amountOf(count)), ts, taken)
    else if (this.#log.isForeign === true) {
      inbox.empty(taken)
      inbox.isEstimated = true
    } else inbox.drain(undefined, Math.floor(amountOf(count)), ts, taken)
    if (taken !== undefined) listener.drained?.(agent, inbox, taken, before)
  }

  /** A message was not delivered after all. */
  #drop(fields: Fields, ts: number, seq: number): void {
    const name = idOf(fields.to)
    const id = idOf(fields.id)
    if (name === undefined || id === undefined) return
    const agent = this.resolve(name)
    const inbox = agent === undefined ? this.strangers.get(name) : agent.inbox
    const { god } = this.agents
    const isRerouted = this.#log.isForeign === true && fields.reason === 'no-inbox' && god !== undefined
    const taken = isRerouted && agent === god ? undefined : inbox?.take(id)
    const message = typeof taken === 'object' ? taken : undefined
    if (inbox !== undefined && message !== undefined) this.#listener.bounced?.(inbox, message)
    else if (inbox !== undefined && taken === 'unheld') this.#listener.bouncedUnheld?.(inbox)
    if (!isRerouted) return
    if (god.inbox?.has(id) !== true) this.#deliver(god, god.id, message ?? this.#messageOf(fields, ts, seq))
    this.#inboxOf(god).isEstimated = true
  }

  #escalate(fields: Fields, ts: number, seq: number): void {
    const id = idOf(fields.id)
    if (id === undefined) return
    const escalation: Escalation = {
      id,
      seq,
      ts,
      from: idOf(fields.from),
      to: idOf(fields.to),
      subject: subjectText(fields.subject),
      log: this.#log.name,
      file: this.entry?.file,
      line: this.entry?.line,
    }
    const { matter, earlier, again } = this.escalations.open(escalation)
    this.#listener.escalated?.(escalation, matter.decision, again, matter, earlier)
  }

  #approval(fields: Fields, ts: number, seq: number): void {
    const id = idOf(fields.id)
    if (id === undefined) return
    const { name } = this.#log
    const at = { ts, seq, log: name, file: this.entry?.file, line: this.entry?.line }
    const { matter, answer } = this.escalations.answer(id, fields.approve, at)
    const wasPending = answer === 'decides' || matter.decision === undefined
    const escalation = wasPending ? matter.escalation : undefined
    this.#listener.answered?.(id, answer, fields.approve, escalation, matter)
  }

  #used(agent: Agent | undefined, fields: Fields, ts: number): void {
    const costUsd = this.#price(fields, ts)
    addUsage(this.usage, fields, costUsd)
    if (agent !== undefined) {
      agent.usage ??= new Totals()
      addUsage(agent.usage, fields, costUsd)
    }
    this.#listener.used?.(agent, costUsd)
  }

  #snapshot(agent: Agent, fields: Fields, ts: number, seq: number): void {
    const ref = idOf(fields.ref)
    if (ref === undefined) return
    const label = textOf(fields.label)
    const snapshot: SnapshotState = { seq, ts, agentId: agent.id, ref, bytes: amountOf(fields.bytes) }
    if (label !== undefined) snapshot.label = label
    placeIn(snapshot, { log: this.#log.name, file: this.entry?.file, line: this.entry?.line })
    agent.snapshot = this.snapshot = snapshot
    this.#listener.snapshot?.(agent)
  }

  #logOf(name: string | undefined): Log {
    let log = this.logs.get(name)
    if (log === undefined) {
      log = new Log(name)
      this.logs.set(name, log)
    }
    return log
  }

  /** What the hive is now, as plain data of its own. */
  state(): HiveState {
    return structuredClone(this.view())
  }

  /**
   * What the hive is now, of which some parts live on: for whoever writes it down at once.
   * @param listed which of the messages that wait are listed. Default: all that are held
   * @param isSummed whether it says what agents used, and the parts of sums. Default true
   */
  view(listed: Listed = 'all', isSummed = true): HiveState {
    const first = this.#logOf(this.#firstLog)
    const inboxes = this.filledInboxes().map((inbox) => inboxState(inbox, listed))
    const state: HiveState = {
      seq: first.seq,
      ...(this.lastTs !== undefined && { ts: this.lastTs, firstTs: this.firstTs as number }),
      events: this.events,
      messages: this.messages,
      malformed: this.malformedLines,
      lost: this.lostEvents,
      ...(first.writer !== undefined && { writer: first.writer }),
      ...(this.#firstLog !== undefined && { logs: [...this.logs.values()].map(logState) }),
      agents: Array.from(this.agents.all(), (agent) => agentState(agent, isSummed)),
      inboxes,
      pending: this.escalations.list().map(escalationState),
      usage: totalsState(this.usage),
      ...(this.snapshot !== undefined && { snapshot: this.snapshot }),
      ...(inboxes.some(({ estimated }) => estimated === true) && { estimated: true as const }),
      unlisted: {
        endedAgents: this.agents.forgottenEnded,
        pending: this.escalations.unheld,
        messages: this.unlistedMessages,
        ...(this.agents.forgottenLiving > 0 && { livingAgents: this.agents.forgottenLiving }),
      },
    }
    const carry = this.#carry(isSummed)
    if (carry !== undefined) state.carry = carry
    return state
  }

  *#allInboxes(): Generator<Inbox> {
    for (const { inbox } of this.agents.all()) if (inbox !== undefined) yield inbox
    yield* this.strangers.values()
  }

  /** The inboxes in which something waits, in the order in which they began to fill. */
  filledInboxes(): readonly Inbox[] {
    let count = 0
    for (const inbox of this.#allInboxes()) if (inbox.waiting > 0) count++
    // As many as there are, and all of them filled: these are the ones.
    if (count === this.#filled.length && isFilled(this.#filled)) return this.#filled
    const filled: Inbox[] = []
    for (const inbox of this.#allInboxes()) if (inbox.waiting > 0) filled.push(inbox)
    this.#filled = filled.sort((a, b) => a.filled - b.filled)
    return this.#filled
  }

  #carry(isSummed: boolean): object | undefined {
    const carry: Carry = {}
    if (this.#firstLog === undefined && this.#log.isForeign === true) carry.foreign = true
    const all = [...this.agents.all()]
    const living = all.filter(({ status }) => !isEnded(status))
    const ended = all.filter(({ status }) => isEnded(status))
    if (!isSameOrder(living, this.agents.living())) carry.living = idsOf(this.agents.living())
    if (!isSameOrder(ended, this.agents.ended())) carry.ended = idsOf(this.agents.ended())
    if (!isSameOrder(godsOf(all), this.agents.gods())) carry.gods = idsOf(this.agents.gods())
    const inboxes = Array.from(this.#allInboxes(), (inbox) => inbox.carry()).filter(
      (each) => each !== undefined,
    )
    if (inboxes.length > 0) carry.inboxes = inboxes as InboxCarry[]
    if (this.room.isCrowded) carry.crowded = true
    const escalations = this.escalations.carry()
    if (Object.keys(escalations).length > 0) carry.escalations = escalations
    const sums = isSummed ? this.#sums(all) : []
    if (sums.length > 0) carry.sums = sums
    return Object.keys(carry).length === 0 ? undefined : carry
  }

  /** Parts of the sums that are not a number alone. */
  #sums(agents: readonly Agent[]): NonNullable<Carry['sums']> {
    const sums: NonNullable<Carry['sums']> = []
    const note = (id: string, { cost }: Totals): void => {
      const { parts } = cost
      // The sum is rounded when it is asked for, which takes longer than all else here.
      if (parts[1] !== 0 || parts[0] !== cost.value) sums.push([id, parts])
    }
    note('', this.usage)
    for (const { id, usage } of agents) if (usage !== undefined) note(id, usage)
    return sums
  }

  #restore(from: StoredState): void {
    const carry = (from.carry ?? {}) as Carry
    this.events = from.events
    this.messages = from.messages
    this.malformedLines = from.malformed
    this.lostEvents = from.lost
    this.firstTs = from.firstTs
    this.lastTs = from.ts
    this.snapshot = from.snapshot
    for (const stored of from.logs ?? []) this.#restoreLog(stored)
    if (this.#firstLog === undefined && from.ts !== undefined) {
      const log = this.#log
      log.seq = from.seq
      log.ts = from.ts
      log.isForeign = carry.foreign === true
      log.writer = from.writer
    }
    const sums = new Map(carry.sums)
    const ofHive = sums.get('')
    if (ofHive !== undefined) this.usage.cost.go(ofHive)
    const agents = from.agents.map((stored, i) => agentFrom(stored, i, sums.get(stored.agentId)))
    this.agents.restore(
      agents,
      carry.living ?? [],
      carry.ended ?? [],
      carry.gods ?? godsOf(agents).map(({ id }) => id),
    )
    for (const { recipient, waiting, messages, estimated } of from.inboxes) {
      const inbox = this.#restoredInbox(recipient)
      if (inbox.waiting > 0) continue
      inbox.restore(waiting, Array.isArray(messages) ? storedFrom(messages) : messages)
      inbox.isEstimated = estimated === true
    }
    for (const each of carry.inboxes ?? []) this.#restoredInbox(each.recipient).restoreCarry(each)
    this.room.isCrowded = carry.crowded === true
    this.escalations.restore(from.pending.map(escalationFrom), from.unlisted.pending, carry.escalations ?? {})
  }

  #restoreLog({ log: name, seq, ts, writer, foreign }: HiveLogState): void {
    const log = this.#logOf(name)
    log.seq = seq
    log.ts = ts
    log.writer = writer
    if (ts !== undefined) log.isForeign = foreign === true
  }

  #restoredInbox(recipient: string): Inbox {
    const agent = this.agents.get(recipient)
    if (agent !== undefined) return this.#inboxOf(agent)
    const inbox = this.strangers.get(recipient) ?? new Inbox(recipient, this.room)
    this.strangers.set(recipient, inbox)
    return inbox
  }
}

/** Whether something waits in each, and they are in the order in which they began to fill. */
function isFilled(inboxes: readonly Inbox[]): boolean {
  let last = 0
  for (const { waiting, filled } of inboxes) {
    if (waiting === 0 || filled < last) return false
    last = filled
  }
  return true
}

/** Whether a spawn is of the agent's present life: the process that the agent is tells it in a log of its own. */
function isSameLife(agent: Agent, { session }: Fields, name: string | undefined): boolean {
  const { log } = agent
  if (name === undefined || log === undefined || name === log) return false
  if (agent.lives === 0 || isEnded(agent.status)) return false
  if (!isChildOf(name, log) && !isChildOf(log, name)) return false
  return isOfSession(agent, session)
}

const isOfSession = (agent: Agent, session: unknown): boolean =>
  session === undefined || agent.session === undefined || textOf(session) === agent.session

/**
 * Whether a process says in a log of its own that it is an agent which has ended: it was begun again. It knows nothing of
 * who began the agent, and as what.
 */
function isProcessAgain(agent: Agent, { pid, session }: Fields, name: string | undefined): boolean {
  const { log } = agent
  if (agent.lives === 0 || name === undefined || log === undefined || typeof pid !== 'number') return false
  const isOwn = name === log ? logsAbove(name).length > 0 : isChildOf(name, log)
  return isOwn && isOfSession(agent, session)
}

/** What a call cost, as far as its event says it: US dollars. One that failed and used nothing cost nothing. */
export function recordedCost(fields: Fields): number | undefined {
  const { costUsd } = fields
  if (typeof costUsd === 'number' && costUsd >= 0 && costUsd < Number.POSITIVE_INFINITY) return costUsd
  return usedNothing(fields) ? 0 : undefined
}

/** Whether a call failed and no token of it is known. */
export const usedNothing = (fields: Fields): boolean =>
  hasFailed(fields) && !TOKENS.some((name) => tokensOf(fields[name]) > 0)

const TOKENS = ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens'] as const

function addUsage(totals: Totals, fields: Fields, costUsd: number | undefined): void {
  totals.calls++
  totals.inputTokens += tokensOf(fields.inputTokens)
  totals.outputTokens += tokensOf(fields.outputTokens)
  totals.cacheReadTokens += tokensOf(fields.cacheReadTokens)
  totals.cacheWriteTokens += tokensOf(fields.cacheWriteTokens)
  if (costUsd === undefined) totals.unpriced++
  else totals.cost.add(costUsd)
}

/** A count of tokens that can be one. */
const tokensOf = (value: unknown): number =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : 0

function logState({ name, seq, ts, writer, isForeign }: Log): HiveLogState {
  return {
    log: name as string,
    seq,
    ...(ts !== undefined && { ts }),
    ...(writer !== undefined && { writer }),
    ...(isForeign === true && { foreign: true as const }),
  }
}

/** Gods in the order of their last spawns, as far as one log tells it. */
const godsOf = (agents: readonly Agent[]): Agent[] =>
  agents.filter(({ isGod }) => isGod).sort((a, b) => (a.spawnSeq ?? 0) - (b.spawnSeq ?? 0))

const idsOf = (agents: ReadonlySet<Agent>): string[] => Array.from(agents, ({ id }) => id)

function isSameOrder(agents: readonly Agent[], set: ReadonlySet<Agent>): boolean {
  let i = 0
  for (const agent of set) if (agents[i++] !== agent) return false
  return true
}
