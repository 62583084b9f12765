/** `hivelog export` */
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { exportCsv } from '../export/csv.js'
import { type ExportOptions, type ExportReport, exportLog, exportOtlpJson } from '../export/export-log.js'
import type { RebuildOptions } from '../export/rebuild-spans.js'
import { endpointOf } from '../format/options.js'
import { logsOfHive } from '../read/hive.js'
import { counted } from '../text/terminal.js'
import { type Command, hexIds, oneOf, parse, UsageError, wholeNumber } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, type HiveArguments, hiveArguments, tellNothing } from './hive-args.js'
import { io } from './io.js'
import { Output, say } from './output.js'
import { createOutputFile } from './output-file.js'
import { Progress, withProgress } from './progress.js'

const help = `Usage: hivelog export [--otlp URL] [OPTIONS] [FILE|-]...

Rebuilds the spans of a log and sends them to a trace backend, with the trace
and span ids that they had when they were live. In logs without ids these are
derived from the content, the same each time. Agents without an exit end at
their last event: with the status 'lost' where another writer went on with the
log. A backend that has a span already may show it twice, or keep the one from
the file, which tells less: --missing-in sends only what a Jaeger lacks.
Processes that agents went on in have logs of their own, in FILE.agents/, which
are read too: their spans are under those agents, and link to the messages.

      --otlp URL          OTLP/HTTP endpoint; a URL without a path gets
                          /v1/traces. Default: what the environment says,
                          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or
                          OTEL_EXPORTER_OTLP_ENDPOINT; else port 4318 here
      --header KEY=VALUE  a header of each request; may be repeated
      --service-name S    service.name; default: $OTEL_SERVICE_NAME, else hive
      --missing-in URL    Jaeger's URL, that of its UI: spans that it has are
                          not sent. To fill the gap that an outage left; wait
                          until the queues of collectors are empty
      --query-header KEY=VALUE
                          a header of each question to it; may be repeated
      --format FORMAT     otlp (default): send; otlp-json: write the OTLP file
                          format, a request a line; csv: write a table, a row an
                          event (other fields are JSON in the last column;
                          where a text begins like a formula, also after ; tab
                          or line end, an apostrophe is put before it)
  -o, --output FILE       where otlp-json and csv go; default: standard output.
                          The file is made readable by its owner only
      --force             write over the output file
      --session ID        only spans (rows) of this session
      --trace ID          only spans (rows) of this trace
      --from SEQ          only spans with a line from this seq of the first FILE
                          on, each whole
      --to SEQ            only spans with a line up to this seq, each whole
${HIVE_HELP}
      --json              the summary as one JSON object: {"files", "to",
                          "spans", "events", "traces", "unsent", "lost" (agents
                          with their process), "unended" (agents without exit
                          that were not lost), "late" (events after their
                          span's end), "unlinked" (drained messages without a
                          sender), "cut" (values), "evicted" (spans ended to
                          bound memory), "malformed", "present" (spans left
                          out, with --missing-in), "error"}; for csv {"files",
                          "to", "rows", "malformed"}; on standard error when the
                          data goes to standard output
      --help              this text

FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: all sent or written; 1: not all could be, or FILE is empty; 2: bad
use, or no log.

Example: hivelog export hive.jsonl --otlp http://localhost:4318
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('export', args, {
      otlp: { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      'missing-in': { type: 'string' },
      'query-header': { type: 'string', multiple: true, default: [] },
      'service-name': { type: 'string' },
      format: { type: 'string', default: 'otlp' },
      output: { type: 'string', short: 'o' },
      force: { type: 'boolean', default: false },
      session: { type: 'string' },
      trace: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      json: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
    })
    const given = await hiveArguments('export', values, positionals)
    const { files } = given
    for (const note of given.notes) say(note)
    const { output, json } = values
    const format = oneOf('--format', values.format, ['otlp', 'otlp-json', 'csv'])
    if (format === 'otlp') {
      if (output !== undefined) throw new UsageError('--output needs --format otlp-json or csv')
      const headers = headersOf('--header', values.header)
      const query = queryOptions(values['missing-in'], values['query-header'])
      return sendSpans(files, {
        ...rebuildOptions(values, given),
        ...query,
        url: values.otlp,
        headers,
        json,
      })
    }
    if (values['missing-in'] !== undefined) throw new UsageError('--missing-in needs --format otlp')
    if (values.otlp !== undefined) throw new UsageError(`--otlp sends; it cannot go with --format ${format}`)
    return writeFile(files, format, output, rebuildOptions(values, given), { force: values.force, json })
  },
}

interface Values {
  'service-name'?: string | undefined
  session?: string | undefined
  trace?: string | undefined
  from?: string | undefined
  to?: string | undefined
}

function rebuildOptions(
  { 'service-name': serviceName, session, trace, from, to }: Values,
  { thisFile, since, until }: HiveArguments,
): RebuildOptions {
  const [traceId] = hexIds('--trace', trace === undefined ? [] : [trace], 32)
  const first = from === undefined ? undefined : wholeNumber('--from', from)
  const last = to === undefined ? undefined : wholeNumber('--to', to, { min: first ?? 0 })
  return {
    thisFile,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(serviceName !== undefined && { serviceName }),
    ...(session !== undefined && { session }),
    ...(traceId !== undefined && { trace: traceId }),
    ...(first !== undefined && { from: first }),
    ...(last !== undefined && { to: last }),
  }
}

function queryOptions(url: string | undefined, headers: string[]): Pick<ExportOptions, 'missingIn'> {
  if (url === undefined) {
    if (headers.length > 0) throw new UsageError('--query-header needs --missing-in')
    return {}
  }
  if (!isWebAddress(url))
    throw new UsageError(`--missing-in needs a URL like http://localhost:16686, not '${url}'`)
  return { missingIn: { url, headers: headersOf('--query-header', headers) } }
}

