/** What is in a hive's logs, counted in one pass: events by kind and agent, time, sessions, tokens, cost and losses. */
import { statSync } from 'node:fs'
import type { Fields } from '../format/fields.js'
import { checkOptions } from '../format/options.js'
import type { MalformedLine } from '../read/items.js'
import { CallCosts, tokensOf } from './cost/call-cost.js'
import { type CostSums, CostTally } from './cost/sums.js'
import { STATS_RULES } from './options.js'
import { type HiveEntry, type HiveSelection, type LogTally, tallyLogs } from './reading.js'

/** Which logs are read, and the events of which time. */
export type StatsOptions = HiveSelection

export interface AgentStats {
  events: number
  /** Messages. */
  sent: number
  received: number
  /** Model calls. */
  calls: number
  inputTokens: number
  outputTokens: number
  /** US dollars; more than this where `unpricedCalls` is not 0. */
  costUsd: number
  /** Calls of no known price. */
  unpricedCalls: number
}

export interface StatsReport extends LogTally {
  /** As they were named. */
  files: string[]
  segments: number
  /** Uncompressed. */
  bytes: number
  /** Epoch milliseconds. */
  firstTs?: number
  lastTs?: number
  /** The second with the most events. */
  peak?: { events: number; ts: number }
  /** Most frequent first; housekeeping too. */
  kinds: Record<string, number>
  /** Those with the most events first. */
  agents: Record<string, AgentStats>
  sessions: number
  usage: Omit<CostSums, 'ms'>
}

/**
 * Counts what is in a hive. A model call costs what its event says, else what the price list says, as in
 * `costReport`.
 * @param files path of a log, or several, of one hive: the logs of their child processes are read too; `-` is standard
 *   input
 * @throws when a file is missing, a directory, or must not be read; never because of a line
 */
export async function statsReport(
  files: string | readonly string[],
  options: StatsOptions = {},
): Promise<StatsReport> {
  checkOptions('statsReport', options, STATS_RULES)
  const list = typeof files === 'string' ? [files] : [...files]
  const stats = new Stats()
  const tally = await tallyLogs(list, stats, options)
  return { files: list, ...tally, ...stats.report() }
}

/** The reducer: takes the entries of a hive in order, housekeeping too. */
export class Stats {
  readonly #kinds = new Map<string, number>()
  readonly #agents = new Map<string, Agent>()
  readonly #sessions = new Set<string>()
  readonly #ends = new Map<string, number>()
  readonly #costs = new CallCosts()
  readonly #usage = new CostTally()
  #first: number | undefined
  #last: number | undefined
  #second = { at: Number.NaN, events: 0 }
  #peak: StatsReport['peak']

  add(entry: HiveEntry): void {
    const { event } = entry
    this.#read(entry)
    this.#kinds.set(event.kind, (this.#kinds.get(event.kind) ?? 0) + 1)
    if (typeof event.session === 'string') this.#sessions.add(event.session)
    if (event.kind.startsWith('log.')) return
    this.#time(event.ts)
    this.#ofAgent(event.kind, event as Fields, event.ts)
  }

  malformed(item: MalformedLine): void {
    this.#read(item)
  }

  report(): Omit<StatsReport, 'files' | keyof LogTally> {
    let bytes = 0
    // A last line may lack its newline.
    for (const [file, end] of this.#ends) bytes += Math.min(end, sizeOf(file))
    const { ms: _, ...usage } = this.#usage.sums()
    return {
      segments: this.#ends.size,
      bytes,
      ...(this.#first !== undefined && { firstTs: this.#first }),
      ...(this.#last !== undefined && { lastTs: this.#last }),
      ...(this.#peak !== undefined && { peak: this.#peak }),
      kinds: Object.fromEntries([...this.#kinds].sort(([, a], [, b]) => b - a)),
      agents: Object.fromEntries(
        [...this.#agents]
          .sort(([, a], [, b]) => b.events - a.events)
          .map(([id, agent]) => [id, agent.stats()]),
      ),
      sessions: this.#sessions.size,
      usage,
    }
  }

  #read({ file, offset, bytes }: { file: string; offset: number; bytes: number }): void {
    this.#ends.set(file, offset + bytes + 1)
  }

  #time(ts: number): void {
    if (this.#first === undefined || ts < this.#first) this.#first = ts
    if (this.#last === undefined || ts > this.#last) this.#last = ts
    const at = Math.floor(ts / 1000)
    const second = this.#second
    if (at !== second.at) {
      second.at = at
      second.events = 0
    }
    second.events++
    if (second.events > (this.#peak?.events ?? 0)) this.#peak = { events: second.events, ts: at * 1000 }
  }

  #ofAgent(kind: string, fields: Fields, ts: number): void {
    const { agentId, from, to } = fields
    const own = agentId ?? from
    const agent = typeof own === 'string' ? this.#agent(own) : undefined
    if (agent !== undefined) agent.events++
    if (kind === 'message') {
      if (agent !== undefined) agent.sent++
      if (typeof to === 'string') this.#agent(to).received++
    } else if (kind === 'usage') {
      const tokens = tokensOf(fields)
      const costUsd = this.#costs.costOf(fields, ts)
      this.#usage.add(tokens, costUsd, 0)
      agent?.usage.add(tokens, costUsd, 0)
    }
  }

  #agent(id: string): Agent {
    let agent = this.#agents.get(id)
    if (agent === undefined) {
      agent = new Agent()
      this.#agents.set(id, agent)
    }
    return agent
  }
}

class Agent {
  events = 0
  sent = 0
  received = 0
  readonly usage = new CostTally()

  stats(): AgentStats {
    const { calls, inputTokens, outputTokens, costUsd, unpricedCalls } = this.usage.sums()
    const { events, sent, received } = this
    return { events, sent, received, calls, inputTokens, outputTokens, costUsd, unpricedCalls }
  }
}

/** Size of a plain file, where it can be told. */
function sizeOf(file: string): number {
  const stats = file.endsWith('.gz') || file === '-' ? undefined : statSync(file, { throwIfNoEntry: false })
  return stats?.isFile() === true ? stats.size : Number.POSITIVE_INFINITY
}
