/** What was escalated to the human, and what was decided (docs/hive.md, Escalations). */
import { RecentMap } from '../format/recent-map.js'
import { MAX_PENDING } from './state.js'

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

/** An approval that says yes or no, of which only the first decides. */
export interface Decision {
  readonly approve: boolean
  /** Epoch milliseconds. */
  readonly ts: number
  readonly seq: number
  /** Where its line is; `undefined` of one that a stored state told of. */
  readonly log: string | undefined
  readonly file: string | undefined
  readonly line: number | undefined
}

/** An approval that came before what it decides, in a story that is merged of several logs. */
export type EarlyApproval = Decision

/**
 * One thing that is asked of a human, with what decided it. It is one object from the first that is heard of it, which
 * may be an approval, to the last; an id that is escalated again begins another one.
 */
export interface Matter {
  readonly id: string
  /** `undefined` as long as only approvals came, and of one that is not held any more. */
  readonly escalation: Escalation | undefined
  /** `undefined` as long as nobody decided, and of one that a stored state told of. */
  readonly decision: Decision | undefined
}

/**
 * What an approval did: it decided an escalation; nothing, as none of that id is known yet, so that it will decide the
 * next; nothing, as that was decided before; or nothing, as it neither approves nor rejects.
 */
export type Answer = 'decides' | 'early' | 'again' | 'unclear'

/** What an escalation came upon. */
export interface Opened {
  /** Decided already, if an approval came before it; else pending now. */
  matter: Matter
  /** That of the same id which was escalated before, as far as it is remembered. */
  earlier: Matter | undefined
  /** Whether that was pending: what is decided from now on is the later one. */
  again: boolean
}

/** What an approval is about, and what it did. */
export interface Answered {
  matter: Matter
  answer: Answer
}

/** How much is remembered: pending escalations, decided ones, and approvals without an escalation. */
export interface EscalationLimits {
  /** Default 10,000. */
  maxPending?: number
  /** Default 2,000. */
  maxDecided?: number
  /** Of those that will decide, and as many of those that will not. Default 2,000. */
  maxEarly?: number
}

const MAX_DECIDED = 2_000
const MAX_EARLY = 2_000

export interface EscalationsCarry {
  decided?: string[]
  early?: [id: string, approval: Pick<EarlyApproval, 'approve' | 'ts' | 'seq'>][]
}

/** What `approve` says: yes, no, or neither, and then it is no answer. */
export const saidBy = (approve: unknown): boolean | undefined =>
  typeof approve === 'boolean' ? approve : undefined

type Held = { -readonly [name in keyof Matter]: Matter[name] }

export class Escalations {
  /** How many of the oldest that are pending are no longer held. */
  unheld = 0
  /** How many decisions it has forgotten: what answers one of these again is taken for one that comes early. */
  forgotten = 0
  /** Each id is in one of these at most. */
  readonly #pending: RecentMap<string, Held>
  readonly #decided: RecentMap<string, Held>
  readonly #early: RecentMap<string, Held>
  /** Of these only approvals came that say neither yes nor no. They decide nothing, so that no state tells of them. */
  readonly #unclear: RecentMap<string, Held>

  constructor({ maxPending, maxDecided, maxEarly }: EscalationLimits = {}) {
    this.#pending = new RecentMap(maxPending ?? MAX_PENDING)
    this.#decided = new RecentMap(maxDecided ?? MAX_DECIDED)
    this.#early = new RecentMap(maxEarly ?? MAX_EARLY)
    this.#unclear = new RecentMap(maxEarly ?? MAX_EARLY)
  }

  get size(): number {
    return this.#pending.size + this.unheld
  }

