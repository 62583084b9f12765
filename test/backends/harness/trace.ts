/** A trace as Jaeger's query API (version 3) tells it, in the words of this project. */

/** What an attribute holds; Jaeger's embedded store tells lists as JSON text. */
export type Value = string | number | boolean

interface RawValue {
  stringValue?: string
  boolValue?: boolean
  /** A text, since JSON's numbers are not of 64 bits. */
  intValue?: string
  doubleValue?: number
}
interface RawAttribute {
  key: string
  value: RawValue
}
interface RawSpan {
  spanId: string
  parentSpanId?: string
  name: string
  kind?: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: RawAttribute[]
  events?: { name: string; timeUnixNano: string; attributes?: RawAttribute[] }[]
  links?: { traceId: string; spanId: string }[]
  status?: { code?: number; message?: string }
}
interface RawTrace {
  resourceSpans: {
    resource: { attributes?: RawAttribute[] }
    scopeSpans: { spans: RawSpan[] }[]
  }[]
}

export interface StoredEvent {
  name: string
  nanos: bigint
  attributes: Map<string, Value>
}

export interface StoredSpan {
  id: string
  name: string
  /** As in the OTLP protocol: 1 internal, 3 client. */
  kind: number
  parent: string | undefined
  /** Ids of the spans that it links to. */
  links: string[]
  startNanos: bigint
  endNanos: bigint
  attributes: Map<string, Value>
  events: StoredEvent[]
  /** `code` as in the OTLP protocol: 0 unset, 1 ok, 2 error. */
  status: { code: number; message: string }
  resource: Map<string, Value>
  /** What Jaeger has to say about it. */
  warnings: string[]
}

/** All spans of a trace; none when Jaeger does not have it. A span that it tells twice is there twice. */
export async function storedTrace(query: string, traceId: string): Promise<StoredSpan[]> {
  const response = await fetch(`${query}/api/v3/traces/${traceId}`)
  if (response.status === 404) return []
  if (!response.ok) throw new Error(`Jaeger answers ${response.status}: ${await response.text()}`)
  const { result } = (await response.json()) as { result: RawTrace }
  return result.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const shared = mapOf(resource.attributes)
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => storedSpan(span, shared)))
  })
}

/** Where Jaeger keeps its warnings, among the attributes. */
const WARNINGS = '@jaeger@warnings'

function storedSpan(span: RawSpan, resource: Map<string, Value>): StoredSpan {
  const isWarning = ({ key }: RawAttribute): boolean => key === WARNINGS
  return {
    id: span.spanId,
    name: span.name,
    kind: span.kind ?? 0,
    parent: span.parentSpanId || undefined,
    links: (span.links ?? []).map(({ spanId }) => spanId),
    startNanos: BigInt(span.startTimeUnixNano),
    endNanos: BigInt(span.endTimeUnixNano),
    attributes: mapOf(span.attributes?.filter((each) => !isWarning(each))),
    events: (span.events ?? []).map(({ name, timeUnixNano, attributes }) => ({
      name,
      nanos: BigInt(timeUnixNano),
      attributes: mapOf(attributes),
    })),
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
    resource,
    warnings: (span.attributes ?? []).filter(isWarning).map(({ value }) => JSON.stringify(value)),
  }
}

/** @throws when a name comes twice: then something has merged what was apart */
function mapOf(attributes: readonly RawAttribute[] = []): Map<string, Value> {
  const map = new Map(attributes.map(({ key, value }) => [key, plain(value)]))
  if (map.size !== attributes.length) throw new Error(`an attribute twice: ${JSON.stringify(attributes)}`)
  return map
}

function plain({ stringValue, boolValue, intValue, doubleValue }: RawValue): Value {
  return stringValue ?? boolValue ?? (intValue === undefined ? (doubleValue ?? '') : Number(intValue))
}
