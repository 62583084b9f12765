/**
 * Names for generated ids, the same in two runs of the same task. A message is named for what it says (`message
 * lead → coder request "Need the schema" #2`: the second such message), not for its number in the log: so an extra
 * message renames only later ones that say the same, and agents that run in another order rename nothing.
 */
import { RecentMap } from './recent.js'

/** Stands for an id where it is given for the first time: what matters of it is where it is used later. */
export const NEW_ID = '(new)'

export class IdNames {
  readonly #names = new RecentMap<string>()
  readonly #local = new RecentMap<string>()
  readonly #counts = new RecentMap<number>()

  /** Whether an id was taken for a new one though it may be one that was forgotten. */
  hasMissed = false

  /** The name of a message or escalation that was defined before. */
  known(id: string): string | undefined {
    return this.#names.get(id)
  }

  /** Names an id of the whole hive, after the event that brings it. */
  define(id: string, content: string): typeof NEW_ID {
    this.#names.set(id, this.#numbered(content))
    return NEW_ID
  }

  /**
   * The name of an id that no earlier message or escalation brought (a conversation, a session, something from
   * outside), as this agent knows it: `(new)` at its first use, then named for that. Another agent's use of it does
   * not count, because which of the two came first may be chance.
   */
  local(owner: string | null, id: string, content: string): string {
    const key = `${owner ?? ''}\0${id}`
    const name = this.#local.get(key)
    if (name !== undefined) return name
    this.hasMissed ||= this.#names.hasForgotten || this.#local.hasForgotten
    this.#local.set(key, this.#numbered(content))
    return NEW_ID
  }

  #numbered(content: string): string {
    const count = (this.#counts.get(content) ?? 0) + 1
    this.#counts.set(content, count)
    return `${content} #${count}`
  }
}
