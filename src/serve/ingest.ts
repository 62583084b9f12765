/**
 * `/v1/ingest`: exact copies of logs, and events of anybody (a request without `Hivelog-Log`). Of a copy, headers say of
 * which log the body is a piece, and where in it:
 *
 *     POST /v1/ingest
 *     Hivelog-Session: sess_…        Hivelog-Log: <16 hex digits>     Hivelog-Name: hive.jsonl
 *     Hivelog-Segment: <first seq>   Hivelog-Offset: <bytes>          Content-Encoding: gzip
 *     Hivelog-Above: <log id>/<log id>    of a child process's log: those above it, the hive's own first
 *
 * The body is whole lines as they are in the file. The answer comes when they are on the disk. `GET` with the same
 * session and log tells where to go on.
 */
import type { IncomingMessage } from 'node:http'
import { isStorable, MAX_ABOVE } from '../format/beside.js'
import { decodeLine, MAX_SEQ } from '../format/decode.js'
import { isLogId } from '../format/seal.js'
import { CopyError, type CopyStore } from './copies.js'
import type { CopyName } from './copy-places.js'
import type { CopyDecisions } from './decisions.js'
import type { EventStore } from './events.js'
import { HttpError, readBody } from './http.js'
import type { Metrics } from './metrics.js'
import type { Asked, Route } from './router.js'

/** Records of one request. */
const MAX_RECORDS = 100_000
/** Bytes of one request: sent, and unpacked. */
const LIMITS = { sent: 16 * 1024 * 1024, unpacked: 64 * 1024 * 1024, ms: 60_000 }
const ARTIFACT_LIMITS = { sent: 64 * 1024 * 1024, unpacked: 64 * 1024 * 1024, ms: 120_000 }
export const INGEST_PATH = '/v1/ingest'
const MAX_REFS = 10_000
const MAX_NAME = 255
const NEWLINE = 10

export interface IngestParts {
  copies: CopyStore
  events: EventStore
  metrics: Metrics
  /** What people decided of what copies ask. Default: nothing is */
  decisions?: CopyDecisions
}

/** Everything that a sender asks for. */
export function ingestRoutes({ copies, events, metrics, decisions }: IngestParts): Route[] {
  const scope = 'ingest'
  const received = (what: Received) => metrics.received(what)
  return [
    {
      method: 'POST',
      path: INGEST_PATH,
      scope,
      run: (asked) =>
        asked.request.headers['hivelog-log'] === undefined
          ? ingestEvents(asked, events, received)
          : ingestCopy(asked, copies, received, decisions),
    },
    {
      method: 'GET',
      path: INGEST_PATH,
      scope,
      run: ({ query }) => {
        const { session, log } = logName(query.get('session'), query.get('log'))
        return copies.position(session, log)
      },
    },
    {
      method: 'POST',
      path: '/v1/artifacts/missing',
      scope,
      run: ({ request }) => missingArtifacts(request, copies),
    },
    {
      method: 'PUT',
      path: /\/v1\/artifacts\/([^/]{1,128})/,
      scope,
      run: (asked) => ingestArtifact(asked, copies),
    },
  ]
}

/** @throws {HttpError} unless both can be names of files */
export function logName(session: unknown, log: unknown): Required<Pick<CopyName, 'session' | 'log'>> {
  if (typeof session !== 'string' || !isStorable(session)) {
    throw new HttpError(
      400,
      'hivelog-session must be 1 to 128 letters, digits, ".", "_" or "-", and no device',
    )
  }
  if (typeof log !== 'string' || !isLogId(log)) {
    throw new HttpError(400, "hivelog-log must be the log's id: 16 hex digits, lower case")
  }
  return { session, log }
}

/** What the headers say of which log something is. @throws {HttpError} */
function copyName({ headers }: IncomingMessage): CopyName {
  const name = logName(headers['hivelog-session'], headers['hivelog-log'])
  return { ...name, above: idsAbove(headers['hivelog-above'], name.log) }
}

/** @throws {HttpError} unless they are ids of as many logs, of which none is above itself */
function idsAbove(given: unknown, log: string): string[] {
  if (given === undefined) return []
  const ids = typeof given === 'string' ? given.split('/', MAX_ABOVE + 1) : []
  const all = new Set([...ids, log])
  if (ids.length > 0 && ids.length <= MAX_ABOVE && ids.every(isLogId) && all.size === ids.length + 1)
    return ids
  throw new HttpError(
    400,
    `hivelog-above must be the ids of the logs above, 16 hex digits each, at most ${MAX_ABOVE}, with "/" between them`,
  )
}

function wholeNumber(request: IncomingMessage, name: string, min: number): number {
  const given = request.headers[name]
  const number = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
  if (number >= min && number <= MAX_SEQ) return number
  throw new HttpError(400, `${name} must be a whole number from ${min} on`)
}

