/**
 * The vocabulary of file format version 1: every kind of event, its fields, and the order in which they are
 * written. One event is one line: `ts`, `kind`, the kind's own fields in the order below, then the envelope.
 */

/** Version of the file format that this package writes, in every `log.open` line. */
export const FORMAT_VERSION = 1

/** The greatest `ts`, and the least with a minus: what a `Date` can hold, in milliseconds from 1970. */
export const MAX_TS = 8.64e15

/** Speech acts of the FIPA tradition that hives use; any other string is the user's own. */
export type Act =
  | 'request'
  | 'inform'
  | 'propose'
  | 'query'
  | 'agree'
  | 'refuse'
  | 'done'
  | (string & Record<never, never>)

/**
 * How an agent ended. `ok` and `error`: by itself; `killed`: somebody or a signal ended it; `lost`: its
 * process died without a word, and another process noticed.
 */
export type ExitStatus = 'ok' | 'error' | 'killed' | 'lost'

/** Stands where a field was too big to inline: the content is in `<log>.artifacts/<first 2 hex>/<ref>`. */
export interface ArtifactRef {
  /** SHA-256 of the (redacted) content, 64 lower-case hex digits. */
  ref: string
  /** Length of the content in bytes. */
  bytes: number
}

/** The fields of each kind that hivelog knows. */
export interface KindFields {
  /** An agent was created. */
  spawn: {
    /** Id of the agent, by which all other events name it. */
    agentId: string
    /** For people. */
    name: string
    /** Whether it orchestrates the others. */
    isGod: boolean
    /** Id of the agent that spawned it. */
    parent?: string
    /** What it is there for, in the user's words. */
    role?: string
    /** Name of the model that it runs on (`gen_ai.request.model`). */
    model?: string
    /** Process id, of an agent in a process of its own. */
    pid?: number
  }
  /** A message was routed. */
  message: {
    /** Id of the sending agent, or somebody outside: `human`, a scheduler. */
    from: string
    /** Id of the receiving agent; `human` and `broadcast` are understood too. */
    to: string
    /** What the sender means by it. */
    act: Act
    /** One line that says what it is about. */
    subject: string
    /** Id of the message, which a drain and a reply name. */
    id: string
    /** Id of the message that it answers. */
    inReplyTo?: string
    /** Id of the conversation that it is part of. */
    conversation?: string
    /** Whether the sender waits for an answer. */
    requiresReply?: boolean
  }
  /** Messages were taken out of an inbox. */
  drain: {
    /** Id of the agent whose inbox it is. */
    agentId: string
    /** How many messages were taken. */
    count: number
    /** Ids of the messages, where they are known. */
    ids?: string[]
  }
  /** An item went to the human-approval queue. */
  escalate: {
    /** Id of the agent that asks. */
    from: string
    /** Who is asked; usually `human`. */
    to: string
    /** One line that says what is asked. */
    subject: string
    /** Id of the escalation, which the approval names. */
    id: string
  }
  /** A human resolved an escalation. */
  approval: {
    /** Id of the escalation. */
    id: string
    /** `true`: approved; `false`: rejected. */
    approve: boolean
    /** Who decided. */
    by?: string
    /** The way by which the decision came: `page`, `cli`, `code` or `hook`. */
    via?: string
    /** Why, in words. */
    note?: string
    /** When the person decided, epoch milliseconds, where that is over a second from when it was written down. */
    decidedAt?: number
  }
  /** Tokens and cost of one model call. */
  usage: {
    /** Id of the agent that called the model. */
    agentId: string
    /** Name of the model (`gen_ai.request.model`). */
    model?: string
    /** Name of the provider (`gen_ai.provider.name`): `anthropic`, `openai`, … */
    provider?: string
    /**
     * Tokens of all the input, what was read from and written to a cache included, as OpenTelemetry's conventions
     * have `gen_ai.usage.input_tokens`. Left out where they are not known, as of most calls that failed.
     */
    inputTokens?: number
    /** Tokens that the model made. Left out where they are not known. */
    outputTokens?: number
    /** Tokens of the input that were read from the provider's cache. */
    cacheReadTokens?: number
    /** Tokens of the input that were written to the provider's cache. */
    cacheWriteTokens?: number
    /** US dollars. */
    costUsd?: number
    /** Id or name of the task that the call was for, to break down cost by. */
    task?: string
    /** Id or name of the decision that the call was for, to break down cost by. */
    decision?: string
    /** Milliseconds. */
    ms?: number
    /** Milliseconds until the first piece of a streamed answer (`gen_ai.response.time_to_first_chunk`). */
    ttftMs?: number
    /** Id that the provider gave the answer (`gen_ai.response.id`): it tells one call from another. */
    responseId?: string
    /** Why it failed, or that it was aborted. */
    error?: string
  }
  /** An external API was queried. */
  call: {
    /** Id of the agent that called. */
    agentId: string
    /** Host, and port where it is not the usual one. */
    host: string
    /** HTTP method. */
    method?: string
    /** Path of the URL. */
    path?: string
    /** HTTP status. */
    status?: number
    /** Milliseconds. */
    ms?: number
    /** Why it failed. */
    error?: string
  }
  /** A tool ran. */
  tool: {
    /** Id of the agent that ran it. */
    agentId: string
    /** Name of the tool (`gen_ai.tool.name`). */
    name: string
    /** Whether it did what it should. */
    ok: boolean
    /** Milliseconds that it ran. */
    ms?: number
    /** Why it failed. */
    error?: string
    /** Id that the model gave the tool call (`gen_ai.tool.call.id`). */
    toolCallId?: string
    /** Bytes of its arguments, as JSON in UTF-8. */
    argsBytes?: number
    /** Bytes of its result: of a text in UTF-8, of anything else as JSON. */
    resultBytes?: number
  }
  /** An agent waited for something that another held. */
  wait: {
    /** Id of the agent that waited. */
    agentId: string
    /** What it waited for. */
    resource: string
    /** Milliseconds that it waited, until `ts`. */
    ms: number
    /** Who held it. */
    holder?: string
  }
  /** State or a context window was stored aside. */
  snapshot: {
    /** Id of the agent whose state it is. */
    agentId: string
    /** What it shows, in the user's words. */
    label?: string
  } & ArtifactRef
  /** A message could not be delivered. */
  drop: {
    /** Id of the sending agent. */
    from: string
    /** Id of the receiver. */
    to: string
    /** Id of the message. */
    id: string
    /** Why, in words. */
    reason: string
  }
  /** An agent ended. */
  exit: {
    /** Id of the agent. */
    agentId: string
    /** How it ended. */
    status: ExitStatus
    /** What went wrong; of one that was killed, the signal. */
    error?: string
  }
  /** A writer opened a segment: its first line, or one after a restart. */
  'log.open': {
    /** Version of the file format. */
    format: number
    /** Ordinal of the segment in the log, from 1. */
    segment: number
    /** Name and version of the program that writes. */
    writer: string
    /** Process id of the writer. */
    pid: number
    /** Name of its machine. */
    host: string
    /**
     * When this writer opened the log, milliseconds since 1970: the same in every `log.open` of that opening. Logs
     * of older versions lack it.
     */
    started?: number
    /**
     * The segment before: its file name, and the SHA-256 of all its bytes, uncompressed, as the writer wrote or checked
     * them; without a hash where it does not know.
     */
    prev?: {
      /** Its file name, without folder. */
      file: string
      /** SHA-256 of its bytes, 64 hex digits. */
      sha256?: string
    }
    /** The log's id: first 16 hex digits of the SHA-256 of the log's first line. Left out in that line itself. */
    log?: string
    /** This writer signs its seals: with which key (its id), and how often it seals. */
    signs?: {
      /** Id of the key. */
      key: string
      /** New bytes after which it seals. */
      everyBytes?: number
      /** Milliseconds after which it seals new lines. */
      everyMs?: number
    }
    /** The bytes that the writer found when it came back and that no good seal vouches for. */
    adopted?: {
      /** Offset of their first byte in the segment. */
      from: number
      /** How many bytes they are. */
      bytes: number
      /** SHA-256 of them, 64 hex digits. */
      sha256: string
      /** File name of their segment, where it is not this one. */
      file?: string
    }
  }
  /** Vouches for every byte of the segment before it. */
  'log.seal': {
    /** SHA-256 over every byte of this segment before this line. */
    sha256: string
    /** How many bytes that is. */
    bytes: number
    /** Base64 Ed25519 signature over `<sha256> <segment's archive name> <log id>`. */
    sig?: string
  }
  /** Something was lost. */
  'log.gap': {
    /** Events. */
    lost: number
    /** Why, in words. */
    reason: string
    /** Range of `seq` that was written and is not known to be on disk, or not there any more. */
    from?: number
    /** The last `seq` of that range. */
    to?: number
    /** SHA-256 of an artifact that these lines name and that is not there. */
    artifact?: string
  }
  /** Somebody else changed the log while it was written. */
  'log.changed': {
    /** Where the former bytes of the log lie now, without folder; left out when they are gone. */
    file?: string
    /** What somebody else did to the segment before. */
    reason: string
    /** Bytes that it should have had, and had. */
    expected?: number
    /** Bytes that it had. */
    found?: number
  }
  /** The line before was cut off by a crash. */
  'log.torn': {
    /** Bytes of that line. */
    bytes: number
  }
}

