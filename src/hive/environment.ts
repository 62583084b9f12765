/** The environment variables through which a process tells a child process which agent of which hive it is. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import {
  type Context,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  diag,
  propagation,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api'
import { agentsFolder, isTaken } from '../format/beside.js'
import { shown } from '../format/options.js'
import { sdk } from '../otel/sdk.js'
import { parseTraceparent } from '../otel/traceparent.js'
import type { HiveCore } from './core.js'

/** What goes along with `TRACEPARENT`: its name in a carrier, and in the environment. */
const CARRIED = [
  ['tracestate', 'TRACESTATE'],
  ['baggage', 'BAGGAGE'],
] as const

export interface InheritedAgent {
  agentId: string
  name: string
  /** The agent that began it, where no log of that agent's tells so. */
  parent?: string | undefined
}

/** What a worker thread goes on as: it has the environment of its process, and is another agent. */
export interface InheritedThread {
  agent: InheritedAgent
  /** As the variable of that name; `undefined`: what that says. */
  traceparent: string | undefined
}

let thread: InheritedThread | undefined

/** Has this thread go on as another agent than the environment says. */
export function inheritAs(given: InheritedThread): void {
  thread = given
}

/**
 * What a child process needs to go on as an agent: who it is, and its context as the OpenTelemetry specification has it
 * (environment carriers), baggage of the context that is active now included. Its log is its own: a file has one writer.
 */
export function childEnvironment(
  agent: InheritedAgent & { readonly context: Context },
  traceparent: string,
  core: HiveCore,
): Record<string, string> {
  const env: Record<string, string> = {
    TRACEPARENT: traceparent,
    AGENT_ID: agent.agentId,
    AGENT_NAME: agent.name,
    AGENT_SESSION_ID: core.session,
  }
  const carried: Record<string, string> = {}
  const baggage = propagation.getBaggage(context.active()) ?? propagation.getBaggage(agent.context)
  if (baggage !== undefined) {
    const { W3CBaggagePropagator } = sdk('@opentelemetry/core')
    const within = propagation.setBaggage(ROOT_CONTEXT, baggage)
    new W3CBaggagePropagator().inject(within, carried, defaultTextMapSetter)
  }
  const state = trace.getSpanContext(agent.context)?.traceState?.serialize()
  if (state) carried.tracestate = state
  for (const [key, name] of CARRIED) {
    // What this process was given itself would otherwise reach a child that gets the whole environment.
    if (carried[key] !== undefined || process.env[name]) env[name] = carried[key] ?? ''
  }
  const { journal } = core.recorder
  if (journal !== undefined) env.HIVELOG_FILE = childLog(journal.file, agent.agentId)
  return env
}

/** `<log>.agents/<agent id>.jsonl`. */
export const childLog = (file: string, agentId: string): string =>
  join(agentsFolder(file), `${childLogName(agentId)}.jsonl`)

/** Leaves room for what lies beside a log, within the 255 bytes that a name may have. */
const MAX_NAME = 200
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i

/**
 * The agent's id as the name of its log, without `.jsonl`: as it is where a file may be called so, with other
 * characters percent-encoded. No two ids share a name. One that would be too long, or another's, ends in `+` and a
 * hash of the whole id: `+` itself is always encoded.
 */
export function childLogName(agentId: string, platform: string = process.platform): string {
  // A surrogate without its other half has no percent-encoding.
  const whole = agentId.replace(/\p{Surrogate}/gu, '\ufffd')
  let name = encodeURIComponent(whole).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
  if (platform === 'win32') {
    if (RESERVED.test(name)) name = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`
    name = name.replaceAll('*', '%2A')
  }
  // These file systems take `Coder` and `coder` for the same.
  const isCaseless = platform === 'win32' || platform === 'darwin'
  const isPlain =
    name !== '' &&
    whole === agentId &&
    name.length <= MAX_NAME &&
    !isTaken(name) &&
    !(isCaseless && /[A-Z]/.test(agentId))
  if (isPlain) return name
  // Each surrogate counts, which UTF-8 would not tell apart.
  const hash = createHash('sha256').update(Buffer.from(agentId, 'utf16le')).digest('hex').slice(0, 16)
  return `${name.slice(0, MAX_NAME - hash.length - 1)}+${hash}`
}

/** The agent that this process is, if the environment says so, or this thread. */
export function inheritedAgent(): InheritedAgent | undefined {
  if (thread !== undefined) return thread.agent
  const agentId = process.env.AGENT_ID
  return agentId ? { agentId, name: process.env.AGENT_NAME || agentId } : undefined
}

/**
 * The context that `TRACEPARENT`, `TRACESTATE` and `BAGGAGE` carry (OpenTelemetry specification, environment carriers),
 * else the root.
 */
export function inheritedContext(): Context {
  const { BAGGAGE: baggage, TRACESTATE: tracestate } = process.env
  const traceparent = thread?.traceparent ?? process.env.TRACEPARENT
  let incoming = ROOT_CONTEXT
  if (baggage) {
    const { W3CBaggagePropagator } = sdk('@opentelemetry/core')
    incoming = new W3CBaggagePropagator().extract(incoming, { baggage }, defaultTextMapGetter)
  }
  if (!traceparent) return incoming
  const parsed = parseTraceparent(traceparent)
  if (parsed === undefined) {
    diag.warn(
      `hivelog: TRACEPARENT: ${shown(traceparent)} is no trace context of W3C; spans begin traces of their own`,
    )
    return incoming
  }
  const traceState = tracestate
    ? { traceState: new (sdk('@opentelemetry/core').TraceState)(tracestate) }
    : undefined
  return trace.setSpanContext(incoming, { ...parsed, ...traceState, isRemote: true })
}
