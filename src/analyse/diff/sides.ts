/**
 * Two logs while they are read. As long as they are the same nothing is held but counts; from where they part, one
 * number an event.
 */
import type { CanonicalEvent } from './canonical.js'
import { Interner } from './intern.js'

export type SideName = 'a' | 'b'

/** Agents, and pairs of agent and kind, that are told apart; further ones count as one. */
const MAX_AGENTS = 10_000
const MAX_GROUPS = 100_000
const OTHERS = '(others)'

export interface Group {
  agent: string | null
  kind: string
}

/** Numbers for pairs of agent and kind. */
export class Groups {
  readonly list: Group[] = []
  isFull = false
  readonly #numbers = new Map<string | null, Map<string, number>>()

  number(agent: string | null, kind: string): number {
    const known = this.#numbers.get(agent)?.get(kind)
    if (known !== undefined) return known
    const isFull =
      this.list.length >= MAX_GROUPS || (!this.#numbers.has(agent) && this.#numbers.size >= MAX_AGENTS)
    if (isFull && !(agent === OTHERS && kind === OTHERS)) {
      this.isFull = true
      return this.number(OTHERS, OTHERS)
    }
    const number = this.list.push({ agent, kind }) - 1
    let kinds = this.#numbers.get(agent)
    if (kinds === undefined) {
      kinds = new Map()
      this.#numbers.set(agent, kinds)
    }
    kinds.set(kind, number)
    return number
  }

  of(number: number): Group {
    return this.list[number] as Group
  }
}

/** One log from where it parts from the other. */
class Held {
  length = 0
  isCut = false
  #tokens = new Int32Array(1024)

  get tokens(): Int32Array {
    return this.#tokens.subarray(0, this.length)
  }

  push(token: number): void {
    if (this.length === this.#tokens.length) {
      const bigger = new Int32Array(2 * this.length)
      bigger.set(this.#tokens)
      this.#tokens = bigger
    }
    this.#tokens[this.length++] = token
  }
}

export class DiffSides {
  readonly groups = new Groups()
  /** Tags are groups. */
  readonly interner = new Interner()
  readonly a = new Held()
  readonly b = new Held()
  /** Events at the start that are the same, and how many of each group. */
  prefix = 0
  readonly prefixCounts: number[] = []
  readonly #maxEvents: number
  #waiting: Record<SideName, CanonicalEvent[]> = { a: [], b: [] }
  #hasEnded: Record<SideName, boolean> = { a: false, b: false }
  #hasParted = false

  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents
  }

  /** The log of which more is needed; `undefined` when both are done. */
  get next(): SideName | undefined {
    if (!this.#hasEnded.a && (this.#hasParted || this.#waiting.a.length === 0)) return 'a'
    if (!this.#hasEnded.b) return 'b'
    return this.#hasEnded.a ? undefined : 'a'
  }

  /** Takes the next events of a log; nothing more of it is wanted when `next` no longer names it. */
  take(side: SideName, events: CanonicalEvent[]): void {
    if (this.#hasParted) {
      this.#hold(side, events)
      return
    }
    this.#waiting[side] = this.#waiting[side].length === 0 ? events : this.#waiting[side].concat(events)
    this.#compare()
  }

  end(side: SideName): void {
    this.#hasEnded[side] = true
    this.#compare()
  }

  #compare(): void {
    if (this.#hasParted) return
    const { a, b } = this.#waiting
    const length = Math.min(a.length, b.length)
    let same = 0
    while (same < length && a[same]?.text === b[same]?.text) {
      const { agent, kind } = a[same] as CanonicalEvent
      const group = this.groups.number(agent, kind)
      this.prefixCounts[group] = (this.prefixCounts[group] ?? 0) + 1
      same++
    }
    this.prefix += same
    this.#waiting = { a: a.slice(same), b: b.slice(same) }
    const isAlone = (own: CanonicalEvent[], other: SideName): boolean =>
      own.length > same && this.#hasEnded[other]
    this.#hasParted = same < length || isAlone(a, 'b') || isAlone(b, 'a')
    if (!this.#hasParted) return
    this.#hold('a', this.#waiting.a)
    this.#hold('b', this.#waiting.b)
    this.#waiting = { a: [], b: [] }
  }

  #hold(side: SideName, events: CanonicalEvent[]): void {
    const held = this[side]
    for (const event of events) {
      if (held.length >= this.#maxEvents) {
        held.isCut = true
        this.#hasEnded[side] = true
        return
      }
      const group = this.groups.number(event.agent, event.kind)
      held.push(this.interner.number(event.text, group))
    }
  }
}
