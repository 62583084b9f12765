/**
 * What the spans of a hive look like (DESIGN section 4): names, kinds, attributes, status, from the fields of the
 * lines that they stand for. Live spans and those that are made again from a log are told by the same rules; fields
 * from a log may be of any type, and hold what no backend takes.
 */
import { type Attributes, SpanKind, type SpanStatus, SpanStatusCode } from '@opentelemetry/api'
import { type Fields, readField } from '../format/fields.js'
import { describe } from '../format/quote.js'
import { ATTR, toAttributes } from './span-mapping.js'

/** What of a field's value a span can hold. */
export interface Fit {
  /** A text, or as much of it as fits. */
  text(value: string): string
  /** Whether a number can be an attribute. */
  isSayable(value: number): boolean
}

/** Of fields that a hive has scrubbed, everything. */
export const AS_IS: Fit = { text: (value) => value, isSayable: () => true }

/** What a span of an agent has from its spawn on. */
export interface AgentShape {
  name: string
  attributes: Attributes
}

/** @param session left out when a log tells none */
export function agentShape(fields: Fields, session: string | undefined, fit: Fit): AgentShape {
  const agentId = textOf(fields.agentId, fit)
  const isNamed = fields.name !== undefined && fields.name !== ''
  const agentName = isNamed ? textOf(fields.name, fit) : agentId
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
    if (typeof value === 'string') attributes[attribute] = fit.text(value)
    else if (typeof value === 'number' && fit.isSayable(value)) attributes[attribute] = value
  }
  return { name: `invoke_agent ${agentName}`, attributes }
}

/** The span of what belongs to no living agent. */
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

/** @param errorType what kind of error it was, where more is known than the status */
export function endingOf(status: string, error: unknown, fit: Fit, errorType?: string): Ending {
  const attributes: Attributes = { [ATTR.exitStatus]: status }
  if (status !== 'error' && status !== 'lost') return { attributes }
  attributes[ATTR.errorType] = errorType ?? status
  return { attributes, status: errorStatus(error, fit) }
}

/** Of an agent whose end no line tells. */
export const LOST: Ending = {
  attributes: { [ATTR.exitStatus]: 'lost', [ATTR.errorType]: 'lost' },
  status: { code: SpanStatusCode.ERROR, message: 'the log tells no exit of this agent' },
}

/** The status of a span that failed, with what went wrong if that is told. */
function errorStatus(error: unknown, fit: Fit): SpanStatus {
  return typeof error === 'string'
    ? { code: SpanStatusCode.ERROR, message: fit.text(error) }
    : { code: SpanStatusCode.ERROR }
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
export function workShape(
  kind: 'tool' | 'call',
  fields: Fields,
  session: string | undefined,
  fit: Fit,
): WorkShape {
  const attributes: Attributes = { [ATTR.agentId]: textOf(fields.agentId, fit) }
  if (session !== undefined) attributes[ATTR.conversation] = session
  const isTool = kind === 'tool'
  const own = textOf(isTool ? fields.name : (fields.method ?? fields.host), fit)
  if (isTool) {
    attributes[ATTR.operation] = 'execute_tool'
    attributes[ATTR.toolName] = own
  } else addCall(attributes, fields, fit)
  const shape: WorkShape = {
    name: isTool ? `execute_tool ${own}` : own,
    kind: isTool ? SpanKind.INTERNAL : SpanKind.CLIENT,
    attributes,
    ms: took(fields),
  }
  const { status, error } = fields
  const hasFailed = isTool
    ? fields.ok !== true
    : error !== undefined || (typeof status === 'number' && status >= 400)
  if (!hasFailed) return shape
  attributes[ATTR.errorType] = typeof status === 'number' ? String(status) : 'error'
  shape.status = errorStatus(error, fit)
  return shape
}

function addCall(attributes: Attributes, { host, method, path, status }: Fields, fit: Fit): void {
  if (typeof method === 'string') attributes[ATTR.method] = fit.text(method)
  if (typeof host === 'string') attributes[ATTR.host] = fit.text(host)
  if (typeof path === 'string') attributes[ATTR.path] = fit.text(path)
  if (typeof status === 'number' && fit.isSayable(status)) attributes[ATTR.statusCode] = status
}

/** A model call that an instrumented library told in a span of its own. */
export function modelCallShape(fields: Fields, session: string | undefined, fit: Fit): WorkShape {
  const { agentId, model, provider, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = fields
  const usage = { model, provider, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }
  const told = Object.entries(usage)
    .map(([name, value]) => [name, typeof value === 'string' ? fit.text(value) : value])
    .filter(([, value]) => typeof value === 'string' || (typeof value === 'number' && fit.isSayable(value)))
  const attributes: Attributes = {
    [ATTR.operation]: 'chat',
    [ATTR.agentId]: textOf(agentId, fit),
    ...(session !== undefined && { [ATTR.conversation]: session }),
    ...toAttributes('usage', Object.fromEntries(told)),
  }
  const name = typeof model === 'string' ? `chat ${fit.text(model)}` : 'chat'
  return { name, kind: SpanKind.CLIENT, attributes, ms: took(fields) }
}

const textOf = (value: unknown, fit: Fit): string => fit.text(describe(value))

function took(fields: Fields): number {
  const ms = readField(fields, 'ms')
  return typeof ms === 'number' && ms > 0 && Number.isFinite(ms) ? ms : 0
}
