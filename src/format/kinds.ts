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
  spawn: {
    agentId: string
    name: string
    isGod: boolean
    parent?: string
    role?: string
    model?: string
    pid?: number
  }
  message: {
    from: string
    to: string
    act: Act
    subject: string
    id: string
    inReplyTo?: string
    conversation?: string
    requiresReply?: boolean
  }
  drain: { agentId: string; count: number; ids?: string[] }
  escalate: { from: string; to: string; subject: string; id: string }
  approval: { id: string; approve: boolean; by?: string; note?: string }
  usage: {
    agentId: string
    model?: string
    provider?: string
    /** All of the input, what was read from and written to a cache included, as OpenTelemetry's conventions have it. */
    inputTokens: number
    outputTokens: number
    cacheReadTokens?: number
    cacheWriteTokens?: number
    /** US dollars. */
    costUsd?: number
    task?: string
    decision?: string
    /** Milliseconds. */
    ms?: number
  }
  call: {
    agentId: string
    host: string
    method?: string
    path?: string
    status?: number
    /** Milliseconds. */
    ms?: number
    error?: string
  }
  tool: { agentId: string; name: string; ok: boolean; ms?: number; error?: string }
  wait: { agentId: string; resource: string; ms: number; holder?: string }
  snapshot: { agentId: string; label?: string } & ArtifactRef
  drop: { from: string; to: string; id: string; reason: string }
  exit: { agentId: string; status: ExitStatus; error?: string }
  'log.open': {
    format: number
    /** Ordinal of the segment in the log, from 1. */
    segment: number
    writer: string
    pid: number
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
    prev?: { file: string; sha256?: string }
    /** The log's id: first 16 hex digits of the SHA-256 of the log's first line. Left out in that line itself. */
    log?: string
    /** This writer signs its seals: with which key (its id), and how often it seals. */
    signs?: { key: string; everyBytes?: number; everyMs?: number }
    /** The bytes that the writer found when it came back and that no good seal vouches for. */
    adopted?: { from: number; bytes: number; sha256: string; file?: string }
  }
  'log.seal': {
    /** SHA-256 over every byte of this segment before this line. */
    sha256: string
    /** How many bytes that is. */
    bytes: number
    /** Base64 Ed25519 signature over `<sha256> <segment's archive name> <log id>`. */
    sig?: string
  }
  'log.gap': {
    /** Events. */
    lost: number
    reason: string
    /** Range of `seq` that was written and is not known to be on disk, or not there any more. */
    from?: number
    to?: number
    /** SHA-256 of an artifact that these lines name and that is not there. */
    artifact?: string
  }
  'log.changed': {
    /** Where the former bytes of the log lie now, without folder; left out when they are gone. */
    file?: string
    /** What somebody else did to the segment before. */
    reason: string
    /** Bytes that it should have had, and had. */
    expected?: number
    found?: number
  }
  'log.torn': { bytes: number }
}

export type KnownKind = keyof KindFields

/** What every line of the file carries beside its kind's own fields. */
export interface Envelope {
  /** Position in the log: 1 on the first line, +1 a line, across restarts and rotation. */
  seq: number
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
  ts: number
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
  approval: ['id', 'approve', 'by', 'note'],
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
  ],
  call: ['agentId', 'host', 'method', 'path', 'status', 'ms', 'error'],
  tool: ['agentId', 'name', 'ok', 'ms', 'error'],
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
