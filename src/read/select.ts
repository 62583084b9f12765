/** Which events of a log are wanted, and what that says about the bytes of their lines. */
import type { Fields } from '../format/fields.js'
import type { HiveEvent } from '../format/kinds.js'
import { canScan, isLiteral, type ScanPlan } from './scan.js'

/**
 * Which events are read. An event must fit each condition that is given; one that is left out, or an empty list, lets
 * all through. What is not wanted is passed over without being parsed where its line's bytes say so for certain, so
 * that a question that needs few events is answered some ten times as fast.
 */
export interface Selection {
  /** Kinds; one that ends with `*` stands for all that begin so, as `log.*`. */
  kinds?: readonly string[]
  /** Ids of agents: the event's `agentId`, `from` or `to`, one of its `delivered`, or the `id` of `agent-hold`. */
  agents?: readonly string[]
  /** Trace ids, in lower or upper case. */
  traces?: readonly string[]
  /** Span ids, in lower or upper case. */
  spans?: readonly string[]
  /** Ids of messages and escalations: the event's `id` or `inReplyTo`, or one of its `ids`. */
  ids?: readonly string[]
  /** Least `ts`, epoch milliseconds. */
  since?: number
  /** Greatest `ts`, epoch milliseconds. */
  until?: number
  /**
   * Also the last event of every segment, whatever it is: it tells how far the log goes. It is given at the
   * segment's end, behind malformed lines that follow it. Default false.
   */
  last?: boolean
}

/** What a selection passed over; readers add to it. */
export interface PassedOver {
  /** Lines that were not given: events that are not wanted, and lines that were not parsed. */
  lines: number
  /**
   * Those of them that were not parsed. By their beginning and end they are events. One that is damaged in between is
   * not noticed: `verify` is the judge of that. Where a side index says what a part of the log holds, that is not read
   * at all: its lines were events when the index was made.
   */
  unparsed: number
}

/** A selection, ready for use. */
export class Selector {
  readonly last: boolean
  /** Whether events are chosen by their time. */
  readonly isTimed: boolean
  /** What a line must hold to be parsed; `undefined` when its bytes cannot tell. */
  readonly plan: ScanPlan | undefined
  readonly #kinds: ReadonlySet<string> | undefined
  readonly #prefixes: readonly string[]
  readonly #agents: ReadonlySet<string> | undefined
  readonly #traces: ReadonlySet<string> | undefined
  readonly #spans: ReadonlySet<string> | undefined
  readonly #ids: ReadonlySet<string> | undefined
  readonly #since: number
  readonly #until: number

  constructor(selection: Selection) {
    const { kinds = [], since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = selection
    const isPrefix = (kind: string): boolean => kind.endsWith('*')
    this.last = selection.last === true
    this.isTimed = selection.since !== undefined || selection.until !== undefined
    this.#kinds = kinds.length === 0 ? undefined : new Set(kinds.filter((kind) => !isPrefix(kind)))
    this.#prefixes = kinds.filter(isPrefix).map((kind) => kind.slice(0, -1))
    this.#agents = setOf(selection.agents)
    this.#traces = setOf(selection.traces, true)
    this.#spans = setOf(selection.spans, true)
    this.#ids = setOf(selection.ids)
    this.#since = since
    this.#until = until
    this.plan = this.#plan()
  }

  matches(event: HiveEvent): boolean {
    const { ts, kind } = event
    if (this.#kinds !== undefined && !this.#kinds.has(kind) && !this.#hasPrefix(kind)) return false
    if (!(ts >= this.#since && ts <= this.#until)) return false
    const fields = event as Fields
    return (
      (this.#traces === undefined || hasHex(this.#traces, fields.trace)) &&
      (this.#spans === undefined || hasHex(this.#spans, fields.span)) &&
      (this.#ids === undefined || hasId(this.#ids, fields)) &&
      (this.#agents === undefined || concerns(this.#agents, fields))
    )
  }

  /** Whether an event of one of these kinds can be wanted. @param kinds `undefined` for any */
  wantsKinds(kinds: readonly string[] | undefined): boolean {
    const wanted = this.#kinds
    if (wanted === undefined || kinds === undefined) return true
    return kinds.some((kind) => wanted.has(kind) || this.#hasPrefix(kind))
  }

  /** Whether an event between these times can be wanted, both included. */
  wantsTimes(least: number, greatest: number): boolean {
    return greatest >= this.#since && least <= this.#until
  }

  #hasPrefix(kind: string): boolean {
    for (let i = 0; i < this.#prefixes.length; i++)
      if (kind.startsWith(this.#prefixes[i] as string)) return true
    return false
  }

  #plan(): ScanPlan | undefined {
    const names = [...(this.#kinds ?? [])]
    const isPlain = [...names, ...this.#prefixes].every(isLiteral)
    const kinds = isPlain ? [...names.map((name) => `${name}"`), ...this.#prefixes] : []
    const plan = {
      kinds,
      ...this.#needles(),
      since: Math.ceil(this.#since),
      until: Math.floor(this.#until),
    }
    const isEmpty =
      kinds.length + plan.needles.length === 0 &&
      plan.since === Number.NEGATIVE_INFINITY &&
      plan.until === Number.POSITIVE_INFINITY
    return isEmpty || !canScan(plan) ? undefined : plan
  }

  /** Of the conditions that a text in the line can tell, the first: it leaves few lines over. */
  #needles(): Pick<ScanPlan, 'needles' | 'anyCase'> {
    for (const texts of [this.#traces, this.#spans]) {
      if (texts !== undefined && [...texts].every((text) => /^[\da-f]+$/.test(text)))
        return { needles: quoted(texts), anyCase: true }
    }
    for (const texts of [this.#ids, this.#agents]) {
      if (texts !== undefined && [...texts].every(isLiteral))
        return { needles: quoted(texts), anyCase: false }
    }
    return { needles: [], anyCase: false }
  }
}

const quoted = (texts: ReadonlySet<string>): string[] => [...texts].map((text) => `"${text}"`)

function setOf(texts: readonly string[] = [], isHex = false): ReadonlySet<string> | undefined {
  return texts.length === 0 ? undefined : new Set(isHex ? texts.map((text) => text.toLowerCase()) : texts)
}

// The fields of another program's log can be anything.
const has = (texts: ReadonlySet<string>, value: unknown): boolean =>
  typeof value === 'string' && texts.has(value)

const hasHex = (texts: ReadonlySet<string>, value: unknown): boolean =>
  typeof value === 'string' && texts.has(value.toLowerCase())

const hasOneOf = (texts: ReadonlySet<string>, values: unknown): boolean =>
  Array.isArray(values) && values.some((value) => has(texts, value))

const hasId = (wanted: ReadonlySet<string>, { id, inReplyTo, ids }: Fields): boolean =>
  has(wanted, id) || has(wanted, inReplyTo) || hasOneOf(wanted, ids)

const concerns = (agents: ReadonlySet<string>, { kind, agentId, from, to, delivered, id }: Fields): boolean =>
  has(agents, agentId) ||
  has(agents, from) ||
  has(agents, to) ||
  hasOneOf(agents, delivered) ||
  (kind === 'agent-hold' && has(agents, id))
