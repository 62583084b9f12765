/**
 * Sends the logs of a hive to a server, behind their writers: the file is the buffer, so nothing grows in memory while
 * the server is away.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Decision } from '../decide/decision.js'
import { putDecision } from '../decide/decisions.js'
import { takerOf } from '../decide/taker.js'
import { logsOfHive } from '../disk/hive-logs.js'
import { type TellNotOwn, tellingOnce } from '../disk/own-files.js'
import { BoundedMap } from '../format/bounded-map.js'
import { CopySender, type Sender, type Shipped } from './copy-sender.js'
import { type Handed, pollDecisions } from './decisions.js'
import { LogShipper } from './log-shipper.js'
import type { LogIdentity } from './segments.js'
import { SummarySender } from './summary-sender.js'
import { Transport, type TransportOptions } from './transport.js'

export type { Shipped } from './copy-sender.js'

export interface ShipLogsOptions extends Omit<TransportOptions, 'signal'> {
  /** Milliseconds after which what is there is sent. Default 5000. */
  flushMs?: number | undefined
  /** Bytes after which it is sent at once, and that one request holds about. Default 1 MiB. */
  maxBytes?: number | undefined
  /** Only events of these kinds, as events and not as a copy. Default: exact copies. */
  kinds?: readonly string[] | undefined
  /** Send what is there now, and end. Default false. */
  once?: boolean
  /** Only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Logs of child processes are sent by those themselves, and from here only what they leave. Default false. */
  childrenShip?: boolean
  /** Ends it. */
  signal?: AbortSignal
  /**
   * Is told what a person decided at the server; perhaps more than once, since each answer may tell it. Default: it is
   * put beside the log, for the hive that writes it.
   */
  onDecision?: ((file: string, decision: Decision) => void) | undefined
  /** Is told when that cannot be done, once each time. */
  onNotHanded?: (error: Error) => void
  /**
   * Is told that a log is refused for good; it is tried again after a minute, and the others go on. Default: the first
   * refusal ends it all.
   */
  onRefused?: (error: Error, file: string) => void
  /** Is told in one line, once, of a link or no regular file beside the logs, which is no part of them: it is not sent. */
  onNotOwn?: TellNotOwn
  /** Is told of events that the server does not take, where only some kinds are sent. */
  onRejected?: (file: string, count: number, reason: string) => void
}

const FLUSH_MS = 5_000
const MAX_BYTES = 1024 * 1024
/** Between two looks at which logs there are. */
const CHILDREN_MS = 1_000
/** Until a log that was refused is tried again. */
const REFUSED_MS = 60_000
/** Decisions that are remembered at least. */
const MAX_HANDED = 10_000

/**
 * Sends the logs of a hive to `hivelog serve`. Ends when all that is there is acknowledged (`once`), or when the signal
 * comes.
 * @returns what was sent of each log
 * @throws {ShipError} when the server refuses for good: the token is wrong, or it has other bytes of a log
 * @throws {LogReadError} when a named log is missing or must not be read
 */
export const shipLogs = (files: readonly string[], options: ShipLogsOptions): Promise<Shipped[]> =>
  new HiveShipper(files, options).run()

/** What an ended child process asked is decided by one above it. */
const putBeside = (file: string, decision: Decision): void => {
  putDecision(takerOf(file).log, decision)
}

export class HiveShipper {
  readonly #files: readonly string[]
  readonly #options: ShipLogsOptions
  readonly #transport: Transport
  readonly #shippers = new Map<string, LogShipper>()
  readonly #running = new Set<Promise<void>>()
  /** Why logs are refused at present. */
  readonly #refused = new Map<string, string>()
  /** Logs about whose escalations the server is asked. */
  readonly #asking = new Set<LogShipper>()
  /** Times of decisions that were handed over. */
  readonly #handed = new BoundedMap<number>(MAX_HANDED)
  /** Ends everything. */
  readonly #ended = new AbortController()
  /** Ends the waiting for what is to come. */
  readonly #finishing = new AbortController()
  readonly #onNotOwn: TellNotOwn
  #failure: Error | undefined

  constructor(files: readonly string[], options: ShipLogsOptions) {
    this.#files = files
    this.#options = options
    this.#onNotOwn = tellingOnce(options.onNotOwn)
    this.#transport = new Transport({ ...options, signal: this.#ended.signal })
    const { signal } = options
    if (signal?.aborted) this.end(signal.reason)
    else signal?.addEventListener('abort', () => this.end(signal.reason), { once: true })
  }

