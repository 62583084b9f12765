/** What the calls of `Hive` and `Agent` take and give. */
import type { DecisionMade } from '../decide/errors.js'
import type { Act, ExitStatus, KindFields, KnownKind } from '../format/kinds.js'

/** An agent to be created. */
export interface SpawnInput {
  /** Id of the agent, by which all events name it. Two that live at once need two. */
  agentId: string
  /** Default: the agent's id. */
  name?: string
  /** Whether it orchestrates the others. Default false. */
  isGod?: boolean
  /** What it is there for, in your words. */
  role?: string
  /** Name of the model that it runs on. */
  model?: string
  /** Process id, when the agent runs in a process of its own. */
  pid?: number
}

/** A message to another agent. */
export interface MessageInput {
  /** Id of the receiving agent; `human` and `broadcast` are understood too. */
  to: string
  /** What is meant by it. */
  act: Act
  /** One line that says what it is about; the body belongs elsewhere. */
  subject: string
  /** Default: a new id. */
  id?: string
  /** Id of the message that this one answers. */
  inReplyTo?: string
  /** Id of the conversation that it is part of. */
  conversation?: string
  /** Whether an answer is waited for. */
  requiresReply?: boolean
}

/** A message that somebody outside the hive's agents sent: a human, a scheduler. */
export interface OutsideMessageInput extends MessageInput {
  /** Who sends it. */
  from: string
}

/** A routed message, to be handed to whoever drains it. */
export interface SentMessage {
  /** Id of the message. */
  readonly id: string
  /** W3C `traceparent` of the sender's span: send it along, and the drain links back to it. */
  readonly traceparent: string
}

/** What `drain` takes for one message: as sent, or as it came from another process, or its id alone. */
export type DrainedMessage =
  | string
  | {
      /** Id of the message. */
      id: string
      /** W3C `traceparent` of the sender's span, where it came along; the drain links to it. */
      traceparent?: string | undefined
    }

/** An item for the human-approval queue. */
export interface EscalateInput {
  /** One line that says what is asked. */
  subject: string
  /** Default `human`. */
  to?: string
  /** Default: a new id. */
  id?: string
  /** Milliseconds until `decision` is given up; the item stays in the queue. Default: no limit. */
  timeoutMs?: number
}

/** An item that is in the human-approval queue. */
export interface Escalation {
  /** Id of the escalation, to answer it by `hive.approve`. */
  readonly id: string
  /**
   * Resolves when the line is on disk, whatever the fsync policy; rejects with `NotDurableError` when it cannot be
   * put there. A rejection that nobody awaits is not reported as unhandled.
   */
  readonly durable: Promise<void>
  /**
   * What a person decided, by whatever way: in code, from a shell, on a page. Resolves when the approval is on disk.
   * Rejects with `NotDecidedError` after `timeoutMs`, and when the hive is shut down before: the escalation stays
   * pending. Rejects with `NotDurableError` when the approval cannot be put on disk. A rejection that nobody awaits is
   * not reported as unhandled. The process stays up for it from when this is first read.
   */
  readonly decision: Promise<DecisionMade>
}

/** Who decided an escalation, and why. */
export interface ApproveInput {
  /** Who decided. */
  by?: string
  /** The way by which the decision came: `page`, `cli`, `code` or `hook`. Default `code`. */
  via?: string
  /** Why, in words. */
  note?: string
}

type Own<K extends KnownKind> = Omit<KindFields[K], 'agentId'>

/** One model call; the fields are those of the event `usage`. One that failed has an `error`, and may have no tokens. */
export type UsageInput = Own<'usage'> & (Needed<'inputTokens' | 'outputTokens'> | Needed<'error'>)
type Needed<N extends keyof Own<'usage'>> = Required<Pick<Own<'usage'>, N>>
/** A tool that ran; the fields are those of the event `tool`. */
export type ToolInput = Own<'tool'>
/** A query of an external API; the fields are those of the event `call`. */
export type CallInput = Own<'call'>
/** A wait for something that another held; the fields are those of the event `wait`. */
export type WaitInput = Own<'wait'>
/** A message that could not be delivered; the fields are those of the event `drop`. */
export type DropInput = Omit<KindFields['drop'], 'from'>

/** State or a context window, to be stored as an artifact. */
export interface SnapshotInput {
  /** What it shows, in your words. */
  label?: string
  /** State or context window: text, bytes, or anything that JSON can say. Text and JSON are redacted. */
  content: unknown
}

/** How an agent ends. */
export interface EndInput {
  /** Default `ok`, or `error` when an error is given. */
  status?: ExitStatus
  /** What went wrong. */
  error?: string | Error
}

/** A kind of the user's own: none that hivelog knows, none that begins with `log.`. */
export type CustomKind<K extends string> = K extends KnownKind | `log.${string}` ? never : K
