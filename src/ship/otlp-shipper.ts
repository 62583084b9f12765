/** Sends the lines of one log as OTLP log records: several requests under way, and noted what all of them brought. */
import { stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { pathInHive } from '../format/beside.js'
import { refsIn } from '../format/refs.js'
import { type LogRecord, LogRecords } from '../otel/log-records.js'
import type { OtlpLogSender } from '../otel/otlp-logs.js'
import { artifactOf, deadlineFor } from './artifact-files.js'
import { type LineBatch, lineBatches } from './line-batches.js'
import type { Memory } from './memory.js'
import type { OtlpShipOptions, Present } from './otlp-logs.js'
import { OtlpPosition, type SentUpTo } from './otlp-position.js'
import { identityOf, type LogIdentity } from './segments.js'
import type { Slots } from './slots.js'

/** What was sent of one log. */
export interface ShippedLines {
  /** Path of the log. */
  file: string
  /** Its id. */
  log: string
  session: string
  /** Lines that were taken. */
  lines: number
  /** Lines that were there already. */
  present: number
  /** Lines that the other end will never take. */
  refused: number
  /** Artifacts that were sent. */
  artifacts: number
}

/** The other end refuses for good what is sent. */
export class OtlpShipError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OtlpShipError'
  }
}

export interface ShipperOptions extends OtlpShipOptions {
  slots: Slots
  memory: Memory
  isOver(): boolean
  signal: AbortSignal
}

const FLUSH_MS = 1_000
const MAX_BYTES = 1024 * 1024
/** Lines of one request: as records they take many times as much; in smaller ones they cost a collector twice as much. */
const REQUEST_BYTES = 128 * 1024
const LOOK_MS = 100
const SAVE_MS = 1_000
const FIRST_PAUSE_MS = 500
const MAX_PAUSE_MS = 15_000
/** Answers that say that no other request would do better. */
const FOR_GOOD = /^(?:401|403|404|405)\b/
const NEWLINE = 10

/** A request, and where the log goes on behind it. */
interface Sent {
  after: SentUpTo
  done: Promise<void>
  isDone: boolean
}

/** Lines of a batch that were made records of. */
interface Made {
  count: number
  /** Lines that are there already. */
  skipped: number
  /** Lines up to there. */
  lines: number
}

export class LogLineShipper {
  shipped: ShippedLines | undefined
  readonly #file: string
  readonly #sender: OtlpLogSender
  readonly #options: ShipperOptions
  readonly #artifacts = new Set<string>()
  #records: LogRecords | undefined
  #position: OtlpPosition | undefined
  /** In the order of the log. */
  #open: Sent[] = []
  #reached: SentUpTo | undefined
  #savedAt = 0
  #failure: Error | undefined
  #isInTrouble = false

  constructor(file: string, sender: OtlpLogSender, options: ShipperOptions) {
    this.#file = file
    this.#sender = sender
    this.#options = options
  }

