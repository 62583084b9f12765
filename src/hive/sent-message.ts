/** A message on its way: its id, and the span it came from. */
import { isSpanContextValid, type SpanContext, TraceFlags } from '@opentelemetry/api'
import { readField } from '../format/fields.js'
import { sdk } from '../otel/sdk.js'
import type { SentMessage } from './inputs.js'

export class Sent implements SentMessage {
  readonly id: string
  /** @internal */
  readonly sender: SpanContext

  constructor(id: string, sender: SpanContext) {
    this.id = id
    this.sender = sender
  }

  get traceparent(): string {
    return formatTraceparent(this.sender)
  }

  /** What travels to another process. */
  toJSON(): SentMessage {
    return { id: this.id, traceparent: this.traceparent }
  }
}

/** W3C Trace Context, `traceparent` version 00. */
export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`
}

/** The sender's span of a drained message, if the message tells it. */
export function spanContextOf(message: unknown): SpanContext | undefined {
  try {
    if (message instanceof Sent) return isSpanContextValid(message.sender) ? message.sender : undefined
  } catch {
    // A proxy of plain JavaScript's own making.
  }
  const traceparent = readField(message, 'traceparent')
  const parsed =
    typeof traceparent === 'string' ? sdk('@opentelemetry/core').parseTraceParent(traceparent) : null
  return parsed === null ? undefined : { ...parsed, isRemote: true }
}