const HEADER_KEY = /^[!#$%&'*+.^_`|~\w-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

function headersOf(option: string, given: string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((header) => {
      const at = header.indexOf('=')
      const [key, value] = [header.slice(0, at), header.slice(at + 1)]
      if (at <= 0 || !HEADER_KEY.test(key) || !HEADER_VALUE.test(value)) {
        throw new UsageError(`${option} needs KEY=VALUE, as HTTP allows them in a header, not '${header}'`)
      }
      return [key, value]
    }),
  )
}

interface Sending extends RebuildOptions, Pick<ExportOptions, 'missingIn'> {
  url: string | undefined
  headers: Record<string, string>
  json: boolean
}

async function sendSpans(files: string[], { url, headers, json, ...options }: Sending): Promise<number> {
  const given = url === undefined ? undefined : endpoint(url)
  const to = shown(given ?? fromEnvironment())
  const nothing = await tellNothing(files, options.thisFile, { housekeeping: true })
  if (nothing !== undefined) return nothing
  let isPartial = false
  const tell = (...words: unknown[]): void => {
    const text = words.map(String).join(' ')
    if (/partial success/i.test(text)) isPartial = true
    say(text.slice(0, 1000))
  }
  const ignore = (): void => {}
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const otlp = { ...(given !== undefined && { url: given }), headers }
  const report = await withProgress((onProgress) =>
    exportLog(files, { ...options, otlp, onProgress }),
  ).finally(() => diag.disable())
  const { error, ...rest } = report
  const output = new Output()
  if (json) {
    const why = error === undefined ? {} : { error: reasonOf(error) }
    await output.json({ files, to, ...rest, ...why })
  } else {
    await output.line(`sent ${summary(report)} to ${to}`)
    for (const note of notes(report)) await output.line(note)
  }
  await output.flush()
  if (error === undefined) return isPartial || isThinned(report) ? 1 : 0
  const { spans, unsent } = report
  say(
    `cannot send to ${to}: ${reasonOf(error)}; ${counted(spans, 'span')} sent, ${counted(unsent, 'span')} not`,
  )
  return 1
}

