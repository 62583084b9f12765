/** A message on its way: its id, and the span it came from. */
import { isSpanContextValid, type SpanContext } from '@opentelemetry/api'
import { readField } from '../format/fields.js'
import { formatTraceparent, parseTraceparent } from '../otel/traceparent.js'
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

/** The sender's span of a drained message, if the message tells it. */
export function spanContextOf(message: unknown): SpanContext | undefined {
  try {
    if (message instanceof Sent) return isSpanContextValid(message.sender) ? message.sender : undefined
  } catch {
    // A proxy of plain JavaScript's own making.
  }
  const traceparent = readField(message, 'traceparent')
  const parsed = typeof traceparent === 'string' ? parseTraceparent(traceparent) : undefined
  return parsed === undefined ? undefined : { ...parsed, isRemote: true }
}
