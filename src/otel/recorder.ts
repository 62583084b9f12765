/**
 * What the Hive, the span processor and the span exporter share: one journal a file in this process, with the
 * redaction in front of it, and the memory of which spans are recorded live already.
 */
import { randomBytes } from 'node:crypto'
import { diag, type SpanContext } from '@opentelemetry/api'
import { encodeTail, type Tail } from '../format/encode.js'
import type { Fields } from '../format/fields.js'
import { pickOptions } from '../format/options.js'
import { brief } from '../format/quote.js'
import { Journal, type JournalOptions } from '../journal/journal.js'
import { JOURNAL_RULES } from '../journal/options.js'
import { canonicalPath } from '../journal/segment-chain.js'
import type { FsyncPolicy } from '../journal/syncer.js'
import { GrowingRedactor } from '../redact/growing.js'
import type { RedactOptions } from '../redact/redact.js'
import { KIND_RULE, Scrubber } from '../redact/scrub.js'
import { type Opener, SharedOptions } from './sharing.js'
import { agentField, withAgent } from './span-mapping.js'

/** What `JsonlSpanExporter` takes: how the log is written. */
export interface RecorderOptions extends Omit<JournalOptions, 'session' | 'calls' | 'file'> {
  /** Path of the log. Default: `HIVELOG_FILE`, else `hive.jsonl` in the working directory. */
  file?: string
  /** Session of events that name none. Default: `AGENT_SESSION_ID`, else `sess_` and 16 random hex digits. */
  sessionId?: string
  /** What is redacted beside the well-known secrets. Default: nothing. */
  redact?: RedactOptions
  /** Bytes above which a field is stored as an artifact. Default 8 KiB. */
  maxFieldBytes?: number
}

/** One life of an agent, from its spawn to its exit. */
export interface Life {
  readonly agentId: string
  readonly session: string
  /** Events recorded so far. */
  checkpoint: number
}

/** Where an event comes from. */
export interface Origin {
  context: SpanContext
  session: string
  /** Whose event it is. */
  life: Life | undefined
}

const shared = new Map<string, { recorder: Recorder; users: number }>()

export function newSessionId(): string {
  return `sess_${randomBytes(8).toString('hex')}`
}

export class Recorder {
  readonly session: string
  readonly journal: Journal
  /** Whatever leaves by this recorder, or by the provider of its hive, is redacted by this one. */
  readonly redactor: GrowingRedactor
  readonly scrubber: Scrubber
  /** Contexts of spans whose events are written as they happen, so that an exporter does not write them again. */
  readonly live = new WeakSet<SpanContext>()
  #options: SharedOptions
  #lives = new Map<string, Life>()
  #sources = new Set<() => void>()
  #last: { context: SpanContext; session: string; tail: Tail } | undefined

  private constructor(file: string, options: RecorderOptions, opener: Opener) {
    this.#options = new SharedOptions(file, options, opener)
    // Before the log is opened: patterns that are none keep no lock.
    this.redactor = new GrowingRedactor(options.redact)
    this.session = options.sessionId ?? (process.env.AGENT_SESSION_ID || newSessionId())
    this.journal = new Journal({ ...pickOptions(options, JOURNAL_RULES), file, session: this.session })
    this.scrubber = new Scrubber(
      this.redactor,
      (content) => this.journal.artifacts.put(content),
      options.maxFieldBytes,
    )
  }

  /**
   * The recorder of a file: opened by the first who asks in this process, and shared by all who ask later, so that a
   * processor and an exporter on one file are one writer. What is stricter in the options of those holds from then
   * on, for all (see `SharedOptions`). Each must `release` it.
   * @throws {OptionsConflictError} {@link LogLockedError} {@link LogOpenError}
   */
  static open(options: RecorderOptions, opener: Opener): Recorder {
    const path = canonicalPath(options.file ?? (process.env.HIVELOG_FILE || 'hive.jsonl'))
    let entry = shared.get(path)
    if (entry === undefined) {
      entry = { recorder: new Recorder(path, options, opener), users: 0 }
      shared.set(path, entry)
    } else entry.recorder.#join(options, opener)
    entry.users++
    return entry.recorder
  }

