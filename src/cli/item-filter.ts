/** Which lines `--kind`, `--agent`, `--trace`, `--span` and times choose, and what is meant when that is none. */
import { agentsOf, isAbout } from '../model/who.js'
import { isBreak, isMalformed, type LogEntry, type LogItem } from '../read/items.js'
import { hexIds, UsageError } from './args.js'
import { nearest } from './nearest.js'

/** What is chosen, as it was given. */
export interface Choice {
  kind?: readonly string[] | undefined
  agent?: readonly string[] | undefined
  trace?: readonly string[] | undefined
  span?: readonly string[] | undefined
  /** Epoch milliseconds, both included. */
  since?: number | undefined
  until?: number | undefined
}

/** Kinds and agents that are known by name when nothing fits. */
const MAX_KNOWN = 10_000
/** Names that are listed then. */
const SHOWN = 5

/** Lets through what matches one value of each option that is given. Lines that are no events match none. */
export class ItemFilter {
  readonly #kinds: readonly string[]
  readonly #agents: ReadonlySet<string>
  readonly #traces: readonly string[]
  readonly #spans: readonly string[]
  readonly #since: number
  readonly #until: number
  #hasMatched = false
  readonly #knownKinds = new Set<string>()
  readonly #knownAgents = new Set<string>()

  /** @throws {UsageError} on a kind, trace id or span id that is none */
  constructor({ kind = [], agent = [], trace = [], span = [], since, until }: Choice) {
    mustBeKinds(kind)
    this.#kinds = kind
    this.#agents = new Set(agent)
    this.#traces = hexIds('--trace', trace, 32)
    this.#spans = hexIds('--span', span, 16)
    this.#since = since ?? Number.NEGATIVE_INFINITY
    this.#until = until ?? Number.POSITIVE_INFINITY
    const named = kind.length + agent.length + trace.length + span.length
    this.hasNames = named > 0
    this.choosesAll = named === 0 && since === undefined && until === undefined
  }

  /** Whether kinds, agents, traces or spans were asked for. */
  readonly hasNames: boolean

  /** Whether nothing was asked for in particular. */
  readonly choosesAll: boolean

  readonly accepts = (item: LogItem): boolean => {
    if (this.choosesAll) return true
    // That a segment is not the log's own is for everybody to see, whatever was asked for.
    if (isMalformed(item)) return isBreak(item)
    const does = this.#fits(item)
    if (does) this.#hasMatched = true
    else if (!this.#hasMatched) this.#know(item)
    return does
  }

  /** When no event that was looked at fits: why, and what may have been meant. */
  missed(): string | undefined {
    if (this.#hasMatched) return undefined
    const kind = this.#kinds.find((each) => !this.#knownKinds.has(each))
    if (kind !== undefined) return unknown(`of kind '${kind}'`, kind, this.#knownKinds)
    const agent = [...this.#agents].find((each) => !this.#knownAgents.has(each))
    if (agent !== undefined) return unknown(`about an agent '${agent}'`, agent, this.#knownAgents)
    return this.choosesAll ? undefined : 'no event fits all that was asked for'
  }

  #fits({ event }: LogEntry): boolean {
    return (
      (this.#kinds.length === 0 || this.#kinds.includes(event.kind)) &&
      (this.#agents.size === 0 || isAbout(event, this.#agents)) &&
      (this.#traces.length === 0 || isOneOf(event.trace, this.#traces)) &&
      (this.#spans.length === 0 || isOneOf(event.span, this.#spans)) &&
      event.ts >= this.#since &&
      event.ts <= this.#until
    )
  }

  #know({ event }: LogEntry): void {
    if (this.#kinds.length > 0 && this.#knownKinds.size < MAX_KNOWN) this.#knownKinds.add(event.kind)
    if (this.#agents.size === 0) return
    for (const id of agentsOf(event)) if (this.#knownAgents.size < MAX_KNOWN) this.#knownAgents.add(id)
  }
}

function unknown(what: string, name: string, known: ReadonlySet<string>): string {
  const names = [...known]
  const meant = nearest(name, names)
  if (meant !== undefined) return `no event is ${what}; did you mean ${meant}?`
  if (names.length === 0) return `no event is ${what}`
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
  return `no event is ${what}; there are ${names.slice(0, SHOWN).join(', ')}${more}`
}

/** As `ItemFilter.accepts`; `undefined` for all. @throws as it */
export function itemFilter(
  kind: readonly string[] = [],
  agent: readonly string[] = [],
): ((item: LogItem) => boolean) | undefined {
  const filter = new ItemFilter({ kind, agent })
  return filter.choosesAll ? undefined : filter.accepts
}

/** Any kind can be in a log, but none has blanks or commas in it. @throws {UsageError} */
function mustBeKinds(kinds: readonly string[]): void {
  const bad = kinds.find((kind) => /[\s,\p{Cc}]/u.test(kind))
  if (bad !== undefined) {
    throw new UsageError(
      `--kind needs one kind, such as message, and can be given several times, not '${bad}'`,
    )
  }
}

/** The field can be anything in a log that another program wrote. */
function isOneOf(id: unknown, ids: readonly string[]): boolean {
  return typeof id === 'string' && ids.includes(id.toLowerCase())
}
