/**
 * How events and spans say the same (DESIGN section 4): attribute names from field names and back, following the
 * OpenTelemetry semantic conventions for generative AI where they have a name, `hive.<field>` elsewhere.
 */
import type { Attributes, AttributeValue, HrTime, TimeInput } from '@opentelemetry/api'
import { type Fields, isList, readField, setField, unreadable } from '../format/fields.js'
import { MAX_TS } from '../format/kinds.js'

export const EVENT_PREFIX = 'hive.'

export const ATTR = {
  operation: 'gen_ai.operation.name',
  agentId: 'gen_ai.agent.id',
  agentName: 'gen_ai.agent.name',
  conversation: 'gen_ai.conversation.id',
  session: 'session.id',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  responseId: 'gen_ai.response.id',
  /** Seconds. */
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  provider: 'gen_ai.provider.name',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  errorType: 'error.type',
  /** Of the agent that made a call: what has a name in `gen_ai` is taken for something of a model's. */
  callerId: 'hive.agent.id',
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
  /** Names of an event's fields whose attributes are JSON text, since no attribute can hold their values. */
  json: 'hivelog.json_fields',
} as const

/** Fields of `usage` for which the GenAI conventions have an attribute. */
const USAGE_ATTRIBUTES = new Map<string, string>([
  ['model', ATTR.requestModel],
  ['provider', ATTR.provider],
  ['inputTokens', 'gen_ai.usage.input_tokens'],
  ['outputTokens', 'gen_ai.usage.output_tokens'],
  ['cacheReadTokens', 'gen_ai.usage.cache_read.input_tokens'],
  ['cacheWriteTokens', 'gen_ai.usage.cache_creation.input_tokens'],
  ['responseId', ATTR.responseId],
])
const USAGE_FIELDS = new Map([...USAGE_ATTRIBUTES].map(([field, attribute]) => [attribute, field]))

const prefixed = new Map<string, string>()

/** `hive.` and the name of a field or kind. */
export function prefix(field: string): string {
  let name = prefixed.get(field)
  if (name === undefined) {
    name = EVENT_PREFIX + field
    if (prefixed.size < 1024) prefixed.set(field, name)
  }
  return name
}

/** Epoch milliseconds, whole, as the SDK keeps times: it need not look at the clock to tell what a number means. */
export function toHrTime(ms: number): HrTime {
  const seconds = Math.trunc(ms / 1000)
  return [seconds, (ms - seconds * 1000) * 1_000_000]
}

/**
 * When a span ends, epoch milliseconds given. One that has no length, to the millisecond, gets a microsecond: Jaeger
 * takes a span without any for a mistake, and warns of it.
 */
export function endTime(start: number, end: number): HrTime {
  if (end > start) return toHrTime(end)
  const [seconds, nanos] = toHrTime(start)
  return [seconds, nanos + 1_000]
}

/**
 * The attributes of the span event for an event of `kind`.
 * @param onUnsayable called when there is a number among them that no OTLP request can say
 */
export function toAttributes(kind: string, fields: Fields, onUnsayable?: () => void): Attributes {
  return (kind === 'message' ? plainMessage(fields) : undefined) ?? attributesOf(kind, fields, onUnsayable)
}

/** The greatest time that OTLP can say, in seconds: 64 bits of nanoseconds. */
export const MAX_SECONDS = 2 ** 64 / 1e9
/** The greatest whole number that it can say. JSON, in which it is sent, has no NaN and no infinities either. */
const MAX_INTEGER = 2 ** 63

export const isSayable = (value: number): boolean => Math.abs(value) < MAX_INTEGER

/**
 * The attributes of a message that is nothing but its five texts, as nearly all are: an object whose names are
 * known when it is made costs a fifth of one that is filled name by name.
 */
function plainMessage(fields: Fields): Attributes | undefined {
  const { from, to, act, subject, id } = fields
  let count = 0
  for (const _ in fields) count++
  const isPlain =
    count === 5 &&
    typeof from === 'string' &&
    typeof to === 'string' &&
    typeof act === 'string' &&
    typeof subject === 'string' &&
    typeof id === 'string'
  if (!isPlain) return undefined
  return { 'hive.from': from, 'hive.to': to, 'hive.act': act, 'hive.subject': subject, 'hive.id': id }
}

