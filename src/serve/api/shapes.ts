/**
 * What the API answers (docs/api.md): plain JSON, the same for the page, for scripts and for a report in one file. Times
 * are epoch milliseconds. What is not known is left out.
 */
import type { HiveEvent } from '../../format/kinds.js'
import type { AgentStatus, HiveState, SnapshotState, UsageTotals } from '../../model/state.js'

/** An error's body, with any status from 400 on. `more` fields beside it are named where they come. */
export interface ErrorAnswer {
  /** One line: what is wrong, and what to do. */
  error: string
}

/** `GET /api/me` */
export interface Me {
  /** Name of the token. */
  name: string
  /** What it allows. */
  scopes: ('ingest' | 'read' | 'decide')[]
}

/** A hive that the server knows: a log, with those of its child processes. */
export interface LogEntry {
  /** The log id (16 hex digits, by its first line), with `-2`, … where two files have the same one. */
  id: string
  /** The session of its first line, or that under which it was received. */
  session?: string
  /** What it is called: its file name; of a copy, that at its origin. */
  name: string
  /** Path of the log. */
  file: string
  /** `file`: lies here; `copy`: received byte for byte; `events`: written by this server from what was sent. */
  source: 'file' | 'copy' | 'events'
  /** Bytes of all its segments, as they lie on the disk, and of its child logs. */
  bytes: number
  /**
   * Times of its earliest and its latest event, as `…/stats` says; of a hive that is not open in the server those of the
   * first and the last line of its logs, housekeeping (`log.*`) too.
   */
  firstTs?: number
  lastTs?: number
  /** Whether something was added in the last 30 seconds. */
  live: boolean
  /** Escalations without a decision, and agents; only of a hive that is open in the server. */
  pending?: number
  agents?: number
  /** Why it cannot be read, in one line. */
  error?: string
}

/** `GET /api/logs` */
export interface LogList {
  /** Newest first. */
  logs: LogEntry[]
  /** How many fit, on all pages. */
  total: number
  /** For the next page; left out on the last. */
  cursor?: string
}

/** `GET /api/logs/{id}`: a hive, and what is in it up to now. */
export interface LogOverview extends LogEntry {
  /** Positions of its first and last event; 0 and 0 where there is none. */
  first: number
  last: number
  /** All events, without housekeeping (`log.*`). */
  events: number
  /** Lines that are no event. */
  malformed: number
  /** Events that a writer says were lost. */
  lost: number
  /** Its logs: path, short name, and the last `seq`, where its lines carry one (else it is `foreign`). */
  logs: { log: string; file: string; seq?: number; foreign: boolean }[]
  /** How many events there are of each kind, most first. */
  kinds: { kind: string; count: number }[]
  /** The last seal of the first log: up to there a seal vouches for what is written. */
  sealed?: { position: number; signed: boolean }
}

/** An event, and where it stands. */
export interface PlacedEvent {
  /** The one position for all views: docs/api.md, Positions. */
  position: number
  /** Path of its log; left out in a hive of one log. */
  log?: string
  /** Path of its segment. */
  file: string
  /** Number of its line in the segment, from 1. */
  line: number
  /** Its own position in its log, where the line carries one. */
  seq?: number
  event: HiveEvent
  /** The line as `hivelog cat` says it, without colour, at most 400 columns. */
  text: string
}

/** `GET /api/logs/{id}/position?log=&seq=`: where an event is. */
export interface PositionAnswer extends Omit<PlacedEvent, 'event' | 'text'> {
  /** When it happened. */
  ts: number
}

/** `GET /api/logs/{id}/events` */
export interface EventPage {
  /** In the order of their positions. */
  events: PlacedEvent[]
  /** For the rows after these: `after=next`. Left out where there are none. */
  next?: number
  /** For the rows before these: `before=prev`. Left out where there are none. */
  prev?: number
  /** How many there are in all; left out where a filter would have to look at all to know. */
  total?: number
}

/** Of one agent, what a view of the floor shows. */
export interface FloorAgent {
  agentId: string
  name: string
  isGod: boolean
  /** Id of who spawned it. */
  parent?: string
  /** Path of its log, in a hive of several. */
  log?: string
  status: AgentStatus
  /** Since when it is so. */
  since: number
  role?: string
  model?: string
  /** Its last event. */
  last?: { position: number; ts: number; kind: string; text: string }
  /**
   * What waits for it: `oldestTs` of the oldest message that is known; `undelivered` how many a `drop` took out again or
   * kept out; `estimated` whether the log leaves something to guess.
   */
  inbox: { waiting: number; oldestTs?: number; undelivered: number; estimated: boolean }
  usage: Pick<UsageTotals, 'calls' | 'inputTokens' | 'outputTokens' | 'costUsd'>
  /** Its escalations that nobody has decided. */
  pending: number
  /** The last thing that it waited for, where that is its last event: a `wait` is told when it is over. */
  waits?: { resource: string; holder?: string; since: number }
}

/** Somebody who gets messages and is no agent of the hive. */
export interface Recipient {
  name: string
  waiting: number
  oldestTs?: number
  estimated: boolean
}