  /** Address of the server. */
  get url(): string {
    return this.#transport.url
  }

  /** Why the server cannot be reached at present, or a log is not sent. */
  get trouble(): string | undefined {
    const [refused] = this.#refused.values()
    return this.#transport.trouble ?? refused
  }

  /** What was sent of each log that has a line. */
  get shipped(): Shipped[] {
    return [...this.#shippers.values()].flatMap(({ shipped }) => (shipped === undefined ? [] : [shipped]))
  }

  /** @throws as `shipLogs` */
  async run(): Promise<Shipped[]> {
    const { once = false } = this.#options
    const { signal } = this.#finishing
    this.#begin()
    // Child processes come and go.
    while (!once && !signal.aborted) {
      await pause(CHILDREN_MS, undefined, { signal, ref: this.#options.holds ?? true }).catch(() => {})
      if (!this.#ended.signal.aborted) this.#begin()
    }
    await Promise.all(this.#running)
    await this.#transport.close()
    if (this.#failure !== undefined) throw this.#failure
    return this.shipped
  }

  /** Sends what is there now, and ends `run`; meanwhile the process goes on for it. */
  finish(): void {
    this.#transport.hold()
    for (const shipper of this.#shippers.values()) shipper.finish()
    this.#finishing.abort()
  }

  /** Ends `run` at once. */
  end(reason?: unknown): void {
    this.#ended.abort(reason)
    this.#finishing.abort()
  }

  #begin(): void {
    const { flushMs = FLUSH_MS, maxBytes = MAX_BYTES, once = false, holds = true } = this.#options
    const { thisFile, childrenShip = false } = this.#options
    for (const file of logsOfHive(this.#files, thisFile, this.#onNotOwn)) {
      if (this.#shippers.has(file)) continue
      const shipper = new LogShipper(
        file,
        {
          flushMs,
          maxBytes,
          once: once || this.#finishing.signal.aborted,
          holds,
          isOthers: childrenShip && !this.#files.includes(file),
        },
        (identity) => this.#senderFor(file, identity),
        (open) => this.#ask(open),
      )
      this.#shippers.set(file, shipper)
      const run = this.#follow(shipper).finally(() => this.#running.delete(run))
      this.#running.add(run)
    }
  }

  async #follow(shipper: LogShipper): Promise<void> {
    const { signal } = this.#ended
    const { onRefused } = this.#options
    for (;;) {
      try {
        return await shipper.run(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#refused.set(shipper.file, (error as Error).message)
        if (onRefused === undefined) {
          this.#failure ??= error as Error
          return this.end(error)
        }
        onRefused(error as Error, shipper.file)
        if (this.#finishing.signal.aborted) return
        await pause(REFUSED_MS, undefined, { signal: this.#finishing.signal, ref: false }).catch(() => {})
        this.#refused.delete(shipper.file)
      }
    }
  }

  #senderFor(file: string, identity: LogIdentity): Sender {
    const { kinds, onRejected } = this.#options
    if (kinds !== undefined) {
      return new SummarySender(file, identity, this.#transport, kinds, (count, reason) =>
        onRejected?.(file, count, reason),
      )
    }
    const hand = (decision: Decision): Handed => this.#hand(file, decision)
    return new CopySender(file, identity, this.#transport, hand, this.#onNotOwn)
  }

  /** Each answer of the server may tell a decision again, until the copy has its line. */
  #hand(file: string, decision: Decision): Handed {
    const { onDecision = putBeside, onNotHanded } = this.#options
    const key = `${file}\n${decision.id}`
    if (this.#handed.get(key) === decision.ts) return 'known'
    try {
      onDecision(file, decision)
      this.#handed.set(key, decision.ts)
      return 'new'
    } catch (error) {
      onNotHanded?.(error as Error)
      return 'failed'
    }
  }

  /** Asks the server for decisions, for as long as there is something to decide. */
  #ask(shipper: LogShipper): void {
    const { kinds, once = false } = this.#options
    const { shipped, open, file } = shipper
    if (kinds !== undefined || shipped === undefined) return
    if (once || this.#finishing.signal.aborted || this.#asking.has(shipper)) return
    this.#asking.add(shipper)
    pollDecisions(
      this.#transport,
      shipped,
      open,
      (decision) => this.#hand(file, decision),
      this.#finishing.signal,
    )
      // It is over, or the server refuses, which sending finds out too.
      .catch(() => {})
      .finally(() => this.#asking.delete(shipper))
  }
}
