/** What `showEvent` tells. */
import type { ExitStatus, HiveEvent } from '../../format/kinds.js'
import type { LogTally } from '../reading.js'
import type { ShownArtifact } from './artifact.js'
import type { Match } from './find.js'
import type { PlacedEvent, TimedPlace } from './places.js'

/** What happened to a message in one inbox. */
export interface Delivery {
  /** Whose inbox. */
  agentId: string
  /** The drain that took it; left out while none has. */
  taken?: TimedPlace
  /** Milliseconds from the message to that drain; left out where the clocks say that it was taken before it was sent. */
  tookMs?: number
  /** Why it did not come into that inbox after all, or was taken out of it, as the log says. */
  dropped?: string
  /** Whether this had to be guessed, as the log is another program's, or the inbox too full. Left out where not. */
  estimated?: true
}

/** Things of which not all are listed. */
export interface Listed<T> {
  /** Those that are listed: at most 50. */
  list: T[]
  /** How many more there are. */
  more: number
}

/** What came of a message. */
export interface MessageOutcome {
  type: 'message'
  /** Inboxes that it came into, and what happened to it there; none where nobody got it. */
  deliveries: Listed<Delivery>
  /** Messages that name it as what they answer. */
  replies: Listed<PlacedEvent>
  /** Where the log says that it could not be delivered. */
  drops: Listed<PlacedEvent>
}

/** What came of an escalation. */
export interface EscalationOutcome {
  type: 'escalation'
  /**
   * `pending`: nobody has decided it as far as the logs go. `superseded`: its id was escalated again before anybody did;
   * what is decided from then on is the later one.
   */
  status: 'pending' | 'approved' | 'rejected' | 'superseded'
  /** Milliseconds that it took, or waited until it was superseded, or has waited for as long as the log goes. */
  ms?: number
  /** The approval that decided it. */
  decision?: PlacedEvent
  /** Other approvals of that id: they decided nothing. */
  others: Listed<PlacedEvent>
}

/** What became of an agent from one spawn on. */
export interface LifeOutcome {
  type: 'life'
  /** Id of the agent. */
  agentId: string
  /** `living`: neither an exit nor a loss is in the logs. `replaced`: it was spawned again without having ended. */
  status: 'living' | 'archived' | 'held' | 'replaced' | ExitStatus
  /** What ended it: an exit, a loss, or the spawn that replaced it; left out while it lives. */
  end?: PlacedEvent
  /** Milliseconds from the spawn to its end, or to its last event. */
  ms: number
  /** Its own events, the spawn too. */
  events: number
  /** What it used in this life. */
  usage: {
    /** Model calls. */
    calls: number
    /** Tokens of input. */
    inputTokens: number
    /** Tokens of output. */
    outputTokens: number
    /** US dollars: what the events say, else what the price list says. */
    costUsd: number
    /** Calls of which neither says a cost. */
    unpriced: number
  }
}

/** What a drain took out of an inbox. */
export interface DrainOutcome {
  type: 'drain'
  /** What it took, oldest first, as far as the logs tell. */
  took: Listed<PlacedEvent>
  /** Ids that it names and no message has. */
  unknown: Listed<string>
  /** Whether this had to be guessed, as the log is another program's. Left out where not. */
  estimated?: true
}

/** What an approval answers. */
export interface ApprovalOutcome {
  type: 'approval'
  /** What it answers; left out where that is not in the logs. */
  escalation?: PlacedEvent
  /** Whether it decides that: the first clear answer does. */
  decides: boolean
}

/** What came of an event, by `type`. */
export type Outcome = MessageOutcome | EscalationOutcome | LifeOutcome | DrainOutcome | ApprovalOutcome

/** What `showEvent` finds. */
export interface ShowReport extends LogTally {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** What was looked for. */
  query: string
  /** What the query turned out to mean. */
  found: 'event' | 'artifact' | 'several' | 'nothing'
  /** The event in full. */
  event?: HiveEvent
  /** Where the event stands. */
  place?: TimedPlace
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
  /** False where an artifact is missing or changed, or a segment does not follow on the one before it (`broken`). */
  ok: boolean
}

/** What `showEvent` takes. */
export interface ShowOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /**
   * The log that alone is looked in: its path, as `logsOfHive` has it. Default: all; a position is meant in the first.
   */
  log?: string
  /** Give all of an artifact's text, up to 256 MiB, and not only its first 16 KiB. Default false. */
  full?: boolean
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: (read: number, total: number) => void
}
