/** Finds agents that waited for each other at the same time: what a deadlock looks like in a log. */

import type { HiveEntry } from '../../read/hive.js'
import { type LinePlace, placeOf } from '../place.js'

/** A wait as its line tells it. */
export interface Wait {
  agentId: string | undefined
  resource: string | undefined
  holder: string | undefined
  /** Milliseconds, if they can be used. */
  ms: number | undefined
  entry: HiveEntry
}

/** Two agents that each waited for something that the other held, at the same time. */
export interface MutualWait {
  /** The one that was first to wait, the first time, and the other. */
  agents: [string, string]
  /** What the first waited for, and what the second. */
  resources: [string, string]
  /** Pairs of waits that overlap. */
  times: number
  /** Milliseconds of the longest overlap, and its beginning in epoch milliseconds. */
  longestMs: number
  /** Beginning of that overlap, epoch milliseconds. */
  longestTs: number
  /** The two lines that tell of the longest: of the first agent, and of the second. */
  places: [LinePlace, LinePlace]
}

interface Interval {
  from: number
  to: number
  resource: string
  place: LinePlace
}

/** Waits of an agent for a holder that are remembered: the last ones. */
const RECENT = 8
/** Pairs that are remembered: those that waited last. */
const MAX_PAIRS = 10_000
/** Findings that are kept: the first ones. */
const MAX_FOUND = 100

export class MutualWaits {
  readonly #recent = new Map<string, Interval[]>()
  readonly #found = new Map<string, MutualWait>()

  add({ agentId, resource, holder, ms, entry }: Wait): void {
    if (agentId === undefined || resource === undefined || holder === undefined || agentId === holder) return
    if (ms === undefined || ms === 0) return
    const { event } = entry
    const own = { from: event.ts - ms, to: event.ts, resource, place: placeOf(entry) }
    for (const other of this.#recent.get(pairOf(holder, agentId)) ?? []) {
      // Who waits for the very thing that the other waits for is in a queue, not in a circle.
      if (other.resource === resource || Math.min(own.to, other.to) <= Math.max(own.from, other.from))
        continue
      if (own.from < other.from) this.#find(agentId, holder, own, other)
      else this.#find(holder, agentId, other, own)
    }
    this.#remember(pairOf(agentId, holder), own)
  }

  report(): MutualWait[] {
    return [...this.#found.values()].sort((a, b) => b.longestMs - a.longestMs)
  }

  #find(first: string, second: string, a: Interval, b: Interval): void {
    // The same circle may begin at either end: it is one finding, in the order in which it was first seen.
    const key = JSON.stringify([first, second, a.resource, b.resource])
    const turned = JSON.stringify([second, first, b.resource, a.resource])
    const from = Math.max(a.from, b.from)
    const overlap = Math.min(a.to, b.to) - from
    const known = this.#found.get(key) ?? this.#found.get(turned)
    if (known === undefined) {
      if (this.#found.size >= MAX_FOUND) return
      this.#found.set(key, {
        agents: [first, second],
        resources: [a.resource, b.resource],
        times: 1,
        longestMs: overlap,
        longestTs: from,
        places: [a.place, b.place],
      })
      return
    }
    known.times++
    if (overlap <= known.longestMs) return
    known.longestMs = overlap
    known.longestTs = from
    known.places = known.agents[0] === first ? [a.place, b.place] : [b.place, a.place]
  }

  #remember(pair: string, interval: Interval): void {
    const intervals = this.#recent.get(pair) ?? []
    // Set anew, so that the pair that waited longest ago comes first.
    this.#recent.delete(pair)
    this.#recent.set(pair, intervals)
    intervals.push(interval)
    if (intervals.length > RECENT) intervals.shift()
    if (this.#recent.size > MAX_PAIRS) {
      const [oldest] = this.#recent.keys()
      if (oldest !== undefined) this.#recent.delete(oldest)
    }
  }
}

const pairOf = (agent: string, holder: string): string => JSON.stringify([agent, holder])
