/** How escalations stand by the lines that ask and decide. */
import type { Fields } from '../format/fields.js'
import { Escalations, type Matter } from '../model/escalations.js'
import type { Decision } from './decision.js'
import { type DecisionMade, madeOf } from './errors.js'
import { type Asked, askedBy, isOf } from './question.js'

/** `unknown`: no line escalates or approves it. What is approved and never asked is not to be approved again: `decided`. */
export type Standing = 'open' | 'decided' | 'unknown'

/** Escalations that are remembered at least; a log can hold any number. */
const MAX_REMEMBERED = 10_000

/** Is told lines in their order. Of very many escalations it forgets the oldest. */
export class Standings {
  readonly #escalations = new Escalations({
    maxPending: 2 * MAX_REMEMBERED,
    maxDecided: MAX_REMEMBERED,
    maxEarly: MAX_REMEMBERED,
  })
  readonly #made = new WeakMap<Matter, DecisionMade>()
  readonly #asked = new WeakMap<Matter, Asked>()

  of(id: string): Standing {
    const matter = this.#escalations.get(id)
    if (matter === undefined) return 'unknown'
    return matter.decision === undefined ? 'open' : 'decided'
  }

  /** Whether a line escalates it. */
  isAsked(id: string): boolean {
    return this.#escalations.get(id)?.escalation !== undefined
  }

  /** What was asked last under this id. */
  askedOf(id: string): Asked | undefined {
    const matter = this.#escalations.get(id)
    return matter && this.#asked.get(matter)
  }

  /** Whether a decision is of what was asked last under its id; `undefined` where no line asks anything under it. */
  isOf(decision: Decision): boolean | undefined {
    const asked = this.askedOf(decision.id)
    return asked && isOf(decision, asked)
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
      const question = { id, from: undefined, to: undefined, subject: undefined, ...at }
      const { matter, earlier, again } = this.#escalations.open(question)
      // The same words after an answer are another question.
      const before = again && earlier !== undefined ? this.#asked.get(earlier) : undefined
      this.#asked.set(matter, askedBy(fields, ts, before))
      return
    }
    const { answer, matter } = this.#escalations.answer(id, approve, at)
    if (answer === 'decides' || answer === 'early') this.#made.set(matter, madeOf(fields, ts))
  }
}
