/** How many events were when: rows counted in stretches of one length. */
import { setImmediate } from 'node:timers/promises'
import type { Rows } from './rows.js'
import type { Bucket } from './shapes.js'

/** Rows that are counted in one go. */
const PIECE = 250_000

/** Counts into so many stretches that follow each other. */
export class Buckets {
  readonly #from: number
  readonly #width: number
  readonly #escalate: number
  readonly #counts: Uint32Array
  readonly #escalations: Uint32Array
  readonly #errors: Uint32Array

  /** @param from time at which the first begins. @param to of the last event that can come */
  constructor(rows: Rows, from: number, to: number, count: number) {
    this.#from = from
    this.#width = Math.max(1, (to - from + 1) / count)
    this.#escalate = rows.kinds.find('escalate')
    this.#counts = new Uint32Array(count)
    this.#escalations = new Uint32Array(count)
    this.#errors = new Uint32Array(count)
  }

  add(rows: Rows, row: number): void {
    const at = Math.floor((rows.ts(row) - this.#from) / this.#width)
    if (at < 0 || at >= this.#counts.length) return
    this.#counts[at] = (this.#counts[at] as number) + 1
    if (this.#escalate !== 0 && rows.kind(row) === this.#escalate)
      this.#escalations[at] = (this.#escalations[at] as number) + 1
    if (rows.isError(row)) this.#errors[at] = (this.#errors[at] as number) + 1
  }

  list(): Bucket[] {
    return Array.from(this.#counts, (count, i) => ({
      ts: this.#from + i * this.#width,
      count,
      escalations: this.#escalations[i] as number,
      errors: this.#errors[i] as number,
    }))
  }
}

/** Calls `act` for each of some rows, and lets others have their turn now and then. */
export async function eachRow(from: number, to: number, act: (row: number) => void): Promise<void> {
  for (let at = from; at < to; at += PIECE) {
    const end = Math.min(to, at + PIECE)
    for (let row = at; row < end; row++) act(row)
    if (end < to) await setImmediate()
  }
}
