/**
 * One escalation while a log is read: takes its decisions in the log's order, with what the model says of each, and
 * finds what is wrong with them.
 */
import { basename } from 'node:path'
import type { ArtifactRef } from '../../format/kinds.js'
import type { AgentDecision } from '../../model/agent-names.js'
import type { Answer } from '../../model/escalations.js'
import type {
  AuditCase,
  AuditDecision,
  AuditOutcome,
  AuditPlace,
  AuditProblem,
  AuditProblemKind,
} from './report.js'

/** Decisions of a case that are listed whatever comes; those that follow share one limit. */
const ALWAYS_LISTED = 2

/** Counts what may still be listed beyond what every case may list. */
export interface Budget {
  left: number
}

export class OpenCase {
  readonly record: AuditCase
  /** Whether its whole subject has the text that is looked for, as far as that stands in the line. */
  matches: boolean
  /** The artifact that holds its subject, until that is read. */
  readonly aside: ArtifactRef | undefined
  #seen: AuditOutcome[] | undefined
  #first: AuditDecision | undefined
  /** The one that the model said decides. */
  #decided: AuditDecision | undefined

  constructor(record: AuditCase, matches: boolean, aside?: ArtifactRef) {
    this.record = record
    this.matches = matches
    this.aside = aside
  }

  /** What decided it; repeats, contradictions and unclear answers do not. */
  get decided(): AuditDecision | undefined {
    return this.#decided
  }

  /** Takes an approval of the escalation. */
  decide(decision: AuditDecision, answer: Answer, budget: Budget): void {
    const { record } = this
    if (decision.ts >= record.ts) decision.tookMs = decision.ts - record.ts
    this.#first ??= decision
    if (answer === 'decides' || answer === 'early') {
      this.#decided = decision
      record.status = decision.outcome
    } else if (answer === 'again') {
      if (decision.outcome !== this.#decided?.outcome) record.status = 'contradicted'
    } else if (record.status === 'pending') record.status = 'unclear'
    if (!this.#list(decision, budget)) record.moreDecisions = (record.moreDecisions ?? 0) + 1
    else this.#judge(decision, answer)
    const took = (this.#decided ?? this.#first).tookMs
    if (took !== undefined) record.tookMs = took
    else if (record.tookMs !== undefined) delete record.tookMs
  }

  /**
   * Takes an approval that came before the escalation: in a story of several logs it may be another process's clock. In
   * one log it is wrong.
   */
  early(decision: AuditDecision, answer: Answer, budget: Budget): void {
    this.decide(decision, answer, budget)
    if (decision.place.log !== this.record.place.log) return
    const line = `the approval at ${this.#at(decision.place)} stands before the escalation at ${this.#at(this.record.place)}`
    this.#problem('before-question', line, decision)
  }

  /** Takes note that the escalation `other` has the same id. */
  shares(other: AuditCase, isLater: boolean): void {
    const when = isLater ? 'was used before' : 'is used again'
    const message = `the id ${when}, at ${this.#at(other.place)}; decisions count for the later escalation`
    this.#problem('id-reused', message, isLater ? this.record : other)
  }

  /** Its id was asked again while it waited. */
  supersede(): void {
    this.record.status = 'superseded'
  }

  /** The model knows nothing of it: it has no id. */
  nameless(): void {
    this.record.status = 'unanswerable'
    this.#problem('no-id', 'the escalation has no id; no approval can answer it', this.record)
  }

  /** Where a line is, for the sentence that tells what is wrong: numbers are of one log only. */
  #at(place: AuditPlace): string {
    const { log } = this.record.place
    return place.log === log ? seqOf(place) : `${seqOf(place)} of ${basename(place.log)}`
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

  #judge(decision: AuditDecision, answer: Answer): void {
    const { outcome, value, place } = decision
    const decided = this.#decided
    if (answer === 'unclear') {
      const message = `approve is neither true nor false at ${this.#at(place)}, but ${value}; it is not an approval`
      this.#problem('unclear', message, decision)
    } else if (answer === 'again' && decided !== undefined) {
      const [kind, message]: [AuditProblemKind, string] =
        decided.outcome === outcome
          ? ['repeated', `${outcome} again at ${this.#at(place)}, as it was at ${this.#at(decided.place)}`]
          : [
              'contradictory',
              `${outcome} at ${this.#at(place)} after it was ${decided.outcome} at ${this.#at(decided.place)}`,
            ]
      this.#problem(kind, message, decision)
    }
  }

  /** Takes note that an agent gave the decision that holds. */
  decidedByAgent(decision: AuditDecision, { decider, alias, asker }: AgentDecision): void {
    const { outcome, place } = decision
    const as = alias === undefined ? '' : `, as ${alias}`
    const at = `${outcome} at ${this.#at(place)}`
    if (decider !== asker) {
      const whose = `which is not the parent of ${asker}`
      this.#problem('agent-approval', `${at} by the agent ${decider}${as}, ${whose}`, decision)
    } else {
      const kind = outcome === 'approved' ? 'self-approved' : 'agent-approval'
      this.#problem(kind, `${at} by the agent that asked${as}`, decision)
    }
  }

  #problem(kind: AuditProblemKind, message: string, { place }: { place: AuditProblem['place'] }): void {
    this.record.problems.push({ kind, message, place })
  }
}

const seqOf = ({ seq }: AuditPlace): string => `seq ${seq}`
