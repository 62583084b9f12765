/** What was escalated to the human, and what was decided (docs/hive.md, Escalations). */

export interface Escalation {
  readonly id: string
  readonly seq: number
  /** Epoch milliseconds. */
  readonly ts: number
  readonly from: string | undefined
  readonly to: string | undefined
  readonly subject: string | undefined
  readonly log: string | undefined
  readonly file: string | undefined
  readonly line: number | undefined
}

/**
 * What an approval did: it decided an escalation; nothing, as none of that id is known yet, so that it will decide the
 * next; nothing, as that was decided before; or nothing, as it neither approves nor rejects.
 */
export type Answer = 'decides' | 'early' | 'again' | 'unclear'

/** An approval that came before what it decides, in a story that is merged of several logs. */
export interface EarlyApproval {
  approve: boolean
  ts: number
  seq: number
}

/** Ids of decided escalations, and approvals without an escalation, that are remembered. */
const MAX_DECIDED = 2_000
const MAX_EARLY = 2_000

export interface EscalationsCarry {
  decided?: string[]
  early?: [id: string, approval: EarlyApproval][]
}

export class Escalations {
  /** How many of the oldest that are pending are no longer held. */
  unheld = 0
  readonly #max: number
  readonly #pending = new Map<string, Escalation>()
  readonly #decided = new Set<string>()
  readonly #early = new Map<string, EarlyApproval>()

  /** @param max pending ones that are held */
  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#pending.size + this.unheld
  }

  list(): Escalation[] {
    return [...this.#pending.values()]
  }

  get(id: string): Escalation | undefined {
    return this.#pending.get(id)
  }

  /** Opens an escalation. Returns the approval that decides it already, if there is one. */
  open(escalation: Escalation): EarlyApproval | undefined {
    const { id } = escalation
    const early = this.#early.get(id)
    if (early !== undefined) {
      this.#early.delete(id)
      this.#decide(id)
      return early
    }
    const pending = this.#pending
    this.#decided.delete(id)
    // An id that is used again is pending since then.
    pending.delete(id)
    pending.set(id, escalation)
    if (pending.size > this.#max) {
      const [oldest] = pending.keys()
      pending.delete(oldest as string)
      this.unheld++
    }
    return undefined
  }

  answer(id: string, approve: unknown, ts: number, seq: number): Answer {
    if (typeof approve !== 'boolean') return 'unclear'
    if (this.#pending.delete(id)) {
      this.#decide(id)
      return 'decides'
    }
    if (this.#decided.has(id) || this.#early.has(id)) return 'again'
    // One that is not held is one of the older ones, if there are any.
    if (this.unheld > 0) {
      this.unheld--
      this.#decide(id)
      return 'decides'
    }
    this.#early.set(id, { approve, ts, seq })
    forgetBeyond(this.#early, MAX_EARLY)
    return 'early'
  }

  #decide(id: string): void {
    this.#decided.delete(id)
    this.#decided.add(id)
    forgetBeyond(this.#decided, MAX_DECIDED)
  }

  /** What another one needs to go on, beside what is pending. */
  carry(): EscalationsCarry {
    const carry: EscalationsCarry = {}
    if (this.#decided.size > 0) carry.decided = [...this.#decided]
    if (this.#early.size > 0) carry.early = [...this.#early]
    return carry
  }

  /** Goes on from what was stored. */
  restore(
    pending: readonly Escalation[],
    unheld: number,
    { decided = [], early = [] }: EscalationsCarry,
  ): void {
    for (const each of pending) this.#pending.set(each.id, each)
    this.unheld = unheld
    for (const id of decided) this.#decided.add(id)
    for (const [id, approval] of early) this.#early.set(id, approval)
  }
}

function forgetBeyond(held: Map<string, unknown> | Set<string>, max: number): void {
  if (held.size <= max) return
  const [oldest] = held.keys()
  held.delete(oldest as string)
}
