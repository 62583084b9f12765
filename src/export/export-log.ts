/** Sends the spans of a log to a trace backend, request by request. */

import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { checkOptions } from '../format/options.js'
import type { OtlpOptions } from '../otel/otlp.js'
import { sdk } from '../otel/sdk.js'
import { AbsentSpans } from './absent-spans.js'
import { Chunks } from './chunks.js'
import { ExportError } from './errors.js'
import type { RebuiltSpan } from './open-span.js'
import { EXPORT_RULES } from './options.js'
import { type RebuildOptions, type RebuildReport, spanBatches } from './rebuild-spans.js'
import type { QueryOptions } from './stored-spans.js'

/** What `exportLog` takes: which spans, and where to. */
export interface ExportOptions extends RebuildOptions {
  /** Where to. Default: the `OTEL_EXPORTER_OTLP_*` variables, else `http://localhost:4318/v1/traces`. */
  otlp?: OtlpOptions
  /** An exporter to use instead; it is shut down in the end. Default: one that sends over OTLP/HTTP. */
  exporter?: SpanExporter
  /**
   * The query API of the Jaeger that gets the spans: those that it has already are not sent. What is on the way to
   * it, in the queue of a collector say, it does not have. Default: all are sent.
   */
  missingIn?: QueryOptions
}

/** What `exportLog` sent, and what it found. */
export interface ExportReport extends RebuildReport {
  /** Spans that were sent. */
  spans: number
  /** Events on them. */
  events: number
  /** Traces that they are of; counted up to 100,000. */
  traces: number
  /** Values that were cut, on spans that were sent. */
  cut: number
  /** Spans that were left out because the backend had them; there when `missingIn` is given. */
  present?: number
  /** Spans that were not sent: those of the request that failed, and all that came later. */
  unsent: number
  /** Why the first request failed that did: the exporter's own error, or an `ExportError`. */
  error?: Error
}

const MAX_TRACES = 100_000

/**
 * Rebuilds the spans of the log `file`, or of several of one hive (see `rebuildSpans`), and sends them over OTLP, one
 * request at a time. A request that fails, when the exporter has tried again as often as it does, ends the sending:
 * the report says how much was sent, and what the error was.
 *
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export async function exportLog(
  file: string | readonly string[],
  options: ExportOptions = {},
): Promise<ExportReport> {
  checkOptions('exportLog', options, EXPORT_RULES)
  const exporter = options.exporter ?? otlpExporter(options.otlp)
  const { missingIn } = options
  const absent = missingIn === undefined ? undefined : new AbsentSpans(missingIn)
  try {
    return await writeSpans(file, options, (spans) => send(exporter, spans), absent)
  } finally {
    await exporter.shutdown()
  }
}

/**
 * Writes the spans of the log `file` in the OTLP file format: JSON lines, each an export request.
 * @param write takes a line without its newline
 */
export function exportOtlpJson(
  file: string | readonly string[],
  options: RebuildOptions,
  write: (line: string) => Promise<void>,
): Promise<ExportReport> {
  return writeSpans(file, options, async (spans) => {
    const { JsonTraceSerializer } = sdk('@opentelemetry/otlp-transformer')
    const bytes = JsonTraceSerializer.serializeRequest(spans)
    if (bytes === undefined) throw new ExportError('spans could not be written as JSON')
    await write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  })
}

/** Gives all spans to `write`, in chunks; after one that it rejects, counts the others only. */
async function writeSpans(
  file: string | readonly string[],
  options: RebuildOptions,
  write: (spans: RebuiltSpan[]) => Promise<void>,
  absent?: AbsentSpans,
): Promise<ExportReport> {
  const traces = new Set<string>()
  const sent = { spans: 0, events: 0, cut: 0, unsent: 0 }
  const chunks = new Chunks()
  let error: Error | undefined
  const put = async (all: RebuiltSpan[]): Promise<void> => {
    let spans = all
    if (error === undefined) {
      try {
        if (absent !== undefined) spans = await absent.of(all)
        if (spans.length > 0) await write(spans)
      } catch (reason) {
        error = reason instanceof Error ? reason : new ExportError(String(reason))
      }
    }
    if (error !== undefined) {
      sent.unsent += spans.length
      return
    }
    for (const span of spans) {
      sent.spans++
      sent.events += span.events.length
      sent.cut += span.cut
      if (traces.size < MAX_TRACES) traces.add(span.spanContext().traceId)
    }
  }
  const batches = spanBatches(file, options)
  let next = await batches.next()
  for (; !next.done; next = await batches.next()) {
    for (const span of next.value) {
      const full = chunks.add(span)
      if (full !== undefined) await put(full)
    }
  }
  await put(chunks.rest())
  const present = absent === undefined ? {} : { present: absent.present }
  return { ...sent, ...present, traces: traces.size, ...next.value, ...(error !== undefined && { error }) }
}

function otlpExporter(options: OtlpOptions | undefined): SpanExporter {
  const { OTLPTraceExporter } = sdk('@opentelemetry/exporter-trace-otlp-http')
  return new OTLPTraceExporter({ ...options })
}

function send(exporter: SpanExporter, spans: ReadableSpan[]): Promise<void> {
  return new Promise((resolve, reject) => {
    exporter.export(spans, ({ code, error }: ExportResult) => {
      if (code === 0) resolve()
      else reject(error ?? new ExportError('the backend did not take the spans'))
    })
  })
}
