/**
 * Who is there and what each is at, kept up event by event: the model of the hive, and beside it what only the floor
 * shows. It can be frozen to text, from which another one goes on.
 */
import { pack, unpack } from '../../analyse/side-index/packed.js'
import { idOf, textOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { HiveEvent } from '../../format/kinds.js'
import type { Agent } from '../../model/agents.js'
import type { Escalation } from '../../model/escalations.js'
import type { Inbox } from '../../model/inbox.js'
import type { HiveListener } from '../../model/listener.js'
import { type HiveEntry, HiveModel, type Price, type StoredState } from '../../model/model.js'
import { totalsState } from '../../model/plain.js'
import { type HiveState, noUsage } from '../../model/state.js'
import { formatEvent } from '../../text/format-event.js'
import type { Edge, Floor, FloorAgent, Pending, Recipient } from './shapes.js'

/** Messages that a floor shows. */
export const EDGES = 50
/** Kinds that change nothing of whose event it is; of others, a listener hears what they change. */
const CHANGES_NOTHING: ReadonlySet<string> = new Set(['message', 'tool', 'call', 'wait'])
/** Columns of what an agent did last. */
const WIDTH = 200
/** The text of a longer line is made at once, so that the line need not be held. */
const LONG = 4096

type Last = NonNullable<FloorAgent['last']> & { waits?: FloorAgent['waits'] }

/** What an agent did last; the text is made when it is asked for. */
interface Held extends Omit<Last, 'text'> {
  text: string | undefined
  event: HiveEvent | undefined
}

/** Beside the state. */
interface Frozen {
  last: [id: string, last: Last][]
  undelivered: [id: string, count: number][]
  asked: [id: string, position: number][]
  edges: Edge[]
}

/**
 * What goes beside the state, and the state, as JSON. They are apart since texts for people have characters that make a
 * whole string of them twice as slow to read.
 */
export type FrozenTexts = readonly [beside: string, state: string]

export interface TrackerParts {
  price: Price
  /** Path of the first log, where the hive is read from several. */
  firstLog?: string | undefined
  /** Told what events change, beside the tracker itself. */
  listener?: HiveListener | undefined
  /** Told of whom something changed; `isLastOnly`: what it did last, and nothing else. */
  onTouched?: ((agentId: string, isLastOnly: boolean) => void) | undefined
}

export class FloorTracker {
  readonly model: HiveModel
  /** Position of the last event. */
  position = 0
  readonly #isSeveral: boolean
  readonly #onTouched: TrackerParts['onTouched']
  readonly #last = new Map<string, Held>()
  readonly #undelivered = new Map<string, number>()
  /** Where what is pending was asked. */
  readonly #asked = new Map<string, number>()
  #edges: Edge[] = []

  constructor(parts: TrackerParts, from?: StoredState) {
    const { price, firstLog, listener = {}, onTouched } = parts
    this.#isSeveral = firstLog !== undefined
    this.#onTouched = onTouched
    const own = this.#listener(listener)
    this.model = new HiveModel({ price, listener: own, ...(firstLog !== undefined && { firstLog }) }, from)
  }

  /** One that goes on from what `freeze` made. */
  static thaw([beside, state]: FrozenTexts, position: number, parts: TrackerParts): FloorTracker {
    const { last, undelivered, asked, edges } = JSON.parse(beside) as Frozen
    const isSeveral = parts.firstLog !== undefined
    const tracker = new FloorTracker(parts, isSeveral ? (JSON.parse(state) as HiveState) : unpack(state))
    tracker.position = position
    for (const [id, each] of last) tracker.#last.set(id, { ...each, event: undefined })
    for (const [id, count] of undelivered) tracker.#undelivered.set(id, count)
    for (const [id, at] of asked) tracker.#asked.set(id, at)
    tracker.#edges = edges
    return tracker
  }

  freeze(): FrozenTexts {
    const frozen: Frozen = {
      last: Array.from(this.#last, ([id, held]) => [id, lastOf(held)]),
      undelivered: [...this.#undelivered],
      asked: [...this.#asked],
      edges: this.#edges,
    }
    const state = this.#isSeveral ? JSON.stringify(this.model.view()) : pack(this.model)
    return [JSON.stringify(frozen), state]
  }

  add(entry: HiveEntry & { bytes: number }, position: number): void {
    this.position = position
    this.model.add(entry)
    this.note(entry, position)
  }

  /** Keeps what the floor shows of an event that the model has taken in already. */
  note({ event, bytes }: Pick<HiveEntry, 'event'> & { bytes: number }, position: number): void {
    const { kind, ts } = event
    const fields = event as Fields
    if (kind === 'message') {
      const edge: Edge = { from: idOf(fields.from) ?? '', to: idOf(fields.to) ?? '', position, ts }
      const act = textOf(fields.act)
      if (act !== undefined) edge.act = act
      this.#edges.push(edge)
      if (this.#edges.length >= 2 * EDGES) this.#edges = this.#edges.slice(-EDGES)
    } else if (kind === 'drop') this.#dropped(fields)
    const id =
      idOf(fields.agentId) ?? (kind === 'agent-hold' ? idOf(fields.id) : undefined) ?? idOf(fields.from)
    if (id === undefined || this.model.agents.get(id) === undefined) return
    const held: Held = { position, ts, kind: kind.slice(0, 200), text: undefined, event }
    if (kind === 'wait') {
      const { ms, resource, holder } = fields
      held.waits = { resource: textOf(resource) ?? '', since: ts - (typeof ms === 'number' ? ms : 0) }
      const who = textOf(holder)
      if (who !== undefined) held.waits.holder = who
    }
    if (bytes > LONG) lastOf(held)
    this.#last.set(id, held)
    this.#touch(id, CHANGES_NOTHING.has(kind))
  }

  /**
   * @param isBrief without what each agent did last, whose texts are most of the work and of the answer
   * @param only these of the agents. Default: all
   */
  floor(isBrief = false, only?: ReadonlySet<string>): Floor {
    const { model, position } = this
    const pending = pendingBy(model.escalations.list())
    return {
      position,
      ...(model.lastTs !== undefined && { ts: model.lastTs }),
      agents: Array.from(chosen(model.agents.all(), only), (agent) => this.#agent(agent, pending, isBrief)),
      recipients: this.#recipients(),
      pending: this.pending(),
      usage: totalsState(model.usage),
      edges: this.#edges.slice(-EDGES),
    }
  }

  /** These agents, as far as they are known. */
  agents(ids: Iterable<string>): FloorAgent[] {
    const pending = pendingBy(this.model.escalations.list())
    const found: FloorAgent[] = []
    for (const id of ids) {
      const agent = this.model.agents.get(id)
      if (agent !== undefined) found.push(this.#agent(agent, pending))
    }
    return found
  }

  /** An agent without what it did last, and what it asks. */
  brief(id: string): FloorAgent | undefined {
    const agent = this.model.agents.get(id)
    return agent === undefined ? undefined : this.#agent(agent, NOBODY, true)
  }

  /** Who gets messages and is no agent. */
  recipient(name: string): Recipient | undefined {
    const inbox = this.model.strangers.get(name)
    return inbox === undefined ? undefined : recipientOf(inbox)
  }

  pending(): Pending[] {
    return this.model.escalations.list().map((each) => pendingOf(each, this.#asked.get(each.id) ?? each.seq))
  }

  #agent(agent: Agent, pending: ReadonlyMap<string, number>, isBrief = false): FloorAgent {
    const { id, name, isGod, parent, log, status, since, role, model, usage, inbox } = agent
    const held = isBrief ? undefined : this.#last.get(id)
    const { calls, inputTokens, outputTokens, costUsd } = usage === undefined ? noUsage() : totalsState(usage)
    const oldestTs = oldestOf(inbox)
    const shown: FloorAgent = {
      agentId: id,
      name,
      isGod,
      status,
      since,
      inbox: {
        waiting: inbox?.waiting ?? 0,
        undelivered: this.#undelivered.get(id) ?? 0,
        estimated: inbox?.isEstimated ?? false,
      },
      usage: { calls, inputTokens, outputTokens, costUsd },
      pending: pending.get(id) ?? 0,
    }
    if (parent !== undefined) shown.parent = parent
    if (log !== undefined) shown.log = log
    if (role !== undefined) shown.role = role
    if (model !== undefined) shown.model = model
    if (oldestTs !== undefined) shown.inbox.oldestTs = oldestTs
    if (held !== undefined) {
      const { waits, ...last } = lastOf(held)
      shown.last = last
      if (waits !== undefined) shown.waits = waits
    }
    return shown
  }

  #recipients(): Recipient[] {
    const recipients: Recipient[] = []
    for (const inbox of this.model.strangers.values())
      if (inbox.waiting > 0) recipients.push(recipientOf(inbox))
    return recipients
  }

  #dropped(fields: Fields): void {
    const { god } = this.model.agents
    // What cannot be delivered may go to it.
    if (god !== undefined) this.#touch(god.id)
    const name = idOf(fields.to)
    const agent = name === undefined ? undefined : this.model.resolve(name)
    if (agent === undefined) return
    this.#undelivered.set(agent.id, (this.#undelivered.get(agent.id) ?? 0) + 1)
    this.#touch(agent.id)
  }

  #touch(id: string, isLastOnly = false): void {
    this.#onTouched?.(id, isLastOnly)
  }

  #listener(other: HiveListener): HiveListener {
    const touch = ({ id }: Agent): void => this.#touch(id)
    const inbox = ({ recipient }: Inbox): void => this.#touch(recipient)
    return {
      ...other,
      spawned: (agent, before) => {
        touch(agent)
        other.spawned?.(agent, before)
      },
      ended: (agent, before) => {
        touch(agent)
        other.ended?.(agent, before)
      },
      lost: (agent, before) => {
        touch(agent)
        other.lost?.(agent, before)
      },
      delivered: inbox,
      bounced: inbox,
      bouncedUnheld: inbox,
      seen: (agent) => {
        touch(agent)
        other.seen?.(agent)
      },
      aside: (agent, before) => {
        touch(agent)
        other.aside?.(agent, before)
      },
      renamed: (agent, before) => {
        touch(agent)
        other.renamed?.(agent, before)
      },
      role: (agent, before) => {
        touch(agent)
        other.role?.(agent, before)
      },
      wentOn: (agent) => {
        touch(agent)
        other.wentOn?.(agent)
      },
      forgotten: (agent) => {
        this.#last.delete(agent.id)
        this.#undelivered.delete(agent.id)
        touch(agent)
        other.forgotten?.(agent)
      },
      escalated: (escalation, early, again, matter, earlier) => {
        if (early === undefined) this.#asked.set(escalation.id, this.position)
        if (escalation.from !== undefined) this.#touch(escalation.from)
        // Another's question is pending no more.
        const from = again ? earlier?.escalation?.from : undefined
        if (from !== undefined && from !== escalation.from) this.#touch(from)
        other.escalated?.(escalation, early, again, matter, earlier)
      },
      answered: (id, answer, approve, escalation, matter) => {
        if (answer === 'decides') this.#asked.delete(id)
        if (escalation?.from !== undefined) this.#touch(escalation.from)
        other.answered?.(id, answer, approve, escalation, matter)
      },
    }
  }
}

function* chosen(agents: Iterable<Agent>, only: ReadonlySet<string> | undefined): Iterable<Agent> {
  for (const agent of agents) if (only === undefined || only.has(agent.id)) yield agent
}

export function pendingOf({ id, from, to, subject, ts }: Escalation, position: number): Pending {
  return {
    id,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(subject !== undefined && { subject }),
    ts,
    position,
  }
}

const NOBODY: ReadonlyMap<string, number> = new Map()

/** How many questions of each wait. */
export function pendingBy(pending: readonly { from?: string | undefined }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { from } of pending) if (from !== undefined) counts.set(from, (counts.get(from) ?? 0) + 1)
  return counts
}

function recipientOf(inbox: Inbox): Recipient {
  const { recipient: name, waiting, isEstimated: estimated } = inbox
  const oldestTs = oldestOf(inbox)
  return { name, waiting, ...(oldestTs !== undefined && { oldestTs }), estimated }
}

/** With its text, which is kept. */
function lastOf(held: Held): Last {
  if (held.text === undefined) {
    held.text = formatEvent(held.event as HiveEvent, { width: WIDTH })
    held.event = undefined
  }
  const { position, ts, kind, text, waits } = held
  return { position, ts, kind, text, ...(waits !== undefined && { waits }) }
}

/** When the oldest message that waits was sent, as far as it is known. */
function oldestOf(inbox: Inbox | undefined): number | undefined {
  if (inbox === undefined || inbox.waiting === 0) return undefined
  if (inbox.unheld > 0) return inbox.firstUnheld?.ts
  return inbox.oldest()?.ts
}
