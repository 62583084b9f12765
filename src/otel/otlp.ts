/** Where and how a hive's spans are sent over OTLP: by options, else by the standard `OTEL_*` variables. */
import { diag } from '@opentelemetry/api'
import { endpointOf, shown } from '../format/options.js'
import type { Redactor } from '../redact/redact.js'
import { VERSION } from '../version.js'
import { BoundedProcessor } from './bounded-processor.js'
import { OtlpSender, type OtlpSettings } from './otlp-sender.js'
import { SpanRedactor } from './redacted-spans.js'
import { fromEnv, sdk } from './sdk.js'
import { WatchedProcessor } from './shutdown.js'
import { TraceRequest } from './trace-request.js'
import { readingVariables } from './variables.js'

/** Of the OTLP specification: who sends. */
const USER_AGENT = `hivelog/${VERSION}`

/** Where spans are sent over OTLP/HTTP. */
export interface OtlpOptions {
  /**
   * URL of the traces endpoint; one without a path gets `/v1/traces`. Default: the `OTEL_EXPORTER_OTLP_*` variables, else
   * `http://localhost:4318/v1/traces`.
   */
  url?: string
  /** Extra headers, for authentication say. Default: `OTEL_EXPORTER_OTLP_HEADERS`, or its traces form. */
  headers?: Record<string, string>
}

const PROTOCOLS = ['http/protobuf', 'http/json'] as const
type Protocol = (typeof PROTOCOLS)[number]
/** The specification's, and a third less work than JSON, in half the bytes. */
const DEFAULT_PROTOCOL: Protocol = 'http/protobuf'
const CONTENT_TYPES: Record<Protocol, string> = {
  'http/protobuf': 'application/x-protobuf',
  'http/json': 'application/json',
}

/** What sends a hive's spans to a trace backend, when options or environment ask for it. */
export function otlpProcessor(
  asked: boolean | OtlpOptions | undefined,
  redactor: Redactor,
): WatchedProcessor | undefined {
  const otlp = otlpOptions(asked)
  const protocol = otlp && protocolFromEnv()
  if (otlp === undefined || protocol === undefined) return undefined
  const sender = new OtlpSender(otlpSettings(otlp, protocol), new SpanRedactor(redactor).redact, (text) =>
    redactor.string(text),
  )
  const where = otlp.url === undefined ? '' : ` at ${redactor.string(otlp.url)}`
  return new WatchedProcessor(new BoundedProcessor(sender), `the trace backend${where}`, true)
}

/** Undefined: nothing is to be sent. */
function otlpOptions(otlp: boolean | OtlpOptions | undefined): OtlpOptions | undefined {
  if (otlp === false || isDisabled()) return undefined
  if (typeof otlp === 'object') return otlp
  if (otlp === true) return {}
  const exporters = fromEnv('OTEL_TRACES_EXPORTER')
  if (exporters !== undefined) return exportersIn(exporters).includes('otlp') ? {} : undefined
  const endpoint = fromEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? fromEnv('OTEL_EXPORTER_OTLP_ENDPOINT')
  return endpoint === undefined ? undefined : {}
}

/** Nothing is loaded to find that nothing is said. */
export const isDisabled = (): boolean =>
  fromEnv('OTEL_SDK_DISABLED') !== undefined &&
  readingVariables(() => sdk('@opentelemetry/core').getBooleanFromEnv('OTEL_SDK_DISABLED')) === true

/** The names in `OTEL_TRACES_EXPORTER`; says which of them are not served. */
function exportersIn(given: string): string[] {
  const names = given.split(',').map((name) => name.trim())
  const others = names.filter((name) => name !== '' && name !== 'otlp' && name !== 'none')
  if (others.length > 0) {
    diag.warn(
      `hivelog: OTEL_TRACES_EXPORTER: ${others.map(shown).join(', ')} is not known; use 'otlp' or 'none'`,
    )
  }
  return names
}

/** Undefined: one that is not there, which is said. */
function protocolFromEnv(): Protocol | undefined {
  const traces = 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
  const name = fromEnv(traces) === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : traces
  const given = fromEnv(name)?.trim()
  const known = PROTOCOLS.find((protocol) => protocol === (given ?? DEFAULT_PROTOCOL))
  if (known !== undefined) return known
  if (given === 'grpc') {
    diag.error(
      `hivelog: ${name}: OTLP over gRPC is not there, and no spans are sent; use 'http/protobuf', and the backend's port for HTTP, 4318 as a rule`,
    )
    return undefined
  }
  diag.warn(
    `hivelog: ${name}: ${shown(given)} is not known; use 'http/protobuf' or 'http/json'; spans are sent as '${DEFAULT_PROTOCOL}'`,
  )
  return DEFAULT_PROTOCOL
}

/**
 * Says which headers in variables are none. What they are is not said: they are secrets as a rule.
 * @param signal in the name of the one that goes before the general one
 */
export function checkHeaders(signal: 'TRACES' | 'LOGS'): void {
  for (const name of [`OTEL_EXPORTER_OTLP_${signal}_HEADERS`, 'OTEL_EXPORTER_OTLP_HEADERS']) {
    for (const [i, entry] of (fromEnv(name)?.split(',') ?? []).entries()) {
      if (entry.trim() === '' || isHeader(entry)) continue
      diag.warn(
        `hivelog: ${name}: entry ${i + 1} is not possible, and not sent; use key=value, with %2C for a comma and %25 for a percent sign in it`,
      )
    }
  }
}

function isHeader(entry: string): boolean {
  const at = entry.indexOf('=')
  if (at === -1 || entry.slice(0, at).trim() === '') return false
  try {
    decodeURIComponent(entry)
    return true
  } catch {
    return false
  }
}

/** How options and variables say that the backend is spoken to. */
export function otlpSettings(otlp: OtlpOptions, protocol: Protocol): OtlpSettings {
  const { convertLegacyHttpOptions } = sdk('@opentelemetry/otlp-exporter-base/node-http')
  const { JsonTraceSerializer, ProtobufTraceSerializer } = sdk('@opentelemetry/otlp-transformer')
  const given = { ...otlp, ...(otlp.url !== undefined && { url: endpointOf(otlp.url, '/v1/traces') }) }
  // As the exporters of OpenTelemetry read options and variables: URL, headers, timeout, compression, certificates.
  const found = readingVariables(() => convertLegacyHttpOptions(given, 'TRACES', 'v1/traces', {}))
  checkHeaders('TRACES')
  const isSaid = fromEnv('OTEL_EXPORTER_OTLP_TRACES_COMPRESSION') ?? fromEnv('OTEL_EXPORTER_OTLP_COMPRESSION')
  return {
    url: found.url,
    timeoutMs: found.timeoutMillis,
    contentType: CONTENT_TYPES[protocol],
    isCompressed: isSaid === undefined ? !isLoopback(found.url) : found.compression === 'gzip',
    headers: async () => ({ 'User-Agent': USER_AGENT, ...(await found.headers()) }),
    agent: (url) => found.agentFactory(url),
    serializer: protocol === 'http/json' ? JsonTraceSerializer : quicker(ProtobufTraceSerializer),
  }
}

/** The same requests, written here. */
function quicker(theirs: OtlpSettings['serializer']): OtlpSettings['serializer'] {
  const request = new TraceRequest()
  return {
    serializeRequest: (spans) => request.of(spans),
    deserializeResponse: (body) => theirs.deserializeResponse(body),
  }
}

/** Whether the backend is on this machine, where sending costs less than compressing. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname)
}