/** The name of a kind that hivelog knows; any other is the user's own. */
export type KnownKind = keyof KindFields

/** What every line of the file carries beside its kind's own fields. */
export interface Envelope {
  /** Position in the log: 1 on the first line, +1 a line, across restarts and rotation. */
  seq: number
  /** Id of the session that the event belongs to: one run of a hive, all its processes included. */
  session: string
  /** The agent's own event counter, from 0; only on events that belong to one agent. */
  checkpoint?: number
  /** W3C trace id, 32 hex digits. */
  trace?: string
  /** W3C span id, 16 hex digits. */
  span?: string
}

/** An event of a known kind, as read from a file; the envelope is missing in logs of other writers. */
export type KnownEvent = {
  [K in KnownKind]: { ts: number; kind: K } & KindFields[K] & Partial<Envelope>
}[KnownKind]

/** An event of the user's own kind: its fields pass through unchanged. */
export interface CustomEvent extends Partial<Envelope> {
  /** When it happened, epoch milliseconds. */
  ts: number
  /** The user's own name for what happened: `[a-z][a-z0-9_.-]*`, at most 128 characters. */
  kind: string
  [field: string]: unknown
}

/** One line of a log. Narrow with `isKind(event, 'message')`. */
export type HiveEvent = KnownEvent | CustomEvent

