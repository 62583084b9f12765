/**
 * What a hive was after a certain event: who existed, what waited for whom, what was pending with the human, and
 * what it had cost. Plain data: `JSON.stringify` keeps all of it, and `StateReducer` can go on from it.
 */
import type { ExitStatus } from '../../format/kinds.js'
import type { BrokenChain } from '../reading.js'

/**
 * `alive` from the spawn on; `held` and `archived` as harnesses put agents aside (`agent-hold`, `archive`); then what
 * the exit said. `lost` is also an agent whose process died: another one opened the log before it had ended.
 */
export type AgentStatus = 'alive' | 'held' | 'archived' | ExitStatus

/** Tokens and dollars, summed. */
export interface UsageTotals {
  /** Model calls. */
  calls: number
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWriteTokens: number
  /** US dollars, as the events say; `hivelog cost` also prices what has none. */
  costUsd: number
  /** Calls whose event names no cost. */
  unpriced: number
}

export interface SnapshotState {
  seq: number
  /** Epoch milliseconds. */
  ts: number
  agentId: string
  label?: string
  /** SHA-256 of the content, which is in `<log>.artifacts/<first 2 hex>/<ref>`. */
  ref: string
  bytes: number
}

export interface AgentState {
  agentId: string
  name: string
  isGod: boolean
  parent?: string
  role?: string
  model?: string
  pid?: number
  session?: string
  status: AgentStatus
  /** When it came to be so: epoch milliseconds, and the event. */
  since: number
  sinceSeq: number
  /** What its exit said. */
  error?: string
  /** Spawns under this id; 0 when only its events are in the log. */
  lives: number
  /** The last spawn: the event, and epoch milliseconds. */
  spawnSeq?: number
  spawnTs?: number
  /** Its own events in this life. */
  events: number
  lastSeq: number
  /** Epoch milliseconds. */
  lastTs: number
  /** Of all its lives. */
  usage?: UsageTotals
  snapshot?: SnapshotState
}

export interface WaitingMessage {
  seq: number
  /** Epoch milliseconds. */
  ts: number
  id?: string
  from?: string
  act?: string
  subject?: string
  requiresReply?: boolean
}

/** Messages that were routed to a recipient and not yet drained. */
export interface InboxState {
  /** An agent, or a name that never spawned. */
  recipient: string
  /** How many wait. */
  waiting: number
  /** The newest of them, oldest first: at most `MAX_LISTED_MESSAGES`. */
  messages: WaitingMessage[]
}

export interface PendingEscalation {
  id: string
  seq: number
  /** Epoch milliseconds. */
  ts: number
  from?: string
  to?: string
  subject?: string
}

/** The process that writes the log, as its last `log.open` says. */
export interface WriterState {
  writer?: string
  pid?: number
  host?: string
  session?: string
  segment?: number
  /** Epoch milliseconds. */
  since: number
}

export interface HiveState {
  /** The last event that is counted in; 0 before the first. */
  seq: number
  /** Its time, and that of the first event: epoch milliseconds. */
  ts?: number
  firstTs?: number
  /** Without housekeeping (`log.*`). */
  events: number
  messages: number
  /** Lines that are no event. */
  malformed: number
  /** Events that the writer says were lost (`log.gap`). */
  lost: number
  writer?: WriterState
  /** In the order in which they were first spawned. Of those that ended, the last `MAX_ENDED_AGENTS`. */
  agents: AgentState[]
  /** Those in which something waits. */
  inboxes: InboxState[]
  /** Escalations without an answer, oldest first: the last `MAX_PENDING`. */
  pending: PendingEscalation[]
  usage: UsageTotals
  /** The last one of any agent. */
  snapshot?: SnapshotState
  /** Where a segment does not follow on the one before it, so that this may not be what was; left out if nowhere. */
  broken?: BrokenChain[]
  /** What is counted but not listed, beyond the bounds. */
  unlisted: { endedAgents: number; pending: number; messages: number }
}

/** Bounds of what is listed, so that a state is small however long the log. */
export const MAX_LISTED_MESSAGES = 100
export const MAX_PENDING = 10_000
export const MAX_ENDED_AGENTS = 10_000
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
