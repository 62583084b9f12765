/**
 * A request of spans in Protocol Buffers (OTLP 1.9, `opentelemetry/proto/trace/v1/trace.proto` and its imports), byte
 * for byte as OpenTelemetry's own serializer writes it, in a fraction of its time: that one writes all twice, first to
 * find how long it is.
 */
import type { InstrumentationScope } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base'
import { BYTES, FEW, MANY, ONE, ProtobufWriter } from './protobuf-writer.js'

type Link = ReadableSpan['links'][number]

/** Of a span's flags, beside the eight of its trace: whether it is known where its parent is, and that it is remote. */
const KNOWS_REMOTE = 0x100
const IS_REMOTE = 0x200

export class TraceRequest {
  #out = new ProtobufWriter()

  /** The request of these spans, in the order of their resources and scopes. */
  of(spans: readonly ReadableSpan[]): Uint8Array {
    try {
      for (const [resource, ofResource] of grouped(spans, (span) => span.resource)) {
        this.#resourceSpans(resource, ofResource)
      }
      return this.#out.finish()
    } catch (error) {
      this.#out.clear()
      throw error
    }
  }

  #resourceSpans(resource: Resource, spans: readonly ReadableSpan[]): void {
    const out = this.#out
    out.tag(1, BYTES)
    const start = out.begin(MANY)
    out.tag(1, BYTES)
    const ofResource = out.begin(FEW)
    out.attributes(1, resource.attributes)
    out.number(2, 0)
    out.end(ofResource, FEW)
    for (const [scope, ofScope] of grouped(spans, (span) => span.instrumentationScope)) {
      this.#scopeSpans(scope, ofScope)
    }
    if (resource.schemaUrl) out.text(3, resource.schemaUrl)
    out.end(start, MANY)
  }

  #scopeSpans(scope: InstrumentationScope, spans: readonly ReadableSpan[]): void {
    const out = this.#out
    out.tag(2, BYTES)
    const start = out.begin(MANY)
    out.tag(1, BYTES)
    const ofScope = out.begin(ONE)
    const { name, version, attributes, droppedAttributesCount } = scope as InstrumentationScope & {
      attributes?: object
      droppedAttributesCount?: number
    }
    out.text(1, name)
    if (version) out.text(2, version)
    if (attributes) out.attributes(3, attributes)
    if (droppedAttributesCount) out.number(4, droppedAttributesCount)
    out.end(ofScope, ONE)
    for (const span of spans) this.#span(span)
    if (scope.schemaUrl) out.text(3, scope.schemaUrl)
    out.end(start, MANY)
  }

  #span(span: ReadableSpan): void {
    const out = this.#out
    out.tag(2, BYTES)
    const start = out.begin(FEW)
    const { traceId, spanId, traceState, traceFlags } = span.spanContext()
    out.hex(1, traceId)
    out.hex(2, spanId)
    const state = traceState?.serialize()
    if (state) out.text(3, state)
    const { parentSpanContext, status } = span
    if (parentSpanContext?.spanId) out.hex(4, parentSpanContext.spanId)
    out.text(5, span.name)
    // OTLP has one more, for none.
    out.number(6, span.kind + 1)
    out.time(7, span.startTime)
    out.time(8, span.endTime)
    out.attributes(9, span.attributes)
    out.number(10, count(span.droppedAttributesCount))
    for (const event of span.events) this.#event(event)
    out.number(12, count(span.droppedEventsCount))
    for (const link of span.links) this.#link(link)
    out.number(14, count(span.droppedLinksCount))
    out.tag(15, BYTES)
    const ofStatus = out.begin(ONE)
    if (status.message) out.text(2, status.message)
    out.number(3, status.code)
    out.end(ofStatus, ONE)
    out.fixed32(16, flags(traceFlags, parentSpanContext?.isRemote))
    out.end(start, FEW)
  }

  #event({ time, name, attributes, droppedAttributesCount }: TimedEvent): void {
    const out = this.#out
    out.tag(11, BYTES)
    const start = out.begin(FEW)
    out.time(1, time)
    out.text(2, name)
    if (attributes) out.attributes(3, attributes)
    out.number(4, count(droppedAttributesCount))
    out.end(start, FEW)
  }

  #link({ context, attributes, droppedAttributesCount }: Link): void {
    const out = this.#out
    out.tag(13, BYTES)
    const start = out.begin(ONE)
    out.hex(1, context.traceId)
    out.hex(2, context.spanId)
    const state = context.traceState?.serialize()
    if (state) out.text(3, state)
    if (attributes) out.attributes(4, attributes)
    out.number(5, count(droppedAttributesCount))
    out.fixed32(6, flags(context.traceFlags, context.isRemote))
    out.end(start, ONE)
  }
}

/** Whose spans are whose, in the order in which they come. */
function grouped<K>(
  spans: readonly ReadableSpan[],
  keyOf: (span: ReadableSpan) => K,
): Map<K, ReadableSpan[]> {
  const groups = new Map<K, ReadableSpan[]>()
  for (const span of spans) {
    const key = keyOf(span)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [span])
    else group.push(span)
  }
  return groups
}

/** Spans of other versions may lack a count. */
const count = (value: number | undefined): number => (value !== undefined && value > 0 ? value : 0)

const flags = (ofTrace: number, isRemote: boolean | undefined): number =>
  (ofTrace & 0xff) | KNOWS_REMOTE | (isRemote === true ? IS_REMOTE : 0)
