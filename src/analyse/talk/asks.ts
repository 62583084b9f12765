/** Which messages ask for an answer, and what answers them. */

import { keyOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import { RecentMap } from '../../format/recent-map.js'

/** Acts that ask, unless the message says that it needs no reply. */
const ASKING = new Set<unknown>(['request', 'query', 'propose'])

/** Whether a message asks for an answer: it says so itself, or its act does. */
export function isAsking({ requiresReply, act, from }: Fields): boolean {
  // Nobody is there who could take an answer.
  if (from === 'scheduler' && requiresReply !== true) return false
  return requiresReply === true || (requiresReply !== false && ASKING.has(act))
}

/** Questions of one to another that are kept while no answer has come, and answers while no question has. */
const MAX_OPEN = 10_000

interface Question<T> {
  what: T
  id: string | undefined
  conversation: string | undefined
}

/**
 * What one asked another and has no answer to: an answer names the question, or is of its conversation. A message
 * that names nothing may answer anything: then no earlier question is called unanswered.
 */
export class Questions<T> {
  readonly #open: RecentMap<Question<T>, true>
  /** Open ones that are no longer kept. */
  #more = 0
  readonly #byId = new Map<string, Set<Question<T>>>()
  readonly #byConversation = new Map<string, Set<Question<T>>>()
  /** Questions that were answered before they came, by the clock of another process. */
  readonly #early: RecentMap<string, true>
  /** Questions that came, answered or not: another answer to one of them is not early. */
  readonly #came: RecentMap<string, true>

  /**
   * @param max questions that are kept, and as many answers that came before their questions; older questions stay open
   * until a message comes that may answer anything
   */
  constructor(max = MAX_OPEN) {
    this.#open = new RecentMap(max)
    this.#early = new RecentMap(max)
    this.#came = new RecentMap(max)
  }

  asked(what: T, { id, conversation }: Fields): void {
    const question = { what, id: keyOf(id), conversation: keyOf(conversation) }
    if (question.id !== undefined) {
      this.#came.set(question.id, true)
      if (this.#early.delete(question.id)) return
    }
    const oldest = this.#open.set(question, true)
    add(this.#byId, question.id, question)
    add(this.#byConversation, question.conversation, question)
    if (oldest === undefined) return
    this.#close(oldest[0])
    this.#more++
  }

  /** A message the other way. */
  answered({ inReplyTo, conversation }: Fields): void {
    const id = keyOf(inReplyTo)
    const same = keyOf(conversation)
    if (id === undefined && same === undefined) {
      this.#more = 0
      this.#open.clear()
      this.#byId.clear()
      this.#byConversation.clear()
      return
    }
    if (id !== undefined && this.#came.get(id) === undefined) this.#early.set(id, true)
    for (const each of [this.#byId.get(id ?? ''), this.#byConversation.get(same ?? '')]) {
      for (const question of each ?? []) this.#close(question)
    }
  }

  /** One of them is pending no more, though nobody answered it. */
  withdrawn(id: string): void {
    for (const question of this.#byId.get(id) ?? []) this.#close(question)
  }

  #close(question: Question<T>): void {
    this.#open.delete(question)
    remove(this.#byId, question.id, question)
    remove(this.#byConversation, question.conversation, question)
  }

  get size(): number {
    return this.#open.size + this.#more
  }

  *unanswered(): Generator<T> {
    for (const { what } of this.#open.keys()) yield what
  }
}

function add<T>(sets: Map<string, Set<T>>, key: string | undefined, item: T): void {
  if (key === undefined) return
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([item]))
  else set.add(item)
}

function remove<T>(sets: Map<string, Set<T>>, key: string | undefined, item: T): void {
  const set = key === undefined ? undefined : sets.get(key)
  if (set?.delete(item) === true && set.size === 0) sets.delete(key as string)
}
