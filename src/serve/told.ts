/** What another program's telemetry says, in events of a hive: what a session's log is told. */
import type { Line } from './records.js'

/** Coding agents that ask a person where they run, so that what is said there counts. */
export type Terminal = 'claude-code' | 'codex' | 'gemini'

/** Who does something. */
export interface AgentTold {
  /** Id, the same in all that is told of it. */
  agentId: string
  /** For people. */
  name: string
  isGod?: boolean
  model?: string | undefined
}

/** One thing that was told: a log record, a hook, a span. */
export interface Told {
  /** Name of the session's folder, see `isStorable`. */
  session: string
  /** Epoch milliseconds. */
  ts: number
  /**
   * By which it is known when it comes again, also by another way: a tool's run is told by a hook, a log record and a
   * span.
   */
  key: string
  /** Whose it is: it is spawned with the first that is heard of it. Default: nobody's. */
  agent?: AgentTold | undefined
  /** Who started that agent. */
  parent?: AgentTold | undefined
  /** Whether an agent that ended begins another life by it. Default false: what comes late does not. */
  begins?: boolean | undefined
  /**
   * In whose terminal what is asked here may be answered, and what is answered here was. Default: in none; answers are
   * then those of a sender who may decide.
   */
  terminal?: Terminal
  /** Default: neither. What spans tell is left out where log events are heard too: those say more, and may come later. */
  signal?: 'log' | 'span'
  /** In the order in which they are written. May be empty: then there is nothing but the agents. */
  lines: readonly Line[]
}
