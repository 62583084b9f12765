/** What a hive is doing at a moment. */
import type { AgentStatus } from '../../model/state.js'

/** What model calls used: of an agent in all its lives, or of the hive. */
export interface TopUsage {
  /** Model calls. */
  calls: number
  /** Tokens of input. */
  inputTokens: number
  /** Tokens of output. */
  outputTokens: number
  /** US dollars: what events say, else what the price list says. */
  costUsd: number
  /** US dollars of the calls of the last minute. */
  lastMinuteUsd: number
  /** Calls of which nothing says a cost. */
  unpriced: number
}

/** An agent, and what it is doing. */
export interface TopAgent extends TopUsage {
  /** Its id. */
  agentId: string
  /** Its name; its id where no spawn told one. */
  name: string
  /** Whether it orchestrates the others. */
  isGod: boolean
  /** How it is. */
  status: AgentStatus
  /** Epoch milliseconds at which it came to be so. */
  since: number
  /** Its own events in this life. */
  events: number
  /** Kind of its last event, at most 40 characters of it; empty where it has none of its own. */
  lastKind: string
  /** Epoch milliseconds of its last event. */
  lastTs: number
  /** Milliseconds since then. */
  idleMs: number
  /** Messages that wait in its inbox. */
  inbox: number
  /** Whether `inbox` had to be guessed, as the log is another program's. Left out where not. */
  inboxEstimated?: true
  /** Its escalations that nobody has decided. */
  pending: number
}

/** What a hive is doing at a moment. */
export interface TopReport {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** Epoch milliseconds at which this was so. */
  asOf: number
  /** Logs that are read, those of child processes too. */
  logs: number
  /** Lines that were read. */
  lines: number
  /** Events, without housekeeping (`log.*`). */
  events: number
  /** Events of the last minute. */
  lastMinuteEvents: number
  /** Messages that were routed. */
  messages: number
  /** Lines that are no event. */
  malformed: number
  /** Events that `log.gap` lines say were lost. */
  lost: number
  /** How many agents are in which state. */
  counts: {
    /** Agents that work. */
    alive: number
    /** Agents that were put on hold. */
    held: number
    /** Agents that were archived. */
    archived: number
    /** Agents that are no more, however they ended. */
    ended: number
  }
  /** Messages that wait, in all inboxes. */
  inbox: number
  /** Whether any of these had to be guessed. Left out where not. */
  inboxEstimated?: true
  /** Escalations that nobody has decided. */
  pending: number
  /** What all model calls used. */
  usage: TopUsage
  /** Sorted as was asked for. */
  agents: TopAgent[]
  /** Agents that are not listed: those that ended longest ago, and what is beyond the limit. */
  notListed: number
}

/** What the agents of a picture can be sorted by. */
export const TOP_SORTS = ['action', 'inbox', 'pending', 'cost'] as const

/** `action`: whose last event is newest comes first. The others: the most first; then by action. */
export type TopSort = (typeof TOP_SORTS)[number]

/** What `TopWatch.report` takes: which agents are listed, and of when the picture is. */
export interface PictureOptions {
  /** Default `action`. */
  sort?: TopSort
  /** Agents that are listed. Default: all that are known. */
  limit?: number
  /** To when ages and the last minute are measured: epoch milliseconds. Default: now. */
  asOf?: number
}

/** What `topReport` takes. */
export interface TopOptions extends PictureOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: (read: number, total: number) => void
}
