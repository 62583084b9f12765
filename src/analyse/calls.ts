/** Which external APIs were called, how often, with what result, and how long that took. */

import { keyOf, msOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import { checkOptions } from '../format/options.js'
import { hasCallFailed, hasToolFailed, httpStatus } from '../format/outcome.js'
import type { HiveEntry } from '../read/hive.js'
import { PeakMinute } from './calls/peak.js'
import { type CALL_KEYS, CALL_RULES } from './options.js'
import { Durations } from './quantiles.js'
import { type HiveSelection, type LogTally, tallyLogs } from './reading.js'

/** What calls are grouped by. `tool` is about the tools that ran instead: the `tool` events, by name. */
export type CallBy = (typeof CALL_KEYS)[number]

/** How long calls took. */
export interface CallTimes {
  /** Calls whose duration can be used. */
  count: number
  /** Milliseconds, as all that follow; exact up to 512 durations, else within 1 %. */
  p50?: number
  /** Milliseconds in which 95 % of the calls were done. */
  p95?: number
  /** Milliseconds of the longest, exact. */
  max?: number
  /** Milliseconds of all together, exact. */
  total: number
}

/** One group of calls. */
export interface CallRow {
  /** The host (in lower case), method, host and path without its query, agent id, status, or tool. */
  key: string
  /** How many calls. */
  calls: number
  /** Calls that failed: each is in one of the four counts that follow. */
  errors: number
  /** Calls with a status of 400 to 499, but for 429. */
  clientErrors: number
  /** Status 429: too many requests. */
  rateLimited: number
  /** Calls with a status of 500 to 599. */
  serverErrors: number
  /** Calls that failed without such a status: no answer, a broken connection; of tools, all that failed. */
  otherErrors: number
  /** How long they took. */
  ms: CallTimes
  /** Epoch milliseconds of the earliest and latest call. */
  firstTs: number
  /** Epoch milliseconds of the latest call. */
  lastTs: number
  /** The minute with the most calls: how many, and its beginning in epoch milliseconds. */
  peakMinute: {
    /** Calls in that minute. */
    calls: number
    /** Its beginning, epoch milliseconds. */
    ts: number
  }
  /** Ids of the agents that called, those with most calls first; at most 100. */
  agents: string[]
  /** Whether there were more agents. */
  agentsCut: boolean
}

/** What `callReport` finds. */
export interface CallReport extends LogTally {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** What the rows are told apart by. */
  by: CallBy
  /** Of all calls; left out when there are none. */
  total?: CallRow
  /** Most calls first. */
  rows: CallRow[]
  /** What is in none of the rows, because there were too many keys. */
  others?: CallRow
  /** Durations that are no number, or negative: not counted in any `ms`. */
  badDurations: number
}

/** What `callReport` takes. */
export interface CallOptions extends HiveSelection {
  /** Default `host`. */
  by?: CallBy
  /** Groups that are told apart: those that come first in the log. Default 1,000. */
  maxKeys?: number
}

/**
 * The calls of external APIs in a hive, from its `call` events.
 * @param files path of a log, or several, of one hive: the logs of their child processes are read too; `-` is standard
 *   input
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read; never because of a line
 */
export async function callReport(
  files: string | readonly string[],
  options: CallOptions = {},
): Promise<CallReport> {
  checkOptions('callReport', options, CALL_RULES)
  const calls = new Calls(options)
  const list = typeof files === 'string' ? [files] : [...files]
  const tally = await tallyLogs(list, calls, options)
  return { files: list, ...tally, ...calls.report() }
}

const MAX_KEYS = 1000
const MAX_AGENTS = 100

/** The reducer: takes the entries of a log in order. */
export class Calls {
  readonly kinds: readonly string[]
  readonly #by: CallBy
  readonly #maxKeys: number
  readonly #groups = new Map<string, Group>()
  readonly #total = new Group('(all)')
  readonly #others = new Group('(others)')
  #badDurations = 0

  constructor({ by = 'host', maxKeys = MAX_KEYS }: CallOptions = {}) {
    this.#by = by
    this.kinds = [by === 'tool' ? 'tool' : 'call']
    this.#maxKeys = maxKeys
  }

  add({ event }: HiveEntry): void {
    if (event.kind !== (this.#by === 'tool' ? 'tool' : 'call')) return
    const fields = event as Fields
    const ms = msOf(fields.ms)
    if (ms === undefined && fields.ms !== undefined && fields.ms !== null) this.#badDurations++
    const call: Call = {
      ts: event.ts,
      ms,
      agent: keyOf(fields.agentId),
      failure: this.#by === 'tool' ? (hasToolFailed(fields) ? 'otherErrors' : undefined) : failureOf(fields),
    }
    this.#total.add(call)
    this.#group(keyBy(this.#by, fields)).add(call)
  }

  report(): Pick<CallReport, 'by' | 'total' | 'rows' | 'others' | 'badDurations'> {
    const rows = [...this.#groups.values()].map((group) => group.row()).sort((a, b) => b.calls - a.calls)
    return {
      by: this.#by,
      ...(this.#total.calls > 0 && { total: this.#total.row() }),
      rows,
      ...(this.#others.calls > 0 && { others: this.#others.row() }),
      badDurations: this.#badDurations,
    }
  }

  #group(key: string): Group {
    let group = this.#groups.get(key)
    if (group === undefined) {
      if (this.#groups.size >= this.#maxKeys) return this.#others
      group = new Group(key)
      this.#groups.set(key, group)
    }
    return group
  }
}

type Failure = 'clientErrors' | 'rateLimited' | 'serverErrors' | 'otherErrors'

interface Call {
  ts: number
  ms: number | undefined
  agent: string | undefined
  failure: Failure | undefined
}

class Group {
  readonly key: string
  calls = 0
  readonly #failures = { clientErrors: 0, rateLimited: 0, serverErrors: 0, otherErrors: 0 }
  readonly #durations = new Durations()
  readonly #peak = new PeakMinute()
  readonly #agents = new Map<string, number>()
  #agentsCut = false
  #firstTs = Number.POSITIVE_INFINITY
  #lastTs = Number.NEGATIVE_INFINITY

  constructor(key: string) {
    this.key = key
  }

  add({ ts, ms, agent, failure }: Call): void {
    this.calls++
    if (failure !== undefined) this.#failures[failure]++
    if (ms !== undefined) this.#durations.add(ms)
    if (ts < this.#firstTs) this.#firstTs = ts
    if (ts > this.#lastTs) this.#lastTs = ts
    this.#peak.add(ts)
    if (agent === undefined) return
    const count = this.#agents.get(agent)
    if (count !== undefined || this.#agents.size < MAX_AGENTS) this.#agents.set(agent, (count ?? 0) + 1)
    else this.#agentsCut = true
  }

  row(): CallRow {
    const { clientErrors, rateLimited, serverErrors, otherErrors } = this.#failures
    const { count, total, max } = this.#durations
    const p50 = this.#durations.quantile(0.5)
    const p95 = this.#durations.quantile(0.95)
    return {
      key: this.key,
      calls: this.calls,
      errors: clientErrors + rateLimited + serverErrors + otherErrors,
      ...this.#failures,
      ms: { count, ...(p50 !== undefined && { p50 }), ...(p95 !== undefined && { p95, max }), total },
      firstTs: this.#firstTs,
      lastTs: this.#lastTs,
      peakMinute: this.#peak.busiest(),
      agents: [...this.#agents].sort(([, a], [, b]) => b - a).map(([id]) => id),
      agentsCut: this.#agentsCut,
    }
  }
}

function failureOf(fields: Fields): Failure | undefined {
  const status = httpStatus(fields)
  if (status === 429) return 'rateLimited'
  if (status !== undefined && status >= 400 && status < 500) return 'clientErrors'
  if (status !== undefined && status >= 500 && status < 600) return 'serverErrors'
  return hasCallFailed(fields) ? 'otherErrors' : undefined
}

const NONE = '(none)'

function keyBy(by: CallBy, fields: Fields): string {
  switch (by) {
    case 'host':
      return hostOf(fields)
    case 'path':
      return keyOf(`${methodOf(fields)}${hostOf(fields)}${pathOf(fields)}`) ?? NONE
    case 'agent':
      return keyOf(fields.agentId) ?? NONE
    case 'status':
      return keyOf(fields.status) ?? NONE
    case 'tool':
      return keyOf(fields.name) ?? NONE
  }
}

const hostOf = ({ host }: Fields): string =>
  keyOf(typeof host === 'string' ? host.toLowerCase() : host) ?? NONE

function methodOf({ method }: Fields): string {
  const name = keyOf(method)
  return name === undefined ? '' : `${name.toUpperCase()} `
}

/** What follows `?` or `#` differs from call to call. */
function pathOf({ path }: Fields): string {
  if (typeof path !== 'string') return ''
  const end = path.search(/[?#]/)
  return end === -1 ? path : path.slice(0, end)
}
