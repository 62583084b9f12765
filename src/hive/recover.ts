/**
 * Ends what a process that died left open in its log. For each agent without an exit: an `exit` line with status
 * `lost`, in the old session and on the old span, and that span itself, rebuilt from the file, through the hive's own
 * trace exporters. Only the part that was open is sent: the parts before had ended, so the dead process has sent them,
 * but for its last batches, which nobody can know; `hivelog export` sends all.
 *
 * The line's `ts` is the time at which the loss was found, since when it happened nobody knows; the span ends at the
 * agent's last event. The lines come first: a process that dies in between has left nothing open in the file, and
 * `hivelog export` fills the gap in the backend.
 */

import { diag, ROOT_CONTEXT, type Tracer, trace } from '@opentelemetry/api'
import type { Life } from '../export/life.js'
import type { RebuiltSpan } from '../export/open-span.js'
import { timerMs } from '../format/options.js'
import { HiveIdGenerator } from '../otel/ids.js'
import type { LogRecorder } from '../record/log-recorder.js'

/** Gives a span the id that it had. */
export class RecoveryIdGenerator extends HiveIdGenerator {
  #spanId: string | undefined

  override generateSpanId(): string {
    return this.#spanId ?? super.generateSpanId()
  }

  /** Runs `start` with these ids for the span that it starts. */
  as<T>({ traceId, spanId }: { traceId: string; spanId: string }, start: () => T): T {
    this.#spanId = spanId
    try {
      return this.within(traceId, start)
    } finally {
      this.#spanId = undefined
    }
  }
}

export interface RecoveryInput {
  recorder: LogRecorder
  tracer: Pick<Tracer, 'startSpan'>
  /** Left out when the tracer's provider is the application's: then spans cannot have the ids that they had. */
  idGenerator: RecoveryIdGenerator | undefined
}

export interface Recovery {
  /** Resolves when it is done, or after `ms` milliseconds, when it is given up. */
  finish(ms: number): Promise<void>
}

/** Begins to recover, in the background; must be called before anything is recorded. Throws nothing. */
export function recover(input: RecoveryInput): Recovery {
  const stop = new AbortController()
  // The lines of this process come later.
  const upTo = input.recorder.journal.seq
  const done = recoverUpTo(upTo, input, stop.signal).catch((error: Error) => {
    diag.error(`hivelog: what an earlier process left open could not be recovered: ${error.message}`)
  })
  return {
    async finish(ms) {
      const timer = setTimeout(() => stop.abort(), timerMs(ms))
      await done
      clearTimeout(timer)
    },
  }
}

async function recoverUpTo(upTo: number, input: RecoveryInput, signal: AbortSignal): Promise<void> {
  const { file } = input.recorder.journal
  // Few starts need it, and it is a good part of what there is to load.
  const { readLeftOpen } = await import('../export/left-open.js')
  const left = await readLeftOpen(file, upTo, signal)
  if (left === 'too large') {
    diag.warn(`hivelog: ${file} is too large to recover what was left open; hivelog export sends its spans`)
  } else if (left === 'aborted') {
    diag.warn(`hivelog: recovering ${file} was cut short by the shutdown; the next start goes on with it`)
  } else if (left.lives.length > 0) {
    // Children before their parents.
    const agents = left.lives.filter(({ agentId }) => agentId !== undefined).reverse()
    for (const life of agents) writeExit(input.recorder, life, left.writerOf(life)?.pid)
    const { idGenerator } = input
    if (idGenerator !== undefined) for (const span of left.spans) send(span, input, idGenerator)
    tell(file, agents, left.spans.length, idGenerator !== undefined)
  }
}

function writeExit(recorder: LogRecorder, life: Life, pid: number | undefined): void {
  const { agentId, session, current, checkpoint } = life
  if (agentId === undefined || session === undefined) return
  const process = pid === undefined ? 'the process' : `process ${pid}`
  const fields = { agentId, status: 'lost', error: `${process} ended without it` }
  const origin = { agentId, session, checkpoint: checkpoint + 1 }
  recorder.write(Date.now(), 'exit', fields, { context: current.context, session, life: origin })
}

function send(span: RebuiltSpan, { tracer, recorder }: RecoveryInput, ids: RecoveryIdGenerator): void {
  const { parentSpanContext: above, name, kind, attributes, links, startTime } = span
  const parent = above === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, above)
  const options = { kind, attributes, links, startTime }
  const marked = recorder.owners.mark(parent)
  const again = ids.as(span.spanContext(), () => tracer.startSpan(name, options, marked))
  recorder.owners.own(again.spanContext(), recorder.session)
  for (const event of span.events) again.addEvent(event.name, event.attributes, event.time)
  again.setStatus(span.status)
  again.end(span.endTime)
}

function tell(file: string, agents: Life[], spans: number, isSent: boolean): void {
  const names = agents.slice(0, 5).map(({ agentId }) => agentId)
  const more = agents.length > names.length ? ` and ${agents.length - names.length} more` : ''
  const who = names.length === 0 ? 'no agent' : `as lost: ${names.join(', ')}${more}`
  const sent = isSent
    ? `spans sent: ${spans}`
    : 'spans are not sent through a tracer provider of the application; hivelog export does'
  diag.warn(`hivelog: recovered what an earlier process left open in ${file}; ${who}; ${sent}`)
}
