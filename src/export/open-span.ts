/** A span that is being put together from lines, and what it is when it is complete. */
import {
  type Attributes,
  type HrTime,
  type Link,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
} from '@opentelemetry/api'
import type { InstrumentationScope } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { LogEntry } from '../read/items.js'
import { attributesOf, toEndTime, toTime } from './attributes.js'
import { contextOf } from './ids.js'

/** Where spans come from, as the `log.open` line before them tells. */
export interface SpanSource {
  resource: Resource
  scope: InstrumentationScope
}

type TimedEvent = ReadableSpan['events'][number]

const MAX_LINKS = 10_000

export class OpenSpan {
  readonly context: SpanContext
  /** Path of the log that its lines are in; empty where only one is read. */
  readonly log: string
  readonly startTs: number
  events: TimedEvent[] = []
  links: Link[] = []
  /** Greatest time of its lines, epoch milliseconds. */
  lastTs: number
  firstSeq: number
  lastSeq: number
  /** Bytes of the lines that it holds. */
  bytes = 0
  /** Values of its events that were cut. */
  cut = 0
  droppedLinks = 0
  #linked = new Set<string>()

  constructor(traceId: string, spanId: string, { event, seq, log = '' }: LogEntry & { log?: string }) {
    this.log = log
    this.context = contextOf(traceId, spanId)
    this.startTs = event.ts
    this.lastTs = event.ts
    this.firstSeq = seq
    this.lastSeq = seq
  }

  /** Notes that a line is this span's, without an event for it. */
  touch({ event, seq }: LogEntry): void {
    if (event.ts > this.lastTs) this.lastTs = event.ts
    this.lastSeq = seq
  }

  add(entry: LogEntry): void {
    const { event, bytes } = entry
    const { attributes, dropped, cut } = attributesOf(event)
    const { ts, kind } = event
    this.touch(entry)
    this.bytes += bytes
    this.cut += cut
    this.events.push({
      name: `hive.${kind}`,
      time: toTime(ts),
      attributes,
      ...(dropped > 0 && { droppedAttributesCount: dropped }),
    })
  }

  /** Links to another span, once. */
  link(context: SpanContext): void {
    if (this.#linked.has(context.spanId)) return
    this.#linked.add(context.spanId)
    if (this.links.length < MAX_LINKS) this.links.push({ context })
    else this.droppedLinks++
  }

  /** Lets go of what the complete span has now: a life is remembered longer than its spans. */
  release(): void {
    this.events = []
    this.links = []
    this.#linked.clear()
  }
}

/** What a span is beside what its lines gave it. */
export interface SpanShape {
  name: string
  kind?: SpanKind
  parent: SpanContext | undefined
  attributes: Attributes
  status?: SpanStatus
  /** Epoch milliseconds. Default: the time of its first line. */
  startTs?: number
  /** Epoch milliseconds. */
  endTs: number
}

/** A complete span, as exporters take it. */
export class RebuiltSpan implements ReadableSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly parentSpanContext?: SpanContext
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly duration: HrTime
  readonly status: SpanStatus
  readonly attributes: Attributes
  readonly links: Link[]
  readonly events: TimedEvent[]
  readonly ended = true
  readonly resource: Resource
  readonly instrumentationScope: InstrumentationScope
  readonly droppedAttributesCount = 0
  readonly droppedEventsCount = 0
  readonly droppedLinksCount: number
  /** Path of its log; empty where only one is read. */
  readonly log: string
  /** `seq` of its first and of its last line. */
  readonly seqs: readonly [number, number]
  /** When it began and ended, epoch milliseconds. */
  readonly times: readonly [number, number]
  /** Bytes of the lines that its events are from. */
  readonly bytes: number
  /** Values that were cut. */
  readonly cut: number
  #context: SpanContext

  constructor(open: OpenSpan, shape: SpanShape, { resource, scope }: SpanSource) {
    const startTs = shape.startTs ?? open.startTs
    this.#context = open.context
    this.name = shape.name
    this.kind = shape.kind ?? SpanKind.INTERNAL
    if (shape.parent !== undefined) this.parentSpanContext = shape.parent
    this.startTime = toTime(startTs)
    this.endTime = toEndTime(startTs, shape.endTs)
    this.duration = difference(this.startTime, this.endTime)
    this.status = shape.status ?? { code: SpanStatusCode.UNSET }
    this.attributes = shape.attributes
    this.links = open.links
    this.events = open.events
    this.resource = resource
    this.instrumentationScope = scope
    this.droppedLinksCount = open.droppedLinks
    this.log = open.log
    this.seqs = [open.firstSeq, open.lastSeq]
    this.times = [startTs, Math.max(startTs, shape.endTs)]
    this.bytes = open.bytes
    this.cut = open.cut
  }

  spanContext = (): SpanContext => this.#context
}

function difference([fromSeconds, fromNanos]: HrTime, [toSeconds, toNanos]: HrTime): HrTime {
  const nanos = toNanos - fromNanos
  return nanos < 0 ? [toSeconds - fromSeconds - 1, nanos + 1e9] : [toSeconds - fromSeconds, nanos]
}
