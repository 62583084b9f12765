/**
 * What a hive was after a certain event: who existed, what waited for whom, what was pending with the human, and
 * what it had cost. Plain data: `JSON.stringify` keeps all of it, and `HiveModel` and `StateReducer` can go on from it.
 */
import type { ExitStatus } from '../format/kinds.js'

/** A segment that does not follow on the one before it: something is missing, was put there, or was exchanged. */
export interface BrokenChain {
  /** Path of the segment. */
  file: string
  /** One sentence. */
  reason: string
}

/** Where a line is, told where several logs are read as one hive; in a single log `seq` tells it. */
export interface LogPlace {
  /** Path of the log. */
  log?: string
  /** Path of the segment. */
  file?: string
  /** Number of the line in its segment, from 1. */
  line?: number
}

/**
 * `alive` from the spawn on; `held` and `archived` as harnesses put agents aside (`agent-hold`, `archive`); then what
 * the exit said. `lost` is also an agent whose process died: another one opened the log before it had ended.
 */
export type AgentStatus = 'alive' | 'held' | 'archived' | ExitStatus

/** Tokens and dollars, summed. */
export interface UsageTotals {
  /** Model calls. */
  calls: number
  /** Tokens of input. */
  inputTokens: number
  /** Tokens of output. */
  outputTokens: number
  /** Tokens of input that came from the provider's cache. */
  cacheReadTokens: number
  /** Tokens of input that went to the provider's cache. */
  cacheWriteTokens: number
  /** US dollars: what the events say, else what the price list says, where one was given. */
  costUsd: number
  /** Calls of which neither says a cost. */
  unpriced: number
}

/** The last snapshot, and where its content is. */
export interface SnapshotState extends LogPlace {
  /** `seq` of the event. */
  seq: number
  /** Epoch milliseconds. */
  ts: number
  /** Id of the agent whose state it is. */
  agentId: string
  /** What it shows, in the user's words. */
  label?: string
  /** SHA-256 of the content, which is in `<log>.artifacts/<first 2 hex>/<ref>`. */
  ref: string
  /** Length of the content in bytes. */
  bytes: number
}

/** What is known of one agent. */
export interface AgentState extends LogPlace {
  /** Its id. */
  agentId: string
  /** Its name; its id where no spawn told one. */
  name: string
  /** Whether it orchestrates the others. */
  isGod: boolean
  /** Id of the agent that spawned it. */
  parent?: string
  /** What it is there for. */
  role?: string
  /** Name of the model that it runs on. */
  model?: string
  /** Process id, of an agent in a process of its own. */
  pid?: number
  /** Session of its last spawn. */
  session?: string
  /** How it is. */
  status: AgentStatus
  /** When it came to be so: epoch milliseconds, and the event. */
  since: number
  /** `seq` of the event that made it so. */
  sinceSeq: number
  /** What its exit said. */
  error?: string
  /** Spawns under this id; 0 when only its events are in the log. */
  lives: number
  /** The last spawn: the event, and epoch milliseconds. */
  spawnSeq?: number
  /** Time of the last spawn, epoch milliseconds. */
  spawnTs?: number
  /** Its own events in this life. */
  events: number
  /** `seq` of its last event. */
  lastSeq: number
  /** Epoch milliseconds. */
  lastTs: number
  /** Of all its lives. */
  usage?: UsageTotals
  /** Its last one. */
  snapshot?: SnapshotState
}

/** A message that waits in an inbox. */
export interface WaitingMessage extends LogPlace {
  /** `seq` of the event that routed it. */
  seq: number
  /** Epoch milliseconds. */
  ts: number
  /** Its id. */
  id?: string
  /** Who sent it. */
  from?: string
  /** What is meant by it. */
  act?: string
  /** What it is about. */
  subject?: string
  /** Whether the sender waits for an answer. */
  requiresReply?: boolean
}

/** Messages that were routed to a recipient and not yet drained. */
export interface InboxState {
  /** An agent, or a name that never spawned. */
  recipient: string
  /** How many wait. */
  waiting: number
  /** In a foreign log some of it had to be guessed, so that `waiting` is about right at best. Left out where not. */
  estimated?: true
  /** The newest of them, oldest first: at most `MAX_LISTED_MESSAGES`. */
  messages: WaitingMessage[]
}

