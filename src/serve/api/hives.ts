/** The hives that are open: each is opened when it is asked for, and let go when nobody has asked for long. */
import type { OpenGlance, OpenHives } from './catalogue.js'
import { HiveView } from './hive-view.js'

/** Hives that are open at a time, beside those that somebody watches. */
const MAX_OPEN = 16
const IDLE_MS = 10 * 60_000
const SWEEP_MS = 30_000

export class Hives implements OpenHives {
  readonly #views = new Map<string, HiveView>()
  readonly #maxOpen: number
  readonly #timer: NodeJS.Timeout

  constructor(maxOpen = MAX_OPEN) {
    this.#maxOpen = maxOpen
    this.#timer = setInterval(() => this.#sweep(performance.now() - IDLE_MS), SWEEP_MS)
    this.#timer.unref()
  }

  /** @param file path of the log */
  open(file: string): HiveView {
    let view = this.#views.get(file)
    if (view === undefined) {
      view = new HiveView(file)
      this.#views.set(file, view)
      this.#makeRoom()
    }
    view.usedAt = performance.now()
    return view
  }

  glance(file: string): OpenGlance | undefined {
    return this.#views.get(file)?.glance()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    const closed = [...this.#views.values()].map((view) => view.close())
    this.#views.clear()
    await Promise.all(closed)
  }

  #makeRoom(): void {
    const idle = [...this.#views.values()]
      .filter(({ isWatched }) => !isWatched)
      .sort((a, b) => a.usedAt - b.usedAt)
    // The one that was opened just now is the last of them.
    for (const view of idle.slice(0, Math.max(0, idle.length - this.#maxOpen))) this.#letGo(view)
  }

  #sweep(before: number): void {
    for (const view of this.#views.values()) {
      if (!view.isWatched && view.usedAt < before) this.#letGo(view)
    }
  }

  #letGo(view: HiveView): void {
    this.#views.delete(view.file)
    void view.close()
  }
}
