/** Work that waits until the position stands still: what nobody looks at while all of the floor moves. */

/** The work waits until nothing has changed for so long; when it changes on and on, no longer than the second. */
const CALM_MS = 150
const MOST_MS = 1_000

export class Calm {
  readonly #run: () => void
  #since: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param run does the work, or a part of it; it says `more` or `done` */
  constructor(run: () => void) {
    this.#run = run
  }

  /** Something is to be done that was not before. */
  changed(): void {
    const now = performance.now()
    this.#since ??= now
    if (now - this.#since > MOST_MS && this.#timer !== undefined) return
    this.more(CALM_MS)
  }

  /** A part is done; others have their turn before the next, for so many milliseconds. */
  more(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#run, ms)
  }

  /** All is done, or not wanted any more. */
  done(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#since = undefined
  }
}
