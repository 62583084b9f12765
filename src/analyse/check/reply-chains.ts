/** Finds chains of replies that do not end: each message is a reply to the one before (`inReplyTo`). */

import { idOf } from '../../format/bounded.js'
import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent } from './checker.js'
import { type CheckPlace, type Findings, Group, MAX_AGENTS, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { between, grouped, listed, named } from './words.js'

/** Replies whose place in a chain is remembered. */
const MAX_REPLIES = 20_000
const MAX_CHAINS = 10_000

interface Chain {
  /** Id of the message that was replied to first. */
  root: string
  /** Length of its longest branch. */
  length: number
  agents: string[]
  /** Its replies. */
  count: number
  first: CheckPlace
  last: CheckPlace
  isLong: boolean
}

export class ReplyChains {
  readonly #findings: Findings
  readonly #max: number
  readonly #replies = new Recent<{ chain: Chain; depth: number }>(MAX_REPLIES)
  readonly #long = new Set<Chain>()

  constructor(findings: Findings) {
    this.#findings = findings
    this.#max = findings.settings.number('reply-chain', 'max')
  }

  /** @param isLooping whether the message is part of turns that are found already */
  add(event: AnyEvent, entry: HiveEntry, from: string, to: string, isLooping: boolean): void {
    const root = idOf(event.inReplyTo)
    const id = idOf(event.id)
    if (root === undefined || id === undefined) return
    const before = this.#replies.get(root)
    const depth = (before?.depth ?? 0) + 1
    const place = placeOf(entry)
    const chain: Chain = before?.chain ?? begin(root, place)
    chain.count++
    chain.last = place
    chain.length = Math.max(chain.length, depth)
    for (const agent of [from, to]) {
      if (chain.agents.length < MAX_AGENTS && !chain.agents.includes(agent)) chain.agents.push(agent)
    }
    this.#replies.set(id, { chain, depth })
    if (depth <= this.#max || isLooping || chain.isLong) return
    chain.isLong = true
    if (this.#long.size < MAX_CHAINS) this.#long.add(chain)
    else
      this.#findings.note(
        `there are more than ${grouped(MAX_CHAINS)} long reply chains; the rest is not listed`,
      )
  }

  end(): void {
    this.#findings.forgot(this.#replies.forgotten, 'reply')
    for (const { root, length, agents, count, first, last } of this.#long) {
      const group = new Group(first, count - 1)
      group.add(last)
      const where = between(first, last)
      const message = `${grouped(length)} replies in a row go back to message ${named(root)} (${where}), among ${listed(agents)}`
      this.#findings.report('reply-chain', { message, group, agents })
    }
  }
}

const begin = (root: string, place: CheckPlace): Chain => ({
  root,
  length: 0,
  agents: [],
  count: 0,
  first: place,
  last: place,
  isLong: false,
})
