/** Follows one log behind its writer, and sends what comes. */
import type { Sender, Shipped } from './copy-sender.js'
import { isUrgent, OpenEscalations } from './decisions.js'
import { identityOf, type LogIdentity } from './segments.js'
import { LogWalk } from './walk.js'

export interface FollowOptions {
  flushMs: number
  maxBytes: number
  /** Whether it ends with what is there now. */
  once: boolean
  /** Whether the process goes on for it. */
  holds: boolean
  /** Whether the log's own process sends it too, as far as is known: then only what that does not send. */
  isOthers: boolean
}

const NEWLINE = 10
/** Between two looks at how long a log has become. */
const LOOK_MS = 100
/** The same of a log whose own process sends it. */
const OTHERS_MS = 1_000
/** Bytes before the place where sending goes on, in which escalations are looked for that wait for an answer. */
const LOOK_BACK = 8 * 1024 * 1024
const LOOK_BACK_STEP = 256 * 1024

export class LogShipper {
  readonly file: string
  /** Escalations that were sent, or are there from before, and have no answer. */
  readonly open = new OpenEscalations()
  readonly #options: FollowOptions
  readonly #senderFor: (identity: LogIdentity) => Sender
  readonly #onOpen: (shipper: LogShipper) => void
  readonly #lookMs: number
  #sender: Sender | undefined
  #once: boolean
  /** Ends the pause that is under way. */
  #wake: () => void = () => {}

  /** @param onOpen is told when an escalation is open */
  constructor(
    file: string,
    options: FollowOptions,
    senderFor: (identity: LogIdentity) => Sender,
    onOpen: (shipper: LogShipper) => void = () => {},
  ) {
    this.file = file
    this.#options = options
    this.#senderFor = senderFor
    this.#onOpen = onOpen
    this.#once = options.once
    this.#lookMs = Math.min(options.isOthers ? OTHERS_MS : LOOK_MS, Math.max(1, options.flushMs))
  }

  /** What was sent; `undefined` while the log has no line. */
  get shipped(): Shipped | undefined {
    return this.#sender?.shipped
  }

  /** Sends what is there now, and ends. */
  finish(): void {
    this.#once = true
    this.#wake()
  }

  /** @throws {ShipError} when the server refuses for good; the signal's reason when that ends it */
  async run(signal: AbortSignal): Promise<void> {
    const identity = await this.#identity(signal)
    if (identity === undefined) return
    if (this.#sender?.shipped.log !== identity.log) this.#sender = this.#senderFor(identity)
    const sender = this.#sender
    const walk = new LogWalk(this.file, await sender.begin())
    try {
      await this.#lookBack(walk)
      for (;;) {
        signal.throwIfAborted()
        if (!this.#once) await this.#enough(walk, signal)
        if (this.#options.isOthers) await walk.to(await sender.position())
        const most = sender.exactly ?? Math.min(this.#options.maxBytes, sender.maxBytes ?? Infinity)
        // What is written until the end is told may come while this looks.
        const isLast = this.#once
        const piece = await walk.next(most)
        if (piece !== undefined) {
          await walk.to(await sender.send(piece))
          this.open.read(piece.bytes)
          if (this.open.size > 0) this.#onOpen(this)
        } else if (isLast) return
        else if (this.#options.isOthers) await walk.rest()
      }
    } finally {
      await walk.rest()
    }
  }

  /** A log that is not there yet, or empty, is waited for. */
  async #identity(signal: AbortSignal): Promise<LogIdentity | undefined> {
    for (;;) {
      const isLast = this.#once
      const identity = await identityOf(this.file)
      if (identity !== undefined || isLast) return identity
      await this.#pause(this.#lookMs, signal)
    }
  }

  /** Waits until there is enough to send, or something urgent, or long enough. */
  async #enough(walk: LogWalk, signal: AbortSignal): Promise<void> {
    const { flushMs, maxBytes, isOthers } = this.#options
    const began = Date.now()
    const { offset } = walk.at
    let looked = offset
    let due = isOthers ? Infinity : began + flushMs
    while (!this.#once) {
      const ahead = await walk.ahead()
      // A segment that is done with is sent as fast as it goes.
      if (ahead === undefined || (ahead >= maxBytes && !isOthers)) return
      if (offset + ahead > looked) {
        const fresh = await walk.glance(looked, Math.min(offset + ahead - looked, maxBytes))
        if (isUrgent(fresh)) return
        // From the last line on, which may not be whole.
        looked += fresh.lastIndexOf(NEWLINE) + 1
        // What another process has not sent within its time is sent from here.
        if (due === Infinity) due = Date.now() + 2 * flushMs
      } else if (isOthers && ahead <= 0) await walk.rest()
      const left = due - Date.now()
      if (left <= 0) return
      await this.#pause(Math.min(this.#lookMs, left), signal)
    }
  }

  /** Finds what is open from before: who asked may have been another process, and so may who sent it. */
  async #lookBack(walk: LogWalk): Promise<void> {
    const { offset } = walk.at
    if (offset === 0) return
    let rest = Buffer.alloc(0)
    for (let at = Math.max(0, offset - LOOK_BACK); at < offset; ) {
      const bytes = await walk.glance(at, Math.min(LOOK_BACK_STEP, offset - at))
      if (bytes.length === 0) break
      at += bytes.length
      const whole = Buffer.concat([rest, bytes])
      const end = whole.lastIndexOf(NEWLINE) + 1
      this.open.read(whole.subarray(0, end))
      rest = whole.subarray(end)
    }
    if (this.open.size > 0) this.#onOpen(this)
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', over)
        this.#wake = () => {}
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
      const timer = setTimeout(over, ms)
      if (!this.#options.holds) timer.unref()
      signal.addEventListener('abort', over, { once: true })
      this.#wake = over
      if (signal.aborted) over()
    })
  }
}
