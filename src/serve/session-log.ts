/**
 * The log of one session of which the server is the writer: `<store>/<session>/events.jsonl`, with its redaction, its
 * seals and its lock. What comes again is known by the agent's `checkpoint`, by the key of the request, or by what was
 * told, also after a restart: all that is needed for it is in the log itself. Decisions that people put beside it are
 * taken while something waits for one.
 */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Decision } from '../decide/decisions.js'
import { agentFault } from '../decide/only-people.js'
import { type DecisionWatch, type Taking, watchDecisions } from '../decide/watch.js'
import { decisionsFolder } from '../format/beside.js'
import { BoundedMap } from '../format/bounded-map.js'
import { encodeTail } from '../format/encode.js'
import type { Fields } from '../format/fields.js'
import type { KeepIndexOptions } from '../keep/options.js'
import { isMalformed } from '../read/items.js'
import { logBatches } from '../read/read.js'
import { LogRecorder } from '../record/log-recorder.js'
import { Counts } from './counts.js'
import { Known, TERMINAL } from './known.js'
import type { Line, Understood } from './records.js'
import type { Terminal, Told } from './told.js'

/**
 * Begins a request with a key: so many lines without a `checkpoint` follow, unless the process was killed meanwhile.
 */
const BATCH = 'ingest.batch'
/** The field of what was told by which it is known again: of the last line, so that nothing half-written counts. */
const KEY = '_key'
/** Keys of requests, and of what was told, that are known again at least. */
const MAX_KEYS = 10_000

export interface Added {
  accepted: number
  duplicates: number
}

type Waiter = (decision: Pick<Decision, 'approve' | 'by' | 'note'>) => void

export class SessionLog {
  readonly path: string
  /** What the log says, as far as it matters for what comes. */
  readonly known: Known
  readonly recorder: LogRecorder
  /** The same for who tells what spans stand for: what the log has of a span is not written again. */
  readonly spanRecorder: LogRecorder
  /** Whether an approval counts that is told of this span. Whoever tells spans sets it before. Default: of none */
  spanMayDecide: (span: { traceId: string; spanId: string }) => boolean = () => false
  readonly #session: string
  readonly #seen = new Map<string, Counts>()
  /** Lines of each request with a key that are in the log. */
  readonly #keys = new BoundedMap<number>(MAX_KEYS)
  readonly #told = new BoundedMap<true>(MAX_KEYS)
  /** Lines of each span and kind that were in the log when it was opened, and that were told since. */
  readonly #spanLines = new BoundedMap<number>(MAX_KEYS)
  readonly #spanTold = new BoundedMap<number>(MAX_KEYS)
  /** Who waits for the decision of an escalation. */
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #decisions: DecisionWatch
  readonly #warn: (message: string) => void
  /** Whether log events tell of what spans tell too. */
  #hearsLogs = false
  #last = 0

