/** What was escalated, as its agent holds it: a promise of the line on disk, and one of the decision. */
import type { DecisionMade } from '../decide/errors.js'
import { NotDecidedError } from '../decide/errors.js'
import { timerMs } from '../format/options.js'
import type { Escalation } from './inputs.js'

export interface AskedOptions {
  id: unknown
  durable: Promise<void>
  /** Milliseconds until the promise is given up; `undefined`: never. */
  timeoutMs: number | undefined
  /** The first who waits for the decision does from now on. */
  onWaited(): void
  /** Nobody waits any more who did: it is decided, or given up. */
  onOver(): void
}

export class Asked implements Escalation {
  readonly id: string
  readonly durable: Promise<void>
  readonly #options: AskedOptions
  readonly #decision: Promise<DecisionMade>
  #resolve!: (made: DecisionMade | Promise<DecisionMade>) => void
  #reject!: (error: Error) => void
  #timer: NodeJS.Timeout | undefined
  #isWaited = false
  #isOver = false

  constructor(options: AskedOptions) {
    this.#options = options
    this.id = options.id as string
    this.durable = options.durable
    this.#decision = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever does not wait for it must not be ended by an unhandled rejection.
    this.#decision.catch(() => {})
    const { timeoutMs } = options
    if (timeoutMs === undefined) return
    this.#timer = setTimeout(() => {
      this.giveUp(`nobody decided within ${timeoutMs} ms; it stays pending`)
    }, timerMs(timeoutMs)).unref()
  }

  get decision(): Promise<DecisionMade> {
    if (!this.#isWaited && !this.#isOver) {
      this.#isWaited = true
      this.#timer?.ref()
      this.#options.onWaited()
    }
    return this.#decision
  }

  /** Resolves once the approval is on the disk; an agent does not act on what may not be written down. */
  decided(made: DecisionMade, durable: Promise<void>): void {
    this.#resolve(durable.then(() => made))
    const over = (): void => this.#end()
    durable.then(over, over)
  }

  /** @param why in words, after "is not decided: " */
  giveUp(why: string): void {
    this.#reject(new NotDecidedError(this.id, why))
    this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    if (this.#isWaited) this.#options.onOver()
  }
}
