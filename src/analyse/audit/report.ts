/** What an audit says: every escalation and what became of it, each part with the line that it came from. */
import type { HiveEvent } from '../../format/kinds.js'
import type { LinePlace } from '../place.js'
import type { HiveSelection, LogTally } from '../reading.js'

/** The line that a statement came from. */
export interface AuditPlace extends LinePlace {
  /** Offset of the line's first byte in its segment (uncompressed). */
  offset: number
  /**
   * Whether a `log.seal` line later in the same segment vouches for this line, its writer wrote it, and the segment
   * follows on the one before it. That the seal itself is good is for `verifyLog` to say.
   */
  sealed: boolean
  /** Why not; left out where it is. */
  unsealed?: Unsealed
}

/**
 * Why nothing vouches for a line: `no-seal`: no seal stands after it; `adopted`: a writer found it at opening, and
 * seals after that say only what it found; `broken`: its segment does not follow on the one before it, or the next
 * one on it.
 */
export type Unsealed = 'no-seal' | 'adopted' | 'broken'

/** `unclear`: `approve` is neither true nor false. */
export type AuditOutcome = 'approved' | 'rejected' | 'unclear'

/** An `approval` line. */
export interface AuditDecision {
  /** The escalation's; left out where the line has none that can be used. */
  id?: string
  /** Epoch milliseconds. */
  ts: number
  /** What was decided. */
  outcome: AuditOutcome
  /** Of an unclear outcome: what `approve` was, as JSON. */
  value?: string
  /** Who decided, as the line says. */
  by?: string
  /** The way by which the decision came, as the line says: `page`, `cli`, `code`, `hook`. */
  via?: string
  /** Why, as the line says. */
  note?: string
  /** When the person decided, epoch milliseconds, where the line says that it was not when it was written. */
  decidedAt?: number
  /** Milliseconds since the question; left out where the clock ran backwards, or nothing was asked. */
  tookMs?: number
  /** The line of the decision. */
  place: AuditPlace
}

/** Who asked, as far as the log had told by then. */
export interface AuditAsker {
  /** Id of the agent; left out where the line names none. */
  agentId?: string
  /** Its name at that time. */
  name?: string
  /** The agent that spawned it. */
  parent?: string
  /** Its role, as its spawn said. */
  role?: string
}

/**
 * What an audit finds wrong.
 * - `answers-nothing`: an approval whose id nobody has escalated in what was read; none where logs of child processes
 *   were left out, since the escalation may be in one of them
 * - `before-question`: an approval that stands before its escalation in one log; it decides it all the same
 * - `contradictory`: a decision against an earlier one
 * - `repeated`: the same decision again
 * - `unclear`: `approve` is neither true nor false
 * - `self-approved`: the agent that asked approved it, by whatever name
 * - `agent-approval`: another agent decided it, which is not the parent of the one that asked, or that one rejected it;
 *   this and `self-approved` are the rule `agent-approval` of `checkLog`
 * - `id-reused`: two escalations of one id; a decision counts for the later one
 * - `no-id`: an escalation that nothing can answer, or an approval that can answer nothing
 */
export type AuditProblemKind =
  | 'answers-nothing'
  | 'before-question'
  | 'contradictory'
  | 'repeated'
  | 'unclear'
  | 'self-approved'
  | 'agent-approval'
  | 'id-reused'
  | 'no-id'

/** Something that is wrong with a question or its answer. */
export interface AuditProblem {
  /** What is wrong, for programs. */
  kind: AuditProblemKind
  /** One sentence. */
  message: string
  /** The line that makes it wrong. */
  place: AuditPlace
}

/** An event that came before an escalation. */
export interface AuditContext {
  /** Of a line of more than 4 KiB only the short fields. */
  event: HiveEvent
  /** The line of the event. */
  place: AuditPlace
}

/**
 * `contradicted`: there are decisions both for and against; the first one decided. `unclear`: an answer came that is
 * neither yes nor no, so that the escalation goes on waiting. `superseded`: its id was escalated again before anybody
 * decided, and the later one waits now. `unanswerable`: it has no id.
 */
