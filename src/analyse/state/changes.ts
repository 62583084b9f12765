/** What an event changed in a hive's state, for those who watch it. */
import type { AgentStatus, UsageTotals } from '../../model/state.js'

export type StateChange =
  /** `from` is left out at the first spawn. */
  | { type: 'status'; agentId: string; from?: AgentStatus; to: AgentStatus }
  | { type: 'name'; agentId: string; from: string; to: string }
  | { type: 'role'; agentId: string; from?: string; to: string }
  /** `waiting` messages are there now. */
  | { type: 'inbox'; recipient: string; before: number; waiting: number }
  /** `pending` escalations are unanswered now; `delta` is 1, -1, or 0 for an approval that answers none of them. */
  | { type: 'pending'; id: string; delta: number; pending: number }
  /** Sums of the agent and of the hive. */
  | { type: 'usage'; agentId: string; agent: UsageTotals; hive: UsageTotals }
  | { type: 'lost'; events: number; total: number }

/** Takes what an event changes, as it does. */
export type OnChange = (change: StateChange) => void
