/** What the hive of the backend suite does: how many events of each kind, and which agents there are. */

/** Events of each kind, over all processes of the hive. Together with the spawns and exits: `EVENTS`. */
export const COUNTS = {
  drain: 3_000,
  escalate: 300,
  approval: 300,
  usage: 5_000,
  tool: 2_400,
  call: 1_600,
  wait: 2_000,
  snapshot: 400,
  drop: 500,
  'plan.revised': 2_000,
  'session.note': 300,
} as const

export const AGENTS = 200
export const EVENTS = 50_000
/** Processes beside the first, each an agent and a helper of its own. */
export const PROCESSES = 4
/** Events that a process beside the first records, spawns and exits included. */
export const EVENTS_OF_PROCESS = 500
/** Of the agents in the first process, how many end with an error, are killed, or are said to be lost. */
export const FAILED = 12
export const KILLED = 8
export const LOST = 3

/** The same sequence for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The items in another order, the same for the same `next`. */
export function shuffled<T>(items: T[], next: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[items[i], items[j]] = [items[j] as T, items[i] as T]
  }
  return items
}
