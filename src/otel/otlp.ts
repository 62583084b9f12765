/** Where and how a hive's spans are sent over OTLP. */
import { diag } from '@opentelemetry/api'
import { shown } from '../format/options.js'
import type { Redactor } from '../redact/redact.js'
import { BoundedProcessor } from './bounded-processor.js'
import { ChunkedExporter } from './chunked-exporter.js'
import { SpanRedactor } from './redacted-spans.js'
import { countFromEnv } from './sampler.js'
import { fromEnv, sdk } from './sdk.js'
import { WatchedProcessor } from './shutdown.js'

/** Where spans are sent over OTLP/HTTP. */
export interface OtlpOptions {
  /** Full URL of the traces endpoint. Default: the `OTEL_EXPORTER_OTLP_*` variables, else `http://localhost:4318/v1/traces`. */
  url?: string
  /** Extra headers, for authentication say. Default: `OTEL_EXPORTER_OTLP_HEADERS`, or its traces form. */
  headers?: Record<string, string>
}

/** Requests that may be under way: the end of the process sends all batches at once. */
const MAX_OPEN_REQUESTS = 1_000

/** What sends a hive's spans to a trace backend, when options or environment ask for it. */
export function otlpProcessor(
  asked: boolean | OtlpOptions | undefined,
  redactor: Redactor,
): WatchedProcessor | undefined {
  const otlp = otlpOptions(asked)
  if (otlp === undefined) return undefined
  const { OTLPTraceExporter } = sdk('@opentelemetry/exporter-trace-otlp-http')
  const exporter = new OTLPTraceExporter({ concurrencyLimit: MAX_OPEN_REQUESTS, ...otlp })
  const maxSpans = countFromEnv('OTEL_BSP_MAX_QUEUE_SIZE')
  const bounds = maxSpans === undefined ? {} : { maxSpans }
  const chunked = new ChunkedExporter(exporter, new SpanRedactor(redactor).redact)
  const where = otlp.url === undefined ? '' : ` at ${redactor.string(otlp.url)}`
  return new WatchedProcessor(new BoundedProcessor(chunked, bounds), `the trace backend${where}`, true)
}

function otlpOptions(otlp: boolean | OtlpOptions | undefined): OtlpOptions | undefined {
  if (otlp === false || sdk('@opentelemetry/core').getBooleanFromEnv('OTEL_SDK_DISABLED')) return undefined
  if (typeof otlp === 'object') return otlp
  if (otlp === true) return {}
  const exporters = fromEnv('OTEL_TRACES_EXPORTER')
  if (exporters !== undefined && !exportersIn(exporters).includes('otlp')) return undefined
  const endpoint = fromEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? fromEnv('OTEL_EXPORTER_OTLP_ENDPOINT')
  return endpoint === undefined ? undefined : {}
}

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