  #join(options: RecorderOptions, opener: Opener): void {
    const stricter = this.#options.join(options, opener)
    const fsync = stricter.get('fsync')
    if (fsync !== undefined) this.journal.tighten(fsync as FsyncPolicy)
    const maxFieldBytes = stricter.get('maxFieldBytes')
    if (maxFieldBytes !== undefined) this.scrubber.lowerLimit(maxFieldBytes as number)
    const { patterns, keys, builtin } = options.redact ?? {}
    if (patterns?.length || keys?.length || stricter.has('redact.builtin')) {
      this.redactor.add({ ...(patterns && { patterns }), ...(keys && { keys }), builtin: builtin ?? false })
    }
  }

  /** Gives the recorder back; the last one closes the file. */
  async release(): Promise<void> {
    const entry = shared.get(this.journal.file)
    if (entry?.recorder !== this) return this.journal.close()
    if (--entry.users > 0) return this.journal.flush()
    shared.delete(this.journal.file)
    await this.journal.close()
  }

  /** `release` on this thread, after which the file can be opened again at once. */
  releaseSync(): void {
    const entry = shared.get(this.journal.file)
    if (entry?.recorder === this && --entry.users > 0) return
    if (entry?.recorder === this) shared.delete(this.journal.file)
    this.journal.closeSync()
  }

  /** Has `source` called before each line and each write, to append what it holds back until then. */
  addSource(source: () => void): void {
    this.#sources.add(source)
    this.journal.addSource(source)
  }

  removeSource(source: () => void): void {
    this.#sources.delete(source)
    this.journal.removeSource(source)
  }

  /**
   * Writes an event whose fields may be anything, as a foreign span carries them. Returns its scrubbed fields, or
   * `undefined` when there can be no event of such a kind.
   */
  write(ts: number, kind: string, fields: Fields, { context, session, life }: Origin): Fields | undefined {
    const whole = life === undefined ? fields : withAgent(kind, fields, life.agentId)
    const scrubbed = this.scrubber.any(kind, whole)
    if (scrubbed === undefined) {
      diag.warn(`hivelog: an event of kind "${brief(kind)}" is not recorded: ${KIND_RULE}`)
      return undefined
    }
    for (const source of this.#sources) source()
    const counted = life !== undefined && agentField(kind) !== undefined
    const checkpoint = counted ? life.checkpoint++ : undefined
    this.journal.append(ts, kind, scrubbed, this.#tailOf(context, session), checkpoint)
    return scrubbed
  }

  /** Events of one span mostly follow each other, so the last tail is kept. */
  #tailOf(context: SpanContext, session: string): Tail {
    if (this.#last?.context !== context || this.#last.session !== session) {
      // A foreign span can name any.
      const tail = encodeTail({
        session: this.scrubber.text(session),
        trace: context.traceId,
        span: context.spanId,
      })
      this.#last = { context, session, tail }
    }
    return this.#last.tail
  }

  /** An agent is spawned: its events count from 0. */
  beginLife(agentId: string, session: string): Life {
    const life = { agentId, session, checkpoint: 0 }
    this.#lives.set(keyOf(life), life)
    return life
  }

  /** The present life of an agent; it begins here if its spawn was not seen. */
  lifeOf(agentId: string, session: string): Life {
    return this.#lives.get(keyOf({ agentId, session })) ?? this.beginLife(agentId, session)
  }

  /** The agent ended; an agent of the same id that is spawned later has a life of its own. */
  endLife(life: Life): void {
    const key = keyOf(life)
    if (this.#lives.get(key) === life) this.#lives.delete(key)
  }
}

const keyOf = ({ agentId, session }: Pick<Life, 'agentId' | 'session'>): string => `${session}\n${agentId}`
