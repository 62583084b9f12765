/** Who gets a message, and when it is taken out of the inbox again. */
import type { Fields } from '../../format/fields.js'
import { amountOf, idOf, textOf } from '../bounded.js'
import type { OnChange } from './changes.js'
import { Inboxes } from './inboxes.js'
import type { Roster } from './roster.js'
import { type InboxState, MAX_STRANGERS, type WaitingMessage } from './state.js'

export class Routing {
  /** Messages to names that never spawned, beyond as many of them as are listed. */
  unlisted: number
  readonly #roster: Roster
  readonly #inboxes: Inboxes
  readonly #onChange: OnChange | undefined

  constructor(roster: Roster, inboxes: readonly InboxState[], unlisted: number, onChange?: OnChange) {
    this.#roster = roster
    this.#inboxes = new Inboxes(inboxes)
    this.unlisted = unlisted
    this.#onChange = onChange
  }

  list(): InboxState[] {
    return this.#inboxes.list()
  }

  message(fields: Fields, ts: number, seq: number): void {
    const message: WaitingMessage = { seq, ts }
    const id = idOf(fields.id)
    const from = idOf(fields.from)
    const act = textOf(fields.act)
    const subject = textOf(fields.subject)
    if (id !== undefined) message.id = id
    if (from !== undefined) message.from = from
    if (act !== undefined) message.act = act
    if (subject !== undefined) message.subject = subject
    if (fields.requiresReply === true) message.requiresReply = true
    const { to, delivered } = fields
    if (Array.isArray(delivered)) for (const each of delivered) this.#deliver(idOf(each), message)
    else if (delivered === false) return
    else if (to === 'broadcast') {
      for (const { agentId } of this.#roster.living()) if (agentId !== from) this.#deliver(agentId, message)
    } else this.#deliver(this.#recipient(to), message)
  }

  /** `god` is the orchestrator, whatever its id; what goes to the human waits in no inbox. */
  #recipient(to: unknown): string | undefined {
    if (to === 'human') return undefined
    return to === 'god' && !this.#roster.has('god') ? (this.#roster.god ?? to) : idOf(to)
  }

  #deliver(recipient: string | undefined, message: WaitingMessage): void {
    if (recipient === undefined) return
    const inboxes = this.#inboxes
    const isListed = this.#roster.has(recipient) || inboxes.has(recipient)
    if (!isListed && inboxes.size >= MAX_STRANGERS + this.#roster.size) {
      this.unlisted++
      return
    }
    this.#watchInbox(recipient, () => inboxes.put(recipient, message))
  }

  #watchInbox(recipient: string, act: () => void): void {
    const before = this.#inboxes.waiting(recipient)
    act()
    const waiting = this.#inboxes.waiting(recipient)
    if (waiting !== before) this.#onChange?.({ type: 'inbox', recipient, before, waiting })
  }

  drain(agentId: string, { ids, count }: Fields): void {
    this.#watchInbox(agentId, () => {
      if (Array.isArray(ids) && ids.length > 0) this.#inboxes.take(agentId, ids.map(idOf))
      else this.#inboxes.takeOldest(agentId, Math.floor(amountOf(count)))
    })
  }

  /** A message was not delivered after all. */
  undelivered({ id, to }: Fields): void {
    const recipient = this.#recipient(to)
    const message = idOf(id)
    if (recipient === undefined || message === undefined) return
    this.#watchInbox(recipient, () => this.#inboxes.remove(recipient, message))
  }
}
