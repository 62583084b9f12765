/**
 * Rebuilds the spans of a hive from the lines of its log: the same trace and span ids, names, parents, times,
 * events, links and status as when they were live. Pure: entries in, spans out, each as soon as it is complete.
 *
 * What lines do not tell, and so is not rebuilt or may differ:
 * - resource attributes other than `host.name` and `process.pid`, and the class of an error that ended an agent
 *   (`error.type` is `error`);
 * - spans of instrumented code that stand for no event, and of those that do (`execute_tool`, `chat`, HTTP calls)
 *   the attributes and the parent that are not hivelog's: the agent's span is their parent here;
 * - parents outside what is read: a span of the application around `hive.spawn`, or of the process that `TRACEPARENT`
 *   named, unless its log is read before; the parent is that agent's last part then, whichever it was live;
 * - when an idle agent's span was continued without an event: the next part begins with its first event here, and
 *   what an agent spawned or called in between is under the part before;
 * - when a session's span ended: here with the last seal, at its last event where a crash left none;
 * - parts of a span that held links only (more than 100 senders of one drain): their links are on the drain's part;
 * - whether a drain was given messages or only their ids: it links to the senders of all that the log has. One of a log
 *   without ids that does not say what it took is linked to what waited, as the model of the hive has it (an estimate).
 *
 * Memory is bounded by what is open at a time (`Lives`), and by the messages that are remembered for links: the last
 * 50,000 at least.
 */
import { diag } from '@opentelemetry/api'
import type { InstrumentationScope } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import { type HiveEvent, isKind } from '../format/kinds.js'
import type { Agent } from '../model/agents.js'
import type { Message } from '../model/inbox.js'
import { type HiveEntry, HiveModel } from '../model/model.js'
import type { WriterState } from '../model/state.js'
import { isSameWriter, writerOf } from '../model/writers.js'
import { sdk } from '../otel/sdk.js'
import type { LogEntry } from '../read/items.js'
import { VERSION } from '../version.js'
import { ForeignLines } from './foreign-lines.js'
import { identityOf, idsOf } from './ids.js'
import type { Life } from './life.js'
import { Lives } from './lives.js'
import type { RebuiltSpan, SpanSource } from './open-span.js'
import { OwnLines } from './own-lines.js'
import { Routes } from './routes.js'

export interface RebuilderOptions {
  /** What all spans come from; `host.name` and `process.pid` are added from the log. */
  resource: Resource
  /** This host: its id is added where the log names it, so that backends know the spans to be of the same one. */
  host?: { name: string; id: string }
  /** Events on one span of a log without ids before a continuation span begins. Default 100. */
  maxEventsPerSpan?: number
  /** Is given each span when it is complete. */
  take(span: RebuiltSpan): void
}

/** A process that wrote lines. */
export interface Writer {
  /** Ordinal in what is read, from 0 for the lines before the first `log.open`. */
  ordinal: number
  pid: number | undefined
  host: string | undefined
  source: SpanSource
  /** As its `log.open` tells. */
  told?: WriterState
}

/** What is being read of one log. */
interface LogLines {
  own: OwnLines
  foreign: ForeignLines
  writer: Writer
  identity: string | undefined
  /** Time of the last line if that is a seal, as the last one of a process that has ended well is. */
  sealedAt: number | undefined
}

export class SpanRebuilder {
  #lives: Lives
  #routes = new Routes()
  #logs = new Map<string, LogLines>()
  #model: HiveModel | undefined
  #taken: readonly Message[] = []
  #resource: Resource
  #host: RebuilderOptions['host']
  #maxEvents: number
  #current: LogLines | undefined
  #writers = 0

  constructor({ resource, host, maxEventsPerSpan = 100, take }: RebuilderOptions) {
    this.#resource = resource
    this.#host = host
    this.#maxEvents = maxEventsPerSpan
    this.#lives = new Lives(take)
  }

  /** Lives of agents that were lost with their process, whether a line says so or not. */
  get lost(): number {
    return this.#lives.lost
  }

  /** Lives of agents that nothing ended, as far as the logs tell. */
  get unended(): number {
    return this.#lives.open
  }

  /** Lives that were ended to bound memory. */
  get evicted(): number {
    return this.#lives.evicted
  }

