/** How escalations stand by the lines that ask and decide. */
import type { Fields } from '../format/fields.js'
import { Escalations, type Matter } from '../model/escalations.js'
import { type DecisionMade, madeOf } from './errors.js'

/** `unknown`: no line escalates or approves it. What is approved and never asked is not to be approved again: `decided`. */
export type Standing = 'open' | 'decided' | 'unknown'

/** Escalations that are remembered at least; a log can hold any number. */
const MAX_REMEMBERED = 10_000

/** Is told lines in their order. Of very many escalations it forgets the oldest. */
export class Standings {
  readonly #escalations = new Escalations({
    maxPending: MAX_REMEMBERED,
    maxDecided: MAX_REMEMBERED,
    maxEarly: MAX_REMEMBERED,
  })
  readonly #made = new WeakMap<Matter, DecisionMade>()

  of(id: string): Standing {
    const matter = this.#escalations.get(id)
    if (matter === undefined) return 'unknown'
    return matter.decision === undefined ? 'open' : 'decided'
  }

  /** Whether a line escalates it. */
  isAsked(id: string): boolean {
    return this.#escalations.get(id)?.escalation !== undefined
  }

  /** The decision that holds, though no line may escalate it. */
  decisionOf(id: string): DecisionMade | undefined {
    const matter = this.#escalations.get(id)
    return matter && this.#made.get(matter)
  }

  take(kind: string, fields: Fields, ts: number): void {
    const { id, approve } = fields
    if (typeof id !== 'string') return
    const at = { ts, seq: 0, log: undefined, file: undefined, line: undefined }
    if (kind === 'escalate') {
      this.#escalations.open({ id, from: undefined, to: undefined, subject: undefined, ...at })
      return
    }
    const { answer, matter } = this.#escalations.answer(id, approve, at)
    if (answer === 'decides' || answer === 'early') this.#made.set(matter, madeOf(fields, ts))
  }
}
