/**
 * What the spans of a hive look like (DESIGN section 4): names, kinds, attributes, status, from the fields of the
 * lines that they stand for. Live spans and those that are made again from a log are told by the same rules; fields
 * from a log may be of any type, and hold what no backend takes.
 */
import { type Attributes, SpanKind, type SpanStatus, SpanStatusCode } from '@opentelemetry/api'
import { type Fields, readField } from '../format/fields.js'
import { FIELD_ORDER } from '../format/kinds.js'
import { hasCallFailed, hasFailed, hasToolFailed, httpStatus } from '../format/outcome.js'
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

/** Kinds of which each line has a span to itself. */
export type WorkKind = 'tool' | 'call' | 'usage'

/** A tool that ran, an external call, or a model call. */
export function workShape(kind: WorkKind, fields: Fields, session: string | undefined, fit: Fit): WorkShape {
  if (kind === 'tool') return toolShape(fields, session, fit)
  return kind === 'call' ? callShape(fields, session, fit) : modelCallShape(fields, session, fit)
}

function toolShape(fields: Fields, session: string | undefined, fit: Fit): WorkShape {
  const { name, error, status, toolCallId } = fields
  const own = textOf(name, fit)
  const attributes: Attributes = { [ATTR.agentId]: textOf(fields.agentId, fit) }
  if (session !== undefined) attributes[ATTR.conversation] = session
  attributes[ATTR.operation] = 'execute_tool'
  attributes[ATTR.toolName] = own
  if (typeof toolCallId === 'string') attributes[ATTR.toolCallId] = fit.text(toolCallId)
  const shape: WorkShape = {
    name: `execute_tool ${own}`,
    kind: SpanKind.INTERNAL,
    attributes,
    ms: took(fields),
  }
  return hasToolFailed(fields) ? failed(shape, error, status, fit) : shape
}

/** Without any name in `gen_ai`: Jaeger would take it for a call of a model. */
function callShape(fields: Fields, session: string | undefined, fit: Fit): WorkShape {
  const { host, method, path, error } = fields
  const status = httpStatus(fields)
  const attributes: Attributes = { [ATTR.callerId]: textOf(fields.agentId, fit) }
  if (session !== undefined) attributes[ATTR.session] = session
  if (typeof method === 'string') attributes[ATTR.method] = fit.text(method)
  if (typeof host === 'string') attributes[ATTR.host] = fit.text(host)
  if (typeof path === 'string') attributes[ATTR.path] = fit.text(path)
  if (status !== undefined && fit.isSayable(status)) attributes[ATTR.statusCode] = status
  const name = textOf(method ?? host, fit)
  const shape: WorkShape = { name, kind: SpanKind.CLIENT, attributes, ms: took(fields) }
  return hasCallFailed(fields) ? failed(shape, error, status, fit) : shape
}

/** The fields of a model call that its span tells in other ways than as attributes of their own. */
const TOLD_OTHERWISE = new Set(['agentId', 'ms', 'ttftMs', 'error'])
const USAGE_FIELDS = FIELD_ORDER.usage.filter((name) => !TOLD_OTHERWISE.has(name))

/** The model that a line names is the one that answered; what was asked for has the same name, as far as is known. */
function modelCallShape(fields: Fields, session: string | undefined, fit: Fit): WorkShape {
  const { agentId, ttftMs, error } = fields
  const told: Fields = {}
  for (const name of USAGE_FIELDS) {
    const value = fields[name]
    if (typeof value === 'string') told[name] = fit.text(value)
    else if (typeof value === 'number' && fit.isSayable(value)) told[name] = value
  }
  const attributes: Attributes = { [ATTR.operation]: 'chat', [ATTR.agentId]: textOf(agentId, fit) }
  if (session !== undefined) attributes[ATTR.conversation] = session
  Object.assign(attributes, toAttributes('usage', told))
  if (typeof told.model === 'string') attributes[ATTR.responseModel] = told.model
  if (typeof ttftMs === 'number' && Number.isFinite(ttftMs)) {
    attributes[ATTR.timeToFirstChunk] = ttftMs / 1000
  }
  const name = typeof told.model === 'string' && told.model !== '' ? `chat ${told.model}` : 'chat'
  const shape: WorkShape = { name, kind: SpanKind.CLIENT, attributes, ms: took(fields) }
  return hasFailed(fields) ? failed(shape, error, undefined, fit) : shape
}

function failed(shape: WorkShape, error: unknown, status: unknown, fit: Fit): WorkShape {
  shape.attributes[ATTR.errorType] = typeof status === 'number' ? String(status) : 'error'
  shape.status = errorStatus(error, fit)
  return shape
}

const textOf = (value: unknown, fit: Fit): string => fit.text(describe(value))

function took(fields: Fields): number {
  const ms = readField(fields, 'ms')
  return typeof ms === 'number' && ms > 0 && Number.isFinite(ms) ? ms : 0
}