function attributesOf(kind: string, fields: Fields, onUnsayable: (() => void) | undefined): Attributes {
  const attributes: Attributes = {}
  let json: string[] | undefined
  for (const field in fields) {
    const value = fields[field]
    if (value === undefined) continue
    const name = (kind === 'usage' && USAGE_ATTRIBUTES.get(field)) || prefix(field)
    if (typeof value === 'number' && !isSayable(value)) onUnsayable?.()
    if (typeof value !== 'object') attributes[name] = value as AttributeValue
    else if (isUniform(value)) {
      attributes[name] = value as AttributeValue
      if (typeof value[0] === 'number' && !(value as number[]).every(isSayable)) onUnsayable?.()
    } else {
      attributes[name] = JSON.stringify(value)
      json ??= []
      json.push(field)
    }
  }
  if (json !== undefined) attributes[ATTR.json] = json
  return attributes
}

/** Attributes of an event that are looked at. The SDK keeps 128. */
const MAX_ATTRIBUTES = 10_000
/** Characters of JSON that are read back: fields that are bigger are in an artifact, unless the user wants it else. */
const MAX_JSON = 1024 * 1024

/**
 * The fields that a span event's attributes stand for; of more than any event should have, the first. Attributes that
 * cannot be read are told in the field `value`.
 */
export function toFields(kind: string, attributes: Attributes | undefined): Fields {
  const fields: Fields = {}
  try {
    addFields(fields, kind, attributes)
  } catch (error) {
    fields.value = unreadable(error)
  }
  return fields
}

function addFields(fields: Fields, kind: string, attributes: Attributes | undefined): void {
  const names = jsonFields(attributes)
  let count = 0
  for (const name in attributes) {
    if (name === ATTR.json || !Object.hasOwn(attributes, name)) continue
    if (++count > MAX_ATTRIBUTES) {
      fields['[cut]'] = `more than ${MAX_ATTRIBUTES} attributes`
      break
    }
    const field =
      (kind === 'usage' && USAGE_FIELDS.get(name)) ||
      (name.startsWith(EVENT_PREFIX) ? name.slice(EVENT_PREFIX.length) : name)
    const value = readField(attributes, name)
    const isJson = names?.has(field) === true && typeof value === 'string' && value.length <= MAX_JSON
    setField(fields, field, isJson ? parsed(value) : value)
  }
}

function jsonFields(attributes: Attributes | undefined): Set<unknown> | undefined {
  const json = attributes && readField(attributes, ATTR.json)
  return isList(json) ? new Set(json.slice(0, MAX_ATTRIBUTES)) : undefined
}

/** Whether a value is an array of one primitive type, which an attribute holds as it is. */
function isUniform(value: object | null): value is unknown[] {
  if (!Array.isArray(value) || value.length === 0) return false
  const type = typeof value[0]
  const isPrimitive = type === 'string' || type === 'number' || type === 'boolean'
  return isPrimitive && value.every((item) => typeof item === type)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The kind that a span event stands for, or `undefined` when it is none of ours. */
export function kindOfEvent(name: unknown): string | undefined {
  return typeof name === 'string' && name.startsWith(EVENT_PREFIX)
    ? name.slice(EVENT_PREFIX.length)
    : undefined
}

/** Whether a value is a time to OpenTelemetry: epoch or `performance.now()` milliseconds, `[seconds, nanos]`, a `Date`. */
export function isTime(value: unknown): value is TimeInput {
  if (typeof value === 'number' || value instanceof Date) return true
  return (
    Array.isArray(value) && value.length === 2 && typeof value[0] === 'number' && typeof value[1] === 'number'
  )
}

/** Epoch milliseconds of an OpenTelemetry time, whole; now, when there is none or it is no possible time. */
export function toMillis(time: unknown): number {
  const ms = millisOf(time)
  return Math.abs(ms) <= MAX_TS ? ms : Date.now()
}

function millisOf(time: unknown): number {
  if (Array.isArray(time)) return hrMillis(time as HrTime)
  if (time instanceof Date) return time.getTime()
  if (typeof time !== 'number') return Number.NaN
  // The API takes `performance.now()` values too; those are small.
  return Math.trunc(time <= performance.now() ? time + performance.timeOrigin : time)
}

/** Epoch milliseconds of a span's or an event's time, whole; now, when it is no possible time. */
export function hrToMillis(time: HrTime): number {
  const ms = hrMillis(time)
  return Math.abs(ms) <= MAX_TS ? ms : Date.now()
}

/** The SDK builds a time from milliseconds in floating point, so a nanosecond may be missing: round to the microsecond. */
function hrMillis([seconds, nanos]: HrTime): number {
  if (typeof seconds !== 'number' || typeof nanos !== 'number') return Number.NaN
  return Math.trunc(seconds * 1000) + Math.floor(Math.round(nanos / 1000) / 1000)
}
