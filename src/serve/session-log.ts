/**
 * The log of one session of which the server is the writer: `<store>/<session>/events.jsonl`, with its redaction, its
 * seals and its lock. What comes again is known by the agent's `checkpoint`, by the key of the request, or by what was
 * told, also after a restart: all that is needed for it is in the log itself. Decisions that people put beside it are
 * taken while something waits for one.
 */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Decision } from '../decide/decision.js'
import { approvalOf } from '../decide/errors.js'
import { agentFault } from '../decide/only-people.js'
import { isOf, markOf, notOfIt } from '../decide/question.js'
import { Standings } from '../decide/standings.js'
import { type DecisionWatch, type Taking, watchDecisions } from '../decide/watch.js'
import { decisionsFolder } from '../format/beside.js'
import { BoundedMap } from '../format/bounded-map.js'
import { encodeTail } from '../format/encode.js'
import type { Fields } from '../format/fields.js'
import { ENVELOPE_FIELDS } from '../format/kinds.js'
import type { KeepIndexOptions } from '../keep/options.js'
import { isMalformed } from '../read/items.js'
import { logBatches } from '../read/read.js'
import { LogRecorder } from '../record/log-recorder.js'
import { Counts } from './counts.js'
import { Known, TERMINAL } from './known.js'
import type { Line, Understood } from './records.js'
import type { Terminal, Told } from './told.js'

/**
 * Stands before lines of a request with a key: `lines` lines follow, which are the request's from number `from` on
 * (default 0), unless the process ended meanwhile. A record may be two lines.
 */
const BATCH = 'ingest.batch'
/** The field of what was told by which it is known again: of the last line, so that nothing half-written counts. */
const KEY = '_key'
const IS_KEY = /^[0-9a-f]{16}$/
/** Keys of requests, and of what was told, that are known again at least. */
const MAX_KEYS = 10_000

export interface Added {
  accepted: number
  duplicates: number
}

