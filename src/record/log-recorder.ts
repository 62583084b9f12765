/**
 * What hives, span processors and span exporters on one file share: one recorder a file in this process, and so one
 * writer.
 */
import { randomBytes } from 'node:crypto'
import { pickOptions } from '../format/options.js'
import { Journal, type JournalOptions } from '../journal/journal.js'
import { JOURNAL_RULES } from '../journal/options.js'
import { canonicalPath } from '../journal/segment-chain.js'
import type { FsyncPolicy } from '../journal/syncer.js'
import { keepIndexByEnvironment } from '../keep/environment.js'
import { GrowingRedactor } from '../redact/growing.js'
import type { RedactOptions } from '../redact/redact.js'
import { Recorder } from './recorder.js'
import { type Opener, SharedOptions } from './sharing.js'

/** How a log is written, and what goes into it: `JsonlSpanExporter` takes these, and `startHive` too. */
export interface RecorderOptions extends Omit<JournalOptions, 'session' | 'calls' | 'file'> {
  /** Path of the log. Default: `HIVELOG_FILE`, else `hive.jsonl` in the working directory. */
  file?: string
  /** Session of events that name none. Default: `AGENT_SESSION_ID`, else `sess_` and 16 random hex digits. */
  sessionId?: string
  /** What is redacted beside the well-known secrets. Default: nothing. */
  redact?: RedactOptions
  /** Bytes above which a field is stored as an artifact. Default 8 KiB. */
  maxFieldBytes?: number
  /**
   * `artifacts`: what foreign spans hold of prompts, answers, and arguments and results of tools is kept, redacted, as
   * artifacts, each with a `snapshot` line. Default `none`.
   */
  capture?: 'none' | 'artifacts'
}

const shared = new Map<string, { recorder: LogRecorder; users: number }>()

export function newSessionId(): string {
  return `sess_${randomBytes(8).toString('hex')}`
}

export class LogRecorder extends Recorder {
  readonly session: string
  /** Whether contents of foreign spans are kept as artifacts. */
  readonly captures: boolean
  declare readonly journal: Journal
  declare readonly redactor: GrowingRedactor
  #options: SharedOptions

  private constructor(file: string, given: RecorderOptions, opener: Opener) {
    // What the environment says is no wish of whoever comes later.
    const kept = given.keepIndex === undefined ? keepIndexByEnvironment() : undefined
    const environment: RecorderOptions = kept === undefined ? {} : { keepIndex: kept }
    const options = { ...given, keepIndex: given.keepIndex ?? kept ?? false }
    const sharedOptions = new SharedOptions(file, given, opener, environment)
    // Before the log is opened: patterns that are none keep no lock.
    const redactor = new GrowingRedactor(options.redact)
    const session = options.sessionId ?? (process.env.AGENT_SESSION_ID || newSessionId())
    const journal = new Journal({ ...pickOptions(options, JOURNAL_RULES), file, session })
    super(redactor, options.maxFieldBytes, journal)
    this.#options = sharedOptions
    this.session = session
    this.captures = options.capture === 'artifacts'
  }

  /**
   * The recorder of a file: opened by the first who asks in this process, and shared by all who ask later, so that a
   * processor and an exporter on one file are one writer. What is stricter in the options of those holds from then
   * on, for all (see `SharedOptions`). Each must `release` it.
   * @throws {OptionsConflictError} {@link LogLockedError} {@link LogOpenError}
   */
  static open(options: RecorderOptions, opener: Opener): LogRecorder {
    const path = canonicalPath(options.file ?? (process.env.HIVELOG_FILE || 'hive.jsonl'))
    let entry = shared.get(path)
    if (entry === undefined) {
      entry = { recorder: new LogRecorder(path, options, opener), users: 0 }
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
      this.scrubber.forget()
    }
  }

  /** Gives the recorder back; the last one closes the file. */
  async release(): Promise<void> {
    const entry = shared.get(this.journal.file)
    if (entry?.recorder === this) {
      if (--entry.users > 0) return this.journal.flush()
      shared.delete(this.journal.file)
    }
    this.close()
    await this.journal.close()
  }

  /** `release` on this thread, after which the file can be opened again at once. */
  releaseSync(): void {
    const entry = shared.get(this.journal.file)
    if (entry?.recorder === this && --entry.users > 0) return
    if (entry?.recorder === this) shared.delete(this.journal.file)
    this.close()
    this.journal.closeSync()
  }
}
