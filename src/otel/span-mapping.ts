/**
 * How events and spans say the same (DESIGN section 4): attribute names from field names and back, following the
 * OpenTelemetry semantic conventions for generative AI where they have a name, `hive.<field>` elsewhere.
 */
import type { Attributes, AttributeValue, HrTime, TimeInput } from '@opentelemetry/api'
import type { Fields } from '../events/encode.js'

export const EVENT_PREFIX = 'hive.'

export const ATTR = {
  operation: 'gen_ai.operation.name',
  agentId: 'gen_ai.agent.id',
  agentName: 'gen_ai.agent.name',
  conversation: 'gen_ai.conversation.id',
  session: 'session.id',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  provider: 'gen_ai.provider.name',
  toolName: 'gen_ai.tool.name',
  errorType: 'error.type',
  isGod: 'hive.agent.is_god',
  parentId: 'hive.agent.parent_id',
  role: 'hive.agent.role',
  pid: 'process.pid',
  exitStatus: 'hive.agent.exit_status',
  /** Ordinal of a continuation span; absent on the first part. */
  part: 'hive.span.part',
  /** True on a part that another one follows. */
  continued: 'hive.span.continued',
  method: 'http.request.method',
  host: 'server.address',
  path: 'url.path',
  statusCode: 'http.response.status_code',
} as const

/** Fields of `usage` for which the GenAI conventions have an attribute. */
const USAGE_ATTRIBUTES: Record<string, string> = {
  model: ATTR.requestModel,
  provider: ATTR.provider,
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
}
const USAGE_FIELDS = new Map(Object.entries(USAGE_ATTRIBUTES).map(([field, attribute]) => [attribute, field]))

const attributeNames = new Map<string, string>()

function attributeName(field: string): string {
  let name = attributeNames.get(field)
  if (name === undefined) {
    name = EVENT_PREFIX + field
    if (attributeNames.size < 1024) attributeNames.set(field, name)
  }
  return name
}

/** The attributes of the span event for an event of `kind`. */
export function toAttributes(kind: string, fields: Fields): Attributes {
  const attributes: Attributes = {}
  for (const field in fields) {
    const value = fields[field]
    if (value === undefined || value === null) continue
    const name = (kind === 'usage' && USAGE_ATTRIBUTES[field]) || attributeName(field)
    attributes[name] = typeof value === 'object' ? toAttributeValue(value) : (value as AttributeValue)
  }
  return attributes
}

/** The fields that a span event's attributes stand for. */
export function toFields(kind: string, attributes: Attributes | undefined): Fields {
  const fields: Fields = {}
  for (const name in attributes) {
    const field =
      (kind === 'usage' && USAGE_FIELDS.get(name)) ||
      (name.startsWith(EVENT_PREFIX) ? name.slice(EVENT_PREFIX.length) : name)
    fields[field] = attributes[name]
  }
  return fields
}

/** Arrays of one primitive type are attribute values as they are; anything else goes as JSON. */
function toAttributeValue(value: object): AttributeValue {
  if (Array.isArray(value) && value.length > 0) {
    const type = typeof value[0]
    const isPrimitive = type === 'string' || type === 'number' || type === 'boolean'
    if (isPrimitive && value.every((item) => typeof item === type)) return value as AttributeValue
  }
  return JSON.stringify(value)
}

/** The kind that a span event stands for, or `undefined` when it is none of ours. */
export function kindOfEvent(name: string): string | undefined {
  return name.startsWith(EVENT_PREFIX) ? name.slice(EVENT_PREFIX.length) : undefined
}

/** Epoch milliseconds of an OpenTelemetry time, whole; `now` when there is none. */
export function toMillis(time: TimeInput | undefined, now: number): number {
  if (time === undefined) return now
  if (Array.isArray(time)) return hrToMillis(time)
  if (time instanceof Date) return time.getTime()
  // The API takes `performance.now()` values too; those are small.
  return Math.trunc(time <= performance.now() ? time + performance.timeOrigin : time)
}

/** The SDK builds a time from milliseconds in floating point, so a nanosecond may be missing: round to the microsecond. */
export function hrToMillis([seconds, nanos]: HrTime): number {
  return seconds * 1000 + Math.floor(Math.round(nanos / 1000) / 1000)
}
