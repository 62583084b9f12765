/** Work that takes time and is over when it is recorded, tools and external calls: a child span, and a line at its end. */
import {
  type Attributes,
  type Context,
  type Span,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
} from '@opentelemetry/api'
import type { Fields } from '../format/fields.js'
import { describe } from '../format/quote.js'
import { ATTR, endTime } from '../otel/span-mapping.js'
import type { Life } from '../record/owners.js'
import type { AgentSpan } from './agent-span.js'
import type { HiveCore } from './core.js'

export interface Work {
  kind: 'tool' | 'call'
  /** Scrubbed. */
  fields: Fields
  /** Name of the span. */
  name: string
  spanKind: SpanKind
  failed: boolean
  attributes: Attributes
}

export function toolWork(fields: Fields): Work {
  const tool = describe(fields.name)
  return {
    kind: 'tool',
    fields,
    name: `execute_tool ${tool}`,
    spanKind: SpanKind.INTERNAL,
    failed: fields.ok !== true,
    attributes: { [ATTR.operation]: 'execute_tool', [ATTR.toolName]: tool },
  }
}

export function callWork(fields: Fields): Work {
  const { host, method, path, status, error } = fields
  const attributes: Attributes = {}
  if (typeof method === 'string') attributes[ATTR.method] = method
  if (typeof host === 'string') attributes[ATTR.host] = host
  if (typeof path === 'string') attributes[ATTR.path] = path
  if (typeof status === 'number') attributes[ATTR.statusCode] = status
  return {
    kind: 'call',
    fields,
    name: describe(method ?? host),
    spanKind: SpanKind.CLIENT,
    failed: error !== undefined || (typeof status === 'number' && status >= 400),
    attributes,
  }
}

/** Records work in an agent's life, under its present span, that ended at `now` (epoch milliseconds). */
export function recordWork(core: HiveCore, life: Life, work: Work, under: AgentSpan, now: number): void {
  const place =
    core.unheardPlace(under.spanContext) ?? core.placeOf(workSpan(core, life, work, under.workContext, now))
  core.recorder.record(place, now, work.kind, work.fields, life, true)
}

/** The span of that work, which has ended. */
function workSpan(core: HiveCore, { agentId }: Life, work: Work, parent: Context, now: number): Span {
  const { kind, fields, failed } = work
  // Nothing began before 1970: no request could say so.
  const ms = typeof fields.ms === 'number' && fields.ms > 0 ? Math.min(fields.ms, now) : 0
  const attributes = { [ATTR.agentId]: agentId, [ATTR.conversation]: core.session, ...work.attributes }
  core.beforeSpan()
  const span = core.startWork(work.name, { kind: work.spanKind, startTime: now - ms, attributes }, parent, {
    kind,
    fields,
  })
  if (failed) {
    span.setAttribute(ATTR.errorType, typeof fields.status === 'number' ? String(fields.status) : 'error')
    span.setStatus(errorStatus(fields.error))
  }
  span.end(endTime(now - ms, now))
  return span
}

/** The status of a span that failed, with what went wrong if that is told. */
export function errorStatus(error: unknown): SpanStatus {
  return { code: SpanStatusCode.ERROR, ...(typeof error === 'string' && { message: error }) }
}
