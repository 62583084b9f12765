/** Tells on a terminal how far something long has come: one line on standard error, gone when it is done. */

import type { OnProgress } from '../read/hive.js'
import { io } from './io.js'

const AFTER_MS = 300
const EVERY_MS = 100

export class Progress {
  readonly #what: string
  readonly #io = io()
  readonly #startedAt = Date.now()
  #toldAt = 0

  /** @param what words before the figure: `reading` */
  constructor(what: string) {
    this.#what = what
  }

  /** Nothing is said of what is done at once, nor where nobody looks. */
  readonly update = (done: number, total: number): void => {
    const now = Date.now()
    if (now - this.#startedAt < AFTER_MS || now - this.#toldAt < EVERY_MS) return
    if (this.#io.stderr.isTTY !== true || this.#io.env.TERM === 'dumb') return
    this.#toldAt = now
    const percent = total > 0 ? Math.min(100, Math.floor((done / total) * 100)) : 0
    this.#io.stderr.write(`\r${this.#what} ${String(percent).padStart(3)} %`)
  }

  /** Takes the line off the terminal, until more is told. */
  hide(): void {
    if (this.#toldAt > 0 && this.#toldAt < Number.POSITIVE_INFINITY) this.#io.stderr.write('\r\x1b[K')
    this.#toldAt = 0
  }

  /** Takes the line off the terminal, and tells nothing more. */
  end(): void {
    this.hide()
    this.#toldAt = Number.POSITIVE_INFINITY
  }
}

/** Does something that reads for long with its progress on a terminal. */
export async function withProgress<T>(act: (onProgress: OnProgress) => Promise<T>): Promise<T> {
  const progress = new Progress('reading')
  return act(progress.update).finally(() => progress.end())
}
