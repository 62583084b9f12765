/**
 * The causes of a hive's events, found while its story is read forward: what each agent was set going by last, which
 * messages its drains took, and what the ids name. What is far back is forgotten, so that a long log takes no more
 * memory than a short one; it is told where the chain ends because of that.
 */

import { logsAbove } from '../../format/beside.js'
import { keyOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import { RecentMap } from '../../format/recent-map.js'
import type { Message } from '../../model/inbox.js'
import type { HiveEntry } from '../../read/hive.js'
import { identityOf, type PlacedEvent, placed } from '../show/places.js'

/** How an event came about through another. */
export type Relation =
  /** It answers that message, by its `inReplyTo`. */
  | 'reply'
  /** The agent had just drained its inbox. */
  | 'after-drain'
  /** The agent had just been started, and had drained nothing. */
  | 'after-spawn'
  /** The agent had just been told what was decided on its escalation. */
  | 'after-decision'
  /** The drain took that message. */
  | 'took'
  /** The agent was started by its parent, which had just done that. */
  | 'spawned-by'
  /** The approval decides that escalation. */
  | 'decides'
  /** The drop is of that message. */
  | 'drops'

export interface Cause {
  node: CauseNode
  how: Relation
  /** Ids name it; else it is the likeliest. */
  certain: boolean
  /** Of a drain, the message that is meant. */
  via?: CauseNode
}

/** Why nothing comes before an event. */
export type Origin =
  /** Whoever sent it is no agent of the hive: a person, a scheduler, another program. */
  | 'outside'
  /** The agent was started by nobody that the log knows. */
  | 'started'
  /** What it names is not in the hive's logs. */
  | 'missing'
  /** Nothing tells. */
  | 'unknown'
  /** It lies further back than is remembered. */
  | 'forgotten'

export interface CauseNode extends PlacedEvent {
  identity: string
  /** Likeliest first. */
  causes: Cause[]
  origin: Origin
  /** Of a message, who it is from, who took it with which drain. */
  from?: string | undefined
  conversation?: string | undefined
  takenBy?: { agent: string; drain: CauseNode }[]
  /** Of a message, what the model calls it. */
  order?: number
}

/** Of an agent: what it was set going by last. */
interface Doing {
  spawn: CauseNode | undefined
  /** Drains, or a decision, one directly after the other; the last one is the latest. */
  by: CauseNode[]
  hasActed: boolean
}

/** Events that are remembered with what caused them. */
export const MAX_NODES = 100_000
const MAX_AGENTS = 100_000
/** Drains in a row that are told, and messages of one. */
const MAX_TOGETHER = 20
/** Ids that were named before what has them was read. */
const MAX_AWAITED = 10_000

export class Causes {
  readonly #maxNodes: number
  readonly #doing = new RecentMap<string, Doing>(MAX_AGENTS)
  /** By id: messages, escalations. */
  readonly #messages = new Map<string, CauseNode>()
  readonly #escalations = new Map<string, CauseNode>()
  readonly #byOrder = new Map<number, CauseNode>()
  readonly #nodes: RecentMap<string, CauseNode>
  /** What to do when the message or escalation of an id comes. */
  readonly #awaited = new RecentMap<string, { owner: CauseNode; then: (node: CauseNode) => void }[]>(
    MAX_AWAITED,
  )
  /** Nodes that are never forgotten: those that lead to what was asked for. */
  readonly #kept = new Set<CauseNode>()

  /** @param maxNodes events that are remembered */
  constructor(maxNodes = MAX_NODES) {
    this.#maxNodes = maxNodes
    this.#nodes = new RecentMap(maxNodes)
  }

  /**
   * @param from the agent that sent it; `undefined` where that is none
   * @param order what the model calls it
   */
  message(entry: HiveEntry, from: string | undefined, order: number): CauseNode {
    const { id, inReplyTo, conversation, from: sender } = entry.event as Fields
    const node = this.#add(entry)
    node.from = from ?? keyOf(sender)
    node.order = order
    this.#byOrder.set(order, node)
    node.conversation = keyOf(conversation)
    this.#sent(node, from, keyOf(inReplyTo))
    const key = keyOf(id)
    if (key !== undefined) this.#name(this.#messages, 'message', key, node)
    return node
  }

  #sent(node: CauseNode, from: string | undefined, inReplyTo: string | undefined): void {
    this.#done(node, from)
    if (from === undefined) node.origin = 'outside'
    if (inReplyTo === undefined) return
    this.#when(this.#messages, 'message', inReplyTo, node, (original) => {
      const drain =
        from === undefined ? undefined : original.takenBy?.find(({ agent }) => agent === from)?.drain
      const rest = node.causes.filter((cause) => cause.node !== drain)
      const cause: Cause = { node: drain ?? original, how: 'reply', certain: true }
      if (drain !== undefined) cause.via = original
      node.causes = [cause, ...rest]
    })
  }

  /** @param took the messages that it took, as far as the model holds them: oldest first */
  drain(entry: HiveEntry, agent: string, took: readonly Message[]): CauseNode {
    const node = this.#add(entry)
    const { ids, count } = entry.event as Fields
    const named = new Set(Array.isArray(ids) ? ids : [])
    for (const { id, order } of took) {
      const message = this.#byOrder.get(order)
      if (message !== undefined) this.#took(node, agent, message, named.has(id))
    }
    if (node.causes.length === 0) {
      // An empty inbox sets nobody going.
      if (named.size === 0 && took.length === 0 && !(typeof count === 'number' && count > 0)) return node
      node.origin = took.length > 0 ? 'forgotten' : 'missing'
    }
    const doing = this.#doingOf(agent)
    if (doing.hasActed) doing.by = []
    doing.hasActed = false
    doing.by.push(node)
    if (doing.by.length > MAX_TOGETHER) doing.by.shift()
    return node
  }

  /** A message that a drain had taken before it was read. @param isNamed whether it names that message */
  tookLater(drain: CauseNode, agent: string, message: CauseNode, isNamed: boolean): void {
    this.#took(drain, agent, message, isNamed)
    if (this.#kept.has(drain)) this.#keepAll([message])
  }

  #took(drain: CauseNode, agent: string, message: CauseNode, certain: boolean): void {
    message.takenBy ??= []
    if (message.takenBy.length < MAX_TOGETHER) message.takenBy.push({ agent, drain })
    // The latest is the likeliest to have set the agent going; of those that were only counted none before the others.
    const at = certain ? 0 : drain.causes.filter((cause) => cause.certain).length
    drain.causes.splice(at, 0, { node: message, how: 'took', certain })
    if (drain.causes.length > MAX_TOGETHER) drain.causes.pop()
  }

  /**
   * @param parent the agent that started it
   * @param isChild whether the event names a parent, known or not
   */
  spawn(entry: HiveEntry, agent: string, parent: string | undefined, isChild: boolean): CauseNode {
    const node = this.#add(entry)
    node.origin = isChild ? 'missing' : 'started'
    this.#spawnedBy(node, agent, parent)
    Object.assign(this.#doingOf(agent), { spawn: node, by: [], hasActed: false })
    return node
  }

  /**
   * A spawn that begins no life: the agent, or who started it, tells the same life in another log. It sets nobody going
   * anew. By a clock that is behind the agent tells it first, and does not know why it was started.
   * @param parent the agent that started it, as this one says
   */
  goesOn(
    entry: HiveEntry,
    agent: string,
    parent: string | undefined,
    isWanted: boolean,
  ): CauseNode | undefined {
    const first = this.#doing.get(agent)?.spawn
    if (first !== undefined && isUnexplained(first)) {
      if (parent !== undefined) first.origin = 'missing'
      this.#spawnedBy(first, agent, parent)
      if (this.#kept.has(first)) this.#keepAll(nodesOf(first))
    }
    if (!isWanted) return undefined
    const node = this.#add(entry)
    node.origin = 'missing'
    if (first !== undefined) node.causes = [{ node: first, how: 'after-spawn', certain: true }]
    return node
  }

  #spawnedBy(node: CauseNode, agent: string, parent: string | undefined): void {
    if (parent === undefined || parent === agent) return
    node.causes = this.#causesOf(parent).map(({ node: cause }) => ({
      node: cause,
      how: 'spawned-by',
      certain: false,
    }))
    this.#acted(parent)
  }

  escalation(entry: HiveEntry, from: string | undefined): CauseNode {
    const node = this.#add(entry)
    this.#done(node, from)
    const key = keyOf((entry.event as Fields).id)
    if (key !== undefined) this.#name(this.#escalations, 'escalation', key, node)
    return node
  }

  /** @param asker whose escalation it decides, once that is known */
  approval(entry: HiveEntry, asker: string | undefined): CauseNode {
    const node = this.#add(entry)
    const key = keyOf((entry.event as Fields).id)
    node.origin = 'missing'
    if (key !== undefined) {
      this.#when(this.#escalations, 'escalation', key, node, (escalation) => {
        node.causes = [{ node: escalation, how: 'decides', certain: true }]
      })
    }
    if (asker !== undefined) {
      const doing = this.#doingOf(asker)
      doing.by = [node]
      doing.hasActed = false
    }
    return node
  }

  drop(entry: HiveEntry): CauseNode {
    const node = this.#add(entry)
    const key = keyOf((entry.event as Fields).id)
    node.origin = 'missing'
    if (key !== undefined) {
      this.#when(this.#messages, 'message', key, node, (message) => {
        node.causes = [{ node: message, how: 'drops', certain: true }]
      })
    }
    return node
  }

  /** Any other event of an agent. Made a node only where it is the one that was asked for. */
  other(entry: HiveEntry, agent: string | undefined, isWanted: boolean): CauseNode | undefined {
    if (!isWanted) {
      if (agent !== undefined) this.#acted(agent)
      return undefined
    }
    const node = this.#add(entry)
    this.#done(node, agent)
    return node
  }

  /** Keeps all that leads to this event, however much is read on. */
  keep(node: CauseNode): void {
    this.#keepAll([node])
  }

  /**
   * Whether nothing that comes later changes what leads to the event that is kept.
   * @param early drains that wait for a message
   */
  isSettled(early: Iterable<CauseNode>): boolean {
    // Past this number some of it may still be forgotten.
    if (this.#kept.size >= this.#maxNodes) return false
    for (const drain of early) if (this.#kept.has(drain)) return false
    // Who started an agent in a process of its own is told by another log.
    for (const node of this.#kept) if (isUnexplained(node)) return false
    for (const waiting of this.#awaited.values()) {
      if (waiting.some(({ owner }) => this.#kept.has(owner))) return false
    }
    return true
  }

  #keepAll(left: CauseNode[]): void {
    for (let next = left.pop(); next !== undefined && this.#kept.size < this.#maxNodes; next = left.pop()) {
      if (this.#kept.has(next)) continue
      this.#kept.add(next)
      left.push(...nodesOf(next))
    }
  }

  #done(node: CauseNode, agent: string | undefined): void {
    if (agent === undefined) return
    node.causes = this.#causesOf(agent)
    this.#acted(agent)
  }

  /** What an agent does now, it does because of these. */
  #causesOf(agent: string): Cause[] {
    const doing = this.#doing.get(agent)
    if (doing === undefined) return []
    if (doing.by.length > 0) {
      return doing.by
        .map(
          (node): Cause => ({
            node,
            how: node.event.kind === 'approval' ? 'after-decision' : 'after-drain',
            certain: false,
          }),
        )
        .reverse()
    }
    return doing.spawn === undefined ? [] : [{ node: doing.spawn, how: 'after-spawn', certain: false }]
  }

  #acted(agent: string): void {
    const doing = this.#doing.get(agent)
    if (doing !== undefined) doing.hasActed = true
    else this.#doingOf(agent)
  }

  #doingOf(agent: string): Doing {
    let doing = this.#doing.get(agent)
    if (doing === undefined) {
      doing = { spawn: undefined, by: [], hasActed: false }
      this.#doing.set(agent, doing)
    }
    return doing
  }

  #add(entry: HiveEntry): CauseNode {
    const identity = identityOf(entry)
    const node: CauseNode = { ...placed(entry), identity, causes: [], origin: 'unknown' }
    const oldest = this.#nodes.set(identity, node)
    if (oldest !== undefined) this.#forget(oldest[1])
    return node
  }

  #forget(node: CauseNode): void {
    if (this.#kept.has(node)) return
    const key = keyOf((node.event as Fields).id)
    for (const named of [this.#messages, this.#escalations]) {
      if (key !== undefined && named.get(key) === node) named.delete(key)
    }
    // Whoever still refers to it has it, but not all that came before it.
    if (node.causes.length > 0) node.origin = 'forgotten'
    node.causes = []
    delete node.takenBy
    if (node.order !== undefined) this.#byOrder.delete(node.order)
  }

  #name(named: Map<string, CauseNode>, sort: string, id: string, node: CauseNode): void {
    named.set(id, node)
    const awaited = this.#awaited.get(`${sort} ${id}`)
    if (awaited === undefined) return
    this.#awaited.delete(`${sort} ${id}`)
    for (const { owner, then } of awaited) {
      then(node)
      if (this.#kept.has(owner)) this.#keepAll(nodesOf(owner))
    }
  }

  /** At once, or when it comes: in a merged story what answers may come before what is answered. */
  #when(
    named: Map<string, CauseNode>,
    sort: string,
    id: string,
    owner: CauseNode,
    then: (node: CauseNode) => void,
  ): void {
    const node = named.get(id)
    if (node !== undefined) {
      then(node)
      return
    }
    const key = `${sort} ${id}`
    const others = this.#awaited.get(key)
    if (others !== undefined) {
      if (others.length < MAX_TOGETHER) others.push({ owner, then })
      return
    }
    this.#awaited.set(key, [{ owner, then }])
  }
}

/** Whether it is a spawn in the log of a child process of which nothing tells yet why it came. */
const isUnexplained = ({ event, causes, origin, place }: CauseNode): boolean =>
  event.kind === 'spawn' &&
  causes.length === 0 &&
  (origin === 'started' || origin === 'missing') &&
  logsAbove(place.log).length > 0

const nodesOf = ({ causes }: CauseNode): CauseNode[] =>
  causes.flatMap(({ node, via }) => (via === undefined ? [node] : [node, via]))
