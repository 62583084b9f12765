/** Log records as what they tell: lines of hives as they were, and events of coding agents. All others tell nothing. */
import { createHash } from 'node:crypto'
import type { AgentEvent } from '../coding-agents/agent-event.js'
import { agentEvent } from '../coding-agents/log-events.js'
import { RecordError, understand } from '../records.js'
import type { Told } from '../told.js'
import type { LogRecord } from './request.js'
import { impliedSession, saidSession } from './session-of.js'

/** Name of a log record that is a line of a hive's: this, and the line's kind. */
const HIVE = 'hive.'

export interface LogsTold {
  told: Told[]
  /** Records that are none, in words. */
  rejected: string[]
}

/** @param mayDecide whether the sender is one whose approvals count */
export function toldByLogs(records: readonly (LogRecord | undefined)[], mayDecide: boolean): LogsTold {
  const told: Told[] = []
  const rejected: string[] = []
  const keys = new ContentKeys()
  for (const record of records) {
    if (record === undefined) {
      rejected.push('a log record is no object')
      continue
    }
    try {
      const one = toldBy(record, keys, mayDecide)
      if (one !== undefined) told.push(one)
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
      rejected.push(error.message)
    }
  }
  return { told, rejected }
}

function toldBy(record: LogRecord, keys: ContentKeys, mayDecide: boolean): Told | undefined {
  const { name, attributes, resource, traceId, spanId } = record
  const session = saidSession(attributes, resource) ?? impliedSession(traceId, resource)
  const contentKey = keys.of(record)
  if (name?.startsWith(HIVE)) return hiveLine(name.slice(HIVE.length), record, session, contentKey, mayDecide)
  const event: AgentEvent = {
    session,
    ts: record.ts ?? Date.now(),
    contentKey,
    attributes,
    spanId,
    ids: traceId === undefined || spanId === undefined ? {} : { trace: traceId, span: spanId },
  }
  return agentEvent(name, record.body, record.scope.name, event)
}

/** The line is the body, as text or as values; else the attributes `hive.<field>` are its fields. */
function hiveLine(
  kind: string,
  { body, attributes, ts, traceId, spanId }: LogRecord,
  session: string,
  contentKey: string,
  mayDecide: boolean,
): Told {
  const line: Record<string, unknown> = lineIn(body) ?? fieldsIn(attributes)
  const given = {
    ts,
    ...(traceId !== undefined && spanId !== undefined && { trace: traceId, span: spanId }),
    ...line,
    kind,
  }
  const understood = understand(given, session, Date.now())
  if (kind === 'approval' && !mayDecide)
    throw new RecordError('its approval needs a token with the scope decide')
  const { lines } = understood
  return { session: understood.session, ts: lines[0]?.ts ?? Date.now(), key: contentKey, lines }
}

function lineIn(body: unknown): Record<string, unknown> | undefined {
  let value = body
  if (typeof body === 'string') {
    try {
      value = JSON.parse(body)
    } catch {
      return undefined
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

function fieldsIn(attributes: LogRecord['attributes']): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith(HIVE)) fields[name.slice(HIVE.length)] = value
  }
  return fields
}

/** By what a record says it is known when it comes again. Of records of a request that say the same, all are new. */
class ContentKeys {
  readonly #counts = new Map<string, number>()

  of({ ts, name, body, attributes, spanId }: LogRecord): string {
    const text = JSON.stringify([ts, name, body, attributes, spanId])
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 32)
    const count = (this.#counts.get(hash) ?? 0) + 1
    this.#counts.set(hash, count)
    return count === 1 ? hash : `${hash}.${count}`
  }
}