/** An escalation that nobody had decided then. */
export interface Pending {
  id: string
  from?: string
  to?: string
  subject?: string
  ts: number
  position: number
}

/** A message from one to another. */
export interface Edge {
  from: string
  to: string
  act?: string
  position: number
  ts: number
}

/** `GET /api/logs/{id}/floor?at=P`: who was there after that event, and what each was at. */
export interface Floor {
  /** Of the event; 0 before the first. */
  position: number
  /** Its time. */
  ts?: number
  agents: FloorAgent[]
  recipients: Recipient[]
  /** Oldest first. */
  pending: Pending[]
  usage: UsageTotals
  /** The last 50 messages before P, oldest first. */
  edges: Edge[]
}

/** `GET /api/logs/{id}/state?at=P`: the JSON of `hivelog state`. */
export interface StateAnswer extends Omit<HiveState, 'carry'> {
  file: string
  position: number
}

/** How many events were in a stretch of time. */
export interface Bucket {
  /** When the stretch begins. */
  ts: number
  count: number
  escalations: number
  errors: number
}

/** `GET /api/logs/{id}/density` */
export interface Density {
  /** Times of the first and the last event that are counted. */
  from: number
  to: number
  /** Stretches of one length that follow each other, empty ones too. */
  buckets: Bucket[]
  /** For each `agent` that was asked for, its own events. */
  agents?: { agentId: string; buckets: Bucket[] }[]
}

/** One life of an agent. */
export interface Life {
  from: number
  /** Left out while it lives. */
  to?: number
  status: AgentStatus
}

/** Something that an agent was at for a while. */
export interface Bar {
  agentId: string
  type: 'tool' | 'usage' | 'call' | 'wait' | 'held' | 'escalation'
  from: number
  /** Left out while it goes on. */
  to?: number
  name: string
  ok?: boolean
  /** Of the event that tells it. */
  position: number
}

/** A message, from when it was sent to when a drain took it. */
export interface LaneMessage {
  from: string
  to: string
  ts: number
  takenTs?: number
  act?: string
  position: number
}

/** `GET /api/logs/{id}/lanes` */
export interface Lanes {
  from: number
  to: number
  agents: { agentId: string; name: string; lives: Life[] }[]
  bars: Bar[]
  messages: LaneMessage[]
  /** Whether there is more than `limit`: then `dense` says how much is where. */
  more: boolean
  dense?: { agentId: string; buckets: Bucket[] }[]
}

/** A content that a `snapshot` names. */
export interface AgentSnapshot extends Pick<SnapshotState, 'ts' | 'label' | 'ref' | 'bytes'> {
  position: number
}

/** `GET /api/logs/{id}/agent/{agentId}` */
export interface AgentAnswer {
  /** At the end of the log. */
  agent: FloorAgent
  lives: Life[]
  /** The JSON of `hivelog talk AGENT`. */
  partners: object
  /** The newest 1,000, newest first. */
  snapshots: AgentSnapshot[]
  /** Its events by kind, most first. */
  events: { kind: string; count: number }[]
}

/** `event: floor` of the live stream: what changed since the one before. */
export interface FloorChange {
  position: number
  /** Only those that changed. */
  agents: FloorAgent[]
  pending: Pending[]
  usage: UsageTotals
}

/** `event: resync` of the live stream: more came than the viewer took; ask for floor and events anew. */
export interface Resync {
  position: number
}

/** `GET /api/logs/{id}/segments`: files of a log, for `hivelog pull`. */
export interface Segments {
  session?: string
  /** The log id. */
  log: string
  /** File name of the log, at its origin. */
  name: string
  /** Its path in the hive there: `hive.jsonl.agents/coder.jsonl`. */
  path: string
  segments: {
    /** `seq` of its first line (1 where the log has none). */
    segment: number
    /** Bytes, uncompressed. */
    bytes: number
    /** Of an archived segment, over its uncompressed bytes. */
    sha256?: string
    /** Whether it still grows. */
    live: boolean
  }[]
}

/** A person's answer to an escalation, on its way to the hive. */
export interface SentDecision {
  id: string
  approve: boolean
  by: string
  via: 'page' | 'cli' | 'code' | 'hook'
  note?: string
  ts: number
  /** Which question it is of, as the desk names it. */
  question?: string
}

/** `GET /api/logs/{id}/desk?at=P` */
export interface Desk {
  /** Oldest first. */
  pending: {
    id: string
    from?: string
    to?: string
    subject?: string
    ts: number
    position: number
    /** Names this question: an id can be used again for another. To be sent with its decision. */
    question?: string
    /** From the question to the last event before P; at the log's end, to now. */
    ageMs: number
    /** A decision that was given and has not come into the log. */
    sent?: SentDecision
    /** The last 5 events of who asks, before the question. */
    before: PlacedEvent[]
  }[]
  /** Newest first, at most 200. */
  decided: {
    id: string
    from?: string
    subject?: string
    approve: boolean
    by?: string
    via?: string
    note?: string
    askedTs: number
    /** When it was written down. */
    decidedTs: number
    /** When the person decided, where that is over a second from it. */
    decidedAt?: number
    askedPosition: number
    decidedPosition: number
  }[]
}
