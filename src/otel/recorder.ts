/**
 * What the Hive, the span processor and the span exporter share: one journal a file in this process, with the
 * redaction in front of it, and the memory of which spans are recorded live already.
 */
import { randomBytes } from 'node:crypto'
import type { SpanContext } from '@opentelemetry/api'
import { encodeHead, encodeTail, type Fields, inOrder } from '../events/encode.js'
import { type Envelope, isCustomKind, isKnownKind } from '../events/kinds.js'
import { type RedactOptions, Redactor } from '../events/redact.js'
import { Scrubber } from '../events/scrub.js'
import { Journal, type JournalOptions } from '../journal/journal.js'
import { canonicalPath } from '../journal/segment-chain.js'

export interface RecorderOptions extends Omit<JournalOptions, 'session' | 'calls' | 'file'> {
  /** Path of the log. Default: `HIVELOG_FILE`, else `hive.jsonl` in the working directory. */
  file?: string
  /** Session of events that name none. Default: `AGENT_SESSION_ID`, else `sess_` and 16 random hex digits. */
  sessionId?: string
  /** What is redacted beside the well-known secrets. */
  redact?: RedactOptions
  /** Bytes above which a field is stored as an artifact. Default 8 KiB. */
  maxFieldBytes?: number
}

const shared = new Map<string, { recorder: Recorder; users: number }>()

export function newSessionId(): string {
  return `sess_${randomBytes(8).toString('hex')}`
}

export class Recorder {
  readonly session: string
  readonly journal: Journal
  readonly scrubber: Scrubber
  /** Contexts of spans whose events are written as they happen, so that an exporter does not write them again. */
  readonly live = new WeakSet<SpanContext>()
  #checkpoints = new Map<string, number>()

  private constructor(file: string, options: RecorderOptions) {
    this.session = options.sessionId ?? (process.env.AGENT_SESSION_ID || newSessionId())
    this.journal = new Journal({ ...options, file, session: this.session })
    this.scrubber = new Scrubber(
      new Redactor(options.redact),
      (content) => this.journal.artifacts.put(content),
      options.maxFieldBytes,
    )
  }

  /**
   * The recorder of a file: opened by the first who asks in this process, with that one's options, and shared by
   * all who ask later, so that a processor and an exporter on one file are one writer. Each must `release` it.
   * @throws {LogLockedError} {@link LogOpenError}
   */
  static open(options: RecorderOptions): Recorder {
    const path = canonicalPath(options.file ?? (process.env.HIVELOG_FILE || 'hive.jsonl'))
    let entry = shared.get(path)
    if (entry === undefined) {
      entry = { recorder: new Recorder(path, options), users: 0 }
      shared.set(path, entry)
    }
    entry.users++
    return entry.recorder
  }

  /** Gives the recorder back; the last one closes the file. */
  async release(): Promise<void> {
    const entry = shared.get(this.journal.file)
    if (entry?.recorder !== this) return this.journal.close()
    if (--entry.users > 0) return this.journal.flush()
    shared.delete(this.journal.file)
    await this.journal.close()
  }

  /** Writes an event whose fields may be anything, as a foreign span carries them. Returns its scrubbed fields. */
  write(ts: number, kind: string, fields: Fields, envelope: Omit<Envelope, 'seq'>): Fields | undefined {
    let scrubbed: Fields
    if (isKnownKind(kind) && !kind.startsWith('log.'))
      scrubbed = this.scrubber.known(inOrder(kind, { ...fields }))
    else if (isCustomKind(kind)) scrubbed = this.scrubber.custom(fields)
    else return undefined
    this.journal.append(encodeHead(ts, kind, scrubbed), encodeTail(envelope), Date.now())
    return scrubbed
  }

  /** The next checkpoint of an agent that the span processor or exporter counts for. */
  nextCheckpoint(session: string, agentId: string): number {
    const key = `${session}\n${agentId}`
    const next = this.#checkpoints.get(key) ?? 0
    this.#checkpoints.set(key, next + 1)
    return next
  }

  /** The agent ended; its next life counts from 0. */
  forgetCheckpoint(session: string, agentId: string): void {
    this.#checkpoints.delete(`${session}\n${agentId}`)
  }
}