/** An escalation that nobody has decided. */
export interface PendingEscalation extends LogPlace {
  /** Its id, to answer it by. */
  id: string
  /** `seq` of the question. */
  seq: number
  /** Epoch milliseconds. */
  ts: number
  /** Who asked. */
  from?: string
  /** Who was asked. */
  to?: string
  /** What was asked. */
  subject?: string
}

/** The process that writes the log, as its last `log.open` says. */
export interface WriterState {
  /** Name and version of the program. */
  writer?: string
  /** Process id. */
  pid?: number
  /** Name of its machine. */
  host?: string
  /** The session that it began with. */
  session?: string
  /** Ordinal of the segment that it opened, from 1. */
  segment?: number
  /** When this writer opened the log, as it says: epoch milliseconds. Older writers do not. */
  started?: number
  /** The first line by it: epoch milliseconds. */
  since: number
}

/** One log of a hive that is read from several. */
export interface HiveLogState {
  /** Path of the log. */
  log: string
  /** Its last event that is counted in; 0 before the first. */
  seq: number
  /** Epoch milliseconds of that event. */
  ts?: number
  /** Who writes it. */
  writer?: WriterState
  /** Its lines carry no `seq` of their own: another program wrote it. Left out where they do. */
  foreign?: true
}

/** What a hive was after an event. */
export interface HiveState {
  /** The last event that is counted in; of several logs, that of the first one. 0 before the first. */
  seq: number
  /** The time of the last event, and that of the first: epoch milliseconds. */
  ts?: number
  /** Time of the first event, epoch milliseconds. */
  firstTs?: number
  /** Without housekeeping (`log.*`). */
  events: number
  /** Messages that were routed. */
  messages: number
  /** Lines that are no event. */
  malformed: number
  /** Events that the writer says were lost (`log.gap`). */
  lost: number
  /** Of several logs, that of the first one. */
  writer?: WriterState
  /** Where the hive is read from several logs: each of them. */
  logs?: HiveLogState[]
  /** In the order in which they were first spawned. Of those that ended, the last `MAX_ENDED_AGENTS`. */
  agents: AgentState[]
  /** Those in which something waits. */
  inboxes: InboxState[]
  /** Escalations without a decision, oldest first: the last `MAX_PENDING`. */
  pending: PendingEscalation[]
  /** What all its model calls used. */
  usage: UsageTotals
  /** The last one of any agent. */
  snapshot?: SnapshotState
  /** Where a segment does not follow on the one before it, so that this may not be what was; left out if nowhere. */
  broken?: BrokenChain[]
  /** Whether anything in it is an estimate, as a foreign log leaves something to guess. Left out where not. */
  estimated?: true
  /** What is counted but not listed, beyond the bounds. */
  unlisted: Unlisted
  /** What else going on from this state needs; opaque. Left out where that is nothing. */
  carry?: object
}

/** What a state counts but does not list. */
export interface Unlisted {
  /** Agents that ended longest ago. */
  endedAgents: number
  /** Escalations that are pending longest. */
  pending: number
  /** Messages to names that never spawned, and to agents that are not listed any more. */
  messages: number
  /** Agents that had not ended, beyond `MAX_LIVING_AGENTS`; left out where there is none. */
  livingAgents?: number
}

/** Bounds of what is listed, so that a state is small however long the log. */
export const MAX_LISTED_MESSAGES = 100
export const MAX_PENDING = 10_000
export const MAX_ENDED_AGENTS = 10_000
export const MAX_LIVING_AGENTS = 20_000
/** Recipients that never spawned. */
export const MAX_STRANGERS = 10_000

export function noUsage(): UsageTotals {
  return {
    calls: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    costUsd: 0,
    unpriced: 0,
  }
}

export function emptyState(): HiveState {
  return {
    seq: 0,
    events: 0,
    messages: 0,
    malformed: 0,
    lost: 0,
    agents: [],
    inboxes: [],
    pending: [],
    usage: noUsage(),
    unlisted: { endedAgents: 0, pending: 0, messages: 0 },
  }
}

export function isEnded(status: AgentStatus): boolean {
  return status === 'ok' || status === 'error' || status === 'killed' || status === 'lost'
}
