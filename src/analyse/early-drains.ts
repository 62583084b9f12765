/**
 * Which drain took a message that came after it in the merged story, as the clock of another process was behind
 * (docs/hive.md, Delivery). The model says that a message was taken so; this remembers by which drain.
 */

import { amountOf, idOf } from '../format/bounded.js'
import { ownSeq } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import { RecentMap } from '../format/recent-map.js'
import type { Inbox, Message } from '../model/inbox.js'
import type { HiveEntry } from '../model/model.js'

/** Ids of messages still to come that are remembered, and as many drains that counted such messages. */
const MAX_EARLY = 10_000
/** Drains of one agent that are remembered for what they counted. */
const MAX_COUNTED = 1_000

/** A drain that counted more than it found. */
interface Counted<T> {
  agent: string
  drain: T
  ts: number
  left: number
}

/** The drain that took a message which came after it. */
export interface EarlyDrain<T> {
  drain: T
  /** Whether it names the message; else it only counted it. */
  isNamed: boolean
}

export class EarlyDrains<T> {
  readonly #named = new RecentMap<string, T>(MAX_EARLY)
  readonly #counted = new RecentMap<Counted<T>, true>(MAX_EARLY)
  /** Of the counted ones each agent's, oldest first. */
  readonly #byAgent = new Map<string, Set<Counted<T>>>()

  /**
   * Takes what the model says of a drain. Returns whether some of what it took is still to come.
   * @param drain what to give back for it
   * @param taken messages that it took, as far as the inbox holds them
   * @param before how many waited
   */
  drained(drain: T, { event }: HiveEntry, inbox: Inbox, taken: readonly Message[], before: number): boolean {
    const { ids, count } = event as Fields
    const isNaming = Array.isArray(ids)
    // In a foreign log it takes all that waits, and nothing that comes.
    if (!isNaming && ownSeq(event) === undefined) return false
    const missing: string[] = []
    let byId = 0
    if (isNaming) {
      for (const each of ids) {
        const id = idOf(each)
        if (id === undefined) continue
        // Those that it names are taken first.
        if (taken[byId]?.id === id) byId++
        else missing.push(id)
      }
    }
    // What is not held is taken for what an id names, as far as there is any.
    const unheld = before - inbox.waiting - taken.length
    const unheldById = Math.min(unheld, missing.length)
    for (let i = unheldById; i < missing.length; i++) {
      const key = keyOf(inbox.recipient, missing[i])
      // The first that names it took it.
      if (this.#named.get(key) === undefined) this.#named.set(key, drain)
    }
    const byCount = taken.length - byId + unheld - unheldById
    const left = Math.floor(amountOf(count)) - (isNaming ? ids.length : 0) - byCount
    if (left > 0) this.#count({ agent: inbox.recipient, drain, ts: event.ts, left })
    return missing.length > unheldById || left > 0
  }

  /** Those that are remembered. */
  *all(): Generator<T> {
    yield* this.#named.values()
    for (const { drain } of this.#counted.keys()) yield drain
  }

  /** The drain that took a message of which the model says that it was delivered late. Gives it once. */
  take({ recipient }: Inbox, { id, ts }: Message): EarlyDrain<T> | undefined {
    const key = keyOf(recipient, id)
    const named = id === undefined ? undefined : this.#named.get(key)
    if (named !== undefined) {
      this.#named.delete(key)
      return { drain: named, isNamed: true }
    }
    let counted: Counted<T> | undefined
    for (const each of this.#byAgent.get(recipient) ?? []) {
      counted = each
      if (ts < each.ts) break
    }
    if (counted === undefined) return undefined
    if (--counted.left === 0) this.#forget(counted)
    return { drain: counted.drain, isNamed: false }
  }

  #count(counted: Counted<T>): void {
    const { agent } = counted
    let own = this.#byAgent.get(agent)
    if (own === undefined) {
      own = new Set()
      this.#byAgent.set(agent, own)
    }
    own.add(counted)
    const oldest = this.#counted.set(counted, true)
    if (oldest !== undefined) this.#forget(oldest[0])
    if (own.size <= MAX_COUNTED) return
    const [first] = own
    this.#forget(first as Counted<T>)
  }

  #forget(counted: Counted<T>): void {
    this.#counted.delete(counted)
    const own = this.#byAgent.get(counted.agent)
    own?.delete(counted)
    if (own?.size === 0) this.#byAgent.delete(counted.agent)
  }
}

const keyOf = (agent: string, id: string | undefined): string => `${agent}\n${id}`
