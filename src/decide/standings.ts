/** How escalations stand by the lines that ask and decide. */
import { BoundedMap } from '../format/bounded-map.js'
import type { Fields } from '../format/fields.js'
import { type DecisionMade, madeOf } from './errors.js'

/** `unknown`: no line escalates or approves it. What is approved and never asked is not to be approved again: `decided`. */
export type Standing = 'open' | 'decided' | 'unknown'

/** Escalations that are remembered at least; a log can hold any number. */
const MAX_REMEMBERED = 10_000

interface Entry {
  made: DecisionMade | undefined
  /** Whether the approval came and the escalation did not yet, by another process's clock. */
  isEarly: boolean
}

/** Is told lines in their order. Of very many escalations it forgets the oldest. */
export class Standings {
  readonly #entries = new BoundedMap<Entry>(MAX_REMEMBERED)

  of(id: string): Standing {
    const entry = this.#entries.get(id)
    if (entry === undefined) return 'unknown'
    return entry.made === undefined ? 'open' : 'decided'
  }

  /** Whether a line escalates it. */
  isAsked(id: string): boolean {
    return this.#entries.get(id)?.isEarly === false
  }

  /** The decision that holds, though no line may escalate it. */
  decisionOf(id: string): DecisionMade | undefined {
    return this.#entries.get(id)?.made
  }

  /** By the rule of docs/hive.md: what is escalated again is open again, and what says true or false decides, once. */
  take(kind: string, fields: Fields, ts: number): void {
    const { id, approve } = fields
    if (typeof id !== 'string') return
    const entry = this.#entries.get(id)
    if (kind === 'escalate') {
      const made = entry?.isEarly === true ? entry.made : undefined
      this.#entries.set(id, { made, isEarly: false })
    } else if (typeof approve === 'boolean' && entry?.made === undefined) {
      this.#entries.set(id, { made: madeOf(fields, ts), isEarly: entry === undefined })
    }
  }
}
