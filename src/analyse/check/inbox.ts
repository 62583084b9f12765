/** The messages that were routed to an agent and not drained yet; those that a bound makes it forget are counted. */
import type { CheckPlace } from './findings.js'

export interface Waiting {
  id: string | undefined
  from: string
  ts: number
  place: CheckPlace
  /** Whether the sender waits for an answer. */
  needsAnswer: boolean
  /** What the recipient was when the message came; `spawns` and `returns` are the agent's counters then. */
  when: 'unknown' | 'living' | 'exited' | 'archived'
  spawns: number
  returns: number
  taken: boolean
}

/** Messages held in one inbox, as long as all inboxes together hold no more than `MAX_HELD`; else in each. */
const MAX_WAITING = 2_000
const MAX_HELD = 100_000
const FEW = 5
/** Taken messages that may stay in a queue until it is moved up. */
const SLACK = 512

/** What all inboxes hold together. */
export interface Held {
  count: number
}

export class Inbox {
  readonly #held: Held
  #queue: Waiting[] = []
  #head = 0
  #byId: Map<string, Waiting> | undefined
  #size = 0
  #withoutId = 0
  /** Undrained messages older than those held, of which only the number is known. */
  forgotten = 0
  firstForgotten: Waiting | undefined
  /** Drains so far, and the messages that they took before these were seen to be sent. */
  drains = 0
  #credit = 0
  #drainedTs = Number.NEGATIVE_INFINITY
  #early: Set<string> | undefined

  constructor(held: Held) {
    this.#held = held
  }

  get size(): number {
    return this.#size + this.forgotten
  }

  add(message: Waiting): void {
    if (this.#isTakenAlready(message)) return
    if (message.id !== undefined && this.#byId?.has(message.id)) return
    this.#queue.push(message)
    this.#size++
    this.#held.count++
    if (message.id === undefined) this.#withoutId++
    else {
      this.#byId ??= new Map()
      this.#byId.set(message.id, message)
    }
    if (this.#size > (this.#held.count > MAX_HELD ? FEW : MAX_WAITING)) {
      const oldest = this.#shift() as Waiting
      this.forgotten++
      this.firstForgotten ??= oldest
    }
  }

  /** Takes the oldest. Returns those of them that are held. */
  drain(count: number, ts: number): Waiting[] {
    this.#drained(ts)
    const before = Math.min(this.forgotten, count)
    this.forgotten -= before
    const taken: Waiting[] = []
    let left = count - before
    while (left > 0 && this.#size > 0) {
      taken.push(this.#shift() as Waiting)
      left--
    }
    if (left > 0) this.#credit = Math.min(this.#credit + left, MAX_WAITING)
    return taken
  }

  /** Takes messages by id. Returns those of them that are held. */
  drainIds(ids: readonly unknown[], ts: number): Waiting[] {
    this.#drained(ts)
    const taken: Waiting[] = []
    for (const id of ids) {
      const message = typeof id === 'string' ? this.take(id) : undefined
      if (message !== undefined) taken.push(message)
      else if (this.forgotten > 0) this.forgotten--
      else if (this.#withoutId > 0) taken.push(...this.#takeWithoutId())
      else if (typeof id === 'string') this.#note(id)
    }
    return taken
  }

  /** Takes one message out. */
  take(id: string): Waiting | undefined {
    const message = this.#byId?.get(id)
    if (message === undefined) return undefined
    this.#byId?.delete(id)
    this.#takeOut(message)
    this.#moveUp()
    return message
  }

  /** Gives up what is held. */
  clear(): void {
    this.#held.count -= this.#size + (this.#early?.size ?? 0)
    this.#queue = []
    this.#byId = undefined
    this.#early = undefined
    this.#head = this.#size = this.#withoutId = 0
  }

  /** Those that wait, oldest first. */
  *waiting(): Generator<Waiting> {
    for (let i = this.#head; i < this.#queue.length; i++) {
      const message = this.#queue[i] as Waiting
      if (!message.taken) yield message
    }
  }

  #drained(ts: number): void {
    this.drains++
    if (ts > this.#drainedTs) this.#drainedTs = ts
  }

  /** Lines that are written when spans end can tell of the drain before they tell of the message. */
  #isTakenAlready({ id, ts }: Waiting): boolean {
    if (id !== undefined && this.#early?.delete(id)) {
      this.#held.count--
      return true
    }
    if (this.#credit === 0 || ts > this.#drainedTs) return false
    this.#credit--
    return true
  }

  /** Remembers the id of a message that was drained before it was seen to be sent. */
  #note(id: string): void {
    this.#early ??= new Set()
    if (this.#early.size >= MAX_WAITING || this.#held.count > MAX_HELD || this.#early.has(id)) return
    this.#early.add(id)
    this.#held.count++
  }

  #takeWithoutId(): Waiting[] {
    for (const message of this.waiting()) {
      if (message.id !== undefined) continue
      this.#takeOut(message)
      this.#moveUp()
      return [message]
    }
    return []
  }

  #shift(): Waiting | undefined {
    for (;;) {
      const message = this.#queue[this.#head++]
      if (message === undefined) return undefined
      if (message.taken) continue
      if (message.id !== undefined) this.#byId?.delete(message.id)
      this.#takeOut(message)
      this.#moveUp()
      return message
    }
  }

  #takeOut(message: Waiting): void {
    message.taken = true
    this.#size--
    this.#held.count--
    if (message.id === undefined) this.#withoutId--
  }

  #moveUp(): void {
    while (this.#queue[this.#head]?.taken === true) this.#head++
    const isSparse = this.#queue.length - this.#head > 2 * this.#size + SLACK
    const isLate = this.#head > SLACK && this.#head * 2 > this.#queue.length
    if (!isSparse && !isLate) return
    this.#queue = this.#queue.slice(this.#head).filter(({ taken }) => !taken)
    this.#head = 0
  }
}
