/**
 * Durations, of which any share can be asked (median, 95 of 100), in bounded memory: exact up to 512 values, beyond
 * that within 1 %, by counting values in buckets whose bounds grow by a constant factor (about 2 %).
 */

/** Values that are kept as they are, before they are counted in buckets. */
const EXACT = 512

/** Greatest relative error of a quantile that is read from buckets. */
export const RELATIVE_ERROR = 0.01

const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const LOG_GAMMA = Math.log(GAMMA)
/** Milliseconds. What is less counts as nothing. */
const LEAST = 1e-3
/** Milliseconds, 115 days. What is more shares the last bucket. */
const MOST = 1e10
const BUCKETS = Math.ceil(Math.log(MOST / LEAST) / LOG_GAMMA) + 2

export class Durations {
  count = 0
  /** Milliseconds, as is everything here. */
  total = 0
  min = Number.POSITIVE_INFINITY
  max = 0
  #exact: number[] = []
  #buckets: Float64Array | undefined

  /** @param ms finite, and not negative */
  add(ms: number): void {
    this.count++
    this.total += ms
    if (ms > this.max) this.max = ms
    if (ms < this.min) this.min = ms
    if (this.#buckets !== undefined) {
      count(this.#buckets, ms)
    } else if (this.#exact.push(ms) > EXACT) {
      this.#buckets = new Float64Array(BUCKETS)
      for (const each of this.#exact) count(this.#buckets, each)
      this.#exact = []
    }
  }

  /**
   * The least value that at least this share of the values does not exceed (nearest rank).
   * @param share over 0, at most 1
   * @returns milliseconds; `undefined` when there are no values
   */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined
    const rank = Math.max(1, Math.ceil(share * this.count))
    if (rank >= this.count) return this.max
    if (this.#buckets === undefined) return this.#exact.toSorted((a, b) => a - b)[rank - 1]
    let seen = 0
    let bucket = -1
    while (seen < rank) seen += this.#buckets[++bucket] as number
    return Math.min(this.max, Math.max(this.min, middle(bucket)))
  }
}

function count(buckets: Float64Array, ms: number): void {
  const bucket = ms <= LEAST ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / LEAST) / LOG_GAMMA))
  ;(buckets[bucket] as number)++
}

/** The value that is within the relative error of all values of the bucket. */
function middle(bucket: number): number {
  return bucket === 0 ? 0 : LEAST * ((2 * GAMMA ** bucket) / (GAMMA + 1))
}
