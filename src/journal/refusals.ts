/** Lines of which it will never be said that they are on disk. */
import type { NotDurableError } from './errors.js'

interface Refusal {
  from: number
  to: number
  error: NotDurableError
}

/** Ranges that are kept; beyond that, neighbouring ones are taken together, so that more is refused and never less. */
const MAX_RANGES = 1_000

export class Refusals {
  #ranges: Refusal[] = []

  add(from: number, to: number, error: NotDurableError): void {
    if (to < from) return
    this.#ranges.push({ from, to, error })
    this.#ranges.sort((a, b) => a.from - b.from)
    const merged: Refusal[] = []
    for (const range of this.#ranges) {
      const last = merged.at(-1)
      if (last !== undefined && range.from <= last.to + 1) last.to = Math.max(last.to, range.to)
      else merged.push({ ...range })
    }
    while (merged.length > MAX_RANGES) {
      const [oldest, next] = merged.splice(0, 2) as [Refusal, Refusal]
      merged.unshift({ ...next, from: oldest.from })
    }
    this.#ranges = merged
  }

  /** Why line `seq` is refused; `undefined` when it is not. */
  of(seq: number): NotDurableError | undefined {
    return this.in(seq, seq)
  }

  /** Why one of the lines from `first` to `last` is refused. */
  in(first: number, last: number): NotDurableError | undefined {
    return this.#ranges.find(({ from, to }) => last >= from && first <= to)?.error
  }
}
