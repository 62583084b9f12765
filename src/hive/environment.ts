/** The environment variables through which a process tells a child process which agent of which hive it is. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Context, diag, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { agentsFolder, isTaken } from '../format/beside.js'
import { shown } from '../format/options.js'
import { sdk } from '../otel/sdk.js'
import type { HiveCore } from './core.js'

export interface InheritedAgent {
  agentId: string
  name: string
}

/** What a child process needs to go on as an agent. Its log is its own: a file has one writer. */
export function childEnvironment(
  agent: InheritedAgent,
  traceparent: string,
  core: HiveCore,
): Record<string, string> {
  const env: Record<string, string> = {
    TRACEPARENT: traceparent,
    AGENT_ID: agent.agentId,
    AGENT_NAME: agent.name,
    AGENT_SESSION_ID: core.session,
  }
  const { journal } = core.recorder
  if (journal !== undefined) env.HIVELOG_FILE = childLog(journal.file, agent.agentId)
  return env
}

/** `<log>.agents/<agent id>.jsonl`. */
const childLog = (file: string, agentId: string): string =>
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

/** The agent that this process is, if the environment says so. */
export function inheritedAgent(): InheritedAgent | undefined {
  const agentId = process.env.AGENT_ID
  return agentId ? { agentId, name: process.env.AGENT_NAME || agentId } : undefined
}

/** The context that `TRACEPARENT` names (OpenTelemetry specification, environment carriers), else the root. */
export function inheritedContext(): Context {
  const given = process.env.TRACEPARENT
  if (!given) return ROOT_CONTEXT
  const parsed = sdk('@opentelemetry/core').parseTraceParent(given)
  if (parsed === null) {
    diag.warn(
      `hivelog: TRACEPARENT: ${shown(given)} is no trace context of W3C; spans begin traces of their own`,
    )
  }
  return parsed === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parsed, isRemote: true })
}
