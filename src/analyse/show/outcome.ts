/** What came of one event, found while the hive's story goes on after it. */

import { idOf, keyOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { Agent } from '../../model/agents.js'
import type { Answer, EarlyApproval, Escalation, Matter } from '../../model/escalations.js'
import type { Inbox, Message } from '../../model/inbox.js'
import type { HiveListener } from '../../model/listener.js'
import { totalsState } from '../../model/plain.js'
import { noUsage, type UsageTotals } from '../../model/state.js'
import type { HiveEntry } from '../../read/hive.js'
import { EarlyDrains } from '../early-drains.js'
import { MAX_MATCHES } from './find.js'
import { type PlacedEvent, placed, placeOf, type TimedPlace } from './places.js'
import type { Delivery, EscalationOutcome, LifeOutcome, Listed, Outcome } from './report.js'
import { messageEvent } from './story.js'

/** Follows an event. It is told of every entry before the model takes it in, and listens to the model. */
export interface Follower extends HiveListener {
  /**
   * @param isTarget whether it is the event that is followed
   * @param goesOn whether it is a spawn that begins no life
   */
  entry(entry: HiveEntry, isTarget: boolean, goesOn: boolean): void
  outcome(asOf: number | undefined): Outcome
}

export function followerOf(kind: string, event: Fields, isAgent: boolean): Follower | undefined {
  const id = keyOf(event.id)
  if (kind === 'message') return new MessageFollower(id)
  if (kind === 'escalate') return id === undefined ? undefined : new EscalationFollower(id)
  if (kind === 'approval') return id === undefined ? undefined : new ApprovalFollower(id)
  if (kind === 'drain') return new DrainFollower()
  const agentId = keyOf(event.agentId)
  return (kind === 'spawn' || isAgent) && agentId !== undefined ? new LifeFollower(agentId) : undefined
}

function put<T>(listed: Listed<T>, item: T): void {
  if (listed.list.length < MAX_MATCHES) listed.list.push(item)
  else listed.more++
}

const empty = <T>(): Listed<T> => ({ list: [], more: 0 })

class MessageFollower implements Follower {
  readonly #id: string | undefined
  readonly #deliveries: Listed<Delivery> = empty()
  readonly #byAgent = new Map<string, { delivery: Delivery; inbox: Inbox }>()
  readonly #replies: Listed<PlacedEvent> = empty()
  readonly #drops: Listed<PlacedEvent> = empty()
  /** Drains that may have taken it before it came. */
  readonly #early = new EarlyDrains<TimedPlace>()
  /** What the model calls it: once when it was sent, and again where it was sent on. */
  readonly #orders = new Set<number>()
  #target: HiveEntry | undefined
  #now: HiveEntry | undefined
  #isTarget = false

  constructor(id: string | undefined) {
    this.#id = id
  }

  entry(entry: HiveEntry, isTarget: boolean): void {
    this.#now = entry
    this.#isTarget = isTarget
    if (isTarget) {
      this.#target = entry
      return
    }
    const { kind } = entry.event
    const { id, inReplyTo } = entry.event as Fields
    if (this.#id === undefined) return
    if (kind === 'message' && keyOf(inReplyTo) === this.#id) put(this.#replies, placed(entry))
    if (kind === 'drop' && keyOf(id) === this.#id) put(this.#drops, placed(entry))
  }

  delivered(inbox: Inbox, message: Message): void {
    if (this.#isMeant(message)) this.#deliver(inbox, message)
  }

  deliveredLate(inbox: Inbox, message: Message): void {
    const early = this.#early.take(inbox, message)
    if (!this.#isMeant(message)) return
    const delivery = this.#deliver(inbox, message)
    if (early !== undefined) this.#taken(delivery, early.drain)
  }

  #isMeant({ id }: Message): boolean {
    if (this.#isTarget) return true
    // What was dropped can go to another inbox instead.
    const isSentOn = this.#now?.event.kind === 'drop' && this.#target !== undefined
    return isSentOn && id !== undefined && id === this.#id
  }

  #taken(delivery: Delivery, drain: TimedPlace): void {
    delivery.taken = drain
    const took = drain.ts - (this.#target?.event.ts ?? Number.POSITIVE_INFINITY)
    if (took >= 0) delivery.tookMs = took
  }

  #deliver(inbox: Inbox, message: Message): Delivery {
    this.#orders.add(message.order)
    const delivery: Delivery = { agentId: inbox.recipient }
    put(this.#deliveries, delivery)
    if (this.#byAgent.size < MAX_MATCHES) this.#byAgent.set(inbox.recipient, { delivery, inbox })
    return delivery
  }

  drained(_agent: Agent, inbox: Inbox, taken: readonly Message[], before: number): void {
    if (this.#now === undefined) return
    this.#early.drained(placeOf(this.#now), this.#now, inbox, taken, before)
    const known = this.#byAgent.get(inbox.recipient)
    if (known === undefined || known.delivery.taken !== undefined) return
    if (!taken.some(({ order }) => this.#orders.has(order))) return
    this.#taken(known.delivery, placeOf(this.#now))
    if (inbox.isEstimated) known.delivery.estimated = true
  }

  bounced(inbox: Inbox, message: Message): void {
    const known = this.#byAgent.get(inbox.recipient)
    if (known === undefined || !this.#orders.has(message.order)) return
    const now = this.#now?.event as Fields | undefined
    known.delivery.dropped = keyOf(now?.reason) ?? 'the log says no reason'
  }

  outcome(): Outcome {
    for (const { delivery, inbox } of this.#byAgent.values()) {
      // Of one that is too full to be held nobody knows what is left in it.
      const isOpen = delivery.taken === undefined && delivery.dropped === undefined
      if (isOpen && (inbox.isEstimated || inbox.unheld > 0)) delivery.estimated = true
    }
    return { type: 'message', deliveries: this.#deliveries, replies: this.#replies, drops: this.#drops }
  }
}

class EscalationFollower implements Follower {
  readonly #id: string
  #others: Listed<PlacedEvent> = empty()
  /** An approval that came before, and decides it once it comes. */
  #early: HiveEntry | undefined
  /** What the approvals before it were about. */
  #before: Matter | undefined
  #target: HiveEntry | undefined
  #decision: HiveEntry | undefined
  /** The next escalation of its id: what is decided from then on is that one. */
  #next: HiveEntry | undefined
  #now: HiveEntry | undefined
  #isTarget = false

  constructor(id: string) {
    this.#id = id
  }

  entry(entry: HiveEntry, isTarget: boolean): void {
    this.#now = entry
    this.#isTarget = isTarget
    if (isTarget) this.#target = entry
  }

  escalated({ id }: Escalation, early: EarlyApproval | undefined, _again: boolean, matter: Matter): void {
    if (this.#isTarget) {
      if (matter !== this.#before) this.#others = empty()
      if (early !== undefined) this.#decision = this.#early
    } else if (id === this.#id && this.#target !== undefined) this.#next ??= this.#now
  }

  answered(id: string, answer: Answer, _approve: unknown, _asked: unknown, matter: Matter): void {
    if (id !== this.#id || this.#now === undefined || this.#next !== undefined) return
    if (this.#target === undefined && matter !== this.#before) {
      // Those until now were about an earlier escalation of the id.
      this.#before = matter
      this.#early = undefined
      this.#others = empty()
    }
    if (answer === 'early') this.#early = this.#now
    else if (answer === 'decides' && this.#target !== undefined && this.#decision === undefined) {
      this.#decision = this.#now
    } else put(this.#others, placed(this.#now))
  }

  outcome(asOf: number | undefined): Outcome {
    const decision = this.#decision
    const from = this.#target?.event.ts
    const to = (decision ?? this.#next)?.event.ts ?? asOf
    return {
      type: 'escalation',
      status: this.#status(),
      ...(from !== undefined && to !== undefined && to >= from && { ms: to - from }),
      ...(decision !== undefined && { decision: placed(decision) }),
      others: this.#others,
    }
  }

  #status(): EscalationOutcome['status'] {
    if (this.#decision === undefined) return this.#next === undefined ? 'pending' : 'superseded'
    return (this.#decision.event as Fields).approve === true ? 'approved' : 'rejected'
  }
}

class ApprovalFollower implements Follower {
  readonly #id: string
  #escalation: PlacedEvent | undefined
  #answer: Answer | undefined
  #isTarget = false

  constructor(id: string) {
    this.#id = id
  }

  entry(entry: HiveEntry, isTarget: boolean): void {
    this.#isTarget = isTarget
    if (entry.event.kind !== 'escalate' || keyOf((entry.event as Fields).id) !== this.#id) return
    // The one before it is what it answers; only if there is none, one that comes later.
    if (this.#answer === undefined || this.#escalation === undefined) this.#escalation = placed(entry)
  }

  answered(_id: string, answer: Answer): void {
    if (this.#isTarget) this.#answer = answer
  }

  outcome(): Outcome {
    const decides = this.#answer === 'decides' || (this.#answer === 'early' && this.#escalation !== undefined)
    return {
      type: 'approval',
      ...(this.#escalation !== undefined && { escalation: this.#escalation }),
      decides,
    }
  }
}

class DrainFollower implements Follower {
  readonly #took: { order: number; placed: PlacedEvent }[] = []
  readonly #unknown = new Set<string>()
  /** Of each drain whether it is this one. */
  readonly #early = new EarlyDrains<boolean>()
  #now: HiveEntry | undefined
  #more = 0
  #moreUnknown = 0
  #isTarget = false
  #ids: unknown[] = []
  #agent: string | undefined
  #isEstimated = false

  entry(entry: HiveEntry, isTarget: boolean): void {
    this.#now = entry
    this.#isTarget = isTarget
    const { ids } = entry.event as Fields
    if (isTarget && Array.isArray(ids)) this.#ids = ids
  }

  drained(agent: Agent, inbox: Inbox, taken: readonly Message[], before: number): void {
    if (this.#now !== undefined) this.#early.drained(this.#isTarget, this.#now, inbox, taken, before)
    if (!this.#isTarget) return
    this.#agent = agent.id
    this.#isEstimated = inbox.isEstimated && this.#ids.length === 0
    for (const message of taken) this.#add(message)
    const known = new Set(taken.map(({ id }) => id))
    for (const each of this.#ids) {
      const id = idOf(each)
      if (id === undefined || known.has(id)) continue
      if (this.#unknown.size < MAX_MATCHES) this.#unknown.add(id)
      else this.#moreUnknown++
    }
  }

  deliveredLate(inbox: Inbox, message: Message): void {
    if (this.#early.take(inbox, message)?.drain !== true) return
    this.#add(message)
    if (message.id !== undefined) this.#unknown.delete(message.id)
  }

  #add(message: Message): void {
    const { order } = message
    if (this.#took.length < MAX_MATCHES)
      this.#took.push({ order, placed: messageEvent(message, this.#agent as string) })
    else this.#more++
  }

  outcome(): Outcome {
    return {
      type: 'drain',
      took: {
        list: this.#took.sort((a, b) => a.order - b.order).map((each) => each.placed),
        more: this.#more,
      },
      unknown: { list: [...this.#unknown], more: this.#moreUnknown },
      ...(this.#isEstimated && { estimated: true as const }),
    }
  }
}

class LifeFollower implements Follower {
  readonly #agentId: string
  #before: UsageTotals = noUsage()
  #from: number | undefined
  #agent: Agent | undefined
  #life: LifeOutcome | undefined
  /** Whether the agent lives anew, or is forgotten: what ends from now on is not this life. */
  #isOver = false
  #now: HiveEntry | undefined
  #isTarget = false

  constructor(agentId: string) {
    this.#agentId = agentId
  }

  entry(entry: HiveEntry, isTarget: boolean, goesOn: boolean): void {
    this.#now = entry
    this.#isTarget = isTarget
    if (entry.event.kind !== 'spawn' || isTarget || goesOn) return
    if (this.#agent === undefined || this.#isOver) return
    if (keyOf((entry.event as Fields).agentId) !== this.#agentId) return
    this.#life ??= this.#lifeOf('replaced', entry)
    this.#isOver = true
  }

  wentOn(agent: Agent): void {
    if (this.#isTarget) this.#begin(agent)
  }

  spawned(agent: Agent): void {
    if (this.#isTarget) this.#begin(agent)
  }

  seen(agent: Agent): void {
    if (this.#isTarget) this.#begin(agent)
  }

  #begin(agent: Agent): void {
    this.#agent = agent
    this.#from = this.#now?.event.ts
    if (agent.usage !== undefined) this.#before = totalsState(agent.usage)
  }

  /** The model tells only of ends that count, so that the last of them is this life's. */
  ended(agent: Agent): void {
    if (agent === this.#agent && !this.#isOver) this.#life = this.#lifeOf(agent.status, this.#now)
  }

  lost(agent: Agent): void {
    if (agent === this.#agent && !this.#isOver) this.#life = this.#lifeOf('lost', this.#now)
  }

  forgotten(agent: Agent): void {
    if (agent !== this.#agent || this.#isOver) return
    this.#life ??= this.#lifeOf(agent.status, undefined)
    this.#isOver = true
  }

  #lifeOf(status: Agent['status'] | 'replaced', end: HiveEntry | undefined): LifeOutcome {
    const agent = this.#agent
    const after = agent?.usage === undefined ? noUsage() : totalsState(agent.usage)
    const { calls, inputTokens, outputTokens, costUsd, unpriced } = this.#before
    const from = this.#from ?? 0
    const to = end?.event.ts ?? agent?.lastTs ?? from
    return {
      type: 'life',
      agentId: this.#agentId,
      status: status === 'alive' ? 'living' : status,
      ...(end !== undefined && { end: placed(end) }),
      ms: Math.max(0, to - from),
      events: agent?.events ?? 0,
      usage: {
        calls: after.calls - calls,
        inputTokens: after.inputTokens - inputTokens,
        outputTokens: after.outputTokens - outputTokens,
        costUsd: after.costUsd - costUsd,
        unpriced: after.unpriced - unpriced,
      },
    }
  }

  outcome(): Outcome {
    return this.#life ?? this.#lifeOf(this.#agent?.status ?? 'alive', undefined)
  }
}
