import { diag } from '@opentelemetry/api'
import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { HivelogError } from '../format/errors.js'
import { onExit } from '../format/on-exit.js'
import { checkOptions } from '../format/options.js'
import { LogRecorder, type RecorderOptions } from '../record/log-recorder.js'
import type { Opener } from '../record/sharing.js'
import { EndedSpans } from './ended-spans.js'
import { isOfHive } from './foreign-spans.js'
import { RECORDER_RULES } from './options.js'
import { SpanTeller } from './span-teller.js'
import { localParentOf, tellEnded } from './tell-ended.js'

/** The OpenTelemetry specification's export results; the numbers are part of the SDK's interface. */
const SUCCESS = 0
const FAILED = 1

/** Spans came that were not recorded live, after the exporter was shut down; they are in no line. */
export class ShutDownError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_SHUT_DOWN'

  constructor() {
    super('ERR_HIVELOG_SHUT_DOWN', 'the exporter is shut down')
    this.name = 'ShutDownError'
  }
}

/**
 * Writes the events of a hive's spans to an append-only JSONL file, one line an event.
 *
 * Under a `HiveSpanProcessor` lines are written the moment they happen. Alone, under a `SimpleSpanProcessor` or a
 * `BatchSpanProcessor`, it writes all of a span once those above it have ended in this process too, which say whose it
 * is, or at the shutdown. Registered both ways, each event is written once.
 * Nothing but the constructor throws.
 */
export class JsonlSpanExporter implements SpanExporter {
  /** @internal */
  readonly recorder: LogRecorder
  /** @internal Of events that name none. */
  readonly session: string
  #teller: SpanTeller
  #ended = new EndedSpans()
  #removeExit: (() => void) | undefined
  #shutdown: Promise<void> | undefined

  /**
   * Opens the log.
   *
   * @param options how the log is written
   * @param opener who is told of when another asks for the same file; internal
   * @throws {OptionsError} when an option is none, or has a value that it cannot have
   * @throws {OptionsConflictError} when the file is open in this process already, with options that say otherwise and
   * are not only less strict
   * @throws {LogLockedError} when another process writes the file
   * @throws {LogOpenError} when the file cannot be opened or is no log
   */
  constructor(options: RecorderOptions = {}, opener: Opener = 'JsonlSpanExporter') {
    checkOptions(opener, options, RECORDER_RULES)
    this.recorder = LogRecorder.open(options, opener)
    this.session = options.sessionId ?? this.recorder.session
    this.#teller = new SpanTeller(this.recorder, this.session)
  }

  /** Absolute path of the log. */
  get file(): string {
    return this.recorder.journal.path
  }

  /** Writes what is not yet written of these spans; reports when it is in the file (and synced, see `fsync`). */
  export(spans: ReadableSpan[], resultCallback: (result: ExportResult) => void): void {
    const unwritten = spans.filter((span) => !this.recorder.owners.isLive(span.spanContext()))
    if (this.#shutdown !== undefined) {
      // A batch that comes after the shutdown is no failure if all of it was recorded live.
      if (unwritten.length === 0) this.#shutdown.then(() => resultCallback({ code: SUCCESS }))
      else resultCallback({ code: FAILED, error: new ShutDownError() })
      return
    }
    try {
      for (const span of unwritten) this.#ended.add(span)
      for (const span of unwritten) if (this.#canTell(span)) this.#tell(this.#ended.take(span))
      this.#ended.trim()
      this.#watchExit()
    } catch (error) {
      diag.error(`hivelog: spans could not be written to ${this.file}`, error)
      resultCallback({ code: FAILED, error: error as Error })
      return
    }
    this.recorder.journal.flush().then(
      () => resultCallback({ code: SUCCESS }),
      (error: Error) => resultCallback({ code: FAILED, error }),
    )
  }

  /** Resolves when everything recorded so far is in the file. */
  forceFlush(): Promise<void> {
    return this.recorder.journal.flush()
  }

  /** Writes the rest, seals and closes the file. */
  shutdown(): Promise<void> {
    if (this.#shutdown === undefined) {
      this.#tellRest()
      this.#shutdown = this.recorder.release()
    }
    return this.#shutdown
  }

  /** Whether it is known what the span lies under: nothing, or what was written before. */
  #canTell(span: ReadableSpan): boolean {
    if (!this.#ended.has(span)) return false
    // A hive's span says whose it is.
    return (
      localParentOf(span) === undefined ||
      isOfHive(span) ||
      this.recorder.owners.of(span.parentSpanContext) !== undefined
    )
  }

  /** Writes what spans stand for that lie under one another, in the order in which it happened. */
  #tell(spans: readonly ReadableSpan[]): void {
    tellEnded(spans, this.#teller, this.recorder.owners)
    for (const span of spans) warnOfDropped(span)
  }

  /** Nothing more will come: writes what waits, as far as it is known whose it is. */
  readonly #tellRest = (): void => {
    try {
      for (const spans of this.#ended.takeAll()) this.#tell(spans)
    } catch (error) {
      diag.error(`hivelog: spans could not be written to ${this.file}`, error)
    }
    this.#watchExit()
  }

  #watchExit(): void {
    if (this.#ended.size > 0) this.#removeExit ??= onExit(this.#tellRest)
    else {
      this.#removeExit?.()
      this.#removeExit = undefined
    }
  }
}

function warnOfDropped({ droppedEventsCount, name }: ReadableSpan): void {
  if (droppedEventsCount === 0) return
  diag.warn(
    `hivelog: the SDK dropped ${droppedEventsCount} events of span ${name} before it ended; ` +
      'register a HiveSpanProcessor, which records them as they happen',
  )
}
