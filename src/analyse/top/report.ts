/** What a hive is doing at a moment. */
import type { AgentStatus } from '../../model/state.js'

/** Tokens and dollars. */
export interface TopUsage {
  /** Model calls. */
  calls: number
  inputTokens: number
  outputTokens: number
  /** US dollars: what events say, else what the price list says. */
  costUsd: number
  /** US dollars of the calls of the last minute. */
  lastMinuteUsd: number
  /** Calls of which nothing says a cost. */
  unpriced: number
}

export interface TopAgent extends TopUsage {
  agentId: string
  name: string
  isGod: boolean
  status: AgentStatus
  /** When it came to be so: epoch milliseconds. */
  since: number
  /** Its own events in this life. */
  events: number
  /** Kind of its last event, and when that was: epoch milliseconds, and milliseconds ago. */
  lastKind: string
  lastTs: number
  idleMs: number
  /** Messages that wait in its inbox. */
  inbox: number
  /** In a foreign log that had to be guessed. Left out where not. */
  inboxEstimated?: true
  /** Its escalations that nobody has decided. */
  pending: number
}

export interface TopReport {
  files: string[]
  /** Epoch milliseconds at which this was so. */
  asOf: number
  /** Logs that are read, those of child processes too. */
  logs: number
  lines: number
  /** Without housekeeping (`log.*`). */
  events: number
  /** Events of the last minute. */
  lastMinuteEvents: number
  messages: number
  malformed: number
  /** Events that `log.gap` lines say were lost. */
  lost: number
  /** Agents by what they are; `ended` are all that are no more. */
  counts: { alive: number; held: number; archived: number; ended: number }
  /** Messages that wait, in all inboxes. */
  inbox: number
  /** Escalations that nobody has decided. */
  pending: number
  usage: TopUsage
  /** Sorted as was asked for. */
  agents: TopAgent[]
  /** Agents that are not listed: those that ended longest ago, and what is beyond the limit. */
  notListed: number
}

export const TOP_SORTS = ['action', 'inbox', 'pending', 'cost'] as const
/** `action`: whose last event is newest comes first. The others: the most first; then by action. */
export type TopSort = (typeof TOP_SORTS)[number]

export interface TopOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Default `action`. */
  sort?: TopSort
  /** Agents that are listed. Default: all that are known. */
  limit?: number
  /** To when ages and the last minute are measured: epoch milliseconds. Default: now. */
  asOf?: number
  /** Told how many bytes of the logs were read, of how many that may have to be. */
  onProgress?: (read: number, total: number) => void
}
