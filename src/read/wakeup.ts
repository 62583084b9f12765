/** Waits until something may have changed in a log's folder: told by the system at once, else by a timer. */

import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { timerMs } from '../format/options.js'

export class Wakeup {
  readonly #folder: string
  readonly #prefix: string
  readonly #pollMs: number
  readonly #signal: AbortSignal | undefined
  #watcher: FSWatcher | undefined
  #hasNews = false
  #resolve: (() => void) | undefined

  /** @param pollMs longest time that `wait` takes, milliseconds; watching fails on some network file systems */
  constructor(file: string, pollMs: number, signal: AbortSignal | undefined) {
    this.#folder = dirname(file)
    this.#prefix = basename(file).replace(/\.jsonl$/, '')
    this.#pollMs = pollMs
    this.#signal = signal
    this.#watch()
  }

  /** Resolves when something happened since the last call, when `pollMs` have passed, or when the signal aborts. */
  async wait(): Promise<void> {
    // The folder may have come into being since.
    if (this.#watcher === undefined) this.#watch()
    if (!this.#hasNews && this.#signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.#wake(), timerMs(this.#pollMs))
        const wake = (): void => this.#wake()
        this.#signal?.addEventListener('abort', wake, { once: true })
        this.#resolve = () => {
          clearTimeout(timer)
          this.#signal?.removeEventListener('abort', wake)
          resolve()
        }
      })
    }
    this.#hasNews = false
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #watch(): void {
    try {
      // The folder, not the file: a rotation puts another file in its place.
      this.#watcher = watch(this.#folder, { persistent: false }, (_, name) => {
        if (name === null || name.startsWith(this.#prefix)) this.#wake()
      })
      this.#watcher.on('error', () => this.close())
    } catch {
      this.#watcher = undefined
    }
  }

  #wake(): void {
    this.#hasNews = true
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.()
  }
}
