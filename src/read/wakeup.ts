/** Waits until something may have changed in the folders of logs: told by the system at once, else by a timer. */

import { type FSWatcher, watch } from 'node:fs'
import { timerMs } from '../format/options.js'

/** What a follower waits with when it has read all that is there. */
export interface Waiting {
  wait(): Promise<void>
  close(): void
}

export class Wakeup implements Waiting {
  /** Longest time that `wait` takes, milliseconds: watching fails on some network file systems. */
  pollMs: number
  readonly #signal: AbortSignal | undefined
  readonly #isNews: (folder: string, name: string) => boolean
  readonly #watchers = new Map<string, FSWatcher | undefined>()
  #hasNews = false
  #resolve: (() => void) | undefined

  /** @param isNews whether it matters that something happened to the file of this name */
  constructor(
    pollMs: number,
    signal: AbortSignal | undefined,
    isNews: (folder: string, name: string) => boolean,
  ) {
    this.pollMs = pollMs
    this.#signal = signal
    this.#isNews = isNews
  }

  /** Watches a folder, not a file: a rotation puts another file in its place. */
  watch(folder: string): void {
    if (this.#watchers.get(folder) !== undefined) return
    let watcher: FSWatcher | undefined
    try {
      watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === null || this.#isNews(folder, name)) this.#wake()
      })
      watcher.on('error', () => {
        watcher?.close()
        this.#watchers.set(folder, undefined)
      })
    } catch {
      // It may come into being.
    }
    this.#watchers.set(folder, watcher)
  }

  /** Resolves when something happened since the last call, when `pollMs` have passed, or when the signal aborts. */
  async wait(): Promise<void> {
    for (const [folder, watcher] of this.#watchers) if (watcher === undefined) this.watch(folder)
    if (!this.#hasNews && this.#signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.#wake(), timerMs(this.pollMs))
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
    for (const watcher of this.#watchers.values()) watcher?.close()
    this.#watchers.clear()
  }

  #wake(): void {
    this.#hasNews = true
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.()
  }
}

/** For one log. */
export function wakeupFor(
  folder: string,
  prefix: string,
  pollMs: number,
  signal: AbortSignal | undefined,
): Wakeup {
  const wakeup = new Wakeup(pollMs, signal, (_, name) => name.startsWith(prefix))
  wakeup.watch(folder)
  return wakeup
}
