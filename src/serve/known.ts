/**
 * What a session's log says of its agents and escalations, as far as what is told by several ways must be written once:
 * who lives, what waits for a person, what is decided.
 */
import { BoundedMap } from '../format/bounded-map.js'
import type { Fields } from '../format/fields.js'
import type { Line } from './records.js'
import type { AgentTold, Terminal, Told } from './told.js'

/** Agents, and escalations, that are remembered at least. */
const MAX_KNOWN = 10_000
/**
 * The field of an escalation that says in whose terminal it may be answered, so that it is known after a restart too.
 * The server alone writes it: of what is sent it is left out.
 */
export const TERMINAL = '_terminal'

export class Known {
  /** Whether it lives, by id. */
  readonly #agents = new BoundedMap<boolean>(MAX_KNOWN)
  /** Some are never said to begin. */
  readonly #askers = new BoundedMap<true>(MAX_KNOWN)
  /** What agents are or were called, by `model/agent-names.ts`. */
  readonly #names = new BoundedMap<true>(MAX_KNOWN)
  readonly #decided = new BoundedMap<true>(MAX_KNOWN)
  /** Escalations that wait, oldest first, and in whose terminal each may be answered. */
  readonly #pending = new Map<string, Terminal | undefined>()
  /**
   * Ids under which something was asked that no terminal may answer, whatever is asked under them besides. None is
   * forgotten: when there are too many, any id may be one.
   */
  readonly #deskOnly = new Set<string>()
  readonly #clean: (id: string) => string

  /** @param clean makes an id what it is in the log: of two that are the same there, one must not answer the other */
  constructor(clean: (id: string) => string = (id) => id) {
    this.#clean = clean
  }

  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  /** Whether an agent of this id or name lives, or lived, or asked people something. */
  isAgent(name: string): boolean {
    return this.#agents.has(name) || this.#names.has(name) || this.#askers.has(name)
  }

  isPending(id: string): boolean {
    return this.#pending.has(this.#clean(id))
  }

  isDecided(id: string): boolean {
    return this.#decided.has(this.#clean(id))
  }

  /** Whether a coding agent may ask under this id, and be answered in its terminal: nobody else asked under it. */
  mayAsk(id: string, terminal: Terminal): boolean {
    const own = this.#clean(id)
    if (this.#pending.has(own)) return this.#pending.get(own) === terminal
    return !this.#isFull && !this.#decided.has(own) && !this.#deskOnly.has(own)
  }

  get #isFull(): boolean {
    return this.#deskOnly.size >= MAX_KNOWN
  }

  /** A line is in the log. */
  note(kind: string, fields: Fields): void {
    const { agentId, from } = fields
    if (kind === 'escalate' && typeof from === 'string') this.#askers.set(from, true)
    if (kind === 'spawn' || kind === 'rename') this.#noteNames(fields)
    if (kind === 'spawn' && typeof agentId === 'string') this.#agents.set(agentId, true)
    else if (kind === 'exit' && typeof agentId === 'string') this.#agents.set(agentId, false)
    else if (typeof fields.id === 'string') this.#noteAsked(kind, fields.id, fields)
  }

  #noteNames({ name, isGod }: Fields): void {
    if (typeof name === 'string') this.#names.set(name, true)
    if (isGod === true) this.#names.set('god', true)
  }

  #noteAsked(kind: string, given: string, fields: Fields): void {
    if (kind === 'escalate') {
      const id = this.#clean(given)
      const terminal = fields[TERMINAL] as Terminal | undefined
      if (terminal === undefined && !this.#isFull) this.#deskOnly.add(id)
      this.#decided.delete(id)
      this.#pending.set(id, this.#deskOnly.has(id) ? undefined : terminal)
      if (this.#pending.size > MAX_KNOWN) this.#pending.delete(this.#pending.keys().next().value as string)
    } else if (kind === 'approval' && typeof fields.approve === 'boolean') {
      const id = this.#clean(given)
      this.#pending.delete(id)
      this.#decided.set(id, true)
    }
  }

  /** The lines of what is told that the log does not have: with the spawns of agents that it does not know. */
  linesOf({ ts, agent, parent, begins, terminal, lines }: Told): Line[] {
    const fresh: Line[] = []
    const spawned = new Set<string>()
    const spawn = (who: AgentTold | undefined, by: string | undefined, again: boolean): void => {
      if (who === undefined || spawned.has(who.agentId)) return
      const lives = this.#agents.get(who.agentId)
      if (lives === true || (lives === false && !again)) return
      spawned.add(who.agentId)
      fresh.push({ ts, kind: 'spawn', fields: spawnFields(who, by) })
    }
    spawn(parent, undefined, begins === true)
    spawn(agent, parent?.agentId, begins === true)
    const asked = new Set<string>()
    const isAnswered = lines.some(({ kind }) => kind === 'approval')
    for (const line of lines) {
      const { agentId, id = '' } = line.fields as Record<string, string | undefined>
      if (line.kind === 'exit') {
        const lives = spawned.has(agentId ?? '') || this.#agents.get(agentId ?? '') === true
        if (!lives) continue
      } else if (line.kind === 'escalate') {
        if (this.isPending(id) || this.isDecided(id)) continue
        if (terminal !== undefined && isAnswered && !this.mayAsk(id, terminal)) continue
        asked.add(id)
      } else if (line.kind === 'approval' && !asked.has(id)) {
        if (!this.isPending(id)) continue
        // A program's question is not the coding agent's, though it says that it was answered there.
        if (terminal !== undefined && this.#pending.get(this.#clean(id)) !== terminal) continue
      }
      fresh.push(line)
    }
    return fresh
  }
}

const spawnFields = ({ agentId, name, isGod = false, model }: AgentTold, parent?: string): Fields => ({
  agentId,
  name,
  isGod,
  ...(parent !== undefined && { parent }),
  ...(model !== undefined && { model }),
})
