/**
 * Stores events that anybody sends, and what other programs' telemetry tells: one log a session, see `SessionLog`.
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isDecisionName } from '../decide/decision-name.js'
import { decisionsFolder } from '../format/beside.js'
import type { KeepIndexOptions } from '../keep/options.js'
import { RecordError, type Understood, understand } from './records.js'
import { type Added, SessionLog } from './session-log.js'
import type { Told } from './told.js'

export interface EventsAnswer {
  accepted: number
  /** Records that were stored before. */
  duplicates: number
  rejected: { index: number; reason: string }[]
}

/** How records are sent. */
export interface Given {
  /** Whether the sender is one whose approvals count. Default: no */
  mayDecide?: boolean
  /** Session of records that name none. */
  session?: string | undefined
  /** The same when the same request is sent again. */
  key?: string | undefined
  /** Is told the sessions before anything of them is stored, and may throw. */
  admit?: (sessions: Iterable<string>) => void
}

/** Logs that are open at a time. */
const MAX_OPEN = 256
/** How often it is looked for decisions beside logs that are not open, milliseconds. */
const LOOK_MS = 5_000
/** How long a log may take nothing before those who wait are told, milliseconds. */
const TROUBLE_MS = 1_000

export class EventStore {
  readonly root: string
  readonly #warn: (message: string) => void
  readonly #keepIndex: boolean | KeepIndexOptions
  readonly #logs = new Map<string, SessionLog>()
  /** Logs that are being closed since something could not be written. */
  readonly #failing = new Map<string, { why: Error; closed: Promise<void> }>()
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param warn is told of what is wrong beside a log, in a line
   * @param keepIndex whether side indexes are kept up
   */
  constructor(
    root: string,
    warn: (message: string) => void = () => {},
    keepIndex: boolean | KeepIndexOptions = false,
  ) {
    this.root = root
    this.#warn = warn
    this.#keepIndex = keepIndex
  }

  /** Path of a session's log. */
  pathOf(session: string): string {
    return join(this.root, session, 'events.jsonl')
  }

  /**
   * Stores what is good of the records; resolves when that is on the disk.
   * @throws what `admit` does; then nothing is stored
   */
  async add(
    records: readonly unknown[],
    { mayDecide, session, key, admit = () => {} }: Given = {},
  ): Promise<EventsAnswer> {
    const now = Date.now()
    const rejected: EventsAnswer['rejected'] = []
    const understood: Understood[] = []
    for (const [index, record] of records.entries()) {
      try {
        const one = understand(record, session, now)
        if (!mayDecide && one.lines.some(({ kind }) => kind === 'approval')) {
          throw new RecordError('its approval needs a token with the scope decide')
        }
        understood.push(one)
      } catch (error) {
        if (!(error instanceof RecordError)) throw error
        rejected.push({ index, reason: error.message })
      }
    }
    admit(new Set(understood.map((one) => one.session)))
    const { accepted, duplicates } = await this.#into(understood, (log, given) => log.add(given, key))
    return { accepted, duplicates, rejected }
  }

  /** Stores what was told, as far as it was not before; resolves when that is on the disk. */
  tell(told: readonly Told[]): Promise<Added> {
    return this.#into(told, (log, given) => log.tell(given))
  }

  /** Does something with the log of a session, in turn with all others who do. */
  with<T>(session: string, act: (log: SessionLog) => T): Promise<T> {
    return this.#inTurn(async () => act(await this.#logOf(session)))
  }

