/**
 * What of an event is compared: its kind, the agent whose doing it is, and its fields without those that differ
 * between any two runs, with generated ids renamed. The tables here are what the documentation of `diffLogs` says.
 */
import type { HiveEvent } from '../../format/kinds.js'
import type { Renames } from './agents.js'
import { IdNames } from './ids.js'
import { canonicalJson } from './json.js'

/** Fields of any kind that are not compared. */
const IGNORED: readonly string[] = [
  'ts',
  'kind',
  'seq',
  'session',
  'checkpoint',
  'trace',
  'span',
  'pid',
  'ms',
]

/** Fields of one kind that are not compared beside those. */
const IGNORED_OF_KIND: ReadonlyMap<string, readonly string[]> = new Map([
  ['usage', ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens', 'costUsd', 'ttftMs']],
  ['tool', ['argsBytes', 'resultBytes']],
  ['snapshot', ['ref', 'bytes']],
  ['app-start', ['appPath', 'exePath']],
  ['condense', ['oldBytes', 'newBytes']],
])

/** Kinds whose `id` is a new one. */
const DEFINING: ReadonlySet<string> = new Set(['message', 'escalate', 'terminal-handoff'])
/** Fields whose ids mean something to one agent only. */
const LOCAL: ReadonlySet<string> = new Set(['conversation', 'sessionId'])
/** Fields with lists whose order depends on which of two agents was faster. */
const SETS: ReadonlySet<string> = new Set(['ids', 'delivered'])
const ID_FIELD = /Ids?$/
const MAX_CONTENT = 160

/** The human to whom an approval belongs when its escalation is not known. */
const HUMAN = 'human'

export interface CanonicalOptions {
  ignoreFields?: readonly string[]
  keepFields?: readonly string[]
}

export interface CanonicalEvent {
  /** Whose doing it is; null: nobody's, the hive's. */
  agent: string | null
  /** The agent's id in the log. */
  id: string | null
  kind: string
  /** All that is compared: two events are the same if their texts are. */
  text: string
}

/** The fields that are compared, with their values as JSON. */
export type CanonicalFields = [name: string, value: string][]

interface PlannedField {
  name: string
  /** The name as it stands in the text. */
  label: string
  isKept: boolean
  /** An id that is not compared is looked at all the same: what it names must be known later. */
  isCompared: boolean
}

/** What to do with events of one kind that have these keys in this order. */
interface Plan {
  keys: string[]
  fields: PlannedField[]
}

/** Kinds whose plans are kept. */
const MAX_PLANS = 1000

/** Who is meant in the events of one hive. */
export interface Named {
  /** Agents that were spawned, by their ids. */
  readonly spawned: { has(id: string): boolean }
  /** To whom the escalation went that the present approval is about; `undefined` where that is not known. */
  readonly asked: string | undefined
}

/** Takes the events of one log in order. */
export class Canonicalizer {
  readonly ids = new IdNames()
  readonly #agents: Renames
  readonly #ignored: ReadonlySet<string>
  readonly #ofKind: ReadonlyMap<string, ReadonlySet<string>>
  readonly #kept: ReadonlySet<string>
  readonly #hive: Named
  readonly #plans = new Map<string, Plan>()

  /** @param hive has taken each event in before it comes here */
  constructor(agents: Renames, hive: Named, options: CanonicalOptions = {}) {
    const { ignoreFields = [], keepFields = [] } = options
    const kept = new Set(keepFields)
    const without = (names: readonly string[]): string[] => names.filter((name) => !kept.has(name))
    this.#agents = agents
    this.#hive = hive
    this.#kept = kept
    // The kind is part of the comparison by itself.
    this.#ignored = new Set([...without(IGNORED), ...ignoreFields, 'kind'])
    this.#ofKind = new Map([...IGNORED_OF_KIND].map(([kind, names]) => [kind, new Set(without(names))]))
  }

  /** @param fields gets the fields that are compared, if given */
  take(event: HiveEvent, fields?: CanonicalFields): CanonicalEvent {
    const raw = event as Record<string, unknown>
    const { kind } = event
    const id = this.#owner(raw)
    const agent = id === null ? null : this.#agent(id)
    const content = this.#content(raw, kind, agent)
    let text = `${agent === null ? '' : JSON.stringify(agent)} ${JSON.stringify(kind)}`
    for (const { name, label, isKept, isCompared } of this.#planOf(raw, kind).fields) {
      const value = raw[name]
      const renamed = isKept && name !== 'id' ? value : this.#renamed(name, value, kind, agent, content)
      if (!isCompared) continue
      const json = canonicalJson(isKept ? value : renamed)
      text += label + json
      fields?.push([name, json])
    }
    return { agent, id, kind, text }
  }

  /** Events of one kind mostly have the same keys. */
  #planOf(event: Record<string, unknown>, kind: string): Plan {
    const keys = Object.keys(event)
    const known = this.#plans.get(kind)
    if (known !== undefined && isSameList(known.keys, keys)) return known
    const ofKind = this.#ofKind.get(kind)
    const fields = [...keys].sort().flatMap((name) => {
      const isCompared = !this.#ignored.has(name) && ofKind?.has(name) !== true
      if (!isCompared && name !== 'id') return []
      return [{ name, label: ` ${JSON.stringify(name)}:`, isKept: this.#kept.has(name), isCompared }]
    })
    if (this.#plans.size >= MAX_PLANS) this.#plans.clear()
    const plan = { keys, fields }
    this.#plans.set(kind, plan)
    return plan
  }

  #owner({ kind, agentId, from, id }: Record<string, unknown>): string | null {
    if (typeof agentId === 'string') return agentId
    if (kind === 'approval') return this.#hive.asked ?? HUMAN
    if (typeof from === 'string') return from
    return typeof id === 'string' && this.#hive.spawned.has(id) ? id : null
  }

  #agent(id: string): string {
    return this.#agents.get(id) ?? id
  }

  /** What names the ids that an event brings: what it says, without ids. */
  #content(event: Record<string, unknown>, kind: string, agent: string | null): string {
    const to = typeof event.to === 'string' ? ` → ${this.#agent(event.to)}` : ''
    const act = typeof event.act === 'string' ? ` ${event.act}` : ''
    const subject = typeof event.subject === 'string' ? ` "${event.subject}"` : ''
    return `${kind} ${agent ?? ''}${to}${act}${subject}`.slice(0, MAX_CONTENT)
  }

  #renamed(name: string, value: unknown, kind: string, agent: string | null, content: string): unknown {
    if (typeof value === 'string') {
      const renamed = this.#agents.get(value)
      if (renamed !== undefined) return renamed
      if (name === 'id') return this.#ownId(value, kind, agent, content)
      if (LOCAL.has(name)) return this.ids.local(agent, value, `${name} of ${content}`)
      if (name === 'inReplyTo') return this.#reference(value, agent, content)
      return ID_FIELD.test(name) ? (this.ids.known(value) ?? value) : value
    }
    if (!Array.isArray(value)) return value
    const list = value.map((element: unknown) => {
      if (typeof element !== 'string') return element
      const renamed = this.#agents.get(element)
      if (renamed !== undefined) return renamed
      if (name === 'ids') return this.#reference(element, agent, content)
      return ID_FIELD.test(name) ? (this.ids.known(element) ?? element) : element
    })
    return SETS.has(name) && list.every((element) => typeof element === 'string') ? list.sort() : list
  }

  #ownId(id: string, kind: string, agent: string | null, content: string): string {
    const known = this.ids.known(id)
    if (known !== undefined) return known
    if (DEFINING.has(kind)) return this.ids.define(id, content)
    return this.#hive.spawned.has(id) ? id : this.ids.local(agent, id, content)
  }

  #reference(id: string, agent: string | null, content: string): string {
    return this.ids.known(id) ?? this.ids.local(agent, id, `reference in ${content}`)
  }
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