type EventOf<K extends KnownKind> = Extract<KnownEvent, { kind: K }>

/** Narrows an event to a known kind. */
export function isKind<K extends KnownKind>(event: HiveEvent, kind: K): event is EventOf<K> {
  return event.kind === kind
}

/** Field order of each known kind (DESIGN section 3). */
export const FIELD_ORDER: { readonly [K in KnownKind]: readonly (keyof KindFields[K] & string)[] } = {
  spawn: ['agentId', 'name', 'isGod', 'parent', 'role', 'model', 'pid'],
  message: ['from', 'to', 'act', 'subject', 'id', 'inReplyTo', 'conversation', 'requiresReply'],
  drain: ['agentId', 'count', 'ids'],
  escalate: ['from', 'to', 'subject', 'id'],
  approval: ['id', 'approve', 'by', 'via', 'note', 'decidedAt'],
  usage: [
    'agentId',
    'model',
    'provider',
    'inputTokens',
    'outputTokens',
    'cacheReadTokens',
    'cacheWriteTokens',
    'costUsd',
    'task',
    'decision',
    'ms',
    'ttftMs',
    'responseId',
    'error',
  ],
  call: ['agentId', 'host', 'method', 'path', 'status', 'ms', 'error'],
  tool: ['agentId', 'name', 'ok', 'ms', 'error', 'toolCallId', 'argsBytes', 'resultBytes'],
  wait: ['agentId', 'resource', 'ms', 'holder'],
  snapshot: ['agentId', 'label', 'ref', 'bytes'],
  drop: ['from', 'to', 'id', 'reason'],
  exit: ['agentId', 'status', 'error'],
  'log.open': ['format', 'segment', 'writer', 'pid', 'host', 'started', 'prev', 'log', 'signs', 'adopted'],
  'log.seal': ['sha256', 'bytes', 'sig'],
  'log.gap': ['lost', 'reason', 'from', 'to', 'artifact'],
  'log.changed': ['file', 'reason', 'expected', 'found'],
  'log.torn': ['bytes'],
}

/** Names that the line itself uses; a custom event's field of such a name is written as `_<name>`. */
export const ENVELOPE_FIELDS: ReadonlySet<string> = new Set([
  'ts',
  'kind',
  'seq',
  'session',
  'checkpoint',
  'trace',
  'span',
])

const KIND_PATTERN = /^[a-z][a-z0-9_.-]{0,127}$/

export function isKnownKind(kind: string): kind is KnownKind {
  return Object.hasOwn(FIELD_ORDER, kind)
}

/** Whether `kind` may be used for a user's own event: well-formed, not a known kind, not housekeeping. */
export function isCustomKind(kind: unknown): kind is string {
  return typeof kind === 'string' && KIND_PATTERN.test(kind) && !isKnownKind(kind) && !kind.startsWith('log.')
}

/** The field of a kind that names the agent whose event it is; `undefined` for a kind that is no agent's. */
export function agentField(kind: string): 'agentId' | 'from' | undefined {
  if (!isKnownKind(kind)) return 'agentId'
  const first = FIELD_ORDER[kind][0]
  return first === 'agentId' || first === 'from' ? first : undefined
}
