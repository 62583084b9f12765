/**
 * Spans of work that is over when it is told, for a backend alone: what the SDK makes in twenty steps, one of them for
 * each that could listen, is known here at once.
 */
import { type HrTime, type SpanContext, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { HiveIdGenerator } from './ids.js'
import { fromEnv } from './sdk.js'
import type { WorkShape } from './span-shapes.js'

const NONE: never[] = []
const UNSET = { code: SpanStatusCode.UNSET }
/** A number below is no epoch time to the SDK, but one by the process's own clock. */
const FIRST_TS = 1e11

/** What the SDK's span would be that is begun under `parent` and has ended. All texts in it are redacted. */
export class WorkSpan implements ReadableSpan {
  readonly name: ReadableSpan['name']
  readonly kind: ReadableSpan['kind']
  readonly parentSpanContext: SpanContext
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly status: ReadableSpan['status']
  readonly attributes: ReadableSpan['attributes']
  readonly resource: ReadableSpan['resource']
  readonly instrumentationScope: ReadableSpan['instrumentationScope']
  readonly #context: SpanContext

  constructor(
    shape: WorkShape,
    context: SpanContext,
    startTs: number,
    endTime: HrTime,
    parent: ReadableSpan,
  ) {
    this.name = shape.name
    this.kind = shape.kind
    this.parentSpanContext = parent.spanContext()
    this.startTime = [Math.trunc(startTs / 1000), Math.round((startTs % 1000) * 1e6)]
    this.endTime = endTime
    this.status = shape.status ?? UNSET
    this.attributes = shape.attributes
    this.resource = parent.resource
    this.instrumentationScope = parent.instrumentationScope
    this.#context = context
  }

  spanContext(): SpanContext {
    return this.#context
  }

  get duration(): HrTime {
    const [seconds, nanos] = this.startTime
    const [endSeconds, endNanos] = this.endTime
    return endNanos >= nanos
      ? [endSeconds - seconds, endNanos - nanos]
      : [endSeconds - seconds - 1, endNanos - nanos + 1e9]
  }

  get ended(): true {
    return true
  }

  get links(): never[] {
    return NONE
  }

  get events(): never[] {
    return NONE
  }

  get droppedAttributesCount(): 0 {
    return 0
  }

  get droppedEventsCount(): 0 {
    return 0
  }

  get droppedLinksCount(): 0 {
    return 0
  }
}

/** Takes spans of work to a backend, where that alone hears of them. */
export class WorkSpans {
  #backend: Pick<SpanProcessor, 'onEnd'>
  #ids: HiveIdGenerator
  #isAlone: () => boolean

  /**
   * @param ids as the provider gives them
   * @param isAlone whether still nobody else listens to the provider's spans
   */
  constructor(backend: Pick<SpanProcessor, 'onEnd'>, ids: HiveIdGenerator, isAlone: () => boolean) {
    this.#backend = backend
    this.#ids = ids
    this.#isAlone = isAlone
  }

  /**
   * Sends the span of work under `parent`, a span of the SDK's.
   * @param startTs epoch milliseconds
   * @returns its context; `undefined` when the SDK must make the span, since others may hear of it, or look at it
   */
  tell(shape: WorkShape, startTs: number, endTime: HrTime, parent: object): SpanContext | undefined {
    if (!isReadable(parent) || startTs < FIRST_TS || !this.#isAlone()) return undefined
    const { traceId, traceFlags, traceState } = parent.spanContext()
    // Whose parent is not sampled is not either.
    if ((traceFlags & TraceFlags.SAMPLED) === 0) return undefined
    const spanId = this.#ids.generateSpanId()
    const context: SpanContext = {
      traceId,
      spanId,
      traceFlags: TraceFlags.SAMPLED,
      ...(traceState && { traceState }),
    }
    this.#backend.onEnd(new WorkSpan(shape, context, startTs, endTime, parent))
    return context
  }
}

const isReadable = (span: object): span is ReadableSpan =>
  'resource' in span && 'instrumentationScope' in span

/** Variables that have the SDK cut what a span holds. */
const LIMITS = [
  'OTEL_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  'OTEL_SPAN_EVENT_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT',
]

/** Whether the environment limits what a span may hold. */
export const areSpansLimited = (): boolean => LIMITS.some((name) => fromEnv(name) !== undefined)
