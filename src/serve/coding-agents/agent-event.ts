/** An event of a coding agent's telemetry, as far as it matters to what it tells of a hive. */

/** Attributes as plain values. */
export type Values = Readonly<Record<string, unknown>>

export interface AgentEvent {
  /** Name of the session's folder. */
  session: string
  /** Epoch milliseconds. */
  ts: number
  /** Of this event alone; the same when it is sent again. */
  contentKey: string
  attributes: Values
  /** Of the span that it happened in. */
  spanId: string | undefined
  /** The span's ids as a line has them, if there is one. */
  ids: { trace?: string; span?: string }
}
