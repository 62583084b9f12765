/** What can go wrong when people decide. */
import { HivelogError } from '../format/errors.js'
import type { Fields } from '../format/fields.js'
import { brief } from '../format/quote.js'
import { clean } from '../text/clean.js'
import type { Decision } from './decision.js'

/** How much later than it was given a decision can be written down without a word of when it was given, milliseconds. */
const MOMENT_MS = 1_000

/** What was decided, by whom, and when. */
export interface DecisionMade {
  /** Whether it may be done. */
  readonly approve: boolean
  /** Who decided. Default: not told. */
  readonly by?: string | undefined
  /** The way by which the decision came: `page`, `cli`, `code` or `hook`. Default: not told. */
  readonly via?: string | undefined
  /** Why, in words. Default: not told. */
  readonly note?: string | undefined
  /** When it was written down, epoch milliseconds. */
  readonly ts: number
  /** When the person decided, epoch milliseconds. Default: within a second of `ts`, or not told. */
  readonly decidedAt?: number
}

/** The fields of the line `approval` that a decision becomes. @param now when that is written, epoch milliseconds */
export function approvalOf({ id, approve, by, via, note, ts }: Decision, now: number): Fields {
  const isLater = Math.abs(now - ts) > MOMENT_MS
  return { id, approve, by, via, ...(note !== undefined && { note }), ...(isLater && { decidedAt: ts }) }
}

/** What an approval's fields decide. @param ts when it was written down, epoch milliseconds */
export function madeOf({ approve, by, via, note, decidedAt }: Fields, ts: number): DecisionMade {
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const given = typeof decidedAt === 'number' ? { decidedAt } : {}
  return { approve: approve === true, by: text(by), via: text(via), note: text(note), ts, ...given }
}

/** A decision cannot be put beside the log, or may not be given. The message says why, and what to do. */
export class DecisionError extends HivelogError {
  /**
   * @param message one line, safe to print
   * @param cause the error behind it, if there is one
   */
  constructor(message: string, cause?: unknown) {
    super('ERR_HIVELOG_DECISION', message, cause)
    this.name = 'DecisionError'
  }
}

/** Somebody decided this escalation before; the second decision is not recorded. */
export class AlreadyDecidedError extends HivelogError {
  /** The decision that holds. */
  readonly decision: DecisionMade

  /**
   * @param id id of the escalation
   * @param decision the one that holds
   */
  constructor(id: unknown, decision: DecisionMade) {
    super(
      'ERR_HIVELOG_DECIDED',
      `"${clean(brief(id))}" was ${inWords(decision)} before; this decision is not recorded`,
    )
    this.name = 'AlreadyDecidedError'
    this.decision = decision
  }
}

/** Nobody decided an escalation in time, or before the hive was shut down. It stays pending. */
export class NotDecidedError extends HivelogError {
  /** Id of the escalation, under which it can still be decided. */
  readonly id: unknown

  /**
   * @param id id of the escalation
   * @param why in words, after "is not decided: "
   */
  constructor(id: unknown, why: string) {
    super('ERR_HIVELOG_NOT_DECIDED', `"${clean(brief(id))}" is not decided: ${why}`)
    this.name = 'NotDecidedError'
    this.id = id
  }
}

/** A decision as part of a sentence: `approved by "ana" (cli) at …`. */
function inWords({ approve, by, via, ts }: DecisionMade): string {
  const who = by === undefined ? '' : ` by "${clean(brief(by))}"`
  const how = via === undefined ? '' : ` (${clean(brief(via))})`
  return `${approve ? 'approved' : 'rejected'}${who}${how} at ${new Date(ts).toISOString()}`
}
