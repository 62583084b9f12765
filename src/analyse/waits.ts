/** Contention: what agents waited for, who held it, and how long that took in total. */

import { keyOf, msOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import { checkOptions } from '../format/options.js'
import type { HiveEntry } from '../read/hive.js'
import { type WAIT_KEYS, WAIT_RULES } from './options.js'
import { type LinePlace, placeOf } from './place.js'
import { Durations } from './quantiles.js'
import { type HiveSelection, type LogTally, tallyLogs } from './reading.js'
import { type MutualWait, MutualWaits, type Wait } from './waits/mutual.js'

/** What waits are grouped by. `pair`: who waited, and who held. */
export type WaitBy = (typeof WAIT_KEYS)[number]

/** One wait, and the line that tells of it. */
export interface WaitPlace extends LinePlace {
  /** Epoch milliseconds of its end. */
  ts: number
  /** Milliseconds. */
  ms: number
  /** Who waited. */
  agentId?: string
  /** For what. */
  resource?: string
  /** Who held it. */
  holder?: string
}

/** One group of waits. */
export interface WaitRow {
  /** The resource, agent id, holder, or `agent ← holder`. */
  key: string
  /** How many waits. */
  waits: number
  /** Milliseconds, as all durations here. */
  totalMs: number
  /** Exact up to 512 waits, else within 1 %; left out when no duration can be used. */
  p95Ms?: number
  /** Milliseconds of the longest, exact. */
  maxMs?: number
  /** The longest wait. */
  longest?: WaitPlace
  /** Ids of those that waited, those with the longest total first; at most 100. */
  agents: string[]
  /** Ids of those that held it, those that were waited for longest first; at most 100. */
  holders: string[]
}

/** What `waitReport` finds. */
export interface WaitReport extends LogTally {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** What the rows are told apart by. */
  by: WaitBy
  /** Of all waits; left out when there are none. */
  total?: WaitRow
  /** Longest total first. */
  rows: WaitRow[]
  /** What is in none of the rows, because there were too many keys. */
  others?: WaitRow
  /** Waits whose duration is missing, no number, or negative: counted as waits, not as time. */
  badDurations: number
  /**
   * Pairs of agents that waited for each other at the same time, for different resources: what a deadlock looks
   * like. Circles of three and more are not looked for.
   */
  mutual: MutualWait[]
}

/** What `waitReport` takes. */
export interface WaitOptions extends HiveSelection {
  /** Default `resource`. */
  by?: WaitBy
  /** Groups that are told apart: those that come first in the log. Default 1,000. */
  maxKeys?: number
}

/**
 * The contention in a hive, from its `wait` events. A wait lasts from `ts - ms` to `ts`.
 * @param files path of a log, or several, of one hive: the logs of their child processes are read too; `-` is standard
 *   input
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read; never because of a line
 */
export async function waitReport(
  files: string | readonly string[],
  options: WaitOptions = {},
): Promise<WaitReport> {
  checkOptions('waitReport', options, WAIT_RULES)
  const waits = new Waits(options)
  const list = typeof files === 'string' ? [files] : [...files]
  const tally = await tallyLogs(list, waits, options)
  return { files: list, ...tally, ...waits.report() }
}

const MAX_KEYS = 1000
const MAX_AGENTS = 100

/** The reducer: takes the entries of a log in order. */
export class Waits {
  readonly kinds = ['wait']
  readonly #by: WaitBy
  readonly #maxKeys: number
  readonly #groups = new Map<string, Group>()
  readonly #total = new Group('(all)')
  readonly #others = new Group('(others)')
  readonly #mutual = new MutualWaits()
  #badDurations = 0

  constructor({ by = 'resource', maxKeys = MAX_KEYS }: WaitOptions = {}) {
    this.#by = by
    this.#maxKeys = maxKeys
  }

  add(entry: HiveEntry): void {
    if (entry.event.kind !== 'wait') return
    const { agentId, resource, holder, ms: duration } = entry.event as Fields
    const ms = msOf(duration)
    if (ms === undefined) this.#badDurations++
    const wait: Wait = {
      agentId: keyOf(agentId),
      resource: keyOf(resource),
      holder: keyOf(holder),
      ms,
      entry,
    }
    this.#total.add(wait)
    this.#group(wait).add(wait)
    this.#mutual.add(wait)
  }

  report(): Pick<WaitReport, 'by' | 'total' | 'rows' | 'others' | 'badDurations' | 'mutual'> {
    const rows = [...this.#groups.values()].map((group) => group.row())
    return {
      by: this.#by,
      ...(this.#total.waits > 0 && { total: this.#total.row() }),
      rows: rows.sort((a, b) => b.totalMs - a.totalMs || b.waits - a.waits),
      ...(this.#others.waits > 0 && { others: this.#others.row() }),
      badDurations: this.#badDurations,
      mutual: this.#mutual.report(),
    }
  }

  #group({ agentId = NONE, resource = NONE, holder = NONE }: Wait): Group {
    const label = { agent: agentId, resource, holder, pair: `${agentId} ← ${holder}` }[this.#by]
    const key = this.#by === 'pair' ? JSON.stringify([agentId, holder]) : label
    let group = this.#groups.get(key)
    if (group === undefined) {
      if (this.#groups.size >= this.#maxKeys) return this.#others
      group = new Group(label)
      this.#groups.set(key, group)
    }
    return group
  }
}

const NONE = '(none)'

class Group {
  readonly key: string
  waits = 0
  readonly #durations = new Durations()
  readonly #agents = new Map<string, number>()
  readonly #holders = new Map<string, number>()
  #longest: WaitPlace | undefined

  constructor(key: string) {
    this.key = key
  }

  add(wait: Wait): void {
    const { agentId, holder, ms } = wait
    this.waits++
    addTo(this.#agents, agentId, ms ?? 0)
    addTo(this.#holders, holder, ms ?? 0)
    if (ms === undefined) return
    this.#durations.add(ms)
    if (this.#longest === undefined || ms > this.#longest.ms) this.#longest = longestOf(wait, ms)
  }

  row(): WaitRow {
    const { total, max } = this.#durations
    const p95 = this.#durations.quantile(0.95)
    return {
      key: this.key,
      waits: this.waits,
      totalMs: total,
      ...(p95 !== undefined && { p95Ms: p95, maxMs: max }),
      ...(this.#longest !== undefined && { longest: this.#longest }),
      agents: byTotal(this.#agents),
      holders: byTotal(this.#holders),
    }
  }
}

function longestOf({ agentId, resource, holder, entry }: Wait, ms: number): WaitPlace {
  const names = { agentId, resource, holder }
  const place: WaitPlace = { ts: entry.event.ts, ms, ...placeOf(entry) }
  for (const name of ['agentId', 'resource', 'holder'] as const) {
    const value = names[name]
    if (value !== undefined) place[name] = value
  }
  return place
}

function addTo(totals: Map<string, number>, id: string | undefined, ms: number): void {
  if (id === undefined) return
  const total = totals.get(id)
  if (total !== undefined || totals.size < MAX_AGENTS) totals.set(id, (total ?? 0) + ms)
}

const byTotal = (totals: Map<string, number>): string[] =>
  [...totals].sort(([, a], [, b]) => b - a).map(([id]) => id)
