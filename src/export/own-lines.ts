/**
 * Lines that carry the ids of their spans, as hivelog writes them.
 *
 * A model call has a span to itself. Some are events all the same, on a part of the agent's life: those that other code
 * adds to its span, and all in logs of early versions. So where a span begins with one, its next line tells: a call's
 * own span has none.
 */
import type { SpanContext } from '@opentelemetry/api'
import { agentField, type HiveEvent } from '../format/kinds.js'
import type { LogEntry } from '../read/items.js'
import { fieldsOf } from './attributes.js'
import type { Life } from './life.js'
import type { Lives } from './lives.js'
import { OpenSpan, RebuiltSpan } from './open-span.js'
import type { Writer } from './rebuild.js'
import type { Routes } from './routes.js'
import { agentShape, endingOf, sessionShape, type WorkKind, workShape } from './shapes.js'

type Ids = { traceId: string; spanId: string }

/** Spans of model calls that are kept until it is sure that they have no other line. */
const MAX_CALLS = 256

/** The one line of a span so far, which is a model call. */
interface LoneCall {
  entry: LogEntry
  ids: Ids
  writer: Writer
  life: Life | undefined
  /** The part that its agent was on. */
  parent: SpanContext | undefined
}

export class OwnLines {
  /** Events of spans that were complete. */
  late = 0
  #lives: Lives
  #routes: Routes
  #log: string
  /** By span, oldest first. */
  #calls = new Map<string, LoneCall>()
  /** The span that the process of this log goes on under. */
  #incoming: SpanContext | undefined

  /** @param log whose lines these are */
  constructor(lives: Lives, routes: Routes, log: string) {
    this.#lives = lives
    this.#routes = routes
    this.#log = log
  }

  add(entry: LogEntry, ids: Ids, writer: Writer): void {
    const { event } = entry
    const key = ids.traceId + ids.spanId
    const call = this.#calls.get(key)
    if (call !== undefined) {
      this.#calls.delete(key)
      this.#event(call.entry, ids, call.life?.isEnded ? undefined : call.life, call.writer)
    }
    const known = this.#lives.withSpan(ids.traceId, ids.spanId)
    if (known === undefined && this.#lives.hasEnded(ids.traceId, ids.spanId)) {
      this.late++
      return
    }
    if (event.kind === 'spawn' && known === undefined) this.#spawn(entry, ids, writer)
    else if (event.kind === 'usage' && known === undefined) this.#call(entry, ids, writer)
    else if ((event.kind === 'tool' || event.kind === 'call') && this.#work(entry, ids, known, writer)) return
    else this.#event(entry, ids, known, writer)
  }

  /** The log ends here. */
  finish(): void {
    for (const [key, call] of this.#calls) this.#endCall(key, call)
  }

  /** A model call, on a span that was not seen before. */
  #call(entry: LogEntry, ids: Ids, writer: Writer): void {
    const life = this.#workerOf(entry, ids)
    life?.touch(entry)
    this.#calls.set(ids.traceId + ids.spanId, { entry, ids, writer, life, parent: life?.current.context })
    if (this.#calls.size <= MAX_CALLS) return
    const [oldest] = this.#calls
    if (oldest !== undefined) this.#endCall(...oldest)
  }

  #endCall(key: string, { entry, ids, writer, parent }: LoneCall): void {
    this.#calls.delete(key)
    this.#emitWork('usage', entry, ids, parent, writer)
  }

  #spawn(entry: LogEntry, ids: Ids, writer: Writer): void {
    const { event } = entry
    const session = sessionOf(event)
    const { fields } = fieldsOf(event)
    const { parent } = fields
    const agentId = typeof fields.agentId === 'string' ? fields.agentId : ''
    const above =
      typeof parent === 'string'
        ? (this.#lives.spanOf(this.#keyOf(session, parent)) ??
          this.#lives.originOf(this.#log, session, parent))
        : this.#goesOnUnder(session, agentId)
    this.#begin(entry, ids, writer, agentId, above)
  }

  /** A process that an agent went on in has a log of its own, in which the agent is spawned once more. */
  #goesOnUnder(session: string | undefined, agentId: string): SpanContext | undefined {
    const origin = this.#lives.originOf(this.#log, session, agentId)
    this.#incoming ??= origin
    return origin
  }

