import { diag } from '@opentelemetry/api'
import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import {
  type AgentRef,
  agentOf,
  endMs,
  exitFields,
  isContinuation,
  spawnFields,
  startMs,
  workOf,
} from './foreign-spans.js'
import { Recorder, type RecorderOptions } from './recorder.js'
import { hrToMillis, kindOfEvent, toFields } from './span-mapping.js'

/** The OpenTelemetry specification's export results; the numbers are part of the SDK's interface. */
const SUCCESS = 0
const FAILED = 1

/**
 * Writes the events of a hive's spans to an append-only JSONL file, one line an event.
 *
 * Under a `HiveSpanProcessor` lines are written the moment they happen. Alone, under a `SimpleSpanProcessor` or a
 * `BatchSpanProcessor`, it writes all of a span when the span ends. Registered both ways, each event is written once.
 *
 * The constructor throws `LogLockedError` when another process writes the file, and `LogOpenError` when it cannot
 * be opened; nothing else throws.
 */
export class JsonlSpanExporter implements SpanExporter {
  /** @internal */
  readonly recorder: Recorder
  #shutdown: Promise<void> | undefined

  constructor(options: RecorderOptions = {}) {
    this.recorder = Recorder.open(options)
  }

  /** Absolute path of the log. */
  get file(): string {
    return this.recorder.journal.file
  }

  /** Writes what is not yet written of these spans; reports when it is in the file (and synced, see `fsync`). */
  export(spans: ReadableSpan[], resultCallback: (result: ExportResult) => void): void {
    if (this.#shutdown !== undefined) {
      resultCallback({ code: FAILED, error: new Error('the exporter is shut down') })
      return
    }
    try {
      const agents = agentsIn(spans, this.recorder.session)
      for (const span of spans) {
        if (!this.recorder.live.has(span.spanContext())) this.#write(span, agents)
      }
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

  #write(span: ReadableSpan, agents: Map<string, AgentRef>): void {
    const { recorder } = this
    const { traceId, spanId } = span.spanContext()
    const own = agentOf(span, recorder.session)
    const parentId = span.parentSpanContext?.spanId
    const agent = own ?? agents.get(spanId) ?? (parentId === undefined ? undefined : agents.get(parentId))
    const session = agent?.session ?? recorder.session
    const write = (ts: number, kind: string, fields: Record<string, unknown>): void => {
      const checkpoint =
        agent === undefined ? {} : { checkpoint: recorder.nextCheckpoint(session, agent.agentId) }
      recorder.write(ts, kind, fields, { session, ...checkpoint, trace: traceId, span: spanId })
    }
    if (own !== undefined && !isContinuation(span)) {
      write(startMs(span), 'spawn', spawnFields(span, own, agents.get(parentId ?? '')?.agentId))
    }
    for (const event of span.events) {
      const kind = kindOfEvent(event.name)
      if (kind !== undefined) write(hrToMillis(event.time), kind, toFields(kind, event.attributes))
    }
    if (span.droppedEventsCount > 0) {
      diag.warn(
        `hivelog: the SDK dropped ${span.droppedEventsCount} events of span ${span.name} before it ended; ` +
          'register a HiveSpanProcessor, which records them as they happen',
      )
    }
    if (own !== undefined) {
      const fields = exitFields(span, own)
      if (fields === undefined) return
      write(endMs(span), 'exit', fields)
      recorder.forgetCheckpoint(session, own.agentId)
    } else if (agent !== undefined) {
      const work = workOf(span, agent.agentId)
      if (work !== undefined) write(endMs(span), work.kind, work.fields)
    }
  }
}

/** Which agent each span of a batch belongs to, as far as the batch tells: its own attribute, or its parent. */
function agentsIn(spans: ReadableSpan[], defaultSession: string): Map<string, AgentRef> {
  const agents = new Map<string, AgentRef>()
  for (const span of spans) {
    const agent = agentOf(span, defaultSession)
    const named = span.attributes['gen_ai.agent.id']
    if (agent !== undefined) agents.set(span.spanContext().spanId, agent)
    else if (typeof named === 'string') {
      const session = span.attributes['gen_ai.conversation.id']
      agents.set(span.spanContext().spanId, {
        agentId: named,
        session: typeof session === 'string' ? session : defaultSession,
      })
    }
  }
  return agents
}