  /** Events that came when their span was complete; they are on no span. */
  get late(): number {
    let late = 0
    for (const { own } of this.#logs.values()) late += own.late
    return late
  }

  /** Drained messages without a link: the log does not have them, or they are too long ago. */
  get unlinked(): number {
    return this.#routes.unlinked
  }

  /** The process that wrote the last line. */
  get writer(): Writer {
    return this.#current?.writer ?? this.#unknownWriter()
  }

  /** The lives that no line has ended so far. */
  get open(): Life[] {
    return [...this.#lives]
  }

  /** Takes the lines of a hive in the order of its story; without `log`, those of one log. */
  add(entry: LogEntry & { log?: string }): void {
    const { event, log = '' } = entry
    const lines = this.#linesOf(log)
    this.#current = lines
    lines.identity ??= identityOf(event)
    this.#taken = []
    this.#model ??= this.#newModel(log)
    this.#model.add(entry.log === undefined ? { ...entry, log } : (entry as HiveEntry))
    if (event.kind === 'log.open') this.#opened(event, lines)
    lines.sealedAt = event.kind === 'log.seal' ? event.ts : undefined
    if (event.kind.startsWith('log.')) return
    const ids = idsOf(event)
    this.#routes.taken = ids === undefined ? this.#taken : []
    try {
      if (ids === undefined) lines.foreign.add(entry, lines.identity, lines.writer)
      else lines.own.add(entry, ids, lines.writer)
    } catch (error) {
      diag.error(`hivelog: line with seq ${entry.seq} cannot be put on a span`, error)
    }
  }

  /** Ends what is open: the logs end here. */
  finish(): void {
    for (const lines of this.#logs.values()) this.#endSession(lines)
    for (const life of this.open) this.#lives.close(life)
    for (const { own } of this.#logs.values()) own.finish()
  }

  #linesOf(log: string): LogLines {
    let lines = this.#logs.get(log)
    if (lines === undefined) {
      lines = {
        own: new OwnLines(this.#lives, this.#routes, log),
        foreign: new ForeignLines(this.#lives, this.#routes, this.#maxEvents, log),
        writer: this.#unknownWriter(),
        identity: undefined,
        sealedAt: undefined,
      }
      this.#logs.set(log, lines)
    }
    return lines
  }

  /** Tells of agents what no line of their own does. */
  #newModel(firstLog: string): HiveModel {
    const note = ({ log = '', id, status }: Agent): void => {
      const life = this.#lives.ofAgent(log, id)
      if (life !== undefined) life.left = status
    }
    return new HiveModel({
      firstLog,
      listener: {
        lost: note,
        aside: note,
        drained: (_, __, taken) => {
          this.#taken = taken
        },
      },
    })
  }

  #unknownWriter(): Writer {
    const source = { resource: this.#resource, scope: scopeOf(undefined) }
    return { ordinal: this.#writers++, pid: undefined, host: undefined, source }
  }

  /** Another process goes on with the log, unless it is the same one that begins a new segment. */
  #opened(event: HiveEvent, lines: LogLines): void {
    const { pid, host, writer } = event as Record<string, unknown>
    const before = lines.writer
    const told = writerOf(event as Record<string, unknown>, event.ts)
    if (before.told !== undefined && isSameWriter(before.told, told)) {
      before.told = told
      return
    }
    this.#endSession(lines)
    const attributes = {
      ...(typeof host === 'string' && { 'host.name': host }),
      ...(host !== undefined && host === this.#host?.name && { 'host.id': this.#host.id }),
      ...(Number.isSafeInteger(pid) && { 'process.pid': pid as number }),
    }
    lines.writer = {
      told,
      ordinal: this.#writers++,
      pid: typeof pid === 'number' ? pid : undefined,
      host: typeof host === 'string' ? host : undefined,
      source: {
        resource: this.#resource.merge(sdk('@opentelemetry/resources').resourceFromAttributes(attributes)),
        scope: scopeOf(isKind(event, 'log.open') ? writer : undefined),
      },
    }
  }

  /** A process that has closed the log has ended the span of its session. */
  #endSession({ sealedAt, writer }: LogLines): void {
    if (sealedAt === undefined) return
    for (const life of this.open) {
      const isOfWriter = life.isOwn && life.agentId === undefined && life.writer === writer.ordinal
      if (isOfWriter) this.#lives.end(life, undefined, Math.max(life.lastTs, sealedAt))
    }
  }
}

/** The instrumentation scope of the spans, with the version that wrote them. */
function scopeOf(writer: unknown): InstrumentationScope {
  const match = typeof writer === 'string' ? /^hivelog\/(\S{1,64})$/.exec(writer) : null
  return { name: 'hivelog', version: match?.[1] ?? VERSION }
}
