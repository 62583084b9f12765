/** What an OTLP request holds, from the JSON that it is or is decoded to. */
import type { HrTime } from '@opentelemetry/api'
import { type Fields, setField } from '../../format/fields.js'

/** Attributes as plain values. */
export type Values = Readonly<Record<string, unknown>>

/** Where telemetry comes from. */
export interface Source {
  resource: Values
  scope: { name: string; version?: string }
}

export interface LogRecord extends Source {
  /** Epoch milliseconds: when it happened, else when it was seen, else `undefined`. */
  ts: number | undefined
  /** The attribute `event.name`, else `event_name`: Rust's instrumentation has the place in the source there. */
  name: string | undefined
  body: unknown
  attributes: Values
  traceId: string | undefined
  spanId: string | undefined
}

export interface Span extends Source {
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  /** Whether what is above it is said to be in another process. */
  isParentRemote: boolean
  name: string
  kind: number
  start: HrTime
  end: HrTime
  attributes: Values
  events: { name: string; time: HrTime; attributes: Values }[]
  droppedEvents: number
  status: { code: number; message?: string }
  /** Whether its sender is one whose approvals count; the server says so, when it takes it. Default: no */
  mayDecide?: true
}

/** The request is none of its kind; nothing of it can be used. */
export class RequestError extends Error {}

type Json = Record<string, unknown>

/** How deep values of attributes are taken. */
const MAX_DEPTH = 16

/** @returns each log record; `undefined` for one that is none. @throws {RequestError} */
export function logRecordsIn(request: unknown): (LogRecord | undefined)[] {
  return recordsIn(request, 'resourceLogs', 'scopeLogs', 'logRecords', logRecord)
}

/** @returns each span; `undefined` for one that is none, or has no id. @throws {RequestError} */
export function spansIn(request: unknown): (Span | undefined)[] {
  return recordsIn(request, 'resourceSpans', 'scopeSpans', 'spans', span)
}

function recordsIn<T>(
  request: unknown,
  ofResources: string,
  ofScopes: string,
  name: string,
  read: (record: Json, source: Source) => T | undefined,
): (T | undefined)[] {
  const records: (T | undefined)[] = []
  for (const ofResource of objectsIn(objectOf(request, 'the request'), ofResources)) {
    const resource = valuesOf((ofResource.resource as Json | undefined)?.attributes)
    for (const ofScope of objectsIn(ofResource, ofScopes)) {
      const given = (ofScope.scope ?? {}) as Json
      const version = textOf(given.version)
      const scope = { name: textOf(given.name) ?? '', ...(version !== undefined && { version }) }
      for (const record of listIn(ofScope, name))
        records.push(isObject(record) ? read(record, { resource, scope }) : undefined)
    }
  }
  return records
}

function logRecord(record: Json, source: Source): LogRecord {
  const attributes = valuesOf(record.attributes)
  const time = timeOf(record.timeUnixNano) ?? timeOf(record.observedTimeUnixNano)
  return {
    ...source,
    ts: time && millisOf(time),
    name: textOf(attributes['event.name']) ?? textOf(record.eventName),
    body: plainOf(record.body, 0),
    attributes,
    traceId: idOf(record.traceId, 32),
    spanId: idOf(record.spanId, 16),
  }
}

/** Bits of a span's `flags`: whether it is known that what is above is remote, and whether it is. */
const REMOTE = 0x300

function span(record: Json, source: Source): Span | undefined {
  const traceId = idOf(record.traceId, 32)
  const spanId = idOf(record.spanId, 16)
  const start = timeOf(record.startTimeUnixNano)
  const end = timeOf(record.endTimeUnixNano)
  if (traceId === undefined || spanId === undefined || start === undefined || end === undefined)
    return undefined
  const status = isObject(record.status) ? record.status : {}
  const message = textOf(status.message)
  return {
    ...source,
    traceId,
    spanId,
    parentSpanId: idOf(record.parentSpanId, 16),
    isParentRemote: (Number(record.flags ?? 0) & REMOTE) === REMOTE,
    name: textOf(record.name) ?? '',
    kind: Number(record.kind ?? 0),
    start,
    end,
    attributes: valuesOf(record.attributes),
    events: listIn(record, 'events')
      .filter(isObject)
      .map((event) => ({
        name: textOf(event.name) ?? '',
        time: timeOf(event.timeUnixNano) ?? start,
        attributes: valuesOf(event.attributes),
      })),
    droppedEvents: Number(record.droppedEventsCount ?? 0) || 0,
    status: { code: Number(status.code ?? 0) || 0, ...(message !== undefined && { message }) },
  }
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function objectOf(value: unknown, what: string): Json {
  if (isObject(value)) return value
  throw new RequestError(`${what} is no object`)
}

function listIn(object: Json, name: string): readonly unknown[] {
  const value = object[name]
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw new RequestError(`${name} is no list`)
}

const objectsIn = (object: Json, name: string): Json[] =>
  listIn(object, name).map((each) => objectOf(each, `an entry of ${name}`))

/** Key-value pairs as an object; of pairs with one key the last one counts. */
function valuesOf(pairs: unknown): Values {
  const values: Fields = {}
  if (!Array.isArray(pairs)) return values
  for (const pair of pairs) {
    if (isObject(pair) && typeof pair.key === 'string') setField(values, pair.key, plainOf(pair.value, 0))
  }
  return values
}

function plainOf(value: unknown, depth: number): unknown {
  if (!isObject(value)) return undefined
  if (depth > MAX_DEPTH) return '[too deep]'
  const { stringValue, boolValue, intValue, doubleValue, bytesValue } = value
  if (typeof stringValue === 'string') return stringValue
  if (typeof boolValue === 'boolean') return boolValue
  if (intValue !== undefined) return wholeOf(intValue)
  if (doubleValue !== undefined) return Number(doubleValue)
  if (isObject(value.arrayValue))
    return listIn(value.arrayValue, 'values').map((each) => plainOf(each, depth + 1))
  if (isObject(value.kvlistValue)) {
    const values: Fields = {}
    for (const pair of listIn(value.kvlistValue, 'values')) {
      if (isObject(pair) && typeof pair.key === 'string')
        setField(values, pair.key, plainOf(pair.value, depth + 1))
    }
    return values
  }
  return typeof bytesValue === 'string' ? bytesValue : undefined
}

/** A number, or its digits where no number holds them. */
function wholeOf(value: unknown): number | string | undefined {
  const whole = bigOf(value)
  if (whole === undefined) return undefined
  const number = Number(whole)
  return Number.isSafeInteger(number) ? number : String(whole)
}

const DIGITS = /^-?\d{1,20}$/

function bigOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && DIGITS.test(value) ? BigInt(value) : undefined
}

const NANOS = 1_000_000_000n

/** A time in nanoseconds; 0 is none. */
function timeOf(value: unknown): HrTime | undefined {
  const nanos = bigOf(value)
  if (nanos === undefined || nanos <= 0n || nanos >= 2n ** 64n) return undefined
  return [Number(nanos / NANOS), Number(nanos % NANOS)]
}

const millisOf = ([seconds, nanos]: HrTime): number => seconds * 1000 + Math.floor(nanos / 1_000_000)

/** An id in lower case; one of nothing but zeros is none. */
function idOf(value: unknown, digits: number): string | undefined {
  if (typeof value !== 'string' || value.length !== digits || !/^[0-9a-f]+$/i.test(value)) return undefined
  return /^0+$/.test(value) ? undefined : value.toLowerCase()
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