  /**
   * Resolves when all that a log was given is on the disk.
   * @param sync waits for that
   * @throws what the disk says; it may be given again
   */
  async durable(
    session: string,
    log: SessionLog,
    sync: () => Promise<void> = () => log.durable(log.ticket),
  ): Promise<void> {
    const synced = sync()
    try {
      await unlessTrouble(log, synced)
    } catch (error) {
      const why = log.trouble ?? (error as Error)
      const closed = log.close().catch(() => {})
      if (this.#logs.get(session) === log) {
        // What is seen and stored is found out anew.
        this.#logs.delete(session)
        this.#failing.set(session, { why, closed })
      }
      await closed
      if (this.#failing.get(session)?.closed === closed) this.#failing.delete(session)
      // Closing tries for a while to write what waits.
      if (await synced.then(isDone, isNotDone)) return
      throw why
    }
  }

  /**
   * Takes what people decide beside logs that nothing is written to now, too: after a restart say.
   * @param everyMs how often it is looked, milliseconds. Default 5,000
   */
  takeDecisions(everyMs = LOOK_MS): void {
    const look = (): void => {
      this.#openDecided()
        .catch((error: Error) => this.#warn(`decisions are not looked for: ${error.message}`))
        .finally(() => {
          if (this.#timer !== undefined) this.#timer = setTimeout(look, everyMs).unref()
        })
    }
    this.#timer = setTimeout(look, 0).unref()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#last
    await Promise.all([...this.#logs.values()].map((log) => log.close()))
    await Promise.all([...this.#failing.values()].map(({ closed }) => closed))
    this.#logs.clear()
  }

  /** Opens the logs beside which a decision lies: an open log takes it. */
  async #openDecided(): Promise<void> {
    for (const entry of await readdir(this.root, { withFileTypes: true })) {
      const { name } = entry
      if (!entry.isDirectory() || this.#logs.has(name)) continue
      const folder = decisionsFolder(this.pathOf(name))
      if (!existsSync(this.pathOf(name)) || !existsSync(folder)) continue
      if ((await readdir(folder)).some(isDecisionName) && this.#timer !== undefined)
        await this.#inTurn(() => this.#logOf(name))
    }
  }

  async #into<T extends { session: string }>(
    given: readonly T[],
    put: (log: SessionLog, given: readonly T[]) => Added,
  ): Promise<Added> {
    const bySession = new Map<string, T[]>()
    for (const each of given) {
      const others = bySession.get(each.session)
      if (others === undefined) bySession.set(each.session, [each])
      else others.push(each)
    }
    const sum: Added = { accepted: 0, duplicates: 0 }
    // One after the other: two requests must not both find that they are the first.
    const durable = await this.#inTurn(async () => {
      const stored: Promise<void>[] = []
      for (const [name, each] of bySession) {
        const log = await this.#logOf(name)
        const { accepted, duplicates } = put(log, each)
        sum.accepted += accepted
        sum.duplicates += duplicates
        const one = this.durable(name, log)
        // It may fail before somebody waits for it.
        one.catch(() => {})
        stored.push(one)
      }
      return stored
    })
    for (const each of await Promise.allSettled(durable)) if (each.status === 'rejected') throw each.reason
    return sum
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#last.then(act)
    this.#last = result.catch(() => {})
    return result
  }

  async #logOf(session: string): Promise<SessionLog> {
    let log = this.#logs.get(session)
    if (log === undefined) {
      const failing = this.#failing.get(session)
      if (failing !== undefined) throw failing.why
      for (const [name, other] of this.#logs) {
        if (this.#logs.size < MAX_OPEN) break
        if (other.isAwaited) continue
        this.#logs.delete(name)
        await other.close()
      }
      log = await SessionLog.open(this.pathOf(session), session, this.#warn, this.#keepIndex)
    }
    // The one that was used last is the last to be closed.
    this.#logs.delete(session)
    this.#logs.set(session, log)
    return log
  }
}

const isDone = (): boolean => true
const isNotDone = (): boolean => false

/**
 * Waits for what a log was given to be on the disk, but not for a disk that takes nothing, which may last.
 * @throws why it is not there
 */
async function unlessTrouble(log: SessionLog, synced: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const trouble = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const why = log.trouble
      if (why !== undefined) reject(why)
    }, TROUBLE_MS)
  })
  try {
    await Promise.race([synced, trouble])
  } finally {
    clearInterval(timer)
  }
}
