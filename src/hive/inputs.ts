/** What the calls of `Hive` and `Agent` take and give. */
import type { Act, ExitStatus, KindFields, KnownKind } from '../format/kinds.js'

export interface SpawnInput {
  agentId: string
  /** Default: the agent's id. */
  name?: string
  /** Whether it orchestrates the others. Default false. */
  isGod?: boolean
  role?: string
  model?: string
  /** Process id, when the agent runs in a process of its own. */
  pid?: number
}

export interface MessageInput {
  /** Id of the receiving agent; `human` and `broadcast` are understood too. */
  to: string
  act: Act
  /** One line that says what it is about; the body belongs elsewhere. */
  subject: string
  /** Default: a new id. */
  id?: string
  /** Id of the message that this one answers. */
  inReplyTo?: string
  conversation?: string
  requiresReply?: boolean
}

/** A message that somebody outside the hive's agents sent: a human, a scheduler. */
export interface OutsideMessageInput extends MessageInput {
  from: string
}

/** A routed message, to be handed to whoever drains it. */
export interface SentMessage {
  readonly id: string
  /** W3C `traceparent` of the sender's span: send it along, and the drain links back to it. */
  readonly traceparent: string
}

/** What `drain` takes for one message: as sent, or as it came from another process, or its id alone. */
export type DrainedMessage = string | { id: string; traceparent?: string | undefined }

export interface EscalateInput {
  subject: string
  /** Default `human`. */
  to?: string
  /** Default: a new id. */
  id?: string
}

export interface Escalation {
  readonly id: string
  /**
   * Resolves when the line is on disk, whatever the fsync policy; rejects with `NotDurableError` when it cannot be
   * put there. A rejection that nobody awaits is not reported as unhandled.
   */
  readonly durable: Promise<void>
}

export interface ApproveInput {
  /** Who decided. */
  by?: string
  note?: string
}

type Own<K extends KnownKind> = Omit<KindFields[K], 'agentId'>

export type UsageInput = Own<'usage'>
export type ToolInput = Own<'tool'>
export type CallInput = Own<'call'>
export type WaitInput = Own<'wait'>
export type DropInput = Omit<KindFields['drop'], 'from'>

export interface SnapshotInput {
  label?: string
  /** State or context window: text, bytes, or anything that JSON can say. Text and JSON are redacted. */
  content: unknown
}

export interface EndInput {
  /** Default `ok`, or `error` when an error is given. */
  status?: ExitStatus
  error?: string | Error
}

/** A kind of the user's own: none that hivelog knows, none that begins with `log.`. */
export type CustomKind<K extends string> = K extends KnownKind | `log.${string}` ? never : K
