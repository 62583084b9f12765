/**
 * Events that anybody sends, as a program in any language writes them: ours (`ts`, `kind`, …), or records with
 * `timestamp`, `agent_id`, `session_id`, `trace`, `checkpoint`, `event`, `payload`, `tokens` and `cost`.
 */

import { isStorable } from '../format/beside.js'
import { type Fields, MAX_ID_LENGTH } from '../format/fields.js'
import { ENVELOPE_FIELDS, isCustomKind, isKnownKind, MAX_TS } from '../format/kinds.js'

/** A line to be written. */
export interface Line {
  ts: number
  kind: string
  fields: Fields
  trace?: string
  span?: string
  checkpoint?: number
}

/** What one record says. */
export interface Understood {
  session: string
  /** Whose event it is, if it is one's. */
  agent: string | undefined
  /** Among that agent's events; with it a record that comes again is known. */
  checkpoint: number | undefined
  /** Whether it says when it happened: then it says the same when it comes again. */
  isTimed: boolean
  /** One, or two where the record tells what it cost besides. */
  lines: Line[]
}

type Record_ = Record<string, unknown>

/** Why a record is none, in words. */
export class RecordError extends Error {}

/**
 * @param session of records that name none
 * @param now for records that name no time
 * @throws {RecordError}
 */
export function understand(given: unknown, session: string | undefined, now: number): Understood {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new RecordError('it is no JSON object')
  const record = given as Record_
  const isOwn = record.kind !== undefined
  if (!isOwn && record.event === undefined) throw new RecordError('it has neither kind nor event')
  const named = isOwn ? record.session : (record.session_id ?? record.session)
  const of = named ?? session
  if (typeof of !== 'string' || !isStorable(of)) {
    throw new RecordError(
      'its session must be 1 to 128 letters, digits, ".", "_" or "-"; name it in the record or in hivelog-session',
    )
  }
  return isOwn ? ownRecord(record, of, now) : foreignRecord(record, of, now)
}

function ownRecord(record: Record_, session: string, now: number): Understood {
  const { kind } = record
  if (typeof kind !== 'string' || !(isKnownKind(kind) || isCustomKind(kind)) || kind.startsWith('log.')) {
    throw new RecordError(
      'its kind must be a name of a-z, 0-9, ".", "_" and "-" that does not begin with log.',
    )
  }
  const fields: Fields = {}
  for (const [name, value] of Object.entries(record)) if (!ENVELOPE_FIELDS.has(name)) fields[name] = value
  const agent = textOf(fields.agentId) ?? textOf(fields.from)
  const checkpoint = countOf(record.checkpoint)
  return {
    session,
    agent,
    checkpoint,
    isTimed: isSaid(record.ts),
    lines: [{ ts: timeOf(record.ts, now), kind, fields, ...spanOf(record), ...counted(checkpoint) }],
  }
}

function foreignRecord(record: Record_, session: string, now: number): Understood {
  const { payload, tokens, cost } = record
  const agent = textOf(record.agent_id)
  if (agent === undefined) throw new RecordError('its agent_id is missing, or no text')
  const ts = timeOf(record.timestamp, now)
  const kind = kindOf(record.event)
  const isObject = typeof payload === 'object' && payload !== null && !Array.isArray(payload)
  const content: Fields = isObject
    ? { ...payload }
    : payload === undefined || payload === null
      ? {}
      : { payload }
  const own = agentFieldOf(kind)
  // A trace of theirs is a path of names; of ours it is 32 hex digits.
  const ids = spanOf(record)
  const path = ids.trace === undefined && record.trace !== undefined ? { _trace: record.trace } : {}
  const fields: Fields = { [own]: agent, ...content, ...path }
  fields[own] = agent
  const checkpoint = countOf(record.checkpoint)
  const line: Line = { ts, kind, fields, ...ids, ...counted(checkpoint) }
  const used = usageOf(agent, tokens, cost, content)
  const whose = { session, agent, checkpoint, isTimed: isSaid(record.timestamp) }
  if (used === undefined) return { ...whose, lines: [line] }
  // What a model call was for stays with it; a message that cost something is both.
  if (isKnownKind(kind) && kind !== 'usage') {
    return { ...whose, lines: [{ ts, kind: 'usage', fields: used, ...ids }, line] }
  }
  const call = { ...used, ...(kind !== 'usage' && { event: kind }), ...fields }
  return { ...whose, lines: [{ ...line, kind: 'usage', fields: call }] }
}

/** The field in which an event of this kind names its agent. */
const agentFieldOf = (kind: string): string =>
  kind === 'message' || kind === 'escalate' || kind === 'drop' ? 'from' : 'agentId'

/** Tokens are one number, or input and output apart. A number alone counts as input: how it divides is not told. */
function usageOf(agentId: string, tokens: unknown, cost: unknown, payload: Fields): Fields | undefined {
  const parts = typeof tokens === 'object' && tokens !== null ? (tokens as Record_) : undefined
  const input = numberOf(parts?.input ?? parts?.input_tokens ?? parts?.prompt ?? tokens) ?? 0
  const output = numberOf(parts?.output ?? parts?.output_tokens ?? parts?.completion) ?? 0
  const costUsd = numberOf(cost)
  if (input === 0 && output === 0 && (costUsd ?? 0) === 0) return undefined
  const model = textOf(payload.model)
  const task = textOf(payload.task)
  return {
    agentId,
    ...(model !== undefined && { model }),
    inputTokens: input,
    outputTokens: output,
    ...(costUsd !== undefined && { costUsd }),
    ...(task !== undefined && { task }),
  }
}

/** `Tool Call` is `tool_call`. */
function kindOf(event: unknown): string {
  const name =
    typeof event === 'string'
      ? event
          .trim()
          .toLowerCase()
          .replace(/[^a-z0-9_.-]+/g, '_')
          .slice(0, 128)
      : ''
  if ((isKnownKind(name) || isCustomKind(name)) && !name.startsWith('log.')) return name
  const prefixed = `event_${name}`.slice(0, 128)
  if (name !== '' && isCustomKind(prefixed)) return prefixed
  throw new RecordError('its event must be a name')
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value.slice(0, MAX_ID_LENGTH) : undefined
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
const countOf = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
const counted = (checkpoint: number | undefined): Pick<Line, 'checkpoint'> =>
  checkpoint === undefined ? {} : { checkpoint }

function spanOf({ trace, span }: Record_): Pick<Line, 'trace' | 'span'> {
  const isSpan =
    typeof trace === 'string' &&
    /^[0-9a-f]{32}$/.test(trace) &&
    typeof span === 'string' &&
    /^[0-9a-f]{16}$/.test(span)
  return isSpan ? { trace, span } : {}
}

/** Before 2001 in milliseconds, so it is seconds, as Python's `time.time()` has them. */
const FIRST_MS = 978_307_200_000

const isSaid = (time: unknown): boolean => time !== undefined && time !== null

/** Epoch milliseconds of a number or an ISO time. @throws {RecordError} */
function timeOf(given: unknown, now: number): number {
  if (!isSaid(given)) return now
  let ms = Number.NaN
  if (typeof given === 'number') ms = Math.round(given > 0 && given < FIRST_MS / 100 ? given * 1000 : given)
  else if (typeof given === 'string') ms = Date.parse(given)
  if (Math.abs(ms) <= MAX_TS) return ms
  throw new RecordError('its time is neither epoch milliseconds, nor seconds, nor an ISO time')
}