  async run(): Promise<void> {
    const identity = await this.#identity()
    if (identity === undefined) return
    const { log, session } = identity
    this.shipped = { file: this.#file, log, session, lines: 0, present: 0, refused: 0, artifacts: 0 }
    const serviceName = this.#options.serviceName ?? (process.env.OTEL_SERVICE_NAME?.trim() || 'hive')
    this.#records = new LogRecords({ log, file: pathInHive(this.#file), session }, serviceName)
    this.#position = new OtlpPosition(this.#file, log, this.#sender.url)
    const present = await this.#options.present?.(log)
    const start = { segment: identity.first, offset: 0, lines: identity.first - 1 }
    const from = present === undefined ? ((await this.#position.read()) ?? start) : start
    try {
      await this.#ship(from, present)
    } finally {
      await this.#settled().catch(() => {})
      await this.#save(true)
    }
    this.#options.signal.throwIfAborted()
  }

  /** A log that is not there yet, or empty, is waited for. */
  async #identity(): Promise<LogIdentity | undefined> {
    for (;;) {
      const over = this.#options.isOver()
      const identity = await identityOf(this.#file)
      if (identity !== undefined || over) return identity
      await this.#pause(LOOK_MS)
    }
  }

  async #ship(from: SentUpTo, present: Present | undefined): Promise<void> {
    const { maxBytes = MAX_BYTES, onLost, isOver, signal, slots, memory } = this.#options
    let { lines } = from
    const batches = lineBatches(this.#file, from, {
      maxBytes: Math.min(maxBytes, REQUEST_BYTES),
      isOver,
      wait: (offset) => this.#enough(offset, maxBytes),
      memory,
      onGone: (segment) =>
        onLost?.(`the segment of ${this.#file} that begins at seq ${segment} was gone before it was sent`),
    })
    for await (const batch of batches) {
      await slots.take()
      let isBegun = false
      try {
        signal.throwIfAborted()
        if (this.#failure !== undefined) throw this.#failure
        const before = lines
        const artifacts = await this.#artifactsOf(batch.bytes, present)
        const made: Made = { count: 0, skipped: 0, lines }
        const body = this.#build(this.#recordsOf(batch, artifacts, present, made))
        lines = made.lines
        ;(this.shipped as ShippedLines).present += made.skipped
        const { segment, offset, bytes } = batch
        const after = { segment, offset: offset + bytes.length, lines }
        isBegun = artifacts.length + made.count > 0
        if (isBegun) {
          const again = { ...made, lines: before }
          const records = (): LogRecord[] => [...this.#recordsOf(batch, artifacts, present, again)]
          this.#begin(body, records, made.count, after).finally(() => memory.give(bytes))
        } else if (this.#open.length === 0) this.#reached = after
      } finally {
        if (!isBegun) {
          slots.give()
          memory.give(batch.bytes)
        }
      }
      await this.#save()
    }
    await this.#settled()
  }

  /** One after the other, since all at once they take much more than the lines. @param made is counted up */
  *#recordsOf(
    { segment, offset, bytes }: LineBatch,
    artifacts: readonly LogRecord[],
    present: Present | undefined,
    made: Made,
  ): Generator<LogRecord> {
    yield* artifacts
    const now = Date.now()
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(NEWLINE, start)
      const place = { segment, offset: offset + start, number: ++made.lines }
      if (present?.hasLine(segment, place.offset) === true) made.skipped++
      else {
        made.count++
        yield* (this.#records as LogRecords).ofLine(bytes.subarray(start, end), place, now)
      }
      start = end + 1
    }
  }

  /** What lines name goes with them, so that what is put together again is whole. */
  async #artifactsOf(bytes: Buffer, present: Present | undefined): Promise<LogRecord[]> {
    const records: LogRecord[] = []
    const refs = refsIn(bytes)
    const until = refs.length > 0 ? deadlineFor(bytes) : 0
    for (const ref of refs) {
      if (this.#artifacts.has(ref) || present?.hasArtifact(ref) === true) continue
      if (this.#artifacts.size > MAX_RECENT) this.#artifacts.clear()
      this.#artifacts.add(ref)
      const content = await artifactOf(this.#file, ref, until, this.#options.onNotOwn)
      if (content === undefined) continue
      records.push(...(this.#records as LogRecords).ofArtifact(ref, content))
      ;(this.shipped as ShippedLines).artifacts++
    }
    return records
  }

  #build(records: Iterable<LogRecord>): Promise<Uint8Array> {
    const { memory } = this.#options
    return this.#sender.build(records, (length) => memory.take(length))
  }

  /**
   * @param again makes the records of the request once more: they take much more than it does
   * @returns resolves when neither is needed any more
   */
  #begin(body: Promise<Uint8Array>, again: () => LogRecord[], count: number, after: SentUpTo): Promise<void> {
    const sent: Sent = {
      after,
      isDone: false,
      done: this.#send(body, again).then((refused) => {
        sent.isDone = true
        const shipped = this.shipped as ShippedLines
        shipped.lines += count - refused
        shipped.refused += refused
        while (this.#open[0]?.isDone === true) this.#reached = (this.#open.shift() as Sent).after
      }),
    }
    this.#open.push(sent)
    return sent.done
      .catch((error: Error) => {
        this.#failure ??= error
      })
      .finally(() => this.#options.slots.give())
  }

  /** Waits until no request is under way. @throws what made one fail */
  async #settled(): Promise<void> {
    while (this.#open.length > 0) await (this.#open[0] as Sent).done
  }

  /** @returns how many records are refused */
  async #send(built: Promise<Uint8Array>, again: () => LogRecord[]): Promise<number> {
    const body = await built
    for (let tries = 0; ; tries++) {
      this.#options.signal.throwIfAborted()
      const outcome = await this.#sender.send(body)
      if (outcome.status === 'sent') {
        this.#trouble(undefined)
        // After an answer nothing of it is on its way.
        this.#options.memory.give(body)
        const { rejected = 0, why = '' } = outcome
        if (rejected > 0) this.#options.onLost?.(`${this.#sender.url} rejects ${rejected} records: ${why}`)
        return rejected
      }
      if (outcome.status === 'refused') return this.#refused(again(), outcome.why)
      this.#options.signal.throwIfAborted()
      this.#trouble(outcome.why)
      const growing = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10))
      // Many senders that lost one backend must not all come back at once.
      await this.#pause(outcome.afterMs ?? growing * (0.5 + Math.random() / 2))
    }
  }

  /** Of many the other end may refuse one alone, or that they are so many. */
  async #refused(records: LogRecord[], why: string): Promise<number> {
    if (FOR_GOOD.test(why)) throw new OtlpShipError(`${this.#sender.url} takes no logs: ${why}`)
    if (records.length === 1) {
      this.#options.onLost?.(`${this.#sender.url} refuses a line of ${this.#file}: ${why}`)
      return 1
    }
    const half = Math.ceil(records.length / 2)
    let refused = 0
    for (const some of [records.slice(0, half), records.slice(half)])
      refused += await this.#send(this.#build(some), () => some)
    return refused
  }

  /** Waits until there is enough to send, or long enough. */
  async #enough(offset: number, maxBytes: number): Promise<void> {
    const due = Date.now() + (this.#options.flushMs ?? FLUSH_MS)
    while (Date.now() < due && !this.#options.isOver()) {
      const size = await stat(this.#file).then(
        (stats) => stats.size,
        () => undefined,
      )
      // Shorter: it was rotated.
      if (size === undefined || size < offset || size - offset >= maxBytes) break
      await this.#pause(Math.min(LOOK_MS, Math.max(1, due - Date.now())))
    }
    // A log that is missing or grows as fast as it is read must not keep this turning.
    await this.#pause(1)
    await this.#save()
  }

  async #save(isLast = false): Promise<void> {
    const reached = this.#reached
    if (reached === undefined || (!isLast && Date.now() - this.#savedAt < SAVE_MS)) return
    this.#savedAt = Date.now()
    this.#reached = undefined
    // Where nothing can be kept beside the log, a restart sends it again.
    await this.#position?.write(reached).catch(() => {})
  }

  #pause(ms: number): Promise<void> {
    const { signal, isAwake = true } = this.#options
    return pause(ms, undefined, { signal, ref: isAwake })
  }

  #trouble(why: string | undefined): void {
    if ((why !== undefined) === this.#isInTrouble) return
    this.#isInTrouble = why !== undefined
    this.#options.onTrouble?.(why)
  }
}

const MAX_RECENT = 100_000
