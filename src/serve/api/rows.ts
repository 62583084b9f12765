/**
 * The events of a hive as rows: of each, where its line is, when it was, and whose, in some 40 bytes. Rows only come at
 * the end.
 */
import type { Fields } from '../../format/fields.js'
import { hasGoneWrong } from '../../format/outcome.js'
import { agentsOf } from '../../model/who.js'
import type { HiveItem } from '../../read/hive.js'
import type { LogEntry } from '../../read/items.js'
import { Column, Names, Positions } from './columns.js'
import { Segments } from './segment-list.js'

/** Names of agents, and kinds, that are told apart. */
const MAX_NAMES = 200_000
const MAX_KINDS = 30_000
/** Bit of a kind's number for what went wrong. */
const ERROR = 0x8000

/** Kinds whose line tells of a stretch of time that ends with it. */
export const LASTING: readonly string[] = ['tool', 'usage', 'call', 'wait']

export class Rows {
  readonly positions = new Positions()
  readonly agents = new Names(MAX_NAMES)
  readonly kinds = new Names(MAX_KINDS)
  readonly segments = new Segments()
  readonly #segment = new Column(Uint32Array)
  readonly #offset = new Column(Float64Array)
  readonly #bytes = new Column(Uint32Array)
  readonly #line = new Column(Uint32Array)
  readonly #ts = new Column(Float64Array)
  readonly #kind = new Column(Uint16Array)
  readonly #agent = new Column(Uint32Array)
  readonly #to = new Column(Uint32Array)
  readonly #taken = new Column(Uint32Array)
  readonly #byKind: number[] = []
  #isMoved: number | undefined
  /** Events without housekeeping (`log.*`), and the earliest and the latest time of these: as `hivelog stats` says. */
  events = 0
  firstTs: number | undefined
  lastTs: number | undefined
  /** The longest stretch of time that a line tells of, milliseconds. */
  longest = 0

  get count(): number {
    return this.positions.count
  }

  /** Adds an event. @param wanted its position. @returns its row */
  add(entry: LogEntry & Pick<HiveItem, 'log'>, wanted: number): number {
    const { event, offset, bytes, line = 0 } = entry
    const row = this.positions.add(wanted)
    // In a log with damaged numbers only the first ones are sure.
    if (this.positions.last !== wanted) this.#isMoved ??= row
    const fields = event as Fields
    this.#segment.set(row, this.segments.of(entry))
    this.#offset.set(row, offset)
    this.#bytes.set(row, bytes)
    this.#line.set(row, line)
    this.#ts.set(row, event.ts)
    if (!event.kind.startsWith('log.')) this.#count(event.ts)
    const kind = this.kinds.add(event.kind.slice(0, 200))
    this.#kind.set(row, kind | (isError(fields, event.kind) ? ERROR : 0))
    this.#byKind[kind] = (this.#byKind[kind] ?? 0) + 1
    const [own, other, ...more] = agentsOf(event)
    if (own !== undefined) this.#agent.set(row, this.agents.add(own))
    if (other !== undefined) this.#to.set(row, more.length > 0 ? Names.MANY : this.agents.add(other))
    const { ms } = fields
    if (typeof ms === 'number' && ms > this.longest && ms < MAX_STRETCH && LASTING.includes(event.kind))
      this.longest = ms
    return row
  }

  #count(ts: number): void {
    this.events++
    if (this.firstTs === undefined || ts < this.firstTs) this.firstTs = ts
    if (this.lastTs === undefined || ts > this.lastTs) this.lastTs = ts
  }

  ts(row: number): number {
    return this.#ts.get(row)
  }

  /** Number of its kind in `kinds`. */
  kind(row: number): number {
    return this.#kind.get(row) & ~ERROR
  }

  isError(row: number): boolean {
    return (this.#kind.get(row) & ERROR) !== 0
  }

  /** Number in `agents` of whose event it is. */
  agent(row: number): number {
    return this.#agent.get(row)
  }

  /** Number in `agents` of who else it is about. */
  to(row: number): number {
    return this.#to.get(row)
  }

  place(row: number): { segment: number; offset: number; bytes: number; line: number } {
    return {
      segment: this.#segment.get(row),
      offset: this.#offset.get(row),
      bytes: this.#bytes.get(row),
      line: this.#line.get(row),
    }
  }

  /** Whether the position of a row, in a hive of one log, is the event's own. */
  isOwnSeq(row: number): boolean {
    return this.#isMoved === undefined || row < this.#isMoved
  }

  /** The row of the drain that took the message of a row; -1 where none has. */
  takenBy(row: number): number {
    return this.#taken.get(row) - 1
  }

  /** Notes the drain that took a message; of a broadcast the first one. */
  take(row: number, by: number): void {
    if (this.#taken.get(row) === 0) this.#taken.set(row, by + 1)
  }

  /** How many rows there are of each kind, most first. */
  counts(): { kind: string; count: number }[] {
    const counts: { kind: string; count: number }[] = []
    this.#byKind.forEach((count, kind) => {
      counts.push({ kind: kind === Names.MANY ? '(others)' : this.kinds.name(kind), count })
    })
    return counts.sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1))
  }

  /** Whether the event of a row can be about this agent; its line tells for certain. */
  mayBeAbout(row: number, agent: number): boolean {
    const own = this.#agent.get(row)
    const to = this.#to.get(row)
    return own === agent || to === agent || own === Names.MANY || to === Names.MANY
  }
}

/** A stretch that is longer is a mistake, and would make every question look at all. */
const MAX_STRETCH = 24 * 3_600_000

const LOSSES: ReadonlySet<string> = new Set(['drop', 'log.gap', 'log.changed'])

const isError = (fields: Fields, kind: string): boolean => LOSSES.has(kind) || hasGoneWrong(kind, fields)
