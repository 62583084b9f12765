/** Where and how a log's lines are sent as OTLP log records: by options, else by the standard `OTEL_*` variables. */
import { diag } from '@opentelemetry/api'
import { endpointOf, shown } from '../format/options.js'
import { VERSION } from '../version.js'
import type { Outcome } from './bounded-processor.js'
import type { LogRecord } from './log-records.js'
import { LogRequest } from './log-request.js'
import { checkHeaders, isDisabled, isLoopback } from './otlp.js'
import { compressed, OtlpSender, type OtlpSettings } from './otlp-sender.js'
import { fromEnv, sdk } from './sdk.js'
import { readingVariables } from './variables.js'

/** Where a log's lines are sent as OTLP log records, over OTLP/HTTP. */
export interface OtlpLogsOptions {
  /**
   * URL of the logs endpoint; one without a path gets `/v1/logs`. Default: `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, else that of `/v1/logs` under
   * `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4318/v1/logs`.
   */
  url?: string
  /** Extra headers, for authentication say. Default: `OTEL_EXPORTER_OTLP_HEADERS`, or its logs form. */
  headers?: Record<string, string>
}

const PROTOCOLS = ['http/protobuf', 'http/json'] as const
type Protocol = (typeof PROTOCOLS)[number]

/**
 * What is asked for; undefined: nothing is sent. By the environment alone only where it names logs: an endpoint for all
 * signals may be one that takes traces and nothing else.
 */
export function otlpLogsOptions(asked: boolean | OtlpLogsOptions | undefined): OtlpLogsOptions | undefined {
  if (asked === false) return undefined
  const options = typeof asked === 'object' ? asked : asked === true || isNamedByEnv() ? {} : undefined
  // Last: the SDK is loaded for it.
  return options === undefined || isDisabled() ? undefined : options
}

function isNamedByEnv(): boolean {
  const exporters = fromEnv('OTEL_LOGS_EXPORTER')
  if (exporters !== undefined) return exporters.split(',').some((name) => name.trim() === 'otlp')
  return fromEnv('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT') !== undefined
}

/** Sends log records, one request a call. */
export class OtlpLogSender {
  /** Where they go. */
  readonly url: string
  readonly #sender: OtlpSender
  /** In JSON; in Protocol Buffers they are written as they come. */
  readonly #serialize: ((records: LogRecord[]) => Uint8Array | undefined) | undefined
  readonly #request = new LogRequest()
  readonly #isCompressed: boolean

  /** @param clean what people may see of the backend's words */
  constructor(options: OtlpLogsOptions, clean: (text: string) => string = (text) => text) {
    const protocol = protocolFromEnv()
    const { JsonLogsSerializer, ProtobufLogsSerializer } = sdk('@opentelemetry/otlp-transformer')
    const serializer = protocol === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer
    const { convertLegacyHttpOptions } = sdk('@opentelemetry/otlp-exporter-base/node-http')
    const { url } = options
    const given = { ...options, ...(url !== undefined && { url: endpointOf(url, '/v1/logs') }) }
    const found = readingVariables(() => convertLegacyHttpOptions(given, 'LOGS', 'v1/logs', {}))
    checkHeaders('LOGS')
    const isSaid = fromEnv('OTEL_EXPORTER_OTLP_LOGS_COMPRESSION') ?? fromEnv('OTEL_EXPORTER_OTLP_COMPRESSION')
    const settings: OtlpSettings = {
      url: found.url,
      timeoutMs: found.timeoutMillis,
      contentType: protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      isCompressed: isSaid === undefined ? !isLoopback(found.url) : found.compression === 'gzip',
      headers: async () => ({ 'User-Agent': `hivelog/${VERSION}`, ...(await found.headers()) }),
      agent: (url) => found.agentFactory(url),
      // Of the sender only what sends is used, and its answers differ in the name of one field.
      serializer: {
        serializeRequest: () => undefined,
        deserializeResponse(body) {
          const { partialSuccess } = serializer.deserializeResponse(body)
          if (partialSuccess === undefined) return {}
          const { rejectedLogRecords, errorMessage } = partialSuccess
          return {
            partialSuccess: {
              ...(rejectedLogRecords !== undefined && { rejectedSpans: rejectedLogRecords }),
              ...(errorMessage !== undefined && { errorMessage }),
            },
          }
        },
      },
    }
    this.url = found.url
    this.#isCompressed = settings.isCompressed
    this.#sender = new OtlpSender(settings, (span) => span, clean)
    if (protocol === 'http/json') this.#serialize = (records) => serializer.serializeRequest(records)
  }

  /**
   * A request's body, which can be sent again. All records are read before it returns.
   * @param take gives memory for it; it may be needed for nothing. Default: memory of its own
   */
  async build(records: Iterable<LogRecord>, take?: (length: number) => Uint8Array): Promise<Uint8Array> {
    const body = this.#bodyOf(records, this.#isCompressed ? undefined : take)
    if (body === undefined) throw new Error('the lines cannot be written as a request')
    return this.#isCompressed ? compressed(body) : body
  }

  #bodyOf(records: Iterable<LogRecord>, take?: (length: number) => Uint8Array): Uint8Array | undefined {
    if (this.#serialize !== undefined) return this.#serialize([...records])
    let body: Uint8Array
    try {
      for (const record of records) this.#request.add(record)
    } finally {
      // Whatever happens, the next request begins anew.
      body = this.#request.finish(take)
    }
    return body
  }

  send(body: Uint8Array): Promise<Outcome> {
    return this.#sender.send(body)
  }

  /** Ends all requests that are under way. */
  close(): void {
    this.#sender.close()
  }
}

function protocolFromEnv(): Protocol {
  const logs = 'OTEL_EXPORTER_OTLP_LOGS_PROTOCOL'
  const name = fromEnv(logs) === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : logs
  const given = fromEnv(name)?.trim() ?? 'http/protobuf'
  const known = PROTOCOLS.find((protocol) => protocol === given)
  if (known === undefined) {
    diag.warn(`hivelog: ${name}: ${shown(given)} is not there for logs; they are sent as 'http/protobuf'`)
  }
  return known ?? 'http/protobuf'
}
