/** The inboxes of a hive: what was routed to whom and is not yet drained. */
import { type InboxState, MAX_LISTED_MESSAGES, type WaitingMessage } from './state.js'

export class Inboxes {
  readonly #inboxes = new Map<string, InboxState>()

  constructor(states: readonly InboxState[] = []) {
    for (const state of states) this.#inboxes.set(state.recipient, state)
  }

  get size(): number {
    return this.#inboxes.size
  }

  has(recipient: string): boolean {
    return this.#inboxes.has(recipient)
  }

  waiting(recipient: string): number {
    return this.#inboxes.get(recipient)?.waiting ?? 0
  }

  put(recipient: string, message: WaitingMessage): void {
    const inbox = this.#inboxes.get(recipient)
    if (inbox === undefined) {
      this.#inboxes.set(recipient, { recipient, waiting: 1, messages: [message] })
      return
    }
    inbox.waiting++
    inbox.messages.push(message)
    if (inbox.messages.length > MAX_LISTED_MESSAGES) inbox.messages.shift()
  }

  /** The oldest `count` are taken. */
  takeOldest(recipient: string, count: number): void {
    const inbox = this.#inboxes.get(recipient)
    if (inbox === undefined) return
    const unlisted = inbox.waiting - inbox.messages.length
    inbox.waiting = Math.max(0, inbox.waiting - count)
    if (count > unlisted) inbox.messages.splice(0, count - unlisted)
    if (inbox.waiting === 0) this.#inboxes.delete(recipient)
  }

  /** The messages of these ids are taken; those that are not listed were among the older ones, if there are any. */
  take(recipient: string, ids: readonly unknown[]): void {
    const inbox = this.#inboxes.get(recipient)
    if (inbox === undefined) return
    for (const id of ids) {
      const at = inbox.messages.findIndex((message) => message.id === id)
      if (at !== -1) inbox.messages.splice(at, 1)
      else if (inbox.waiting === inbox.messages.length) continue
      inbox.waiting--
    }
    if (inbox.waiting === 0) this.#inboxes.delete(recipient)
  }

  /** A message that was not delivered after all. */
  remove(recipient: string, id: string): void {
    const inbox = this.#inboxes.get(recipient)
    const at = inbox?.messages.findIndex((message) => message.id === id) ?? -1
    if (inbox === undefined || at === -1) return
    inbox.messages.splice(at, 1)
    inbox.waiting--
    if (inbox.waiting === 0) this.#inboxes.delete(recipient)
  }

  list(): InboxState[] {
    return [...this.#inboxes.values()]
  }
}
