/** Sums of calls, tokens and dollars: exact where many small amounts meet, and for a bounded number of keys. */
import { ExactSum } from '../../format/exact-sum.js'
import type { CallTokens } from './prices.js'

/** What model calls used and cost. */
export interface CostSums {
  /** Model calls. */
  calls: number
  /** Those of them that failed or were aborted; what is known of their tokens counts in all sums. */
  failedCalls: number
  /** Tokens of input, as recorded. */
  inputTokens: number
  /** Tokens of output. */
  outputTokens: number
  /** Tokens of input that came from the provider's cache. */
  cacheReadTokens: number
  /** Tokens of input that went to the provider's cache. */
  cacheWriteTokens: number
  /** Milliseconds that the calls took, where recorded. */
  ms: number
  /** US dollars, recorded and computed; more than this where `unpricedCalls` is not 0. */
  costUsd: number
  /** Calls of no known price: they count in all sums but `costUsd`. */
  unpricedCalls: number
}

/** The sums of one key while they grow. */
export class CostTally {
  calls = 0
  failedCalls = 0
  unpricedCalls = 0
  #input = 0
  #output = 0
  #cacheRead = 0
  #cacheWrite = 0
  #ms = 0
  readonly #dollars = new ExactSum()

  /** @param costUsd `undefined` where there is no price */
  add(tokens: CallTokens, costUsd: number | undefined, ms: number, hasFailed = false): void {
    this.calls++
    if (hasFailed) this.failedCalls++
    this.#input += tokens.input
    this.#output += tokens.output
    this.#cacheRead += tokens.cacheRead
    this.#cacheWrite += tokens.cacheWrite
    this.#ms += ms
    if (costUsd === undefined) this.unpricedCalls++
    else this.#dollars.add(costUsd)
  }

  sums(): CostSums {
    return {
      calls: this.calls,
      failedCalls: this.failedCalls,
      inputTokens: this.#input,
      outputTokens: this.#output,
      cacheReadTokens: this.#cacheRead,
      cacheWriteTokens: this.#cacheWrite,
      ms: this.#ms,
      costUsd: this.#dollars.value,
      unpricedCalls: this.unpricedCalls,
    }
  }
}

/** Values by key, made when first asked for; beyond the bounds, new keys share one value. */
export class BoundedGroups<V> {
  readonly groups = new Map<string | null, V>()
  /** What all keys beyond the bounds share; `undefined` while there are none. */
  others: V | undefined
  readonly #make: (key: string | null) => V
  readonly #maxKeys: number
  readonly #maxCharacters: number
  #characters = 0

  constructor(make: (key: string | null) => V, maxKeys: number, maxCharacters: number) {
    this.#make = make
    this.#maxKeys = maxKeys
    this.#maxCharacters = maxCharacters
  }

  of(key: string | null): V {
    const known = this.groups.get(key)
    if (known !== undefined) return known
    const size = key?.length ?? 0
    if (this.groups.size >= this.#maxKeys || this.#characters + size > this.#maxCharacters) {
      this.others ??= this.#make(null)
      return this.others
    }
    this.#characters += size
    const made = this.#make(key)
    this.groups.set(key, made)
    return made
  }
}