  /** What is pending and held, oldest first. */
  list(): Escalation[] {
    return Array.from(this.#pending.values(), ({ escalation }) => escalation as Escalation)
  }

  /** What is remembered of an id: pending or decided, or decided before it is asked. */
  get(id: string): Matter | undefined {
    return this.#get(id)
  }

  /** The escalation of an id that is pending. */
  pending(id: string): Escalation | undefined {
    return this.#pending.get(id)?.escalation
  }

  open(escalation: Escalation): Opened {
    const { id } = escalation
    const matter = this.#takeUnasked(id) ?? { id, escalation, decision: undefined }
    matter.escalation = escalation
    const waited = this.#pending.get(id)
    const earlier = waited ?? this.#decided.get(id)
    // An id that is used again is pending since then.
    if (waited !== undefined) this.#pending.delete(id)
    else if (earlier !== undefined) this.#decided.delete(id)
    if (matter.decision !== undefined) this.#decide(matter)
    else if (this.#pending.set(id, matter) !== undefined) this.unheld++
    return { matter, earlier, again: waited !== undefined }
  }

  /** @param at when the approval came, and its place */
  answer(id: string, approve: unknown, at: Omit<Decision, 'approve'>): Answered {
    const said = saidBy(approve)
    if (said === undefined) return { matter: this.#heard(id), answer: 'unclear' }
    const waited = this.#pending.get(id)
    if (waited !== undefined) this.#pending.delete(id)
    else {
      const known = this.#get(id)
      if (known !== undefined) return { matter: known, answer: 'again' }
    }
    const matter = waited ?? this.#takeUnasked(id) ?? { id, escalation: undefined, decision: undefined }
    const { ts, seq, log, file, line } = at
    matter.decision = { approve: said, ts, seq, log, file, line }
    if (waited === undefined) {
      if (this.unheld === 0) {
        if (this.#early.set(id, matter) !== undefined) this.forgotten++
        return { matter, answer: 'early' }
      }
      // One that is not held is one of the older ones, if there are any.
      this.unheld--
    }
    this.#decide(matter)
    return { matter, answer: 'decides' }
  }

  #get(id: string): Held | undefined {
    return this.#pending.get(id) ?? this.#decided.get(id) ?? this.#early.get(id)
  }

  /** Takes out what came before its escalation. */
  #takeUnasked(id: string): Held | undefined {
    const early = this.#early.get(id)
    if (early !== undefined) this.#early.delete(id)
    if (early !== undefined || this.#unclear.size === 0) return early
    const unclear = this.#unclear.get(id)
    if (unclear !== undefined) this.#unclear.delete(id)
    return unclear
  }

  /** What an approval is about that decides nothing. */
  #heard(id: string): Matter {
    const known = this.#get(id) ?? this.#unclear.get(id)
    if (known !== undefined) return known
    const matter: Held = { id, escalation: undefined, decision: undefined }
    this.#unclear.set(id, matter)
    return matter
  }

  #decide(matter: Held): void {
    if (this.#decided.set(matter.id, matter) !== undefined) this.forgotten++
  }

  /** What another one needs to go on, beside what is pending. */
  carry(): EscalationsCarry {
    const carry: EscalationsCarry = {}
    if (this.#decided.size > 0) carry.decided = [...this.#decided.keys()]
    if (this.#early.size > 0) {
      carry.early = Array.from(this.#early.values(), ({ id, decision }) => {
        const { approve, ts, seq } = decision as Decision
        return [id, { approve, ts, seq }]
      })
    }
    return carry
  }

  /** Goes on from what was stored. */
  restore(
    pending: readonly Escalation[],
    unheld: number,
    { decided = [], early = [] }: EscalationsCarry,
  ): void {
    for (const escalation of pending)
      this.#pending.set(escalation.id, { id: escalation.id, escalation, decision: undefined })
    this.unheld = unheld
    for (const id of decided) this.#decided.set(id, { id, escalation: undefined, decision: undefined })
    for (const [id, { approve, ts, seq }] of early) {
      const decision = { approve, ts, seq, log: undefined, file: undefined, line: undefined }
      this.#early.set(id, { id, escalation: undefined, decision })
    }
  }
}
