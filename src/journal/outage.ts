/** The time in which the file takes nothing: when to try again, with growing pauses, and what to tell people. */

const RETRY_MIN_MS = 20
const RETRY_MAX_MS = 1_000

export class Outage {
  #retry: () => void
  #delay = 0
  #retryAt = 0
  #timer: NodeJS.Timeout | undefined
  #message: string | undefined

  /** @param retry called when it is time to try again */
  constructor(retry: () => void) {
    this.#retry = retry
  }

  /** What is wrong; `undefined` while nothing is. */
  get message(): string | undefined {
    return this.#message
  }

  get isOn(): boolean {
    return this.#message !== undefined
  }

  /** Whether writing may be tried, at `now` of the monotonic clock. */
  mayTry(now: number): boolean {
    return !this.isOn || now >= this.#retryAt
  }

  /**
   * A write failed.
   * @param isAwaited whether somebody waits for it: a disk that stays full must not keep a finished process alive else
   */
  failed(message: string, isAwaited: boolean): void {
    this.#delay = this.isOn ? Math.min(this.#delay * 2, RETRY_MAX_MS) : RETRY_MIN_MS
    this.#message = message
    this.#retryAt = performance.now() + this.#delay
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#retry, this.#delay)
    if (!isAwaited) this.#timer.unref()
  }

  /** Somebody waits from now on. */
  keepAlive(): void {
    this.#timer?.ref()
  }

  over(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#message = undefined
  }

  /** No more tries; what was wrong stays known. */
  stop(): void {
    clearTimeout(this.#timer)
  }
}
