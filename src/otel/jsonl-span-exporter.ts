import { diag } from '@opentelemetry/api'
import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { HivelogError } from '../format/errors.js'
import type { Fields } from '../format/fields.js'
import { checkOptions } from '../format/options.js'
import { LogRecorder, type RecorderOptions } from '../record/log-recorder.js'
import { type AgentRef, EndedSpans } from '../record/owners.js'
import type { Opener } from '../record/sharing.js'
import {
  agentOf,
  endMs,
  exitFields,
  isContinuation,
  namedAgentOf,
  sessionOf,
  spawnFields,
  startMs,
  workOf,
} from './foreign-spans.js'
import { RECORDER_RULES } from './options.js'
import { hrToMillis, kindOfEvent, toFields } from './span-mapping.js'

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
 * `BatchSpanProcessor`, it writes all of a span when the span ends. Registered both ways, each event is written once.
 * Nothing but the constructor throws.
 */
export class JsonlSpanExporter implements SpanExporter {
  /** @internal */
  readonly recorder: LogRecorder
  /** @internal Of events that name none. */
  readonly session: string
  #ended = new EndedSpans()
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
      const inBatch = new Map<string, AgentRef>()
      for (const span of unwritten) {
        const agent = agentOf(span, this.session)
        if (agent !== undefined) inBatch.set(span.spanContext().spanId, agent)
      }
      for (const span of unwritten) this.#write(span, inBatch)
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
    this.#shutdown ??= this.recorder.release()
    return this.#shutdown
  }

  /** @param inBatch agents whose spans are in the same batch, by span id */
  #write(span: ReadableSpan, inBatch: Map<string, AgentRef>): void {
    const { spanId } = span.spanContext()
    const parentId = localParentOf(span)
    const above = parentId === undefined ? undefined : this.#ended.agentOf(parentId)
    const parent = above ?? inBatch.get(parentId ?? '')
    const own = inBatch.get(spanId)
    const agent = own ?? namedAgentOf(span, this.session) ?? parent
    if (own !== undefined && !isContinuation(span)) {
      this.#line(span, startMs(span), 'spawn', spawnFields(span, own, parent?.agentId), own)
    }
    for (const event of span.events) {
      const kind = kindOfEvent(event.name)
      if (kind !== undefined) {
        this.#line(span, hrToMillis(event.time), kind, toFields(kind, event.attributes), agent)
      }
    }
    if (span.droppedEventsCount > 0) {
      diag.warn(
        `hivelog: the SDK dropped ${span.droppedEventsCount} events of span ${span.name} before it ended; ` +
          'register a HiveSpanProcessor, which records them as they happen',
      )
    }
    // Work comes after the spawn of its agent, which is often told last.
    const isEarly = above === undefined && parent !== undefined
    if (own !== undefined || (agent !== undefined && !isEarly)) this.#end(span, own, agent as AgentRef)
    else if (parentId === undefined) this.#ended.forget(spanId)
    else this.#ended.wait(spanId, parentId, workOf(span, '') && span)
  }

  /** Writes what the span's end stands for, after what waited to know whose it is. */
  #end(span: ReadableSpan, own: AgentRef | undefined, agent: AgentRef): void {
    const waited = this.#ended.settle(span.spanContext().spanId, agent)
    for (const each of waited) this.#work(each, namedAgentOf(each, this.session) ?? agent)
    if (own === undefined) {
      this.#work(span, agent)
      return
    }
    const fields = exitFields(span, own)
    if (fields === undefined) return
    this.#line(span, endMs(span), 'exit', fields, own)
    const { owners } = this.recorder
    owners.endLife(owners.lifeOf(own.agentId, own.session))
  }

  #work(span: ReadableSpan, agent: AgentRef): void {
    const work = workOf(span, agent.agentId)
    if (work !== undefined) this.#line(span, endMs(span), work.kind, work.fields, agent)
  }

  #line(span: ReadableSpan, ts: number, kind: string, fields: Fields, agent: AgentRef | undefined): void {
    const { recorder } = this
    const life = agent && recorder.owners.lifeOf(agent.agentId, agent.session)
    const session = agent?.session ?? sessionOf(span) ?? this.session
    recorder.write(ts, kind, fields, { context: span.spanContext(), session, life })
  }
}

/** Id of the span's parent, if that is a span of this process. */
function localParentOf({ parentSpanContext: parent }: ReadableSpan): string | undefined {
  return parent === undefined || parent.isRemote === true ? undefined : parent.spanId
}
