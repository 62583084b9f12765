/**
 * What was decided just now: the process that writes the log has written it and removed the decision's file, and who
 * follows the log has not read that far yet.
 */
import { logsAbove } from '../format/beside.js'
import type { Decision } from './decision.js'
import type { DecisionMade } from './errors.js'
import { newestStandings } from './newest.js'
import { isShownWith } from './question.js'

/** More than any log grows by between its writing and its reading, and read in a few milliseconds. */
const MAX_BYTES = 4 * 1024 * 1024

/**
 * The decision that the end of a log holds, or of a log above, of an escalation that was open a moment ago, or that
 * something else is asked under its id by now. It misses none if it is asked after a decision was put: a line is on the
 * disk before the file goes that would have refused that.
 * @param log in which it is asked
 * @param askedTs when it was asked, epoch milliseconds
 * @param put what was put, which is none of another's when it was taken already
 */
export function decidedMeanwhile(
  log: string,
  askedTs: number,
  put: Decision,
): DecisionMade | 'asked anew' | undefined {
  for (const each of [log, ...logsAbove(log)]) {
    const standings = newestStandings(each, () => {}, MAX_BYTES)
    const made = standings.decisionOf(put.id)
    // A log above does not tell when a child asked: what is older there is of an id that is used again.
    if (made !== undefined && (each === log || made.ts >= askedTs) && !isMadeOf(put, made)) return made
    const asked = each === log ? standings.askedOf(put.id) : undefined
    if (asked !== undefined && !isShownWith(put, asked)) return 'asked anew'
  }
  return undefined
}

/** Its note may be masked in the log. */
const isMadeOf = ({ approve, by, via, ts }: Decision, made: DecisionMade): boolean =>
  made.ts >= ts && made.approve === approve && made.by === by && made.via === via
