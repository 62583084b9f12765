/** What comparing two logs gives. */
import type { HiveEvent } from '../../format/kinds.js'
import type { LinePlace } from '../place.js'
import type { HiveSelection } from '../reading.js'

/**
 * `same`: event for event. `order`: every agent did the same in the same order, only the order between agents
 * differs, as it does whenever they run concurrently. `differ`: at least one agent did something else.
 */
export type DiffVerdict = 'same' | 'order' | 'differ'

/** An event, and where it is. */
export interface EventPlace extends LinePlace {
  /** Whose doing it is, by the name that is the same in both logs; null: no agent's. */
  agent: string | null
  /** The event as it is in the log; of one that takes more than 4 KiB, only its short fields. */
  event: HiveEvent
}

/** Where two sequences part. A side is left out when its sequence ended before. */
export interface Divergence {
  /** How many events are the same before it. */
  index: number
  /** The first event there that only the first log has. */
  a?: EventPlace
  /** The first event there that only the second log has. */
  b?: EventPlace
}

/** Where behaviour parts first. */
export interface FirstDivergence extends Divergence {
  /** Whose behaviour; null: events of no agent. */
  agent: string | null
  /**
   * `changed`: each log has an event there that the other lacks; `a` or `b`: only that log has its event, the other
   * goes on with what comes later here.
   */
  change: 'changed' | 'a' | 'b'
  /** Of two events of one kind: what differs, as it is compared (JSON, with generated ids renamed). */
  fields: FieldDiff[]
}

/** A field whose values differ. */
export interface FieldDiff {
  /** Name of the field. */
  field: string
  /** Left out where the event has no such field. */
  a?: string
  /** The same of the second log. */
  b?: string
}

/** A row of two logs side by side. `changed`: different events that stand opposite each other. */
export interface DiffRow {
  /** Whether both logs have the event, or which one. */
  mark: 'same' | 'changed' | 'a' | 'b'
  /** The event of the first log. */
  a?: EventPlace
  /** The event of the second log. */
  b?: EventPlace
}

/** One agent in both logs. */
export interface AgentDiff {
  /** The name that is the same in both logs; null: events of no agent. */
  agent: string | null
  /** Its ids in the logs, where they were generated and differ. */
  ids?: {
    /** Its id in the first log. */
    a: string
    /** Its id in the second log. */
    b: string
  }
  /** Its events. */
  events: {
    /** How many in the first log. */
    a: number
    /** How many in the second log. */
    b: number
  }
  /** How many of them only that log has. */
  only: {
    /** How many only the first log has. */
    a: number
    /** How many only the second log has. */
    b: number
  }
  /** Where its own sequences part; left out when they are the same. */
  parts?: Divergence
}

/** Events of one kind by one agent that only one log has. */
export interface OnlyGroup {
  /** Which log has them. */
  side: 'a' | 'b'
  /** Their kind. */
  kind: string
  /** Whose they are, by the name that is the same in both logs; null: no agent's. */
  agent: string | null
  /** How many there are. */
  events: number
  /** The first few of them. */
  first: EventPlace[]
}

/** What was compared of one of the two logs. */
export interface DiffSide {
  /** The path as given. */
  file: string
  /** Events that were compared: without `log.*`, and with `agent`, only that agent's. */
  events: number
  /** How many of them the other log lacks, agent by agent. */
  only: number
  /** Lines that are no events; they are skipped. */
  malformed: number
  /** Whether the log goes on after what was compared. */
  isCut: boolean
}

/** What `diffLogs` finds. */
export interface LogDiff {
  /** Whether they differ, and how much. */
  verdict: DiffVerdict
  /** The first log. */
  a: DiffSide
  /** The second log. */
  b: DiffSide
  /** Events that both logs have: `a.events - a.only`, which is `b.events - b.only`. */
  common: number
  /** Where the logs part line by line, be it only that agents ran in another order; not when `same`. */
  parts?: Divergence
  /** Where an agent first does something else; only when `differ`. */
  first?: FirstDivergence
  /** The place of `first` (or, when only the order differs, `parts`) and what is around it. */
  around: {
    /** Whether the rows are all events, or those of the agent of `first` alone, the order being another before it. */
    of: 'hive' | 'agent'
    /** The events there, in order. */
    rows: DiffRow[]
  }
  /** Those that part first, in order of where, then the others. */
  agents: AgentDiff[]
  /** Most events first. */
  only: OnlyGroup[]
  /** Bounds that were hit, and what that means; a sentence each. */
  notes: string[]
}

/** What `diffLogs` takes. */
export interface DiffOptions extends HiveSelection {
  /** Compare only this agent's events: its id in either log, or its name in an earlier result. Default: all. */
  agent?: string
  /** Rows before and after the divergence, 0 to 1000. Default 3. */
  context?: number
  /** Fields that are not compared beside the ones that never are. Default none. */
  ignoreFields?: readonly string[]
  /** Fields that are compared, just as they are, though they are ignored or renamed by default. Default none. */
  keepFields?: readonly string[]
  /** Events of each log that are held from where the logs part; what comes later is not compared. Default 500,000. */
  maxEvents?: number
}
