/** Tries again what another git process is in the way of: ever later, at random, up to a bound. */
import { CommitError } from './errors.js'
import type { Git } from './run.js'

const FIRST_MS = 20
const LONGEST_MS = 1_000

/** One for a whole commit, so that the bound holds for all of it. */
export class Backoff {
  #git: Git
  #deadline: number
  #next = FIRST_MS

  constructor(git: Git, boundMs: number) {
    this.#git = git
    this.#deadline = performance.now() + boundMs
  }

  /** Does it, again and again while a lock is held. @throws what it throws, of a lock when the bound is reached */
  async pastLocks<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof CommitError) || error.code !== 'locked') throw error
        await this.wait(error)
      }
    }
  }

  /** Waits for the next try. @throws `reason` when there is to be none */
  async wait(reason: CommitError): Promise<void> {
    const left = this.#deadline - performance.now()
    if (left <= 0 || this.#git.context.signal?.aborted === true) throw reason
    // Two that met at a lock are not to meet at it again.
    const ms = this.#next * (0.5 + Math.random() / 2)
    this.#next = Math.min(this.#next * 2, LONGEST_MS)
    await this.#git.pause(Math.min(ms, left))
  }
}