  #begin(entry: LogEntry, ids: Ids, writer: Writer, agentId: string, above?: SpanContext): Life {
    const session = sessionOf(entry.event)
    const { fields } = fieldsOf(entry.event)
    const shape = agentShape(entry.event.kind === 'spawn' ? fields : { agentId }, session)
    const parent = above?.traceId === ids.traceId ? above : undefined
    const { source, ordinal } = writer
    const key = this.#keyOf(session, agentId)
    const life = this.#lives.begin(
      { log: this.#log, agentId, session, key, shape, parent, source, writer: ordinal, isOwn: true },
      new OpenSpan(ids.traceId, ids.spanId, entry),
    )
    life.touch(entry)
    this.#lives.held(0, 0)
    return life
  }

  #event(entry: LogEntry, ids: Ids, known: Life | undefined, writer: Writer): void {
    const { event } = entry
    const life = known ?? this.#lifeOf(entry, ids, writer)
    let span = this.#lives.withSpan(ids.traceId, ids.spanId) === life ? life.on(ids.spanId) : undefined
    if (span === undefined) {
      span = new OpenSpan(ids.traceId, ids.spanId, entry)
      life.enter(span)
    }
    if (event.kind === 'exit' && life.agentId !== undefined) {
      // One that a later process wrote, in the place of a dead one, says nothing of when.
      const endTs = life.writer === writer.ordinal ? event.ts : life.lastTs
      span.touch(entry)
      this.#lives.end(life, endingOf(fieldsOf(event).fields), endTs)
      return
    }
    life.touch(entry)
    span.add(entry)
    this.#routes.follow(entry, span, life)
    this.#lives.held(1, entry.bytes)
  }

  /** A tool or a call, which has its span to itself. `false` when the span is an agent's all the same. */
  #work(entry: LogEntry, ids: Ids, known: Life | undefined, writer: Writer): boolean {
    const { event } = entry
    const kind = event.kind as 'tool' | 'call'
    if (known !== undefined) {
      const span = known.on(ids.spanId)
      if (!known.mayBeInner(span)) return false
      known.touch(entry)
      span.touch(entry)
      known.endInner(span, workShape(kind, fieldsOf(event).fields, sessionOf(event)), event.ts)
      return true
    }
    const life = this.#workerOf(entry, ids)
    life?.touch(entry)
    this.#emitWork(kind, entry, ids, life?.current.context, writer)
    return true
  }

  /** The living agent that works on a span of its own; `undefined` when none is known in the trace. */
  #workerOf(entry: LogEntry, ids: Ids): Life | undefined {
    const { event } = entry
    const agentId = agentOf(event)
    if (agentId === undefined) return undefined
    return this.#livingOf(this.#keyOf(sessionOf(event), agentId), entry, ids.traceId)
  }

  #emitWork(
    kind: WorkKind,
    entry: LogEntry,
    ids: Ids,
    parent: SpanContext | undefined,
    { source }: Writer,
  ): void {
    const { event } = entry
    const shape = workShape(kind, fieldsOf(event).fields, sessionOf(event))
    const open = new OpenSpan(ids.traceId, ids.spanId, entry)
    const times = { startTs: event.ts - shape.ms, endTs: event.ts }
    this.#lives.emit(open, new RebuiltSpan(open, { ...shape, ...times, parent }, source))
  }

  /** Whose event it is that is on a span that was not seen before. */
  #lifeOf(entry: LogEntry, ids: Ids, writer: Writer): Life {
    const { event } = entry
    const session = sessionOf(event)
    if (event.kind === 'approval') {
      const life = this.#routes.escalatedBy(event, this.#log)
      if (life?.traceId === ids.traceId) return life
    }
    const agentId = agentOf(event)
    // What belongs to no agent is not counted.
    if (agentId !== undefined && typeof event.checkpoint === 'number') {
      const living = this.#livingOf(this.#keyOf(session, agentId), entry, ids.traceId)
      return living ?? this.#begin(entry, ids, writer, agentId)
    }
    const key = `${this.#keyOf(session, '')}\n${ids.traceId}`
    const living = this.#lives.of(key).at(-1)
    if (living !== undefined) return living
    const { source, ordinal } = writer
    const parent = this.#incoming?.traceId === ids.traceId ? this.#incoming : undefined
    const shape = sessionShape(session)
    const input = { log: this.#log, session, key, shape, parent, source, writer: ordinal, isOwn: true }
    return this.#lives.begin(input, new OpenSpan(ids.traceId, ids.spanId, entry))
  }

  #keyOf(session: string | undefined, agentId: string): string {
    return `${this.#log}\n${session ?? ''}\n${agentId}`
  }

  /** Of the lives of one agent (there may be two at a time, by mistake) the one whose count goes on here. */
  #livingOf(key: string, { event }: LogEntry, traceId: string): Life | undefined {
    const lives = this.#lives.of(key).filter((life) => life.traceId === traceId)
    if (lives.length < 2) return lives[0]
    const fitting = lives.filter((life) => life.checkpoint + 1 === event.checkpoint)
    return fitting.sort((a, b) => b.lastSeq - a.lastSeq)[0] ?? lives.at(-1)
  }
}

const sessionOf = ({ session }: HiveEvent): string | undefined =>
  typeof session === 'string' ? session : undefined

function agentOf(event: HiveEvent): string | undefined {
  const field = agentField(event.kind)
  const id = field === undefined ? undefined : (event as Record<string, unknown>)[field]
  return typeof id === 'string' ? id : undefined
}
