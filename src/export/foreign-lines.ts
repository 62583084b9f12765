/**
 * Lines that carry no ids of spans, as other harnesses of the same family write them. Their ids are derived from
 * the log's content. An agent's life begins with its `spawn`, or with the first event that names it, and ends with
 * its `exit` or the next `spawn` of the same id. All is one trace; a line with a `session`, and what follows an
 * `app-start`, has a trace of its own. What belongs to no living agent (a scheduler's message, a human's) is on a
 * `hive.session` span.
 */
import type { LogEntry } from '../read/items.js'
import { fieldsOf } from './attributes.js'
import { derivedSpanId, derivedTraceId } from './ids.js'
import type { Life } from './life.js'
import type { Lives } from './lives.js'
import { OpenSpan, RebuiltSpan } from './open-span.js'
import type { Writer } from './rebuild.js'
import type { Routes } from './routes.js'
import { agentShape, endingOf, isWork, sessionShape, workShape } from './shapes.js'

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** What belongs together in a trace. */
interface Run {
  traceId: string
  session: string | undefined
}

export class ForeignLines {
  #lives: Lives
  #routes: Routes
  #maxEvents: number
  #log: string
  #run: Run | undefined
  #last: Run | undefined

  /** @param log whose lines these are */
  constructor(lives: Lives, routes: Routes, maxEvents: number, log: string) {
    this.#log = log
    this.#lives = lives
    this.#routes = routes
    this.#maxEvents = maxEvents
  }

  add(entry: LogEntry, identity: string, writer: Writer): void {
    const { event } = entry
    const run = this.#runOf(entry, identity)
    const { fields } = fieldsOf(event)
    if (event.kind === 'spawn') {
      this.#spawn(entry, run, text(fields.agentId) ?? '', writer)
      return
    }
    const life = this.#lifeOf(entry, fields, run, writer)
    if (event.kind === 'exit' && life.agentId !== undefined) {
      life.touch(entry)
      life.current.touch(entry)
      this.#lives.end(life, endingOf(fields), event.ts)
    } else if (isWork(event.kind) && life.agentId !== undefined) {
      life.touch(entry)
      const open = new OpenSpan(run.traceId, derivedSpanId(run.traceId, entry.seq, event.kind), entry)
      const shape = workShape(event.kind, fields, run.session)
      const times = { startTs: event.ts - shape.ms, endTs: event.ts }
      const parent = life.current.context
      this.#lives.emit(open, new RebuiltSpan(open, { ...shape, ...times, parent }, writer.source))
    } else this.#event(entry, life)
  }

  #event(entry: LogEntry, life: Life): void {
    if (life.current.events.length >= this.#maxEvents) {
      const { context } = life.current
      // Each part's id follows from the one before.
      const spanId = derivedSpanId(context.traceId, context.spanId, life.part + 1)
      life.continueIn(new OpenSpan(context.traceId, spanId, entry))
    }
    life.touch(entry)
    life.current.add(entry)
    this.#routes.follow(entry, life.current, life)
    this.#lives.held(1, entry.bytes)
  }

  #runOf({ event, seq }: LogEntry, identity: string): Run {
    const session = text(event.session)
    if (session !== undefined) {
      if (this.#last?.session !== session)
        this.#last = { session, traceId: derivedTraceId(identity, 'session', session) }
      return this.#last
    }
    if (event.kind === 'app-start') {
      // The process before is gone, and its agents with it.
      for (const life of [...this.#lives]) {
        if (life.log === this.#log && !life.isOwn && life.session === undefined) this.#lives.close(life)
      }
      this.#run = { session, traceId: derivedTraceId(identity, 'app-start', event.ts, seq) }
    }
    this.#run ??= { session, traceId: derivedTraceId(identity) }
    return this.#run
  }

  #spawn(entry: LogEntry, run: Run, agentId: string, writer: Writer): void {
    for (const life of [...this.#lives.of(this.#keyOf(run, agentId))]) this.#lives.close(life)
    this.#begin(entry, run, agentId, writer)
  }

  #begin(entry: LogEntry, run: Run, agentId: string, { source, ordinal }: Writer): Life {
    const { event, seq } = entry
    const { fields } = fieldsOf(event)
    const above = event.kind === 'spawn' ? text(fields.parent) : undefined
    const parent = above === undefined ? undefined : this.#lives.spanOf(this.#keyOf(run, above))
    const shape = agentShape(event.kind === 'spawn' ? fields : { agentId }, run.session)
    const key = this.#keyOf(run, agentId)
    const { session, traceId } = run
    const life = this.#lives.begin(
      { log: this.#log, agentId, session, key, shape, parent, source, writer: ordinal, isOwn: false },
      new OpenSpan(traceId, derivedSpanId(traceId, seq, event.ts, agentId), entry),
    )
    life.touch(entry)
    this.#lives.held(0, 0)
    return life
  }

  #lifeOf(entry: LogEntry, fields: Record<string, unknown>, run: Run, writer: Writer): Life {
    const { event } = entry
    if (event.kind === 'approval') {
      const life = this.#routes.escalatedBy(fields, this.#log)
      if (life?.traceId === run.traceId) return life
    }
    const agentId = text(fields.agentId)
    if (agentId !== undefined) return this.#living(run, agentId) ?? this.#begin(entry, run, agentId, writer)
    const other = text(fields.from) ?? (event.kind === 'agent-hold' ? text(fields.id) : undefined)
    return (other === undefined ? undefined : this.#living(run, other)) ?? this.#session(entry, run, writer)
  }

  #living(run: Run, agentId: string): Life | undefined {
    return this.#lives.of(this.#keyOf(run, agentId)).at(-1)
  }

  #session(entry: LogEntry, run: Run, { source, ordinal }: Writer): Life {
    const { traceId, session } = run
    const key = this.#keyOf(run, undefined)
    const living = this.#lives.of(key).at(-1)
    if (living !== undefined) return living
    const shape = sessionShape(session)
    const input = { log: this.#log, session, key, shape, source, writer: ordinal, isOwn: false }
    const spanId = derivedSpanId(traceId, 'session', entry.seq)
    return this.#lives.begin(input, new OpenSpan(traceId, spanId, entry))
  }

  /** @param agentId left out for what belongs to none */
  #keyOf({ traceId }: Run, agentId: string | undefined): string {
    return `${this.#log}\n${traceId}\n${agentId === undefined ? '' : `.${agentId}`}`
  }
}