async function writeFile(
  files: string[],
  format: 'otlp-json' | 'csv',
  to: string | undefined,
  options: RebuildOptions,
  { force, json }: { force: boolean; json: boolean },
): Promise<number> {
  const nothing = await tellNothing(files, options.thisFile, { housekeeping: true })
  if (nothing !== undefined) return nothing
  const target =
    to === undefined || to === '-'
      ? undefined
      : await createOutputFile(to, logsOfHive(files, options.thisFile), force)
  const output = new Output()
  const progress = new Progress('reading')
  // What comes on a terminal itself tells how far it is.
  const reading = target === undefined ? options : { ...options, onProgress: progress.update }
  const write = (line: string): Promise<void> =>
    target === undefined ? output.data(line) : target.line(line)
  const place = target === undefined ? '-' : (to as string)
  const shownPlace = target === undefined ? 'standard output' : place
  let summed: object
  const lines: string[] = []
  let code = 0
  try {
    if (format === 'csv') {
      const { rows, malformed } = await exportCsv(files, reading, write)
      summed = { files, to: place, rows, malformed }
      lines.push(`wrote ${counted(rows, 'row')} to ${shownPlace}`, ...notes({ malformed }))
    } else {
      const { error, ...report } = await exportOtlpJson(files, reading, write)
      if (error !== undefined) throw error
      summed = { files, to: place, ...report }
      if (isThinned(report)) code = 1
      lines.push(`wrote ${summary(report)} to ${shownPlace}`, ...notes(report))
    }
  } finally {
    progress.end()
    await output.flush()
    await target?.close()
  }
  const report = target === undefined ? new Output(io().stderr) : output
  if (json) await report.json(summed)
  else for (const line of lines) await report.line(line)
  await report.flush()
  return code
}

/** Whether events are missing that a hive would have had on its spans. */
const isThinned = ({ evicted, late }: Pick<ExportReport, 'evicted' | 'late'>): boolean =>
  evicted > 0 && late > 0

function summary({ spans, events, traces }: Pick<ExportReport, 'spans' | 'events' | 'traces'>): string {
  return `${counted(spans, 'span')} (${counted(events, 'event')}) of ${counted(traces, 'trace')}`
}

function notes(report: Partial<ExportReport>): string[] {
  const {
    lost = 0,
    unended = 0,
    malformed = 0,
    late = 0,
    unlinked = 0,
    evicted = 0,
    cut = 0,
    present = 0,
  } = report
  const lines: [number, string][] = [
    [present, `${counted(present, 'span')} left out: the backend has them`],
    [lost, `${counted(lost, 'agent')} lost: ended at the last event, as lost`],
    [unended, `${counted(unended, 'agent')} without exit: ended at the last event`],
    [malformed, `${counted(malformed, 'malformed line')} skipped; see hivelog verify`],
    [late, `${counted(late, 'event')} left out: their span had ended`],
    [unlinked, `${counted(unlinked, 'drained message')} without a link: no sender in the log, or long ago`],
    [evicted, `${counted(evicted, 'span')} ended early: too many were open to be held in memory`],
    [cut, `${counted(cut, 'value')} cut: too long for a backend`],
  ]
  return lines.filter(([count]) => count > 0).map(([, text]) => `note: ${text}`)
}

const isWebAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

/** @throws {UsageError} */
function endpoint(url: string): string {
  if (!isWebAddress(url)) {
    throw new UsageError(`--otlp needs a URL like http://localhost:4318, not '${url}'`)
  }
  return endpointOf(url, '/v1/traces')
}

/** Where the exporter sends to when it is not told. */
function fromEnvironment(): string {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces, OTEL_EXPORTER_OTLP_ENDPOINT: base } = io().env
  return traces || `${(base || 'http://localhost:4318').replace(/\/$/, '')}/v1/traces`
}

/** A URL without what should not be shown. */
function shown(url: string): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  parsed.username = ''
  parsed.password = ''
  parsed.search = ''
  return parsed.href
}

function reasonOf(error: Error): string {
  const { code, data } = error as { code?: unknown; data?: unknown }
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined)?.message : undefined
  const what = error.message || inner || String(code ?? error.name)
  const body = typeof data === 'string' && data !== '' ? `: ${data.slice(0, 200)}` : ''
  return `${typeof code === 'number' ? `${code} ` : ''}${what}${body}`
}
