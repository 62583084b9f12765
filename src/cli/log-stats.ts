/** Counts what is in a log, in one pass. */
import { statSync } from 'node:fs'
import { type HiveEvent, isKind } from '../format/kinds.js'
import { isMalformed } from '../read/items.js'
import { readLog } from '../read/read.js'

export interface AgentStats {
  events: number
  /** Messages. */
  sent: number
  received: number
  inputTokens: number
  outputTokens: number
  costUsd: number
}

export interface LogStats {
  file: string
  segments: number
  /** Uncompressed. */
  bytes: number
  lines: number
  /** Without housekeeping (`log.*`). */
  events: number
  malformed: number
  /** Events that `log.gap` lines say were lost. */
  lost: number
  /** Epoch milliseconds. */
  firstTs?: number
  lastTs?: number
  /** The second with the most events. */
  peak?: { events: number; ts: number }
  /** Most frequent first. */
  kinds: Record<string, number>
  /** Those with the most events first. */
  agents: Record<string, AgentStats>
  sessions: number
  usage: {
    calls: number
    inputTokens: number
    outputTokens: number
    cacheReadTokens: number
    cacheWriteTokens: number
    costUsd: number
  }
}

/** @throws when the file cannot be read */
export async function collectStats(file: string): Promise<LogStats> {
  const counter = new Counter(file)
  for await (const item of readLog(file)) {
    counter.line(item.file, item.offset + item.bytes + 1)
    if (isMalformed(item)) counter.malformed()
    else counter.event(item.event)
  }
  return counter.result()
}

class Counter {
  readonly #stats: LogStats
  readonly #kinds = new Map<string, number>()
  readonly #agents = new Map<string, AgentStats>()
  readonly #sessions = new Set<string>()
  readonly #ends = new Map<string, number>()
  #second = { at: Number.NaN, events: 0 }

  constructor(file: string) {
    const usage = {
      calls: 0,
      inputTokens: 0,
      outputTokens: 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      costUsd: 0,
    }
    const nothing = { segments: 0, bytes: 0, lines: 0, events: 0, malformed: 0, lost: 0 }
    this.#stats = { file, ...nothing, kinds: {}, agents: {}, sessions: 0, usage }
  }

  line(file: string, end: number): void {
    this.#stats.lines++
    this.#ends.set(file, end)
  }

  malformed(): void {
    this.#stats.malformed++
  }

  event(event: HiveEvent): void {
    const stats = this.#stats
    this.#kinds.set(event.kind, (this.#kinds.get(event.kind) ?? 0) + 1)
    if (typeof event.session === 'string') this.#sessions.add(event.session)
    if (event.kind.startsWith('log.')) {
      if (isKind(event, 'log.gap')) stats.lost += numeric(event.lost)
      return
    }
    stats.events++
    this.#time(event.ts)
    this.#ofAgent(event)
  }

  result(): LogStats {
    const stats = this.#stats
    stats.segments = this.#ends.size
    // A last line may lack its newline.
    for (const [file, end] of this.#ends) stats.bytes += Math.min(end, sizeOf(file))
    stats.sessions = this.#sessions.size
    stats.kinds = Object.fromEntries([...this.#kinds].sort(([, a], [, b]) => b - a))
    stats.agents = Object.fromEntries([...this.#agents].sort(([, a], [, b]) => b.events - a.events))
    return stats
  }

  #time(ts: number): void {
    const stats = this.#stats
    stats.firstTs = Math.min(stats.firstTs ?? ts, ts)
    stats.lastTs = Math.max(stats.lastTs ?? ts, ts)
    const at = Math.floor(ts / 1000)
    if (at !== this.#second.at) this.#second = { at, events: 0 }
    this.#second.events++
    if (this.#second.events > (stats.peak?.events ?? 0))
      stats.peak = { events: this.#second.events, ts: at * 1000 }
  }

  #ofAgent(event: HiveEvent): void {
    const { agentId, from, to } = event as Record<string, unknown>
    const own = agentId ?? from
    const agent = typeof own === 'string' ? this.#agent(own) : undefined
    if (agent !== undefined) agent.events++
    if (isKind(event, 'message')) {
      if (agent !== undefined) agent.sent++
      if (typeof to === 'string') this.#agent(to).received++
    } else if (isKind(event, 'usage')) {
      const { usage } = this.#stats
      usage.calls++
      usage.cacheReadTokens += numeric(event.cacheReadTokens)
      usage.cacheWriteTokens += numeric(event.cacheWriteTokens)
      for (const sum of agent === undefined ? [usage] : [usage, agent]) {
        sum.inputTokens += numeric(event.inputTokens)
        sum.outputTokens += numeric(event.outputTokens)
        sum.costUsd += numeric(event.costUsd)
      }
    }
  }

  #agent(id: string): AgentStats {
    let agent = this.#agents.get(id)
    if (agent === undefined) {
      agent = { events: 0, sent: 0, received: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 }
      this.#agents.set(id, agent)
    }
    return agent
  }
}

/** Size of a plain file, where it can be told. */
function sizeOf(file: string): number {
  const stats = file.endsWith('.gz') || file === '-' ? undefined : statSync(file, { throwIfNoEntry: false })
  return stats?.isFile() === true ? stats.size : Number.POSITIVE_INFINITY
}

const numeric = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
