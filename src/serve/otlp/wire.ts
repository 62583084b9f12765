/**
 * OTLP in Protocol Buffers, as the JSON that the same request is (OTLP 1.9, `opentelemetry/proto/…/v1/*.proto`): names
 * in lower camel case, ids as hex digits. 64-bit numbers stay `bigint`. What is not asked for here is skipped, as fields
 * of later versions are.
 *
 * Loaded with the first request that needs it.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** The bytes are no such message. */
export class WireError extends Error {}
/** There are more values in it than are taken at once. */
export class TooManyError extends Error {}

type Kind = 'text' | 'hex' | 'base64' | 'bool' | 'number' | 'int64' | 'fixed64' | 'fixed32' | 'double'
/** A field: its name in JSON, and what it holds; `list` when it may come again. */
interface Field {
  name: string
  kind: Kind | (() => Message)
  list?: true
}
type Message = Readonly<Record<number, Field>>

const one = (name: string, kind: Field['kind']): Field => ({ name, kind })
const list = (name: string, kind: () => Message): Field => ({ name, kind, list: true })

/** `common.proto`: AnyValue, KeyValue, InstrumentationScope. */
const ANY_VALUE: Message = {
  1: one('stringValue', 'text'),
  2: one('boolValue', 'bool'),
  3: one('intValue', 'int64'),
  4: one('doubleValue', 'double'),
  5: one('arrayValue', () => ARRAY),
  6: one('kvlistValue', () => PAIRS),
  7: one('bytesValue', 'base64'),
}
const KEY_VALUE: Message = { 1: one('key', 'text'), 2: one('value', () => ANY_VALUE) }
const ARRAY: Message = { 1: list('values', () => ANY_VALUE) }
const PAIRS: Message = { 1: list('values', () => KEY_VALUE) }
const attributes = list('attributes', () => KEY_VALUE)
const SCOPE: Message = { 1: one('name', 'text'), 2: one('version', 'text') }
const RESOURCE: Message = { 1: attributes }

/** `trace.proto`. */
const EVENT: Message = { 1: one('timeUnixNano', 'fixed64'), 2: one('name', 'text'), 3: attributes }
const STATUS: Message = { 2: one('message', 'text'), 3: one('code', 'number') }
const SPAN: Message = {
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  4: one('parentSpanId', 'hex'),
  5: one('name', 'text'),
  6: one('kind', 'number'),
  7: one('startTimeUnixNano', 'fixed64'),
  8: one('endTimeUnixNano', 'fixed64'),
  9: attributes,
  11: list('events', () => EVENT),
  12: one('droppedEventsCount', 'number'),
  15: one('status', () => STATUS),
  16: one('flags', 'fixed32'),
}
const SCOPE_SPANS: Message = { 1: one('scope', () => SCOPE), 2: list('spans', () => SPAN) }
const RESOURCE_SPANS: Message = {
  1: one('resource', () => RESOURCE),
  2: list('scopeSpans', () => SCOPE_SPANS),
}

/** `logs.proto`. */
const LOG_RECORD: Message = {
  1: one('timeUnixNano', 'fixed64'),
  5: one('body', () => ANY_VALUE),
  6: attributes,
  9: one('traceId', 'hex'),
  10: one('spanId', 'hex'),
  11: one('observedTimeUnixNano', 'fixed64'),
  12: one('eventName', 'text'),
}
const SCOPE_LOGS: Message = { 1: one('scope', () => SCOPE), 2: list('logRecords', () => LOG_RECORD) }
const RESOURCE_LOGS: Message = {
  1: one('resource', () => RESOURCE),
  2: list('scopeLogs', () => SCOPE_LOGS),
}

/** What each signal's request is. Of metrics nothing is read but that it is a message. */
const REQUESTS = {
  traces: { 1: list('resourceSpans', () => RESOURCE_SPANS) },
  logs: { 1: list('resourceLogs', () => RESOURCE_LOGS) },
  metrics: {},
} as const satisfies Record<string, Message>

export type Signal = keyof typeof REQUESTS

/** How deep values lie in each other at most, as protobuf's own libraries have it. */
const MAX_DEPTH = 100

/**
 * @param maxValues values of all kinds that are taken
 * @throws {WireError} {@link TooManyError}
 */
export function decodeRequest(bytes: Uint8Array, signal: Signal, maxValues: number): unknown {
  try {
    const left = { values: maxValues }
    return messageIn(new BinaryReader(bytes), bytes.length, REQUESTS[signal], left, 0)
  } catch (error) {
    if (error instanceof TooManyError || error instanceof WireError) throw error
    throw new WireError('a field ends too early, or is none')
  }
}

function messageIn(
  reader: BinaryReader,
  end: number,
  message: Message,
  left: { values: number },
  depth: number,
): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new WireError(`values lie more than ${MAX_DEPTH} deep in each other`)
  const found: Record<string, unknown> = {}
  while (reader.pos < end) {
    if (--left.values < 0) throw new TooManyError('too many values')
    const [number, wire] = reader.tag()
    const field = message[number]
    if (field === undefined || wire !== wireOf(field.kind)) {
      reader.skip(wire, number)
      continue
    }
    const value =
      typeof field.kind === 'function'
        ? innerMessage(reader, end, field.kind(), left, depth + 1)
        : plainIn(reader, field.kind)
    if (field.list === undefined) found[field.name] = value
    else if (found[field.name] === undefined) found[field.name] = [value]
    else (found[field.name] as unknown[]).push(value)
  }
  if (reader.pos !== end) throw new WireError('a field is longer than the message that it is in')
  return found
}

function innerMessage(
  reader: BinaryReader,
  outerEnd: number,
  message: Message,
  left: { values: number },
  depth: number,
): Record<string, unknown> {
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > outerEnd) throw new WireError('a message is longer than the one that it is in')
  return messageIn(reader, end, message, left, depth)
}

function wireOf(kind: Field['kind']): WireType {
  if (kind === 'bool' || kind === 'number' || kind === 'int64') return WireType.Varint
  if (kind === 'fixed64' || kind === 'double') return WireType.Bit64
  return kind === 'fixed32' ? WireType.Bit32 : WireType.LengthDelimited
}

function plainIn(reader: BinaryReader, kind: Kind): unknown {
  switch (kind) {
    case 'text':
      return reader.string()
    case 'hex':
    case 'base64': {
      const { buffer, byteOffset, byteLength } = reader.bytes()
      return Buffer.from(buffer, byteOffset, byteLength).toString(kind)
    }
    case 'bool':
      return reader.bool()
    case 'number':
      return reader.int32()
    case 'int64':
      return BigInt(reader.int64())
    case 'fixed64':
      return BigInt(reader.fixed64())
    case 'fixed32':
      return reader.fixed32()
    case 'double':
      return reader.double()
  }
}

/** `ExportTracePartialSuccess` and its kin: `rejected_…` is field 1, `error_message` 2; in field 1 of the answer. */
export function encodePartialSuccess(rejected: number, message: string): Uint8Array {
  const partial = new BinaryWriter()
  if (rejected > 0) partial.uint32(8).int64(rejected)
  partial.uint32(18).string(message)
  return new BinaryWriter().uint32(10).bytes(partial.finish()).finish()
}

/** `google.rpc.Status`, of which only `message` (2) is used. */
export const encodeStatus = (message: string): Uint8Array =>
  new BinaryWriter().uint32(18).string(message).finish()
