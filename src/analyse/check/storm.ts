/** Tells when the same thing is done again and again: so many failures, or so many times at all, in a time. */
import { type CheckPlace, Group } from './findings.js'

export interface StormLimits {
  /** Failures that make a storm. */
  max: number
  /** Times at all that make one. */
  successes: number
  /** Milliseconds in which they come. */
  within: number
}

/** A storm that is over. */
export interface Passed {
  group: Group
  failed: number
  /** Milliseconds from the first to the last. */
  ms: number
  lastError: string | undefined
}

interface Hit {
  ts: number
  place: CheckPlace
  /** How many there were before it, and how many of them failed. */
  before: number
  failedBefore: number
  isFailure: boolean
}

/** One thing that is done by one agent. */
export class Storm {
  readonly #limits: StormLimits
  #total = 0
  #failed = 0
  /** The last failures, `max` at most. */
  #failures: Hit[] | undefined
  /** Where the present window of time began. */
  #window: Hit | undefined
  #active: { from: Hit; to: Hit; lastError: string | undefined } | undefined

  constructor(limits: StormLimits) {
    this.#limits = limits
  }

  /** Takes one time more. Returns the storm that had passed before it, if there was one. */
  add(ts: number, place: CheckPlace, isFailure: boolean, error?: string): Passed | undefined {
    const { max, successes, within } = this.#limits
    const hit: Hit = { ts, place, before: this.#total, failedBefore: this.#failed, isFailure }
    this.#total++
    if (isFailure) {
      this.#failed++
      this.#failures ??= []
      this.#failures.push(hit)
      if (this.#failures.length > max) this.#failures.shift()
    }
    if (this.#window === undefined || Math.abs(ts - this.#window.ts) > within) this.#window = hit
    let passed: Passed | undefined
    if (this.#active !== undefined && ts - this.#active.to.ts > within) passed = this.end()
    const oldest = this.#failures?.length === max ? this.#failures[0] : undefined
    const isFailing = isFailure && oldest !== undefined && ts - oldest.ts <= within
    const isBusy = this.#total - this.#window.before >= successes
    if (isFailing || isBusy) {
      const from = isFailing ? oldest : this.#window
      this.#active ??= { from, to: hit, lastError: error }
      this.#active.to = hit
      if (isFailure) this.#active.lastError = error ?? this.#active.lastError
    }
    return passed
  }

  /** Ends the present storm, if there is one. */
  end(): Passed | undefined {
    const active = this.#active
    if (active === undefined) return undefined
    this.#active = undefined
    this.#failures = undefined
    const { from, to, lastError } = active
    const count = to.before - from.before + 1
    const group = new Group(from.place, Math.max(1, count - 1))
    if (count > 1) group.add(to.place)
    const failed = to.failedBefore + (to.isFailure ? 1 : 0) - from.failedBefore
    return { group, failed, ms: Math.max(0, to.ts - from.ts), lastError }
  }
}
