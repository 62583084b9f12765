/** What a line of a log is as a log record of OpenTelemetry. */
import type { HrTime } from '@opentelemetry/api'
import type { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { decodeLine, ownSeq } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import type { HiveEvent } from '../format/kinds.js'
import { LOGGED, type Part, partsOf } from '../format/logged-line.js'
import { hasGoneWrong } from '../format/outcome.js'
import { VERSION } from '../version.js'
import { sdk } from './sdk.js'

/** As the serializers of OpenTelemetry take it. */
export type LogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number]

/** The log that lines are of. */
export interface LoggedLog {
  /** Its id. */
  log: string
  /** Its path in the hive. */
  file: string
  /** The session of lines that name none. */
  session: string
}

/** Where a line is. */
export interface LinePlace {
  segment: number
  offset: number
  /** Number of the line in the log: the `seq` of lines that carry none. */
  number: number
}

const INFO = 9
const WARN = 13
const ERROR = 17
/** Most a session's id may be long, as the name of a stream of a store. */
const MAX_SESSION = 200
/** Resources that are kept: a log has few sessions. */
const MAX_RESOURCES = 100
/** How far the clocks of two machines may be apart. */
const DAY_MS = 86_400_000
const TRACE = /^(?!0{32})[0-9a-f]{32}$/
const SPAN = /^(?!0{16})[0-9a-f]{16}$/

/** Makes records of one log's lines. */
export class LogRecords {
  readonly #of: LoggedLog
  readonly #serviceName: string
  readonly #resources = new Map<string, LogRecord['resource']>()
  readonly #scope = { name: 'hivelog', version: VERSION }

  constructor(of: LoggedLog, serviceName: string) {
    this.#of = of
    this.#serviceName = serviceName
  }

  /** One record, or several of a line that is too long for one. @param line without its newline */
  ofLine(line: Buffer, { segment, offset, number }: LinePlace, now = Date.now()): LogRecord[] {
    const decoded = decodeLine(line)
    const event = 'event' in decoded ? decoded.event : undefined
    const attributes: Record<string, string | number> = {
      [LOGGED.segment]: segment,
      [LOGGED.offset]: offset,
      [LOGGED.bytes]: line.length,
    }
    if (event !== undefined) {
      attributes[LOGGED.seq] = ownSeq(event) ?? number
      attributes[LOGGED.kind] = event.kind
      const agent = agentOf(event)
      if (agent !== undefined) attributes[LOGGED.agent] = agent
    }
    const common = {
      hrTime: timeOf(event, now),
      hrTimeObserved: hrTime(now),
      severityNumber: severityOf(event),
      eventName: event === undefined ? 'hive.line' : `hive.${event.kind}`,
      resource: this.#resource(sessionOf(event) ?? this.#of.session),
      instrumentationScope: this.#scope,
      droppedAttributesCount: 0,
      ...spanContextOf(event),
    }
    return recordsOf(partsOf(line), attributes, common)
  }

  /** An artifact that a line of the log names. */
  ofArtifact(ref: string, content: Buffer, now = Date.now()): LogRecord[] {
    const attributes = { [LOGGED.artifact]: ref, [LOGGED.bytes]: content.length }
    return recordsOf(partsOf(content), attributes, {
      hrTime: hrTime(now),
      hrTimeObserved: hrTime(now),
      severityNumber: INFO,
      eventName: 'hive.artifact',
      resource: this.#resource(this.#of.session),
      instrumentationScope: this.#scope,
      droppedAttributesCount: 0,
    })
  }

  /** One object a session, since records are put together by it. */
  #resource(session: string): LogRecord['resource'] {
    const known = this.#resources.get(session)
    if (known !== undefined) return known
    if (this.#resources.size >= MAX_RESOURCES) this.#resources.clear()
    const resource = sdk('@opentelemetry/resources').resourceFromAttributes({
      'service.name': this.#serviceName,
      [LOGGED.session]: session,
      [LOGGED.log]: this.#of.log,
      [LOGGED.file]: this.#of.file,
    })
    this.#resources.set(session, resource)
    return resource
  }
}

function recordsOf(
  parts: readonly Part[],
  attributes: LogRecord['attributes'],
  common: Omit<LogRecord, 'attributes' | 'body'>,
): LogRecord[] {
  return parts.map(({ body, encoding }, i) => ({
    ...common,
    body,
    attributes: {
      ...attributes,
      ...(parts.length > 1 && { [LOGGED.part]: i, [LOGGED.parts]: parts.length }),
      ...(encoding !== undefined && { [LOGGED.encoding]: encoding }),
    },
  }))
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

const sessionOf = (event: HiveEvent | undefined): string | undefined =>
  textOf(event?.session)?.slice(0, MAX_SESSION)

function agentOf(event: HiveEvent): string | undefined {
  const { agentId, from } = event as Record<string, unknown>
  return textOf(agentId) ?? textOf(from)
}

function severityOf(event: HiveEvent | undefined): number {
  if (event === undefined || event.kind === 'log.gap' || event.kind === 'log.torn') return WARN
  return hasGoneWrong(event.kind, event as Fields) ? ERROR : INFO
}

function spanContextOf(event: HiveEvent | undefined): Pick<LogRecord, 'spanContext'> {
  const { trace, span } = (event ?? {}) as Record<string, unknown>
  if (typeof trace !== 'string' || typeof span !== 'string') return {}
  if (!TRACE.test(trace) || !SPAN.test(span)) return {}
  return { spanContext: { traceId: trace, spanId: span, traceFlags: 1 } }
}

/** What is said to be from before there were such logs, or from another day to come, no store would keep. */
function timeOf(event: HiveEvent | undefined, now: number): HrTime {
  const ts = event?.ts
  return hrTime(ts !== undefined && ts > 0 && ts < now + DAY_MS ? ts : now)
}

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)]
