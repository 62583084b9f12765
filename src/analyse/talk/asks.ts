/** Which messages ask for an answer, and what answers them. */

import { keyOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'

/** Acts that ask, unless the message says that it needs no reply. */
const ASKING = new Set<unknown>(['request', 'query', 'propose'])

/** Whether a message asks for an answer: it says so itself, or its act does. */
export function isAsking({ requiresReply, act, from }: Fields): boolean {
  // Nobody is there who could take an answer.
  if (from === 'scheduler' && requiresReply !== true) return false
  return requiresReply === true || (requiresReply !== false && ASKING.has(act))
}

/** Questions of one to another that are kept while no answer has come. */
const MAX_OPEN = 10_000

/**
 * What one asked another and has no answer to: an answer names the question, or is of its conversation. A message
 * that names nothing may answer anything: then no earlier question is called unanswered.
 */
export class Questions<T> {
  readonly #open = new Set<{ question: T; id: string | undefined; conversation: string | undefined }>()

  asked(question: T, { id, conversation }: Fields): void {
    this.#open.add({ question, id: keyOf(id), conversation: keyOf(conversation) })
    if (this.#open.size > MAX_OPEN) this.#open.delete(this.#open.values().next().value as never)
  }

  /** A message the other way. */
  answered({ inReplyTo, conversation }: Fields): void {
    const id = keyOf(inReplyTo)
    const same = keyOf(conversation)
    if (id === undefined && same === undefined) {
      this.#open.clear()
      return
    }
    for (const each of this.#open) {
      const isNamed = id !== undefined && each.id === id
      if (isNamed || (same !== undefined && each.conversation === same)) this.#open.delete(each)
    }
  }

  get size(): number {
    return this.#open.size
  }

  *unanswered(): Generator<T> {
    for (const { question } of this.#open) yield question
  }
}
