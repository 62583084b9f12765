/**
 * The agent that a process is, for work in no agent's life: a call of a model from plain code, say. One a session,
 * begun by the first such work; it ends with the process or with the log. A hive gives its own, as one of its agents.
 */
import { randomBytes } from 'node:crypto'
import { basename, extname } from 'node:path'
import { type SpanContext, TraceFlags } from '@opentelemetry/api'
import type { Life } from './owners.js'
import { ProcessEnd } from './process-end.js'
import type { Recorder } from './recorder.js'

/** Sessions may be conversations, of which a server has any number. */
const MAX_SESSIONS = 500

type Ending = ReturnType<ProcessEnd['soFar']>

interface Begun {
  readonly life: Life
  /** Nobody makes a span of it, but whoever rebuilds spans from the file tells its life from its work by these ids. */
  readonly context: SpanContext
}

export class Implicit {
  #recorder: Recorder
  #begun = new Map<string, Begun>()
  #givers = new Map<string, () => Life>()
  #processEnd: ProcessEnd | undefined

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /**
   * A hive has an agent of its own for the work of its session.
   * @param give the agent's life; begins it if need be
   * @returns how to take that back
   */
  giveBy(session: string, give: () => Life): () => void {
    this.#givers.set(session, give)
    return () => {
      if (this.#givers.get(session) === give) this.#givers.delete(session)
    }
  }

  /**
   * The life that work of this session belongs to which is in no agent's.
   * @param serviceName the service's name, if the user set one
   * @param ts when the work began, epoch milliseconds: the life begins then, if it has not
   */
  of(session: string, serviceName?: string, ts = Date.now()): Life {
    const given = this.#givers.get(session)?.()
    if (given !== undefined) return given
    return this.#begun.get(session)?.life ?? this.#begin(session, serviceName, ts)
  }

  /** Ends those that were begun here, as the process stands. */
  end(): void {
    if (this.#begun.size > 0) this.#endAll(this.#processEnd?.soFar() ?? {})
  }

  #begin(session: string, serviceName: string | undefined, ts: number): Life {
    const { owners, scrubber } = this.#recorder
    const name = scrubber.text(processName(serviceName))
    const life = owners.beginLife(owners.freeId(name, session), session, true)
    const begun = { life, context: newContext() }
    this.#begun.set(session, begun)
    this.#record(begun, Math.min(ts, Date.now()), 'spawn', { name, isGod: false, pid: process.pid })
    this.#processEnd ??= new ProcessEnd((how) => this.#endAll(how))
    if (this.#begun.size > MAX_SESSIONS) {
      const [oldest] = this.#begun.values()
      if (oldest !== undefined) this.#end(oldest, {})
    }
    return life
  }

  #endAll(how: Ending): void {
    for (const begun of [...this.#begun.values()]) this.#end(begun, how)
    this.#processEnd?.forget()
    this.#processEnd = undefined
  }

  #end(begun: Begun, { status, error }: Ending): void {
    this.#begun.delete(begun.life.session)
    const said = error instanceof Error ? error.message : error
    this.#record(begun, Date.now(), 'exit', {
      status: status ?? (error === undefined ? 'ok' : 'error'),
      error: said,
    })
    this.#recorder.owners.endLife(begun.life)
  }

  #record({ life, context }: Begun, ts: number, kind: 'spawn' | 'exit', fields: object): void {
    const { agentId, session } = life
    this.#recorder.write(ts, kind, { agentId, ...fields }, { context, session, life })
  }
}

const newContext = (): SpanContext => ({
  traceId: randomBytes(16).toString('hex'),
  spanId: randomBytes(8).toString('hex'),
  traceFlags: TraceFlags.NONE,
})

/**
 * What people call the process: its service's name, if the user set one, else the base name of its script, else
 * `main`.
 */
export function processName(serviceName?: string): string {
  const service = serviceName || process.env.OTEL_SERVICE_NAME || serviceInResource()
  if (service) return service
  const script = process.argv[1]
  if (!script) return 'main'
  return basename(script, extname(script)) || 'main'
}

function serviceInResource(): string | undefined {
  const pair = /(?:^|,)\s*service\.name\s*=([^,]*)/.exec(process.env.OTEL_RESOURCE_ATTRIBUTES ?? '')
  const value = pair?.[1]?.trim()
  if (!value) return undefined
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
