/** What an event changed in a hive's state, for those who watch it. */
import type { AgentStatus, UsageTotals } from '../../model/state.js'

/** One thing that an event changed in a hive's state. */
export type StateChange =
  /** `from` is left out at the first spawn. */
  | {
      type: 'status'
      /** Id of the agent. */
      agentId: string
      /** What it was before; left out where it was nothing. */
      from?: AgentStatus
      /** What it is now. */
      to: AgentStatus
    }
  | {
      type: 'name'
      /** Id of the agent. */
      agentId: string
      /** What it was before; left out where it was nothing. */
      from: string
      /** What it is now. */
      to: string
    }
  | {
      type: 'role'
      /** Id of the agent. */
      agentId: string
      /** What it was before; left out where it was nothing. */
      from?: string
      /** What it is now. */
      to: string
    }
  /** `waiting` messages are there now. */
  | {
      type: 'inbox'
      /** Whose inbox: an agent, or a name that never spawned. */
      recipient: string
      /** How many messages waited before. */
      before: number
      /** How many messages wait now. */
      waiting: number
    }
  /** `pending` escalations are unanswered now; `delta` is 1, -1, or 0 for an approval that answers none of them. */
  | {
      type: 'pending'
      /** Id of the escalation. */
      id: string
      /** By how many the count changed. */
      delta: number
      /** How many escalations are unanswered now. */
      pending: number
    }
  /** Sums of the agent and of the hive. */
  | {
      type: 'usage'
      /** Id of the agent. */
      agentId: string
      /** Sums of the agent. */
      agent: UsageTotals
      /** Sums of the hive. */
      hive: UsageTotals
    }
  | {
      type: 'lost'
      /** Events that the writer lost now. */
      events: number
      /** Events that it has lost so far. */
      total: number
    }

/** Takes what an event changes, as it does. */
export type OnChange = (change: StateChange) => void
