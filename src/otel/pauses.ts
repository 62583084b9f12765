/** Which questions of runs that stopped for a person are known, and which of them an answer is for. */
import { BoundedMap } from '../format/bounded-map.js'
import type { Resume } from './vocabularies/langgraph.js'

/** Runs, threads and questions that are remembered at least. */
const MAX_KNOWN = 1_000

export class Pauses {
  /** Questions that nobody answered yet, by run and by thread. */
  #byRun = new BoundedMap<Set<string>>(MAX_KNOWN)
  #byThread = new BoundedMap<Set<string>>(MAX_KNOWN)
  #waiting = new BoundedMap<true>(MAX_KNOWN)

  /**
   * An interrupt passed through a span: on its way up it passes through several.
   * @returns whether it is told for the first time
   */
  ask(id: string, run: string): boolean {
    if (this.#waiting.get(id) === true) return false
    this.#waiting.set(id, true)
    const ofRun = this.#byRun.get(run) ?? new Set()
    ofRun.add(id)
    this.#byRun.set(run, ofRun)
    return true
  }

  /** A run of a thread ended: what it asked can be answered in that thread's next run. */
  ended(run: string, thread: string): void {
    const asked = this.#byRun.get(run)
    if (asked === undefined) return
    const waiting = this.#byThread.get(thread) ?? new Set()
    for (const id of asked) waiting.add(id)
    this.#byThread.set(thread, waiting)
  }

  /** @returns the questions that a thread's answer is for: where it names none, the one that waits */
  answer(thread: string, { byId, answer }: Resume): Array<{ id: string; answer: unknown }> {
    const waiting = this.#byThread.get(thread)
    const given = byId ?? (waiting?.size === 1 ? new Map([[[...waiting][0] as string, answer]]) : new Map())
    return [...given].map(([id, each]: [string, unknown]) => {
      waiting?.delete(id)
      this.#waiting.delete(id)
      return { id, answer: each }
    })
  }
}
