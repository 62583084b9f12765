/**
 * Stores events that anybody sends: one log a session, of which the server is the writer, with its redaction, its seals
 * and its lock. What comes again is known by the agent's `checkpoint`, or by the key of the request, also after a
 * restart: all that is needed for it is in the log itself.
 */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { encodeTail } from '../format/encode.js'
import { isMalformed } from '../read/items.js'
import { logBatches } from '../read/read.js'
import { LogRecorder } from '../record/log-recorder.js'
import { type Line, RecordError, type Understood, understand } from './records.js'

export interface EventsAnswer {
  accepted: number
  /** Records that were stored before. */
  duplicates: number
  rejected: { index: number; reason: string }[]
}

/**
 * Begins a request with a key: so many lines without a `checkpoint` follow, unless the process was killed meanwhile.
 */
const BATCH = 'ingest.batch'
/** Keys of requests that are known again. */
const MAX_KEYS = 10_000
/** Logs that are open at a time. */
const MAX_OPEN = 256

export class EventStore {
  readonly #root: string
  readonly #logs = new Map<string, SessionLog>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(root: string) {
    this.#root = root
  }

  /** Path of a session's log. */
  pathOf(session: string): string {
    return join(this.#root, session, 'events.jsonl')
  }

  /**
   * Stores what is good of the records; resolves when that is on the disk.
   * @param mayDecide whether the sender is one whose approvals count
   * @param session of records that name none
   * @param key the same when the same request is sent again
   */
  add(
    records: readonly unknown[],
    mayDecide: boolean,
    session: string | undefined,
    key: string | undefined,
  ): Promise<EventsAnswer> {
    const now = Date.now()
    const answer: EventsAnswer = { accepted: 0, duplicates: 0, rejected: [] }
    const bySession = new Map<string, Understood[]>()
    for (const [index, record] of records.entries()) {
      try {
        const understood = understand(record, session, now)
        if (!mayDecide && understood.lines.some(({ kind }) => kind === 'approval')) {
          throw new RecordError('its approval needs a token with the scope decide')
        }
        const others = bySession.get(understood.session)
        if (others === undefined) bySession.set(understood.session, [understood])
        else others.push(understood)
      } catch (error) {
        if (!(error instanceof RecordError)) throw error
        answer.rejected.push({ index, reason: error.message })
      }
    }
    // One after the other: two requests must not both find that they are the first.
    const stored = this.#last.then(async () => {
      const durable: Promise<void>[] = []
      for (const [name, understood] of bySession) {
        const log = await this.#logOf(name)
        const { accepted, duplicates, ticket } = log.add(understood, key)
        answer.accepted += accepted
        answer.duplicates += duplicates
        durable.push(
          log.durable(ticket).catch(async (error) => {
            // What is seen and stored is found out anew: it may be sent again.
            this.#logs.delete(name)
            await log.close().catch(() => {})
            throw error
          }),
        )
      }
      return durable
    })
    this.#last = stored.catch(() => {})
    return stored.then((durable) => Promise.all(durable)).then(() => answer)
  }

  async close(): Promise<void> {
    await this.#last
    await Promise.all([...this.#logs.values()].map((log) => log.close()))
    this.#logs.clear()
  }

  async #logOf(session: string): Promise<SessionLog> {
    let log = this.#logs.get(session)
    if (log === undefined) {
      for (const [name, other] of this.#logs) {
        if (this.#logs.size < MAX_OPEN) break
        this.#logs.delete(name)
        await other.close()
      }
      log = await SessionLog.open(this.pathOf(session), session)
    }
    // The one that was used last is the last to be closed.
    this.#logs.delete(session)
    this.#logs.set(session, log)
    return log
  }
}

class SessionLog {
  readonly #recorder: LogRecorder
  readonly #session: string
  readonly #seen = new Map<string, Counts>()
  /** Lines of each request with a key that are in the log. */
  readonly #keys = new Map<string, number>()
  #last = 0

  private constructor(recorder: LogRecorder, session: string) {
    this.#recorder = recorder
    this.#session = session
  }

  static async open(path: string, session: string): Promise<SessionLog> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const recorder = LogRecorder.open({ file: path, sessionId: session }, 'hivelog serve')
    const log = new SessionLog(recorder, session)
    try {
      await log.#remember(path)
      return log
    } catch (error) {
      await recorder.release()
      throw error
    }
  }

  add(
    given: readonly Understood[],
    key: string | undefined,
  ): { accepted: number; duplicates: number; ticket: number } {
    const id = key === undefined ? undefined : createHash('sha256').update(key).digest('hex').slice(0, 16)
    const uncounted = given.filter((each) => !isCounted(each)).length
    let known = id === undefined ? 0 : (this.#keys.get(id) ?? 0)
    if (id !== undefined && uncounted > 0) {
      if (!this.#keys.has(id))
        this.#append({ ts: Date.now(), kind: BATCH, fields: { key: id, lines: uncounted } })
      this.#noteKey(id, Math.max(known, uncounted))
    }
    let accepted = 0
    for (const each of given) {
      const isNew = isCounted(each) ? this.#isNew(each.agent, each.checkpoint) : known-- <= 0
      if (!isNew) continue
      accepted++
      for (const line of each.lines) this.#append(line)
    }
    return { accepted, duplicates: given.length - accepted, ticket: this.#last }
  }

  durable(ticket: number): Promise<void> {
    return ticket === 0 ? Promise.resolve() : this.#recorder.durable(ticket)
  }

  close(): Promise<void> {
    return this.#recorder.release()
  }

  #append({ ts, kind, fields, trace, span, checkpoint }: Line): void {
    const scrubbed = this.#recorder.scrubber.any(kind, fields)
    if (scrubbed === undefined) return
    const ids = trace === undefined || span === undefined ? {} : { trace, span }
    const tail = encodeTail({ session: this.#recorder.scrubber.text(this.#session), ...ids })
    this.#last = this.#recorder.journal.append(ts, kind, scrubbed, tail, checkpoint)
  }

  #isNew(agent: string, checkpoint: number): boolean {
    let counts = this.#seen.get(agent)
    if (counts === undefined) {
      counts = new Counts()
      this.#seen.set(agent, counts)
    }
    return counts.add(checkpoint)
  }

  #noteKey(id: string, lines: number): void {
    this.#keys.delete(id)
    this.#keys.set(id, lines)
    if (this.#keys.size > MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value as string)
  }

  async #remember(path: string): Promise<void> {
    let key: string | undefined
    let left = 0
    for await (const items of logBatches(path)) {
      for (const item of items) {
        if (isMalformed(item) || item.event.kind.startsWith('log.')) continue
        const { kind, agentId, from, checkpoint, ...more } = item.event as Record<string, unknown>
        if (kind === BATCH) {
          key = String(more.key)
          left = Number(more.lines)
          this.#noteKey(key, 0)
          continue
        }
        const agent = agentId ?? from
        if (typeof agent === 'string' && typeof checkpoint === 'number') this.#isNew(agent, checkpoint)
        else if (key !== undefined && left-- > 0) this.#noteKey(key, (this.#keys.get(key) ?? 0) + 1)
      }
    }
  }
}

/** A record that tells by itself whether it was seen. Such have one line each, but for messages that cost something. */
const isCounted = (each: Understood): each is Understood & { agent: string; checkpoint: number } =>
  each.agent !== undefined && each.checkpoint !== undefined

/** Numbers that were seen, as ranges: an agent's counter has few gaps. */
class Counts {
  /** Sorted, apart from each other, both ends included. */
  readonly #ranges: [number, number][] = []

  /** @returns whether it was not there */
  add(count: number): boolean {
    const ranges = this.#ranges
    let low = 0
    let high = ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ranges[middle] as [number, number])[1] < count) low = middle + 1
      else high = middle
    }
    const after = ranges[low]
    if (after !== undefined && after[0] <= count) return false
    const before = ranges[low - 1]
    const touchesBefore = before !== undefined && before[1] === count - 1
    const touchesAfter = after !== undefined && after[0] === count + 1
    if (touchesBefore && touchesAfter) {
      before[1] = after[1]
      ranges.splice(low, 1)
    } else if (touchesBefore) before[1] = count
    else if (touchesAfter) after[0] = count
    else ranges.splice(low, 0, [count, count])
    return true
  }
}
