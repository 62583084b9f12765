/** What was escalated to the human and is not answered yet. */
import type { Fields } from '../../format/fields.js'
import { idOf, textOf } from '../bounded.js'
import type { OnChange } from './changes.js'
import { MAX_PENDING, type PendingEscalation } from './state.js'

export class Pending {
  /** How many of the oldest are no longer listed. */
  unlisted: number
  readonly #items = new Map<string, PendingEscalation>()
  readonly #onChange: OnChange | undefined

  constructor(items: readonly PendingEscalation[], unlisted: number, onChange?: OnChange) {
    for (const item of items) this.#items.set(item.id, item)
    this.unlisted = unlisted
    this.#onChange = onChange
  }

  list(): PendingEscalation[] {
    return [...this.#items.values()]
  }

  escalate(fields: Fields, ts: number, seq: number): void {
    const id = idOf(fields.id)
    if (id === undefined) return
    const item: PendingEscalation = { id, seq, ts }
    const from = idOf(fields.from)
    const to = idOf(fields.to)
    const subject = textOf(fields.subject)
    if (from !== undefined) item.from = from
    if (to !== undefined) item.to = to
    if (subject !== undefined) item.subject = subject
    const pending = this.#items
    const isNew = !pending.has(id)
    // An id that is used again is pending since then.
    pending.delete(id)
    pending.set(id, item)
    if (pending.size > MAX_PENDING) {
      const [oldest] = pending.keys()
      pending.delete(oldest as string)
      this.unlisted++
    }
    this.#changed(id, isNew ? 1 : 0)
  }

  approval(fields: Fields): void {
    const id = idOf(fields.id)
    if (id === undefined) return
    let delta = this.#items.delete(id) ? -1 : 0
    if (delta === 0 && this.unlisted > 0) {
      this.unlisted--
      delta = -1
    }
    this.#changed(id, delta)
  }

  #changed(id: string, delta: number): void {
    const pending = this.#items.size + this.unlisted
    this.#onChange?.({ type: 'pending', id, delta, pending })
  }
}
