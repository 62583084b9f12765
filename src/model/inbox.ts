/**
 * An inbox: what was routed to a recipient and not taken out of it yet (docs/hive.md, Delivery). It holds the newest
 * messages, as many as its capacity is; of the older ones only the ids are known, and of many only the number.
 */
import { idOf } from '../format/bounded.js'
import { type Credit, Credits } from './credits.js'
import type { LogPlace } from './state.js'
import { MAX_ALL_UNHELD_IDS, MAX_UNHELD_IDS, UnheldIds } from './unheld.js'

/** A message that was routed. One object is in all inboxes that got it. */
export interface Message {
  /** Number of the entry in the whole story, from 1; 0 for one that was taken over from a stored state. */
  readonly order: number
  readonly seq: number
  /** Epoch milliseconds. */
  readonly ts: number
  readonly id: string | undefined
  readonly from: string | undefined
  readonly act: string | undefined
  readonly subject: string | undefined
  readonly requiresReply: boolean | undefined
  readonly log: string | undefined
  readonly file: string | undefined
  readonly line: number | undefined
}

/** What the inboxes of a hive have in common: how much they may hold, and what they hold together. */
export class Room {
  /** Messages and remembered ids that one inbox holds. */
  readonly capacity: number
  /** Messages and remembered ids that all hold; beyond it each holds `FEW`. */
  readonly total: number
  held = 0
  /** Ids of messages that wait and are not held. */
  unheldIds = 0
  /** Whether these were too many, and are not few again. */
  isCrowded = false
  /** Ids of drained messages that had to be forgotten before the message was seen. */
  forgottenIds = 0
  /** Counts how often an inbox began to fill, for the order in which they are listed. */
  fills = 0

  constructor(capacity: number, total: number) {
    this.capacity = capacity
    this.total = total
  }

  /** Counts ids of messages that are not held. */
  addIds(count: number): void {
    this.unheldIds += count
    if (this.unheldIds >= MAX_ALL_UNHELD_IDS) this.isCrowded = true
    else if (this.unheldIds <= MAX_ALL_UNHELD_IDS / 8) this.isCrowded = false
  }

  get each(): number {
    return this.held > this.total ? Math.min(FEW, this.capacity) : this.capacity
  }
}

const FEW = 5
/** From so many messages on they are found by a map of their ids, and not by looking at each. */
const MANY = 64
/** Places of taken messages that may stay in the queue until it is moved up. */
const SLACK = 128

/** Messages of a stored state, which are made when somebody asks for them: most of them nobody does. */
export interface StoredMessages {
  readonly count: number
  /** The same ones each time, oldest first. */
  load(): readonly Message[]
  /** The last one of them. */
  newest(): Message | undefined
}

/** What makes an inbox other than an empty one, beside what waits in it. */
export interface InboxCarry {
  recipient: string
  credits?: Credit[]
  /** Ids of those that are not held, where they are known. */
  unheld?: (string | null)[]
  early?: string[]
  estimated?: true
}

export class Inbox {
  readonly recipient: string
  /** Messages that wait, with those that are not held. */
  waiting = 0
  /** The oldest that is not held, of those that wait; `undefined` where all are, or where it was not kept. */
  firstUnheld: Message | undefined
  /** Whether what waits is an estimate. */
  isEstimated = false
  /** Drains so far. */
  drains = 0
  /** When it began to fill, in the order of all inboxes. */
  filled = 0
  /** Messages that it held so far, beside those of a stored state. */
  puts = 0
  /** Counts messages that were taken though older ones are held. */
  takenFromWithin = 0
  readonly #room: Room
  /** The messages that are held, from `#head` on; `undefined` in place of one that was taken. */
  #queue: (Message | undefined)[] = []
  #head = 0
  #held = 0
  /** What comes before the queue, but for the first `#gone` of it, where that was not needed yet. */
  #stored: StoredMessages | undefined
  #gone = 0
  #byId: Map<string, number> | undefined
  /** Whether an id is in the queue twice, so that the map knows only the older one. */
  #hasTwins = false
  /** `undefined` where all messages are held, or it is not known which are not. */
  #unheld: UnheldIds | undefined
  /** Messages that drains took before they were seen to be sent: their ids, or as many as one had counted. */
  #early: Set<string> | undefined
  #credits: Credits | undefined

  constructor(recipient: string, room: Room) {
    this.recipient = recipient
    this.#room = room
  }

  /** Messages that wait and are not held. */
  get unheld(): number {
    return this.waiting - this.#held
  }

  /** The messages that are held, oldest first. */
  list(): Message[] {
    this.#load()
    const list: Message[] = []
    for (let i = this.#head; i < this.#queue.length; i++) {
      const message = this.#queue[i]
      if (message !== undefined) list.push(message)
    }
    return list
  }

  /** The oldest message that is held, if any is. */
  oldest(): Message | undefined {
    this.#load()
    for (let i = this.#head; i < this.#queue.length; i++) {
      const message = this.#queue[i]
      if (message !== undefined) return message
    }
    return undefined
  }