  private constructor(path: string, recorder: LogRecorder, session: string, warn: (message: string) => void) {
    this.path = path
    this.recorder = recorder
    this.known = new Known(this.#cleanId)
    this.#session = session
    this.#warn = (message) => warn(`${path}: ${message}`)
    this.spanRecorder = this.#withoutRepeats(recorder)
    this.#decisions = watchDecisions(decisionsFolder(path), {
      take: (decision) => this.#take(decision),
      warn,
    })
  }

  /**
   * @param warn is told of decisions that cannot be taken, in a line
   * @param keepIndex whether the side index is kept up
   */
  static async open(
    path: string,
    session: string,
    warn: (message: string) => void = () => {},
    keepIndex: boolean | KeepIndexOptions = false,
  ): Promise<SessionLog> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const recorder = LogRecorder.open({ file: path, sessionId: session, keepIndex }, 'hivelog serve')
    const log = new SessionLog(path, recorder, session, warn)
    try {
      await log.#remember(path)
      log.#watch()
      return log
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** The ticket of the last line, for `durable`. */
  get ticket(): number {
    return this.#last
  }

  /** Writes what was not written before. @param key the same when the same request is sent again */
  add(given: readonly Understood[], key: string | undefined): Added {
    const id = key === undefined ? undefined : shortHash(key)
    const uncounted = given.filter((each) => !isCounted(each)).length
    let known = id === undefined ? 0 : (this.#keys.get(id) ?? 0)
    if (id !== undefined && uncounted > 0) {
      if (!this.#keys.has(id))
        this.#append({ ts: Date.now(), kind: BATCH, fields: { key: id, lines: uncounted } })
      this.#keys.set(id, Math.max(known, uncounted))
    }
    let accepted = 0
    for (const each of given) {
      const isNew = isCounted(each) ? this.#isNew(each.agent, each.checkpoint) : known-- <= 0
      if (!isNew) continue
      accepted++
      for (const line of each.lines) this.#append(line)
    }
    this.#watch()
    return { accepted, duplicates: given.length - accepted }
  }

  /** Writes what the log does not say yet. */
  tell(told: readonly Told[]): Added {
    let accepted = 0
    for (const each of told) {
      const key = shortHash(each.key)
      if (this.#told.has(key) || (each.signal === 'span' && this.#hearsLogs)) continue
      this.#told.set(key, true)
      if (each.signal === 'log') this.#hearsLogs = true
      accepted++
      const lines = this.known.linesOf(each)
      for (const [i, line] of lines.entries()) {
        const isLast = i === lines.length - 1
        const keyed = isLast ? { ...line, fields: { ...line.fields, [KEY]: key } } : line
        this.#append(keyed, each.terminal)
      }
    }
    this.#watch()
    return { accepted, duplicates: told.length - accepted }
  }

  durable(ticket: number): Promise<void> {
    return ticket === 0 ? Promise.resolve() : this.recorder.durable(ticket)
  }

  /**
   * Calls when an escalation of this log is decided.
   * @returns ends the waiting
   */
  onDecision(id: string, waiter: Waiter): () => void {
    const clean = this.#cleanId(id)
    const waiters = this.#waiters.get(clean) ?? new Set()
    waiters.add(waiter)
    this.#waiters.set(clean, waiters)
    return () => {
      waiters.delete(waiter)
      if (waiters.size === 0) this.#waiters.delete(clean)
    }
  }

  /** Whether somebody waits for a decision here: then it must stay open. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0
  }

  close(): Promise<void> {
    this.#decisions.close()
    return this.recorder.release()
  }

  /** All that spans tell is written; resolves when it is on the disk. */
  async spansDurable(): Promise<void> {
    this.recorder.usageOnce.flush()
    this.recorder.settle()
    this.#watch()
    await this.recorder.journal.flush()
  }

  /** Spans that are told again, after a crash say, give the same lines in the same order. */
  #withoutRepeats(recorder: LogRecorder): LogRecorder {
    const write: LogRecorder['write'] = (ts, kind, given, origin) => {
      if (kind === 'approval' && !this.spanMayDecide(origin.context)) return true
      const fields = asked(kind, given)
      const key = keyOfSpan(origin.context.traceId, origin.context.spanId, kind)
      const count = (this.#spanTold.get(key) ?? 0) + 1
      this.#spanTold.set(key, count)
      if (count <= (this.#spanLines.get(key) ?? 0)) return true
      this.known.note(kind, fields)
      return recorder.write(ts, kind, fields, origin)
    }
    return new Proxy(recorder, {
      get(target, name) {
        if (name === 'write') return write
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  /** A person decided: it is written down first, and then those who wait hear of it. */
  async #take(decision: Decision): Promise<Taking> {
    const { id, approve, by, via, note } = decision
    const fault = agentFault(decision, (name) => this.known.isAgent(name))
    if (fault !== undefined) {
      this.#warn(fault)
      return 'done'
    }
    if (this.known.isDecided(id)) return 'done'
    if (!this.known.isPending(id)) return 'later'
    this.#append({
      ts: Date.now(),
      kind: 'approval',
      fields: { id, approve, by, via, ...(note !== undefined && { note }) },
    })
    try {
      await this.recorder.durable(this.#last)
    } catch {
      return 'later'
    }
    for (const waiter of this.#waiters.get(id) ?? [])
      waiter({ approve, by, ...(note !== undefined && { note }) })
    this.#watch()
    return 'done'
  }

  #watch(): void {
    const isAsked = this.known.hasPending
    if (isAsked) this.#decisions.look(true)
    this.#decisions.expect(isAsked, false)
  }

  /** @param terminal in whose terminal it may be answered, if it asks something. Default: in none */
  #append({ ts, kind, fields: given, trace, span, checkpoint }: Line, terminal?: Terminal): void {
    const fields = asked(kind, given, terminal)
    const scrubbed = this.recorder.scrubber.any(kind, fields)
    if (scrubbed === undefined) return
    const ids = trace === undefined || span === undefined ? {} : { trace, span }
    const tail = encodeTail({ session: this.recorder.scrubber.text(this.#session), ...ids })
    this.#last = this.recorder.journal.append(ts, kind, scrubbed, tail, checkpoint)
    this.known.note(kind, fields)
  }

  /** An id as it is in the log. */
  readonly #cleanId = (id: string): string => this.recorder.scrubber.text(id)

  #isNew(agent: string, checkpoint: number): boolean {
    let counts = this.#seen.get(agent)
    if (counts === undefined) {
      counts = new Counts()
      this.#seen.set(agent, counts)
    }
    return counts.add(checkpoint)
  }

  async #remember(path: string): Promise<void> {
    let key: string | undefined
    let left = 0
    for await (const items of logBatches(path)) {
      for (const item of items) {
        if (isMalformed(item) || item.event.kind.startsWith('log.')) continue
        const { kind, ...fields } = item.event as { kind: string } & Record<string, unknown>
        const { agentId, from, checkpoint } = fields
        this.known.note(kind, fields)
        if (typeof fields.span === 'string') {
          const of = keyOfSpan(String(fields.trace), fields.span, kind)
          this.#spanLines.set(of, (this.#spanLines.get(of) ?? 0) + 1)
        }
        if (typeof fields[KEY] === 'string') {
          this.#told.set(fields[KEY], true)
          // Of what is told of calls, only log events know the cost.
          if (kind === 'usage' && fields.costUsd !== undefined) this.#hearsLogs = true
        }
        if (kind === BATCH) {
          key = String(fields.key)
          left = Number(fields.lines)
          this.#keys.set(key, 0)
          continue
        }
        const agent = agentId ?? from
        if (typeof agent === 'string' && typeof checkpoint === 'number') this.#isNew(agent, checkpoint)
        else if (key !== undefined && fields[KEY] === undefined && left-- > 0)
          this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1)
      }
    }
  }
}

/** The fields of an event, of which those of an escalation say in whose terminal it may be answered. */
function asked(kind: string, fields: Fields, terminal?: Terminal): Fields {
  if (kind !== 'escalate' || (terminal === undefined && !Object.hasOwn(fields, TERMINAL))) return fields
  const { [TERMINAL]: _, ...others } = fields
  return terminal === undefined ? others : { ...others, [TERMINAL]: terminal }
}

/** Span ids are told apart by their trace: some are unique within it only. */
const keyOfSpan = (trace: string, span: string, kind: string): string => `${trace}${span}:${kind}`

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** A record that tells by itself whether it was seen. Such have one line each, but for messages that cost something. */
const isCounted = (each: Understood): each is Understood & { agent: string; checkpoint: number } =>
  each.agent !== undefined && each.checkpoint !== undefined
