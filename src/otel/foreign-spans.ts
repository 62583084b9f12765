/**
 * Spans of code that never heard of hivelog, read as events: `invoke_agent` is an agent's life, `execute_tool` a
 * tool, a span with token usage a model call, a client span with HTTP attributes an external call.
 */
import { type Attributes, type AttributeValue, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { type Fields, MAX_ID_LENGTH } from '../format/fields.js'
import type { ExitStatus } from '../format/kinds.js'
import { type AgentRef, recordOf, type SpanEvent } from '../record/owners.js'
import { ATTR, hrToMillis, toFields } from './span-mapping.js'

const OPERATIONS_WITH_USAGE = new Set(['chat', 'generate_content', 'text_completion', 'embeddings'])

const text = (value: AttributeValue | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
/** Ids and names are repeated in every line, so they are cut rather than stored aside. */
const shortText = (value: AttributeValue | undefined): string | undefined =>
  text(value)?.slice(0, MAX_ID_LENGTH)
const number = (value: AttributeValue | undefined): number | undefined =>
  typeof value === 'number' ? value : undefined

/** What a span's end stands for, if a hive told it. */
const toldOf = (span: ReadableSpan): SpanEvent | undefined => recordOf(span.spanContext())?.event

/** The operation of a span in the words of the GenAI conventions, from its attribute or its name's first word. */
function operationOf(span: Pick<ReadableSpan, 'attributes' | 'name'>): string {
  return text(span.attributes[ATTR.operation]) ?? (span.name.split(' ', 1)[0] as string)
}

/** The session that a span names. */
export function sessionOf({ attributes }: ReadableSpan): string | undefined {
  return shortText(attributes[ATTR.conversation]) ?? shortText(attributes[ATTR.session])
}

/** The agent whose life a span is; `undefined` for other spans. */
export function agentOf(span: ReadableSpan, defaultSession: string): AgentRef | undefined {
  if (operationOf(span) !== 'invoke_agent') return undefined
  return {
    agentId: shortText(span.attributes[ATTR.agentId]) ?? nameOf(span),
    session: sessionOf(span) ?? defaultSession,
  }
}

/** The agent that a span which is no agent's life says it belongs to. */
export function namedAgentOf(span: ReadableSpan, defaultSession: string): AgentRef | undefined {
  const agentId = shortText(span.attributes[ATTR.agentId]) ?? shortText(span.attributes[ATTR.callerId])
  return agentId === undefined ? undefined : { agentId, session: sessionOf(span) ?? defaultSession }
}

function nameOf(span: ReadableSpan): string {
  const rest = span.name.slice('invoke_agent'.length, MAX_ID_LENGTH).trim()
  return shortText(span.attributes[ATTR.agentName]) ?? (rest || span.spanContext().spanId)
}

/** Whether a span is the second or a later part of an agent's life. */
export const isContinuation = (span: ReadableSpan): boolean => (number(span.attributes[ATTR.part]) ?? 1) > 1

export function spawnFields(span: ReadableSpan, agent: AgentRef, parent: string | undefined): Fields {
  const { attributes } = span
  return {
    agentId: agent.agentId,
    name: nameOf(span),
    isGod: attributes[ATTR.isGod] === true,
    parent: shortText(attributes[ATTR.parentId]) ?? parent,
    role: attributes[ATTR.role],
    model: attributes[ATTR.requestModel],
    pid: number(attributes[ATTR.pid]),
  }
}

/** `undefined` when the agent goes on in another span. */
export function exitFields(span: ReadableSpan, agent: AgentRef): Fields | undefined {
  const { attributes, status } = span
  if (attributes[ATTR.continued] === true) return undefined
  const told = toldOf(span)
  if (told !== undefined) return told.fields
  const failed = status.code === SpanStatusCode.ERROR
  const said = text(attributes[ATTR.exitStatus]) as ExitStatus | undefined
  return {
    agentId: agent.agentId,
    status: said ?? (failed ? 'error' : 'ok'),
    error: failed ? errorOf(span) : undefined,
  }
}

/** The event that an ended span of an agent stands for, with its kind; `undefined` when it stands for none. */
export function workOf(span: ReadableSpan, agentId: string): SpanEvent | undefined {
  const told = toldOf(span)
  if (told !== undefined) return told
  const { attributes } = span
  const failed = span.status.code === SpanStatusCode.ERROR
  const ms = durationMs(span)
  const operation = operationOf(span)
  if (operation === 'execute_tool') {
    const name =
      text(attributes[ATTR.toolName]) ?? (span.name.slice('execute_tool'.length).trim() || 'unknown')
    return {
      kind: 'tool',
      fields: { agentId, name, ok: !failed, ms, error: failed ? errorOf(span) : undefined },
    }
  }
  if (OPERATIONS_WITH_USAGE.has(operation))
    return { kind: 'usage', fields: usageFields(attributes, agentId, ms) }
  const host = text(attributes[ATTR.host]) ?? text(attributes['net.peer.name'])
  const method = text(attributes[ATTR.method]) ?? text(attributes['http.method'])
  if (span.kind !== SpanKind.CLIENT || host === undefined || method === undefined) return undefined
  return {
    kind: 'call',
    fields: {
      agentId,
      host,
      method,
      path:
        text(attributes[ATTR.path]) ?? pathOf(text(attributes['url.full']) ?? text(attributes['http.url'])),
      status: number(attributes[ATTR.statusCode]) ?? number(attributes['http.status_code']),
      ms,
      error: failed ? errorOf(span) : undefined,
    },
  }
}

function usageFields(attributes: Attributes, agentId: string, ms: number): Fields {
  const said = toFields('usage', attributes)
  return {
    agentId,
    model: text(attributes[ATTR.responseModel]) ?? said.model,
    provider: said.provider ?? text(attributes['gen_ai.system']),
    inputTokens: said.inputTokens ?? 0,
    outputTokens: said.outputTokens ?? 0,
    cacheReadTokens: said.cacheReadTokens,
    cacheWriteTokens: said.cacheWriteTokens,
    costUsd: said.costUsd,
    task: said.task,
    decision: said.decision,
    ms,
  }
}

function durationMs(span: ReadableSpan): number {
  const [seconds, nanos] = span.duration
  return Math.max(0, Math.round(seconds * 1000 + nanos / 1e6))
}

function errorOf(span: ReadableSpan): string | undefined {
  return span.status.message ?? text(span.attributes[ATTR.errorType])
}

/** A URL's path without the query, which often holds keys. */
function pathOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  return new URL(url).pathname
}

/** When a span began and ended, epoch milliseconds. */
export const startMs = (span: ReadableSpan): number => hrToMillis(span.startTime)
export const endMs = (span: ReadableSpan): number => hrToMillis(span.endTime)
