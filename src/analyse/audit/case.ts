/** One escalation while a log is read: takes its decisions in the log's order, and finds what is wrong with them. */
import type { AuditCase, AuditDecision, AuditOutcome, AuditProblem, AuditProblemKind } from './report.js'

/** Decisions of a case that are listed whatever comes; those that follow share one limit. */
const ALWAYS_LISTED = 2

/** Counts what may still be listed beyond what every case may list. */
export interface Budget {
  left: number
}

export class OpenCase {
  readonly record: AuditCase
  /** Whether its whole subject has the text that is looked for. */
  readonly matches: boolean
  #seen: AuditOutcome[] | undefined
  #first: AuditDecision | undefined
  #firstClear: AuditDecision | undefined

  constructor(record: AuditCase, matches: boolean) {
    this.record = record
    this.matches = matches
  }

  decide(decision: AuditDecision, budget: Budget): void {
    const { record } = this
    const earlier = this.#firstClear
    if (decision.ts >= record.ts) decision.tookMs = decision.ts - record.ts
    this.#first ??= decision
    if (decision.outcome !== 'unclear') this.#firstClear ??= decision
    if (!this.#list(decision, budget)) record.moreDecisions = (record.moreDecisions ?? 0) + 1
    else this.#judge(decision, earlier)
    if (earlier !== undefined && decision.outcome !== 'unclear' && decision.outcome !== earlier.outcome) {
      record.status = 'contradicted'
    } else if (record.status === 'pending' || record.status === 'unclear') {
      record.status = decision.outcome
    }
    const took = (this.#firstClear ?? this.#first).tookMs
    if (took === undefined) delete record.tookMs
    else record.tookMs = took
  }

  /** Takes an approval that stood before the escalation: it is shown, and decides nothing. */
  early(decision: AuditDecision): void {
    this.record.decisions.push(decision)
    const line = `the approval at seq ${decision.place.seq} stands before the escalation at seq ${this.#seq}`
    this.#problem('before-question', `${line}; it does not count as an answer`, decision)
  }

  /** Takes note that the escalation `other` has the same id. */
  shares(other: AuditCase, isLater: boolean): void {
    const when = isLater ? 'was used before' : 'is used again'
    const message = `the id ${when}, at seq ${other.place.seq}; decisions count for the later escalation`
    this.#problem('id-reused', message, isLater ? this.record : other)
  }

  nameless(): void {
    this.#problem('no-id', 'the escalation has no id; no approval can answer it', this.record)
  }

  get #seq(): number {
    return this.record.place.seq
  }

  /** What contradicts is always listed, as is what comes first; only repetition is cut. */
  #list(decision: AuditDecision, budget: Budget): boolean {
    const { decisions } = this.record
    // Most cases have one decision, and there may be very many cases.
    this.#seen ??= []
    const isNew = !this.#seen.includes(decision.outcome)
    if (isNew) this.#seen = [...this.#seen, decision.outcome]
    if (decisions.length >= ALWAYS_LISTED && !isNew && --budget.left < 0) return false
    decisions.push(decision)
    return true
  }

  #judge(decision: AuditDecision, earlier: AuditDecision | undefined): void {
    const { outcome, by, value, place } = decision
    if (outcome === 'unclear') {
      const message = `approve is neither true nor false at seq ${place.seq}, but ${value}; it is not an approval`
      this.#problem('unclear', message, decision)
    } else if (earlier !== undefined && earlier.outcome !== outcome) {
      const message = `${outcome} at seq ${place.seq} after it was ${earlier.outcome} at seq ${earlier.place.seq}`
      this.#problem('contradictory', message, decision)
    } else if (earlier !== undefined) {
      const message = `${outcome} again at seq ${place.seq}, as it was at seq ${earlier.place.seq}`
      this.#problem('repeated', message, decision)
    }
    if (outcome === 'approved' && by !== undefined && by === this.record.asker.agentId) {
      this.#problem('self-approved', `approved at seq ${place.seq} by the agent that asked`, decision)
    }
  }

  #problem(kind: AuditProblemKind, message: string, { place }: { place: AuditProblem['place'] }): void {
    this.record.problems.push({ kind, message, place })
  }
}
