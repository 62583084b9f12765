/** The last few events of each agent, kept while a log is read: what led to an escalation. */

import { keyOf, textOf } from '../../format/bounded.js'
import { type Fields, setField } from '../../format/fields.js'
import { type HiveEvent, isKind } from '../../format/kinds.js'
import type { HiveEntry } from '../../read/hive.js'

/** Agents whose events are kept: those that were heard of last. */
const MAX_AGENTS = 2000
/** Longer lines are kept in short. */
const MAX_BYTES = 4096
const MAX_FIELDS = 40

export class RecentEvents {
  readonly #each: number
  readonly #agents = new Map<string, HiveEntry[]>()

  /** @param each events that are kept of an agent */
  constructor(each: number) {
    this.#each = each
  }

  add(entry: HiveEntry): void {
    const { agentId, from, to } = entry.event as Fields
    const own = keyOf(agentId) ?? keyOf(from)
    const addressee = isKind(entry.event, 'message') ? keyOf(to) : undefined
    if (own === undefined && addressee === undefined) return
    const kept = entry.bytes > MAX_BYTES ? { ...entry, event: shortened(entry.event) } : entry
    if (own !== undefined) this.#push(own, kept)
    if (addressee !== undefined && addressee !== own) this.#push(addressee, kept)
  }

  /** The last events of this agent, and messages to it; oldest first. */
  of(agent: string): HiveEntry[] {
    return [...(this.#agents.get(agent) ?? [])]
  }

  #push(agent: string, entry: HiveEntry): void {
    const entries = this.#agents.get(agent) ?? []
    // Set anew, so that the agent that was heard of longest ago comes first.
    this.#agents.delete(agent)
    this.#agents.set(agent, entries)
    entries.push(entry)
    if (entries.length > this.#each) entries.shift()
    if (this.#agents.size > MAX_AGENTS) {
      const [oldest] = this.#agents.keys()
      if (oldest !== undefined) this.#agents.delete(oldest)
    }
  }
}

function shortened(event: HiveEvent): HiveEvent {
  const fields: Fields = {}
  let count = 0
  for (const name in event) {
    const value = textOf((event as Fields)[name])
    if (value === undefined || name.length > 100) continue
    if (++count > MAX_FIELDS) break
    setField(fields, name, typeof (event as Fields)[name] === 'string' ? value : (event as Fields)[name])
  }
  return { ...fields, ts: event.ts, kind: textOf(event.kind) ?? '' }
}
