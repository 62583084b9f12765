/** What is in a hive's logs, counted in one pass: events by kind and agent, time, sessions, tokens, cost and losses. */
import { statSync } from 'node:fs'
import { idOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import type { HiveEvent } from '../format/kinds.js'
import { checkOptions } from '../format/options.js'
import { hasFailed } from '../format/outcome.js'
import type { Agent } from '../model/agents.js'
import { HiveModel } from '../model/model.js'
import type { AgentStatus } from '../model/state.js'
import { agentsOf } from '../model/who.js'
import type { HiveEntry } from '../read/hive.js'
import { logsOfHive } from '../read/hive.js'
import type { MalformedLine } from '../read/items.js'
import { pricer, tokensOf } from './cost/call-cost.js'
import type { CallTokens } from './cost/prices.js'
import { BoundedGroups, type CostSums, CostTally } from './cost/sums.js'
import { STATS_RULES } from './options.js'
import { type HiveSelection, type LogTally, tallyLogs } from './reading.js'

/** Which logs are read, and the events of which time. */
export type StatsOptions = HiveSelection

/** What a name sent and got. */
export interface NameStats {
  /** Events that are about it: those that name it by its id, as `cat --agent` prints them. */
  events: number
  /** Messages that it sent. */
  sent: number
  /** Messages that went into its inbox. */
  received: number
}

/** What an agent did in all its lives. */
export interface AgentStats extends NameStats {
  /** How it is now; of an agent that was spawned again, how the last life is. */
  status: AgentStatus
  /** Spawns under this id; 0 where only its events are in the logs. */
  lives: number
  /** Messages that wait in its inbox. */
  waiting: number
  /** Whether `waiting` is a guess: the log does not say enough (docs/hive.md). */
  estimated?: true
  /** Model calls. */
  calls: number
  /** Tokens of input of all its calls, as recorded. */
  inputTokens: number
  /** Tokens of output of all its calls. */
  outputTokens: number
  /** US dollars; more than this where `unpricedCalls` is not 0. */
  costUsd: number
  /** Calls of no known price. */
  unpricedCalls: number
}

/** What `statsReport` finds. */
export interface StatsReport extends LogTally {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** Files of the logs that lines were read from. */
  segments: number
  /** Bytes of these, uncompressed. */
  bytes: number
  /** Epoch milliseconds of the earliest event; left out where there is none. */
  firstTs?: number
  /** Epoch milliseconds of the latest event; left out where there is none. */
  lastTs?: number
  /** The second with the most events; where time goes back in the story, a second is counted anew. */
  peak?: {
    /** How many events. */
    events: number
    /** Epoch milliseconds of its start. */
    ts: number
  }
  /** Events of each kind, the most frequent first; housekeeping too. */
  kinds: Record<string, number>
  /** Agents by id, those with the most events first. */
  agents: Record<string, AgentStats>
  /** Names that are no agents, such as `human` and `scheduler`, those with the most events first. */
  others: Record<string, NameStats>
  /** Names beyond the first 50,000 of both, which are not listed; left out where there are none. */
  unlisted?: NameStats
  /** Escalations that wait for a decision. */
  pending: number
  /** Different sessions that events name. */
  sessions: number
  /** What all model calls used and cost. */
  usage: Omit<CostSums, 'ms'>
}

/**
 * Counts what is in a hive. A model call costs what its event says, else what the price list says, as in
 * `costReport`.
 * @param files path of a log, or several, of one hive: the logs of their child processes are read too; `-` is standard
 *   input
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is missing, a directory, or must not be read; never because of a line
 */
export async function statsReport(
  files: string | readonly string[],
  options: StatsOptions = {},
): Promise<StatsReport> {
  checkOptions('statsReport', options, STATS_RULES)
  const list = typeof files === 'string' ? [files] : [...files]
  const { thisFile } = options
  const stats = new Stats(logsOfHive(list, thisFile)[0])
  const tally = await tallyLogs(list, stats, options)
  return { files: list, ...tally, ...stats.report() }
}

const MAX_NAMES = 50_000
const MAX_NAME_CHARACTERS = 8_000_000

/** The reducer: takes the entries of a hive in order, housekeeping too. */
export class Stats {
  readonly byName = true
  readonly #kinds = new Map<string, { count: number }>()
  readonly #names = new BoundedGroups(() => new Name(), MAX_NAMES, MAX_NAME_CHARACTERS)
  readonly #sessions = new Set<string>()
  /** Of each segment, where its last line ends. */
  readonly #ends = new Map<string, { end: number }>()
  #file: string | undefined
  #segment = { end: 0 }
  #session: string | undefined
  readonly #usage = new CostTally()
  readonly #model: HiveModel
  #first: number | undefined
  #last: number | undefined
  #second = { at: Number.NaN, events: 0 }
  #peak: StatsReport['peak']

  /** @param firstLog the log of the hive that is named first */
  constructor(firstLog?: string) {
    const known = (agent: Agent): void => {
      this.#nameOf(agent.id).agent = agent
    }
    this.#model = new HiveModel({
      price: pricer(),
      ...(firstLog !== undefined && { firstLog }),
      listener: {
        spawned: known,
        seen: known,
        delivered: ({ recipient }) => this.#nameOf(recipient).received++,
        deliveredLate: ({ recipient }) => this.#nameOf(recipient).received++,
        used: (agent, costUsd) => this.#used(agent, costUsd),
      },
    })
  }

  add(entry: HiveEntry): void {
    const { event } = entry
    this.#read(entry)
    this.#model.add(entry)
    const kind = this.#kinds.get(event.kind)
    if (kind === undefined) this.#kinds.set(event.kind, { count: 1 })
    else kind.count++
    // Most often it is that of the line before.
    if (typeof event.session === 'string' && event.session !== this.#session) {
      this.#session = event.session
      this.#sessions.add(event.session)
    }
    if (event.kind.startsWith('log.')) return
    this.#time(event.ts)
    this.#about(event)
  }

  malformed(item: MalformedLine): void {
    this.#read(item)
  }

  report(): Omit<StatsReport, 'files' | keyof LogTally> {
    let bytes = 0
    // A last line may lack its newline.
    for (const [file, { end }] of this.#ends) bytes += Math.min(end, sizeOf(file))
    const { ms: _, ...usage } = this.#usage.sums()
    const { groups, others: unlisted } = this.#names
    const names = [...groups].sort(([, a], [, b]) => b.events - a.events) as [string, Name][]
    return {
      segments: this.#ends.size,
      bytes,
      ...(this.#first !== undefined && { firstTs: this.#first }),
      ...(this.#last !== undefined && { lastTs: this.#last }),
      ...(this.#peak !== undefined && { peak: this.#peak }),
      kinds: Object.fromEntries(
        [...this.#kinds].sort(([, a], [, b]) => b.count - a.count).map(([kind, { count }]) => [kind, count]),
      ),
      agents: Object.fromEntries(names.flatMap(([id, name]) => name.agentStats(id))),
      others: Object.fromEntries(names.flatMap(([id, name]) => (name.agent ? [] : [[id, name.stats()]]))),
      ...(unlisted !== undefined && { unlisted: unlisted.stats() }),
      pending: this.#model.escalations.size,
      sessions: this.#sessions.size,
      usage,
    }
  }

  #read({ file, offset, bytes }: { file: string; offset: number; bytes: number }): void {
    if (file !== this.#file) {
      this.#file = file
      this.#segment = this.#ends.get(file) ?? { end: 0 }
      this.#ends.set(file, this.#segment)
    }
    this.#segment.end = offset + bytes + 1
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

  #about(event: HiveEvent): void {
    const from = idOf((event as Fields).from)
    for (const id of agentsOf(event)) this.#nameOf(id).events++
    if (event.kind === 'message' && from !== undefined) this.#nameOf(from).sent++
  }

  #used(agent: Agent | undefined, costUsd: number | undefined): void {
    const fields = this.#model.entry?.event as Fields
    const tokens = tokensOf(fields)
    this.#usage.add(tokens, costUsd, 0, hasFailed(fields))
    if (agent !== undefined) this.#nameOf(agent.id).used(tokens, costUsd)
  }

  #nameOf(id: string): Name {
    return this.#names.of(id)
  }
}

/** An agent, or a name that is none. */
class Name {
  events = 0
  sent = 0
  received = 0
  agent: Agent | undefined
  #usage: CostTally | undefined

  used(tokens: CallTokens, costUsd: number | undefined): void {
    this.#usage ??= new CostTally()
    this.#usage.add(tokens, costUsd, 0)
  }

  stats(): NameStats {
    const { events, sent, received } = this
    return { events, sent, received }
  }

  /** Its entry among the agents, if it is one. */
  agentStats(id: string): [string, AgentStats][] {
    const { agent } = this
    if (agent === undefined) return []
    const { status, lives, inbox } = agent
    const { calls, inputTokens, outputTokens, costUsd, unpricedCalls } = (this.#usage ?? NO_USAGE).sums()
    const waiting = inbox?.waiting ?? 0
    const used = { calls, inputTokens, outputTokens, costUsd, unpricedCalls }
    const guessed = inbox?.isEstimated === true ? { estimated: true as const } : {}
    return [[id, { status, lives, ...this.stats(), waiting, ...guessed, ...used }]]
  }
}

const NO_USAGE = new CostTally()

/** Size of a plain file, where it can be told. */
function sizeOf(file: string): number {
  const stats = file.endsWith('.gz') || file === '-' ? undefined : statSync(file, { throwIfNoEntry: false })
  return stats?.isFile() === true ? stats.size : Number.POSITIVE_INFINITY
}
