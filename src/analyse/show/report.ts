/** What `showEvent` tells. */
import type { ExitStatus, HiveEvent } from '../../format/kinds.js'
import type { LogTally } from '../reading.js'
import type { ShownArtifact } from './artifact.js'
import type { Match } from './find.js'
import type { EventPlace, PlacedEvent } from './places.js'

/** What happened to a message in one inbox. */
export interface Delivery {
  /** Whose inbox. */
  agentId: string
  /** The drain that took it; left out while none has. */
  taken?: EventPlace
  /** Milliseconds from the message to that drain; left out where the clocks say that it was taken before it was sent. */
  tookMs?: number
  /** It did not come into that inbox after all, or was taken out of it: why, as the log says. */
  dropped?: string
  /** The log is another program's, and this had to be guessed. Left out where not. */
  estimated?: true
}

/** Things of which not all are listed. */
export interface Listed<T> {
  /** At most 50. */
  list: T[]
  /** Those that are not listed. */
  more: number
}

/** What came of a message. */
export interface MessageOutcome {
  type: 'message'
  deliveries: Listed<Delivery>
  /** Messages that name it as what they answer. */
  replies: Listed<PlacedEvent>
  /** Where the log says that it could not be delivered. */
  drops: Listed<PlacedEvent>
}

export interface EscalationOutcome {
  type: 'escalation'
  status: 'pending' | 'approved' | 'rejected'
  /** Milliseconds that it took, or has waited for as long as the log goes. */
  ms?: number
  /** The approval that decided it. */
  decision?: PlacedEvent
  /** Other approvals of that id: they decided nothing. */
  others: Listed<PlacedEvent>
}

export interface LifeOutcome {
  type: 'life'
  agentId: string
  /** `living`: neither an exit nor a loss is in the logs. `replaced`: it was spawned again without having ended. */
  status: 'living' | 'archived' | 'held' | 'replaced' | ExitStatus
  /** What ended it. */
  end?: PlacedEvent
  /** Milliseconds from the spawn to its end, or to its last event. */
  ms: number
  /** Its own events, the spawn too. */
  events: number
  /** Model calls, tokens, and US dollars; `unpriced`: calls of which nothing says a cost. */
  usage: { calls: number; inputTokens: number; outputTokens: number; costUsd: number; unpriced: number }
}

export interface DrainOutcome {
  type: 'drain'
  /** What it took, oldest first, as far as the logs tell. */
  took: Listed<PlacedEvent>
  /** Ids that it names and no message has. */
  unknown: Listed<string>
  /** The log is another program's, and this had to be guessed. Left out where not. */
  estimated?: true
}

export interface ApprovalOutcome {
  type: 'approval'
  /** What it answers; left out where that is not in the logs. */
  escalation?: PlacedEvent
  /** Whether it decides that: the first clear answer does. */
  decides: boolean
}

export type Outcome = MessageOutcome | EscalationOutcome | LifeOutcome | DrainOutcome | ApprovalOutcome

export interface ShowReport extends LogTally {
  files: string[]
  query: string
  /** What the query turned out to mean. */
  found: 'event' | 'artifact' | 'several' | 'nothing'
  /** The event in full. */
  event?: HiveEvent
  place?: EventPlace
  /** Of an agent that was spawned several times, the other spawns. */
  lives?: PlacedEvent[]
  /** Contents that the event names, or the one that was asked for. */
  artifacts: ShownArtifact[]
  /** What came of the event; left out where its kind has no such thing. */
  outcome?: Outcome
  /** Events that name the artifact. */
  namedBy?: Listed<PlacedEvent>
  /** What fits, where that is several things. */
  matches?: Listed<Match>
  /** False where an artifact is missing or changed. */
  ok: boolean
}

export interface ShowOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** The log that alone is looked in: its path, or its file's name. Default: all; a position is meant in the first. */
  log?: string
  /** Give all of an artifact's text, up to 256 MiB, and not only its first 16 KiB. Default false. */
  full?: boolean
  /** Told how much was read, of how much that may have to be: bytes. */
  onProgress?: (read: number, total: number) => void
}
