/** How the agent that a process is ends with it: `ok`, `error` on an exception or an exit code, `killed` on a signal. */

import type { ExitStatus } from '../format/kinds.js'
import { onExit } from '../format/on-exit.js'
import { describe } from '../format/quote.js'

/** How an agent ends; see `EndInput` of a hive. */
interface EndInput {
  status?: ExitStatus
  error?: string | Error
}

/** Those who watch: of more than ten listeners of one event Node would warn. */
const watching = new Set<(error: unknown) => void>()
const onThrown = (error: unknown): void => {
  for (const each of watching) each(error)
}

/** Watches this process until it ends, or until `forget`. */
export class ProcessEnd {
  /** What was thrown last, and caught by nobody. */
  #thrown: { error: unknown } | undefined
  /** Whether what handles the exception is still at it. */
  #isBeingHandled = false
  #removeExit: () => void

  /** @param end is told how the process ended, while lines can still be written */
  constructor(end: (how: EndInput) => void) {
    if (watching.size === 0) process.on('uncaughtExceptionMonitor', onThrown)
    watching.add(this.#onThrown)
    this.#removeExit = onExit((code, signal) => {
      if (signal !== null) end({ status: 'killed', error: signal })
      // An exception that the application handled is none of its end's.
      else end(code ? this.#failure(code) : {})
    })
  }

  /** How the process stands, for an agent that ends before it does. */
  soFar(): EndInput {
    // Handlers of uncaught exceptions shut down first, and say the exit code then.
    const code = Number(process.exitCode ?? 0)
    return code !== 0 || this.#isBeingHandled ? this.#failure(code) : {}
  }

  /** Stops watching. */
  forget(): void {
    watching.delete(this.#onThrown)
    if (watching.size === 0) process.off('uncaughtExceptionMonitor', onThrown)
    this.#removeExit()
  }

  #onThrown = (error: unknown): void => {
    this.#thrown = { error }
    this.#isBeingHandled = true
    setImmediate(() => {
      this.#isBeingHandled = false
    })
  }

  #failure(code: number): EndInput {
    if (this.#thrown === undefined) return { status: 'error', error: `exit code ${code}` }
    const { error } = this.#thrown
    return { status: 'error', error: error instanceof Error ? error : describe(error) }
  }
}
