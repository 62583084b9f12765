/** The environment variables through which a process tells a child process which agent of which hive it is. */
import { join } from 'node:path'
import { type Context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { parseTraceParent } from '@opentelemetry/core'
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
  if (core.recorder !== undefined) env.HIVELOG_FILE = childLog(core.recorder.journal.file, agent.agentId)
  return env
}

/** `<log>.agents/<agent id>.jsonl`, with characters that a file name cannot hold percent-encoded. */
function childLog(file: string, agentId: string): string {
  // A surrogate without its other half has no percent-encoding.
  const whole = agentId.replace(/\p{Surrogate}/gu, '\ufffd')
  const name = encodeURIComponent(whole)
    .replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
    .slice(0, 200)
  return join(`${file}.agents`, `${name}.jsonl`)
}

/** The agent that this process is, if the environment says so. */
export function inheritedAgent(): InheritedAgent | undefined {
  const agentId = process.env.AGENT_ID
  return agentId ? { agentId, name: process.env.AGENT_NAME || agentId } : undefined
}

/** The context that `TRACEPARENT` names (OpenTelemetry specification, environment carriers), else the root. */
export function inheritedContext(): Context {
  const parsed = parseTraceParent(process.env.TRACEPARENT ?? '')
  return parsed === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parsed, isRemote: true })
}
