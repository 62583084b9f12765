/**
 * An OTLP request in Protocol Buffers as what it would be in JSON. Read by a table of the fields of
 * `opentelemetry/proto/trace/v1/trace.proto`, `logs/v1/logs.proto` and their imports (OTLP 1.x), apart from the code that writes them.
 */

type Kind = 'text' | 'hex' | 'base64' | 'bool' | 'int' | 'int64' | 'fixed64' | 'fixed32' | 'double'
/** A field: its name in JSON, and its kind or the table of its message; a list when it may come again. */
type Field = [name: string, kind: Kind | (() => Message), isList?: true]
type Message = Record<number, Field>

const VALUE: Message = {
  1: ['stringValue', 'text'],
  2: ['boolValue', 'bool'],
  3: ['intValue', 'int64'],
  4: ['doubleValue', 'double'],
  5: ['arrayValue', () => ({ 1: ['values', () => VALUE, true] })],
  6: ['kvlistValue', () => ({ 1: ['values', () => KEY_VALUE, true] })],
  7: ['bytesValue', 'base64'],
}
const KEY_VALUE: Message = { 1: ['key', 'text'], 2: ['value', () => VALUE] }
const attributes: Field = ['attributes', () => KEY_VALUE, true]
const RESOURCE: Message = { 1: attributes, 2: ['droppedAttributesCount', 'int'] }
const SCOPE: Message = {
  1: ['name', 'text'],
  2: ['version', 'text'],
  3: attributes,
  4: ['droppedAttributesCount', 'int'],
}
const EVENT: Message = {
  1: ['timeUnixNano', 'fixed64'],
  2: ['name', 'text'],
  3: attributes,
  4: ['droppedAttributesCount', 'int'],
}
const LINK: Message = {
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  3: ['traceState', 'text'],
  4: attributes,
  5: ['droppedAttributesCount', 'int'],
  6: ['flags', 'fixed32'],
}
const SPAN: Message = {
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  3: ['traceState', 'text'],
  4: ['parentSpanId', 'hex'],
  5: ['name', 'text'],
  6: ['kind', 'int'],
  7: ['startTimeUnixNano', 'fixed64'],
  8: ['endTimeUnixNano', 'fixed64'],
  9: attributes,
  10: ['droppedAttributesCount', 'int'],
  11: ['events', () => EVENT, true],
  12: ['droppedEventsCount', 'int'],
  13: ['links', () => LINK, true],
  14: ['droppedLinksCount', 'int'],
  15: ['status', () => ({ 2: ['message', 'text'], 3: ['code', 'int'] })],
  16: ['flags', 'fixed32'],
}
const SCOPE_SPANS: Message = {
  1: ['scope', () => SCOPE],
  2: ['spans', () => SPAN, true],
  3: ['schemaUrl', 'text'],
}
const RESOURCE_SPANS: Message = {
  1: ['resource', () => RESOURCE],
  2: ['scopeSpans', () => SCOPE_SPANS, true],
  3: ['schemaUrl', 'text'],
}
const REQUEST: Message = { 1: ['resourceSpans', () => RESOURCE_SPANS, true] }

const LOG_RECORD: Message = {
  1: ['timeUnixNano', 'fixed64'],
  2: ['severityNumber', 'int'],
  3: ['severityText', 'text'],
  5: ['body', () => VALUE],
  6: attributes,
  7: ['droppedAttributesCount', 'int'],
  8: ['flags', 'fixed32'],
  9: ['traceId', 'hex'],
  10: ['spanId', 'hex'],
  11: ['observedTimeUnixNano', 'fixed64'],
  12: ['eventName', 'text'],
}
const SCOPE_LOGS: Message = {
  1: ['scope', () => SCOPE],
  2: ['logRecords', () => LOG_RECORD, true],
  3: ['schemaUrl', 'text'],
}
const RESOURCE_LOGS: Message = {
  1: ['resource', () => RESOURCE],
  2: ['scopeLogs', () => SCOPE_LOGS, true],
  3: ['schemaUrl', 'text'],
}
const LOGS_REQUEST: Message = { 1: ['resourceLogs', () => RESOURCE_LOGS, true] }

/** What a default that is not sent is in JSON, where a reader wants it. */
const DEFAULTS = new Map<Message, Record<string, unknown>>([
  [RESOURCE_SPANS, { resource: {}, scopeSpans: [] }],
  [SCOPE_SPANS, { spans: [] }],
  [SPAN, { name: '', kind: 0, startTimeUnixNano: '0', endTimeUnixNano: '0' }],
  [EVENT, { name: '', timeUnixNano: '0' }],
  [RESOURCE_LOGS, { resource: {}, scopeLogs: [] }],
  [SCOPE_LOGS, { logRecords: [] }],
  [KEY_VALUE, { key: '', value: {} }],
])

/** @throws {RangeError} when it is no such request */
export const requestOf = (bytes: Buffer): unknown => messageOf(bytes, REQUEST)

/** The same of a request of logs. @throws {RangeError} when it is none */
export const logsRequestOf = (bytes: Buffer): unknown => messageOf(bytes, LOGS_REQUEST)

function messageOf(bytes: Buffer, message: Message): Record<string, unknown> {
  const found: Record<string, unknown> = { ...DEFAULTS.get(message) }
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('the message ends too early')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const wire = tag & 7
    const raw = wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()))
    const field = message[tag >>> 3]
    if (field === undefined) throw new RangeError(`no field ${tag >>> 3}`)
    const [name, kind, isList] = field
    const value = typeof kind === 'function' ? messageOf(raw as Buffer, kind()) : plain(raw, kind)
    if (isList !== true) found[name] = value
    else found[name] = [...((found[name] as unknown[]) ?? []), value]
  }
  return found
}

function plain(raw: bigint | Buffer, kind: Kind): unknown {
  if (typeof raw === 'bigint') {
    if (kind === 'bool') return raw !== 0n
    return kind === 'int' ? Number(raw) : String(BigInt.asIntN(64, raw))
  }
  if (kind === 'text') return raw.toString()
  if (kind === 'hex' || kind === 'base64') return raw.toString(kind)
  if (kind === 'double') return raw.readDoubleLE()
  return kind === 'fixed32' ? raw.readUInt32LE() : String(raw.readBigUInt64LE())
}