/** Is told what was decided, or nothing when its question cannot be decided any more. */
type Waiter = (decision?: Pick<Decision, 'approve' | 'by' | 'note'>) => void

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
  /** Which lines of each request with a key are in the log, by their number in the request. */
  readonly #keys = new BoundedMap<Counts>(MAX_KEYS)
  /** What a message cost, where the writer ended before it wrote the message: the time of that line, by its fields. */
  readonly #halves = new BoundedMap<number>(MAX_KEYS)
  readonly #told = new BoundedMap<true>(MAX_KEYS)
  /** Lines of each span and kind that were in the log when it was opened, and that were told since. */
  readonly #spanLines = new BoundedMap<number>(MAX_KEYS)
  readonly #spanTold = new BoundedMap<number>(MAX_KEYS)
  /** Who waits for the decision of an escalation, and which question each asked under that id. */
  readonly #waiters = new Map<string, Map<Waiter, string | undefined>>()
  /** What was asked last under each id. */
  readonly #asked = new Standings()
  readonly #decisions: DecisionWatch
  readonly #warn: (message: string) => void
  /** Whether log events tell of what spans tell too. */
  #hearsLogs = false
  #last = 0
  /** Whether a line got neither to the disk nor to memory. Nothing is written after it: what is there has no holes. */
  #isLost = false

  private constructor(path: string, recorder: LogRecorder, session: string, warn: (message: string) => void) {
    this.path = path
    this.recorder = recorder
    this.known = new Known(this.#cleanId)
    this.#session = session
    this.#warn = (message) => warn(`${path}: ${message}`)
    this.spanRecorder = this.#withoutRepeats(recorder)
    recorder.onDecision = (ts, kind, fields) => this.#noteAsked(ts, kind, fields)
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

  /** Why nothing can be written now; `undefined` while something can. */
  get trouble(): Error | undefined {
    return this.recorder.journal.trouble
  }

  /** Writes what was not written before. @param key the same when the same request is sent again */
  add(given: readonly Understood[], key: string | undefined): Added {
    const id = key === undefined || given.every(isCounted) ? undefined : shortHash(key)
    const stored = id === undefined ? undefined : this.#linesOfRequest(id)
    const missing: Numbered[] = []
    let accepted = 0
    let next = 0
    for (const each of given) {
      const before = missing.length
      const isKnown = isCounted(each)
        ? this.#isKnownIn(each)
        : (_: Line, number: number) => stored?.add(number) === false
      for (const line of each.lines) {
        const number = next++
        if (!isKnown(line, number)) missing.push({ number, line })
      }
      if (missing.length > before) accepted++
    }
    this.#appendNumbered(missing, id)
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
        this.#append(line, i === lines.length - 1 ? key : undefined, each.terminal)
      }
    }
    this.#watch()
    return { accepted, duplicates: told.length - accepted }
  }

  /** Rejects also when anything that was given before is lost */
  durable(ticket: number): Promise<void> {
    if (this.#isLost) return this.#refuse()
    return ticket === 0 ? Promise.resolve() : this.recorder.durable(ticket)
  }

  /**
   * Calls when an escalation of this log is decided.
   * @returns ends the waiting
   */
  onDecision(id: string, waiter: Waiter): () => void {
    const clean = this.#cleanId(id)
    const waiters = this.#waiters.get(clean) ?? new Map<Waiter, string | undefined>()
    const asked = this.#asked.askedOf(clean)
    waiters.set(waiter, asked && markOf(asked))
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
    if (this.recorder.journal.lost > 0) this.#isLost = true
    if (this.#isLost) await this.#refuse()
    await this.recorder.journal.flush()
  }

  /** Not all that was given was taken. */
  #refuse(): Promise<void> {
    return this.trouble === undefined ? this.recorder.durable(0) : Promise.reject(this.trouble)
  }

  /** Spans that are told again, after a crash say, give the same lines in the same order. */
  #withoutRepeats(recorder: LogRecorder): LogRecorder {
    const write: LogRecorder['write'] = (ts, givenKind, given, origin) => {
      const kind = sentKind(givenKind)
      if (kind === 'approval' && !this.spanMayDecide(origin.context)) return true
      const fields = asked(kind, sentFields(given))
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
    const { id, approve, by, note } = decision
    const fault = agentFault(decision, (name) => this.known.isAgent(name))
    if (fault !== undefined) {
      this.#warn(fault)
      return 'done'
    }
    if (this.known.isDecided(id)) return 'done'
    if (!this.known.isPending(id)) return 'later'
    if (this.#asked.isOf(decision) === false) {
      this.#warn(notOfIt(decision))
      return 'done'
    }
    // Those that wait for this question: another may be asked before the line is on the disk.
    const waiters = [...(this.#waiters.get(id)?.keys() ?? [])]
    const now = Date.now()
    this.#append({ ts: now, kind: 'approval', fields: approvalOf(decision, now) })
    try {
      await this.durable(this.#last)
    } catch {
      return 'later'
    }
    for (const waiter of waiters) waiter({ approve, by, ...(note !== undefined && { note }) })
    this.#watch()
    return 'done'
  }

  /** @param fields as the log has them */
  #noteAsked(ts: number, kind: string, fields: Fields): void {
    if (kind !== 'escalate' && kind !== 'approval') return
    this.#asked.take(kind, fields, ts)
    if (kind === 'escalate' && this.#waiters.size > 0) this.#letGo(fields.id)
  }

  /** Who asked something else under this id before waits in vain. */
  #letGo(id: unknown): void {
    const asked = typeof id === 'string' ? this.#asked.askedOf(id) : undefined
    if (asked === undefined) return
    const waiters = this.#waiters.get(id as string)
    for (const [waiter, question] of waiters ?? []) {
      if (question === undefined || isOf({ question, ts: asked.now }, asked)) continue
      waiters?.delete(waiter)
      waiter()
    }
  }

  #watch(): void {
    const isAsked = this.known.hasPending
    if (isAsked) this.#decisions.look(true)
    this.#decisions.expect(isAsked, false)
  }

  /** @param id of the request, if it has a key */
  #appendNumbered(lines: readonly Numbered[], id: string | undefined): void {
    for (let at = 0; at < lines.length; ) {
      const from = (lines[at] as Numbered).number
      let end = at + 1
      while (lines[end]?.number === from + end - at) end++
      if (id !== undefined)
        this.#write({ ts: Date.now(), kind: BATCH, fields: { key: id, from, lines: end - at } })
      for (; at < end; at++) this.#append((lines[at] as Numbered).line)
    }
  }

  /**
   * Writes what somebody sent.
   * @param told by which it is known when it is told again
   * @param terminal in whose terminal it may be answered, if it asks something. Default: in none
   */
  #append(line: Line, told?: string, terminal?: Terminal): void {
    const kind = sentKind(line.kind)
    this.#write({ ...line, kind, fields: asked(kind, sentFields(line.fields), terminal) }, told)
  }

  #write({ ts, kind, fields, trace, span, checkpoint }: Line, told?: string): void {
    const scrubbed = this.recorder.scrubber.any(kind, fields)
    if (scrubbed === undefined || this.#isLost) return
    const ids = trace === undefined || span === undefined ? {} : { trace, span }
    const tail = encodeTail({ session: this.recorder.scrubber.text(this.#session), ...ids })
    const whole = told === undefined ? scrubbed : { ...scrubbed, [KEY]: told }
    const ticket = this.recorder.journal.append(ts, kind, whole, tail, checkpoint)
    if (ticket === 0) {
      this.#isLost = true
      return
    }
    this.#last = ticket
    this.known.note(kind, fields)
    this.#noteAsked(ts, kind, scrubbed)
  }

  /** An id as it is in the log. */
  readonly #cleanId = (id: string): string => this.recorder.scrubber.text(id)

  #linesOfRequest(id: string): Counts {
    const stored = this.#keys.get(id) ?? new Counts()
    this.#keys.set(id, stored)
    return stored
  }

  /** Which lines of a record with a `checkpoint` are in the log: its last line is the one that has it. */
  #isKnownIn({ agent, checkpoint, isTimed, lines }: Understood & Counted): (line: Line) => boolean {
    if (!this.#isNew(agent, checkpoint)) return () => true
    const [first] = lines
    if (first === undefined || lines.length === 1) return () => false
    const half = textOf(this.recorder.scrubber.any(first.kind, sentFields(first.fields)) ?? {})
    const ts = this.#halves.get(half)
    if (ts === undefined || (isTimed && ts !== first.ts)) return () => false
    this.#halves.delete(half)
    return (line) => line === first
  }

  #isNew(agent: string, checkpoint: number): boolean {
    let counts = this.#seen.get(agent)
    if (counts === undefined) {
      counts = new Counts()
      this.#seen.set(agent, counts)
    }
    return counts.add(checkpoint)
  }

  async #remember(path: string): Promise<void> {
    let request = new Counts()
    let next = 0
    let left = 0
    let half: (() => void) | undefined
    for await (const items of logBatches(path)) {
      for (const item of items) {
        if (isMalformed(item)) {
          // A line of the request all the same, which is there no more.
          next++
          left--
          continue
        }
        const { kind, ...fields } = item.event as { kind: string } & Record<string, unknown>
        if (kind.startsWith('log.')) {
          // Another writer's lines follow, or the same one's after something was lost.
          if (kind === 'log.open') left = 0
          if (kind === 'log.open' || kind === 'log.gap') half?.()
          // A seal stands behind whole records only.
          if (kind !== 'log.torn') half = undefined
          continue
        }
        const { agentId, from, checkpoint } = fields
        this.known.note(kind, fields)
        this.#noteAsked(item.event.ts, kind, fields)
        half = kind === 'usage' && checkpoint === undefined ? () => this.#noteHalf(fields) : undefined
        if (typeof fields.span === 'string') {
          const of = keyOfSpan(String(fields.trace), fields.span, kind)
          this.#spanLines.set(of, (this.#spanLines.get(of) ?? 0) + 1)
        }
        if (kind === BATCH) {
          request = this.#linesOfRequest(String(fields.key))
          next = Number(fields.from ?? 0)
          left = Number(fields.lines)
          continue
        }
        const agent = agentId ?? from
        if (typeof agent === 'string' && typeof checkpoint === 'number') this.#isNew(agent, checkpoint)
        if (left-- > 0) request.add(next++)
        else if (IS_KEY.test(String(fields[KEY]))) {
          this.#told.set(String(fields[KEY]), true)
          // Of what is told of calls, only log events know the cost.
          if (kind === 'usage' && fields.costUsd !== undefined) this.#hearsLogs = true
        }
      }
    }
    half?.()
  }

  #noteHalf(usage: Record<string, unknown>): void {
    const fields = Object.entries(usage).filter(([name]) => !ENVELOPE_FIELDS.has(name))
    this.#halves.set(textOf(Object.fromEntries(fields)), usage.ts as number)
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

/** As in the log. */
const textOf = (fields: Fields): string => JSON.stringify(fields)

/** Only the server says which lines are a request's. */
const sentKind = (kind: string): string => (kind === BATCH ? `event_${kind}` : kind)

/** A sender's field that is called like ours is written with a `_` in front, as those of the line's own are. */
function sentFields(fields: Fields): Fields {
  if (!Object.hasOwn(fields, KEY)) return fields
  let name = KEY
  while (Object.hasOwn(fields, name)) name = `_${name}`
  const { [KEY]: value, ...others } = fields
  return { ...others, [name]: value }
}

/** A line of a request, and which of its lines it is, from 0. */
interface Numbered {
  number: number
  line: Line
}

interface Counted {
  agent: string
  checkpoint: number
}

/** A record that tells by itself whether it was seen. Such have one line each, but for messages that cost something. */
const isCounted = (each: Understood): each is Understood & Counted =>
  each.agent !== undefined && each.checkpoint !== undefined
