/**
 * The messages that wait in an inbox beyond those that it holds, as far as going on needs them: their ids, oldest first.
 * So it is known whether a drain or a drop that names one takes it.
 */

/** Ids of one inbox; one that has more such messages knows their number alone. */
export const MAX_UNHELD_IDS = 1_000
/**
 * Ids of all inboxes; beyond it those that get messages give theirs up, until an eighth is left. All are in each state that
 * a side index stores, where a hive in which very much waits would make them a good part of the work.
 */
export const MAX_ALL_UNHELD_IDS = 2_000

/** From so many on they are told apart by a map. */
const MANY = 64

export class UnheldIds {
  /** `undefined` for a message without one. */
  #ids: (string | undefined)[]
  /** How many messages have an id; made when one of many is asked for. */
  #counts: Map<string, number> | undefined

  constructor(ids: readonly (string | null)[] = []) {
    this.#ids = ids.map((id) => id ?? undefined)
  }

  get size(): number {
    return this.#ids.length
  }

  /** For JSON. */
  list(): (string | null)[] {
    return this.#ids.map((id) => id ?? null)
  }

  push(id: string | undefined): void {
    this.#ids.push(id)
    if (id !== undefined) this.#counts?.set(id, (this.#counts.get(id) ?? 0) + 1)
  }

  /** Takes the oldest out. */
  shift(count: number): void {
    for (const id of this.#ids.splice(0, count)) this.#uncount(id)
  }

  /** Takes the oldest of an id out: where it stood, or -1. */
  take(id: string): number {
    const at = this.#placeOf(id)
    if (at === -1) return -1
    this.#ids.splice(at, 1)
    this.#uncount(id)
    return at
  }

  has(id: string): boolean {
    return this.#placeOf(id) !== -1
  }

  #placeOf(id: string): number {
    if (this.#ids.length >= MANY) {
      this.#counts ??= countsOf(this.#ids)
      if (!this.#counts.has(id)) return -1
    }
    return this.#ids.indexOf(id)
  }

  #uncount(id: string | undefined): void {
    const counts = this.#counts
    if (counts === undefined || id === undefined) return
    const count = counts.get(id) as number
    if (count > 1) counts.set(id, count - 1)
    else counts.delete(id)
  }
}

function countsOf(ids: readonly (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const id of ids) if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