  /** The last so many of `list`. */
  latest(count: number): Message[] {
    if (count > this.#queue.length) this.#load()
    const latest: Message[] = []
    for (let i = this.#queue.length - 1; i >= this.#head && latest.length < count; i--) {
      const message = this.#queue[i]
      if (message !== undefined) latest.push(message)
    }
    return latest.reverse()
  }

  /** The newest message that is held, if any is. */
  newest(): Message | undefined {
    for (let i = this.#queue.length - 1; i >= this.#head; i--) {
      const message = this.#queue[i]
      if (message !== undefined) return message
    }
    return this.#stored?.newest()
  }

  /** Puts a message in. False if a drain has taken it already. */
  put(message: Message): boolean {
    if (this.#isTaken(message)) return false
    if (this.waiting++ === 0) this.filled = ++this.#room.fills
    this.#hold(message)
    return true
  }

  #hold(message: Message): void {
    if (message.id !== undefined && this.#byId !== undefined)
      this.#note(this.#byId, message.id, this.#queue.length)
    this.#queue.push(message)
    this.puts++
    this.#held++
    this.#room.held++
    this.#trim()
  }

  /** Holds no more than there is room for. */
  #trim(): void {
    while (this.#held > this.#room.each) {
      if (this.#stored !== undefined && this.unheld > 0 && this.#unheld === undefined) {
        this.#forgetStored(this.#stored)
        continue
      }
      const oldest = this.#shift() as Message
      if (this.unheld === 1) {
        this.firstUnheld = oldest
        this.#unheld = new UnheldIds()
      }
      if (this.#unheld !== undefined) this.#keepId(this.#unheld, oldest.id)
    }
  }

  #keepId(unheld: UnheldIds, id: string | undefined): void {
    if (unheld.size >= MAX_UNHELD_IDS || this.#room.isCrowded) {
      this.#forgetIds()
      return
    }
    unheld.push(id)
    this.#room.addIds(1)
  }

  #forgetIds(): void {
    this.#room.addIds(-(this.#unheld?.size ?? 0))
    this.#unheld = undefined
  }

  /**
   * Takes messages as a drain does: those of these ids, and of the rest of `count` the oldest.
   * @param taken gets those of them that are held; only counted where it is left out
   */
  drain(ids: readonly unknown[] | undefined, count: number, ts: number, taken?: Message[]): void {
    this.drains++
    let rest = count
    if (ids !== undefined) {
      for (let i = 0; i < ids.length; i++) {
        const id = idOf(ids[i])
        if (id === undefined) continue
        const message = this.take(id)
        if (message === undefined) this.#expect(id)
        else if (message === 'unknown') this.#takeUnheld(1)
        else if (message !== 'unheld') taken?.push(message)
      }
      rest -= ids.length
    }
    if (rest <= 0) return
    const left = this.#takeOldest(rest, taken)
    if (left === 0) return
    this.#credits ??= new Credits(this.#room.capacity)
    this.#credits.add(ts, left)
  }

  /** Takes all that waits, as far as is known. */
  empty(taken?: Message[]): void {
    this.drains++
    this.#takeOldest(this.waiting, taken)
  }