export type AuditStatus = 'pending' | 'contradicted' | 'superseded' | 'unanswerable' | AuditOutcome

/** Where a subject is that was too big for its line. */
export interface AuditAside {
  /** SHA-256 of the artifact that holds it. */
  ref: string
  /** Its size, as the line says. */
  bytes: number
  /** Path at which it is, or should be. */
  path: string
  /**
   * `ok`: the subject is its beginning. `missing`: it is not there, or cannot be read; `changed`: its content is not that
   * of its name; `unread`: it is no text, or larger than 1 MiB, or 256 MiB of others were read before it. In these cases
   * the subject only says that it is stored aside.
   */
  status: 'ok' | 'missing' | 'changed' | 'unread'
}

/** One escalation. */
export interface AuditCase {
  /** Id of the escalation; left out where the line has none that can be used. */
  id?: string
  /** What became of it. */
  status: AuditStatus
  /** Epoch milliseconds of the question. */
  ts: number
  /** Who asked. */
  asker: AuditAsker
  /** Who was asked. */
  to?: string
  /** What is asked, other values than text as JSON. At most 500 characters; past 5,000 escalations, 120. So is a note. */
  subject?: string
  /** Where the subject is stored; left out where its line holds it. */
  aside?: AuditAside
  /** The line of the question. */
  place: AuditPlace
  /** In the log's order, those before the question too. */
  decisions: AuditDecision[]
  /** Decisions that are counted but not listed. */
  moreDecisions?: number
  /** Milliseconds from the question to the first clear decision, or else to the first. */
  tookMs?: number
  /** Of one that waits, pending or unclear: milliseconds from the question to `asOf`. */
  waitingMs?: number
  /** What is wrong with it and its decisions. */
  problems: AuditProblem[]
  /** The asking agent's events just before, oldest first; only with the options `id` and `context`. */
  before?: AuditContext[]
}

/** How many of the listed cases have each status. `pending` counts all that wait: those that are unclear too. */
export type AuditCounts = Record<AuditStatus, number>

/** What `auditTrail` finds: every escalation and what became of it. */
export interface AuditTrail extends LogTally {
  /** Paths of the logs that were read. */
  files: string[]
  /** Whether nothing is wrong in what is listed, and the chain of segments whole. A pending escalation is not wrong. */
  ok: boolean
  /** Escalations in the log, listed or not. */
  escalations: number
  /** Approvals in the log, listed or not. */
  approvals: number
  /** The time to which pending is measured, epoch milliseconds; left out where the log is empty. */
  asOf?: number
  /** Listed escalations by status. */
  counts: AuditCounts
  /** In the log's order. */
  cases: AuditCase[]
  /** Approvals that answer nothing, in the log's order. */
  orphans: AuditDecision[]
  /** All that is wrong in what is listed. */
  problems: AuditProblem[]
  /** Past the limits of memory: counted only, and not judged. All 0 in a log of any usual size. */
  notListed: {
    /** Escalations that are not listed. */
    escalations: number
    /** Approvals that are not listed. */
    approvals: number
  }
}

/** Events before an escalation of one id that are shown with it. */
export const SHOWN_CONTEXT = 5

/** What `auditTrail` takes: which are listed. `since` and `until`: only what was asked or decided in that time. */
export interface AuditOptions extends HiveSelection {
  /** Only escalations and approvals of this id. Default: all. */
  id?: string
  /**
   * Only escalations whose subject contains this text, in upper or lower case; one that is stored aside and cannot be read
   * may contain it. Default: all.
   */
  match?: string
  /** Only escalations of the agent of this id or name. Default: all. */
  agent?: string
  /** Only what this one decided. Default: all. */
  by?: string
  /** Only what nobody has decided: pending and unclear. Default false. */
  pending?: boolean
  /** The time to which pending is measured, epoch milliseconds. Default: the time of the log's last line. */
  asOf?: number
  /** With `id`: how many of the asking agent's last events before the escalation to give. Default 0, at most 100. */
  context?: number
  /** Escalations, and as many decisions beyond the first two of each, that are kept. Default 30,000. */
  limit?: number
}
