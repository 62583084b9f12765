/**
 * `/v1/traces`, `/v1/logs`, `/v1/metrics`: OTLP over HTTP, as its specification (opentelemetry-proto 1.9,
 * `docs/specification.md`) has it: JSON or Protocol Buffers, plain or gzip; 64 MiB at most, unpacked too (413); what
 * cannot be read is 400, and not sent again; what the disk does not take now is 503 with `Retry-After`. Of records that
 * are none the answer tells, and keeps the others. Metrics are answered, and left.
 */
import type { EventStore } from '../events.js'
import { HttpError, readBody } from '../http.js'
import type { Metrics } from '../metrics.js'
import type { Asked, Route } from '../router.js'
import { answerTaken, type Encoding, encodingOf, type Outcome } from './answers.js'
import { toldByLogs } from './logs.js'
import { refusing, type Telling } from './refusals.js'
import { logRecordsIn, type Span, spansIn } from './request.js'
import { saidSession } from './session-of.js'
import type { SpanStore } from './spans.js'

/** Bytes of one request: as the specification recommends. */
const LIMITS = { sent: 64 * 1024 * 1024, unpacked: 64 * 1024 * 1024, ms: 60_000 }
/** Values in one request: what they take in memory is bounded, however small they are. */
const MAX_VALUES = 2_000_000

const SIGNALS = ['traces', 'logs', 'metrics'] as const
type Signal = (typeof SIGNALS)[number]

const pathOf = (signal: Signal): string => `/v1/${signal}`

export const OTLP_PATHS: readonly string[] = SIGNALS.map(pathOf)

export interface OtlpParts extends Telling {
  events: EventStore
  spans: SpanStore
  metrics: Metrics
}

export function otlpRoutes(parts: OtlpParts): Route[] {
  return SIGNALS.map((signal) => ({
    method: 'POST',
    path: pathOf(signal),
    scope: 'ingest',
    run: async (asked) => {
      const { request, response } = asked
      const encoding = encodingOf(request.headers['content-type'])
      if (encoding === undefined) {
        throw new HttpError(415, 'content-type must be application/json or application/x-protobuf')
      }
      await answerTaken(response, encoding, signal, await take(signal, asked, encoding, parts))
      return undefined
    },
    refuse: refusing(parts),
  }))
}

async function take(
  signal: Signal,
  { request, token, admit }: Asked,
  encoding: Encoding,
  { events, spans, metrics }: OtlpParts,
): Promise<Outcome> {
  const mayDecide = token?.scopes.includes('decide') ?? false
  const body = await readBody(request, LIMITS)
  const value = encoding === 'json' ? fromJson(body) : await fromProtobuf(body, signal)
  if (signal === 'metrics') return { rejected: 0, message: '' }
  if (signal === 'traces') {
    const given = spansIn(value)
    admit(sessionsIn(given))
    const { accepted, rejected, warning } = await spans.add(given, mayDecide)
    metrics.received({ bytes: body.length, lines: accepted })
    return outcomeOf(rejected, warning)
  }
  const { told, rejected } = toldByLogs(logRecordsIn(value), mayDecide)
  admit(told.map(({ session }) => session))
  const { accepted } = await events.tell(told)
  metrics.received({ bytes: body.length, lines: accepted })
  return outcomeOf(rejected)
}

/** Those that spans name. Of a trace that names none it is only known later whose it is. */
const sessionsIn = (spans: readonly (Span | undefined)[]): string[] =>
  spans.flatMap((span) => (span && saidSession(span.attributes, span.resource)) ?? [])

function outcomeOf(rejected: readonly string[], warning = ''): Outcome {
  const [first] = rejected
  if (first === undefined) return { rejected: 0, message: warning }
  const others = rejected.length > 1 ? ` (and ${rejected.length - 1} more)` : ''
  return { rejected: rejected.length, message: `${first}${others}` }
}

function fromJson(body: Buffer): unknown {
  if (valuesIn(body) > MAX_VALUES) throw tooMany()
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new HttpError(400, 'the body is not JSON')
  }
}

/** How many values JSON holds at most, by the bytes that part them. */
function valuesIn(body: Buffer): number {
  let count = 0
  for (const byte of body) if (byte === 0x2c || byte === 0x7b || byte === 0x5b) count++
  return count
}

async function fromProtobuf(body: Buffer, signal: Signal): Promise<unknown> {
  const { decodeRequest, TooManyError, WireError } = await import('./wire.js')
  try {
    return decodeRequest(body, signal, MAX_VALUES)
  } catch (error) {
    if (error instanceof TooManyError) throw tooMany()
    if (error instanceof WireError)
      throw new HttpError(400, `the body is no request of ${signal}: ${error.message}`)
    throw error
  }
}

const tooMany = (): HttpError =>
  new HttpError(413, `the body holds more than ${MAX_VALUES} values; send less at once`)
