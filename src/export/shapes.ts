/**
 * What the spans of a hive look like when they are live (`src/hive`), made again from lines: names, kinds,
 * attributes, status. Fields may be of any type here.
 */
import { type Attributes, SpanKind, type SpanStatus, SpanStatusCode } from '@opentelemetry/api'
import { type Fields, readField } from '../format/fields.js'
import { describe } from '../format/quote.js'
import { exitStatus } from '../model/model.js'
import { ATTR, toAttributes } from '../otel/span-mapping.js'
import { sayable, shortText } from './attributes.js'

const text = (value: unknown): string => shortText(describe(value))

/** What a span of an agent has from its spawn on. */
export interface AgentShape {
  name: string
  attributes: Attributes
}

/** @param session left out when the log tells none */
export function agentShape(fields: Fields, session: string | undefined): AgentShape {
  const agentId = text(fields.agentId)
  const agentName = fields.name === undefined || fields.name === '' ? agentId : text(fields.name)
  const attributes: Attributes = {
    [ATTR.operation]: 'invoke_agent',
    [ATTR.agentId]: agentId,
    [ATTR.agentName]: agentName,
    ...sessionAttributes(session),
    [ATTR.isGod]: fields.isGod === true,
  }
  const optional = {
    [ATTR.requestModel]: fields.model,
    [ATTR.parentId]: fields.parent,
    [ATTR.role]: fields.role,
    [ATTR.pid]: fields.pid,
  }
  for (const [attribute, value] of Object.entries(optional)) {
    if (typeof value === 'string') attributes[attribute] = shortText(value)
    else if (typeof value === 'number' && sayable(value)) attributes[attribute] = value
  }
  return { name: `invoke_agent ${agentName}`, attributes }
}

export const sessionShape = (session: string | undefined): AgentShape => ({
  name: 'hive.session',
  attributes: sessionAttributes(session),
})

function sessionAttributes(session: string | undefined): Attributes {
  return session === undefined ? {} : { [ATTR.conversation]: session, [ATTR.session]: session }
}

/** How an agent ended. */
export interface Ending {
  attributes: Attributes
  status?: SpanStatus
}

export function endingOf(fields: Fields): Ending {
  const status = exitStatus(fields)
  const attributes: Attributes = { [ATTR.exitStatus]: status }
  if (status !== 'error' && status !== 'lost') return { attributes }
  attributes[ATTR.errorType] = status
  return { attributes, status: errorStatus(fields.error) }
}

/** Of an agent that was lost with its process. */
export const LOST: Ending = {
  attributes: { [ATTR.exitStatus]: 'lost', [ATTR.errorType]: 'lost' },
  status: { code: SpanStatusCode.ERROR, message: 'the process ended without an exit of this agent' },
}

function errorStatus(error: unknown): SpanStatus {
  return { code: SpanStatusCode.ERROR, ...(typeof error === 'string' && { message: shortText(error) }) }
}

/** What a span of its own looks like that one line stands for. */
export interface WorkShape {
  name: string
  kind: SpanKind
  attributes: Attributes
  status?: SpanStatus
  /** Milliseconds that it took. */
  ms: number
}

/** A tool that ran, or an external call. */
export function workShape(kind: 'tool' | 'call', fields: Fields, session: string | undefined): WorkShape {
  const own = kind === 'tool' ? toolShape(fields) : callShape(fields)
  const attributes: Attributes = {
    [ATTR.agentId]: text(fields.agentId),
    ...(session !== undefined && { [ATTR.conversation]: session }),
    ...own.attributes,
  }
  const shape = { name: own.name, kind: own.kind, attributes, ms: took(fields) }
  if (!own.failed) return shape
  attributes[ATTR.errorType] = typeof fields.status === 'number' ? String(fields.status) : 'error'
  return { ...shape, status: errorStatus(fields.error) }
}

function toolShape(fields: Fields) {
  const tool = text(fields.name)
  return {
    name: `execute_tool ${tool}`,
    kind: SpanKind.INTERNAL,
    failed: fields.ok !== true,
    attributes: { [ATTR.operation]: 'execute_tool', [ATTR.toolName]: tool } as Attributes,
  }
}

function callShape({ host, method, path, status, error }: Fields) {
  const attributes: Attributes = {}
  if (typeof method === 'string') attributes[ATTR.method] = shortText(method)
  if (typeof host === 'string') attributes[ATTR.host] = shortText(host)
  if (typeof path === 'string') attributes[ATTR.path] = shortText(path)
  if (typeof status === 'number' && sayable(status)) attributes[ATTR.statusCode] = status
  const failed = error !== undefined || (typeof status === 'number' && status >= 400)
  return { name: text(method ?? host), kind: SpanKind.CLIENT, failed, attributes }
}

/** A model call that an instrumented library told in a span of its own. */
export function modelCallShape(fields: Fields, session: string | undefined): WorkShape {
  const { agentId, model, provider, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = fields
  const usage = { model, provider, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }
  const told = Object.entries(usage)
    .map(([name, value]) => [name, typeof value === 'string' ? shortText(value) : value])
    .filter(([, value]) => typeof value === 'string' || (typeof value === 'number' && sayable(value)))
  const attributes: Attributes = {
    [ATTR.operation]: 'chat',
    [ATTR.agentId]: text(agentId),
    ...(session !== undefined && { [ATTR.conversation]: session }),
    ...toAttributes('usage', Object.fromEntries(told)),
  }
  const name = typeof model === 'string' ? `chat ${text(model)}` : 'chat'
  return { name, kind: SpanKind.CLIENT, attributes, ms: took(fields) }
}

function took(fields: Fields): number {
  const ms = readField(fields, 'ms')
  return typeof ms === 'number' && ms > 0 && Number.isFinite(ms) ? ms : 0
}