/** A name without anything that a path, a terminal or a person could take for something else. */
function fileName(request: IncomingMessage): string {
  const given = request.headers['hivelog-name']
  const name = typeof given === 'string' ? decoded(given) : undefined
  if (name === undefined || name.length > MAX_NAME || !/^[^/\\\p{Cc}]+\.jsonl$/u.test(name)) {
    throw new HttpError(
      400,
      'hivelog-name must be the file name of the log, percent-encoded, ending in .jsonl',
    )
  }
  return name
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** What was received, for the metrics. */
export interface Received {
  bytes: number
  lines: number
  /** Milliseconds until it was on the disk. Default: not measured. */
  syncMs?: number
  /** Of which log it is a piece, and the time of its last event; of a copy. */
  log?: string
  lastTs?: number
}

/** Stores a piece of a copy. */
export async function ingestCopy(
  { request, admit }: Asked,
  store: CopyStore,
  onReceived: (received: Received) => void,
  decisions?: CopyDecisions,
): Promise<object> {
  const at = copyName(request)
  const segment = wholeNumber(request, 'hivelog-segment', 1)
  const offset = wholeNumber(request, 'hivelog-offset', 0)
  const name = fileName(request)
  const bytes = await readBody(request, LIMITS)
  if (bytes.length === 0) throw new HttpError(400, 'the body is empty')
  if (bytes.at(-1) !== NEWLINE) throw new HttpError(400, 'the body must end with a whole line')
  admit([at.session])
  try {
    const from = performance.now()
    const { skipped, lines, ...stored } = await store.append({ ...at, segment, offset, name, bytes })
    const lastTs = lastTimeIn(bytes)
    onReceived({
      bytes: bytes.length - skipped,
      lines,
      syncMs: performance.now() - from,
      log: at.log,
      ...(lastTs !== undefined && { lastTs }),
    })
    if (decisions === undefined) return { ...stored, skipped }
    const copy = store.pathOf(at.session, at.log)
    decisions.received(copy, bytes)
    const waiting = await decisions.waiting(copy)
    return { ...stored, skipped, ...(waiting.length > 0 && { decisions: waiting }) }
  } catch (error) {
    if (!(error instanceof CopyError)) throw error
    const { refusal, wanted, message } = error
    throw new HttpError(refusal === 'other-log' ? 400 : 409, message, { refusal, wanted })
  }
}

/** Time of the event in the last line. */
function lastTimeIn(bytes: Buffer): number | undefined {
  const decoded = decodeLine(bytes.subarray(bytes.lastIndexOf(NEWLINE, -2) + 1, -1))
  return 'event' in decoded ? decoded.event.ts : undefined
}

/**
 * Stores events: the body is one JSON object, an array of them, or one a line (NDJSON). What is good is stored, also where
 * something is bad.
 */
export async function ingestEvents(
  { request, token, admit }: Asked,
  store: EventStore,
  onReceived: (received: Received) => void,
): Promise<object> {
  const { 'hivelog-session': session, 'idempotency-key': key } = request.headers
  if (typeof key === 'string' && key.length > 256)
    throw new HttpError(400, 'idempotency-key is too long; 256 characters at most')
  const bytes = await readBody(request, LIMITS)
  const { records, broken } = recordsIn(bytes.toString('utf8'))
  if (records.length + broken.length > MAX_RECORDS) {
    throw new HttpError(413, `more than ${MAX_RECORDS} records; send fewer at once`)
  }
  const given = records.map(({ value }) => value)
  const { accepted, duplicates, rejected } = await store.add(given, {
    mayDecide: token?.scopes.includes('decide') ?? false,
    session: typeof session === 'string' ? session : undefined,
    key: typeof key === 'string' ? key : undefined,
    admit,
  })
  onReceived({ bytes: bytes.length, lines: accepted })
  const all = [
    ...rejected.map((each) => ({ ...each, index: records[each.index]?.index ?? each.index })),
    ...broken,
  ]
  return { accepted, duplicates, rejected: all.sort((a, b) => a.index - b.index) }
}

interface Records {
  records: { index: number; value: unknown }[]
  broken: { index: number; reason: string }[]
}

/** @throws {HttpError} when there is no JSON in it at all */
function recordsIn(text: string): Records {
  const trimmed = text.trim()
  if (trimmed === '')
    throw new HttpError(400, 'the body is empty; send JSON objects, one a line or in an array')
  const whole = parsed(trimmed)
  if (whole !== undefined) {
    const values = Array.isArray(whole.value) ? whole.value : [whole.value]
    return { records: values.map((value, index) => ({ index, value })), broken: [] }
  }
  const records: Records['records'] = []
  const broken: Records['broken'] = []
  let index = 0
  for (const line of trimmed.split('\n')) {
    if (line.trim() === '') continue
    const one = parsed(line)
    if (one === undefined) broken.push({ index, reason: 'it is not JSON' })
    else records.push({ index, value: one.value })
    index++
  }
  if (records.length === 0)
    throw new HttpError(400, 'the body is not JSON; send objects, one a line or in an array')
  return { records, broken }
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

const REF = /^[0-9a-f]{64}$/

/** Which artifacts of a log are not stored: the body is `{"session", "log", "refs"}`. */
export async function missingArtifacts(request: IncomingMessage, store: CopyStore): Promise<object> {
  const body = await readBody(request, LIMITS)
  let given: { session?: unknown; log?: unknown; refs?: unknown }
  try {
    given = JSON.parse(body.toString('utf8')) ?? {}
  } catch {
    throw new HttpError(400, 'the body is not JSON')
  }
  const name = logName(given.session, given.log)
  const above = idsAbove(request.headers['hivelog-above'], name.log)
  const { refs } = given
  if (!Array.isArray(refs) || refs.length > MAX_REFS || !refs.every((ref) => REF.test(String(ref)))) {
    throw new HttpError(400, `refs must be at most ${MAX_REFS} SHA-256 hashes of 64 hex digits`)
  }
  return { missing: await store.missing({ ...name, above }, refs as string[]) }
}

/** Stores an artifact, whose name is the hash of its bytes. */
export async function ingestArtifact(
  { request, params: [ref = ''], admit }: Asked,
  store: CopyStore,
): Promise<object> {
  const name = copyName(request)
  if (!REF.test(ref)) throw new HttpError(400, 'an artifact is named by its SHA-256, 64 hex digits')
  const bytes = await readBody(request, ARTIFACT_LIMITS)
  admit([name.session])
  if (await store.putArtifact(name, ref, bytes)) return { ref, bytes: bytes.length }
  throw new HttpError(400, `the bytes do not have the hash ${ref}; send them again`)
}