  /**
   * Takes the message of an id, the oldest of several.
   * @returns the message; `unheld` if it was one that is not held; `undefined` if there is none; `unknown` where it is
   * not known, and nothing was taken: what waits is an estimate from then on
   */
  take(id: string): Message | 'unheld' | 'unknown' | undefined {
    const place = this.#unheld?.take(id) ?? -1
    if (place !== -1) {
      this.#room.addIds(-1)
      this.waiting--
      if (place === 0) this.firstUnheld = undefined
      if (this.unheld === 0) this.#unheld = undefined
      return 'unheld'
    }
    const at = this.#find(id)
    if (at === -1) {
      if (this.unheld === 0 || this.#unheld !== undefined) return undefined
      this.isEstimated = true
      return 'unknown'
    }
    const message = this.#queue[at] as Message
    this.#remove(at)
    this.waiting--
    return message
  }

  /** Whether a message of an id waits, as far as is known. */
  has(id: string): boolean {
    return this.#unheld?.has(id) === true || this.#find(id) !== -1
  }

  /** Gives up what it holds. */
  clear(): void {
    this.#forgetIds()
    this.#room.held -= this.#held + (this.#early?.size ?? 0)
    this.waiting = this.#held = this.#head = 0
    this.takenFromWithin++
    this.#queue = []
    this.#byId = this.#early = this.firstUnheld = this.#stored = undefined
  }

  /** What another one needs to go on; `undefined` where that is nothing. */
  carry(): InboxCarry | undefined {
    const carry: InboxCarry = { recipient: this.recipient }
    if (this.#credits?.isEmpty === false) carry.credits = this.#credits.list()
    if (this.#unheld !== undefined) carry.unheld = this.#unheld.list()
    if (this.#early !== undefined && this.#early.size > 0) carry.early = [...this.#early]
    if (this.isEstimated) carry.estimated = true
    return Object.keys(carry).length > 1 ? carry : undefined
  }

  /** Goes on from what was stored; the inbox is new. */
  restore(waiting: number, stored: StoredMessages): void {
    this.waiting = waiting
    if (waiting > 0) this.filled = ++this.#room.fills
    if (stored.count === 0) return
    this.#stored = stored
    this.#gone = 0
    this.#held += stored.count
    this.#room.held += stored.count
    this.#trim()
  }

  /** The oldest is not held any longer. */
  #forgetStored({ count }: StoredMessages): void {
    this.#held--
    this.#room.held--
    if (++this.#gone === count) this.#stored = undefined
  }

  #load(): void {
    const stored = this.#stored
    if (stored === undefined) return
    this.#stored = undefined
    this.#queue = [...stored.load().slice(this.#gone), ...this.#queue]
  }

  restoreCarry({ credits, unheld, early, estimated }: InboxCarry): void {
    if (credits !== undefined) this.#credits = new Credits(this.#room.capacity, credits)
    // Who holds fewer than the one before knows less.
    if (unheld !== undefined && unheld.length === this.unheld) {
      this.#forgetIds()
      this.#unheld = new UnheldIds(unheld)
      this.#room.addIds(unheld.length)
    }
    if (early !== undefined) for (const id of early) this.#expect(id)
    this.isEstimated = estimated === true
  }

  /** In a story that is merged of several logs, or written when spans end, a drain may come before its message. */
  #isTaken({ id, ts }: Message): boolean {
    if (id !== undefined && this.#early?.delete(id)) {
      this.#room.held--
      return true
    }
    // By count alone it can only be one that was sent before.
    const answer = this.#credits?.takes(ts)
    if (answer === 'maybe') this.isEstimated = true
    return answer === 'yes'
  }

  #expect(id: string): void {
    this.#early ??= new Set()
    if (this.#early.has(id)) return
    this.#early.add(id)
    this.#room.held++
    if (this.#early.size <= this.#room.each) return
    const [oldest] = this.#early
    this.#early.delete(oldest as string)
    this.#room.held--
    this.#room.forgottenIds++
  }

  /** Returns how many there were not. */
  #takeOldest(count: number, taken: Message[] | undefined): number {
    const unheld = Math.min(count, this.unheld)
    if (unheld > 0) this.#takeUnheld(unheld)
    let left = count - unheld
    for (; left > 0 && this.#held > 0; left--) {
      const message = this.#shift() as Message
      this.waiting--
      taken?.push(message)
    }
    return left
  }

  #takeUnheld(count: number): void {
    this.waiting -= count
    this.firstUnheld = undefined
    if (this.#unheld === undefined) return
    this.#unheld.shift(count)
    this.#room.addIds(-count)
    if (this.unheld === 0) this.#unheld = undefined
  }

  #shift(): Message | undefined {
    this.#load()
    while (this.#head < this.#queue.length) {
      const message = this.#queue[this.#head]
      if (message !== undefined) {
        this.#remove(this.#head)
        return message
      }
      this.#head++
    }
    return undefined
  }

  #remove(at: number): void {
    const message = this.#queue[at] as Message
    this.#queue[at] = undefined
    this.#held--
    this.#room.held--
    if (at === this.#head) this.#head++
    else this.takenFromWithin++
    const byId = this.#byId
    if (byId !== undefined) {
      const { id } = message
      if (this.#held < MANY / 2 || this.#hasTwins) this.#byId = undefined
      else if (id !== undefined && byId.get(id) === at) byId.delete(id)
    }
    if (this.#queue.length - this.#held > this.#held + SLACK) this.#moveUp()
  }

  #moveUp(): void {
    this.#queue = this.list()
    this.#head = 0
    if (this.#byId !== undefined) this.#byId = this.#mapped()
  }

  /** Place in the queue of the oldest message of an id, or -1. */
  #find(id: string): number {
    this.#load()
    if (this.#held >= MANY) {
      this.#byId ??= this.#mapped()
      return this.#byId.get(id) ?? -1
    }
    for (let i = this.#head; i < this.#queue.length; i++) if (this.#queue[i]?.id === id) return i
    return -1
  }

  #mapped(): Map<string, number> {
    const byId = new Map<string, number>()
    this.#hasTwins = false
    for (let i = this.#head; i < this.#queue.length; i++) {
      const id = this.#queue[i]?.id
      if (id !== undefined) this.#note(byId, id, i)
    }
    return byId
  }

  #note(byId: Map<string, number>, id: string, at: number): void {
    if (byId.has(id)) this.#hasTwins = true
    else byId.set(id, at)
  }
}

/** The place of a line, as it is told where several logs are read. */
export function placeIn(place: LogPlace, { log, file, line }: Pick<Message, 'log' | 'file' | 'line'>): void {
  if (log === undefined) return
  place.log = log
  if (file !== undefined) place.file = file
  if (line !== undefined) place.line = line
}
