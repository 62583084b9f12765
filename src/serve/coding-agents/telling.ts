/** How what a coding agent's log event says becomes something told: the same for all of them. */
import type { Line } from '../records.js'
import type { AgentTold, Terminal, Told } from '../told.js'
import type { AgentEvent } from './agent-event.js'
import { known } from './values.js'

export interface Telling {
  /** A line at the event's time, in its span; fields that have no value are left out. */
  line(kind: string, fields: Line['fields']): Line
  /** @param key by which it is known when it comes again by another way. Default: the event's own */
  told(key: string | undefined, ...lines: Line[]): Told
  /** A person whom it waited for has answered in the terminal: who that was, no event says. */
  answered(id: string, subject: string, approve: boolean): Line[]
}

/**
 * @param terminal in whose terminal people answer what it asks
 * @param agent whose event it is
 * @param parent who started that one
 */
export function telling(
  event: AgentEvent,
  terminal: Terminal,
  agent: AgentTold,
  parent?: AgentTold,
): Telling {
  const { session, ts, contentKey, ids } = event
  const line: Telling['line'] = (kind, fields) => ({ ts, kind, fields: known(fields), ...ids })
  return {
    line,
    told: (key, ...lines) => ({
      session,
      ts,
      key: key ?? contentKey,
      agent,
      ...(parent !== undefined && { parent }),
      terminal,
      lines,
    }),
    answered: (id, subject, approve) => [
      line('escalate', { from: agent.agentId, to: 'human', subject, id }),
      line('approval', { id, approve, via: 'cli' }),
    ],
  }
}
