/** `hivelog ship --otlp-logs`: a log's lines as OTLP log records. */

import { endpointOf } from '../format/options.js'
import { VictoriaLogs } from '../pull/victoria-logs.js'
import { type Present, type ShippedLines, shipOtlpLogs } from '../ship/otlp-logs.js'
import { OtlpShipError } from '../ship/otlp-shipper.js'
import { clean, counted } from '../text/terminal.js'
import { defaultFile, UsageError, wholeNumber } from './args.js'
import { tellNothing } from './hive-args.js'
import { io } from './io.js'
import { Output, say } from './output.js'
import { endOf } from './until-signal.js'

export const OTLP_OPTIONS = {
  'otlp-logs': { type: 'string' },
  'missing-in': { type: 'string' },
} as const

interface Values {
  to?: string | undefined
  token?: string | undefined
  once?: boolean
  flush: string
  'max-bytes': string
  'this-file'?: boolean
  json?: boolean
  'otlp-logs'?: string | undefined
  'missing-in'?: string | undefined
}

/** Whether records are asked for. @throws {UsageError} on what goes with nothing */
export function isOtlp(values: Values): boolean {
  if (values['otlp-logs'] !== undefined) return true
  if (values['missing-in'] !== undefined) throw new UsageError('--missing-in needs --otlp-logs URL')
  return false
}

export async function shipOtlp(values: Values, positionals: readonly string[]): Promise<number> {
  if (values.to !== undefined) throw new UsageError('ship sends --to a server or as --otlp-logs, not both')
  const url = logsUrl(values['otlp-logs'] ?? '')
  const missingIn = values['missing-in']
  if (missingIn !== undefined) webAddress('--missing-in', missingIn, 'http://127.0.0.1:9428')
  const files = positionals.length > 0 ? positionals : [defaultFile()]
  if (files.includes('-')) throw new UsageError('ship needs a file: standard input cannot be read again')
  const flushMs = wholeNumber('--flush', values.flush, { min: 1, max: 86_400_000 })
  const maxBytes = wholeNumber('--max-bytes', values['max-bytes'], { min: 1, max: 8 * 1024 * 1024 })
  const nothing = values.once === true ? await tellNothing(files, true, { housekeeping: true }) : undefined
  if (nothing !== undefined) return nothing
  const stop = new AbortController()
  if (values.once !== true) void endOf().then(() => stop.abort())
  const service = io().env.OTEL_SERVICE_NAME
  const output = new Output()
  let code = 0
  try {
    const shipped = await shipOtlpLogs(files, {
      url,
      flushMs,
      maxBytes,
      once: values.once === true,
      thisFile: values['this-file'] === true,
      // What was begun is sent to its end.
      drain: stop.signal,
      ...(service !== undefined && { serviceName: service }),
      ...(missingIn !== undefined && { present: (log: string) => presentIn(missingIn, log, values.token) }),
      onTrouble: (why) => say(why === undefined ? `${url} is back` : `${url}: ${why}; trying again`),
      onLost: say,
      onNotOwn: (line) => say(line),
    })
    for (const each of shipped) await (values.json === true ? output.json(each) : output.line(lineOf(each)))
    if (shipped.some(({ refused }) => refused > 0)) code = 1
  } catch (error) {
    if (!(error instanceof OtlpShipError)) throw error
    say(error.message)
    code = 1
  }
  await output.flush()
  return code
}

async function presentIn(url: string, log: string, token: string | undefined): Promise<Present> {
  const store = new VictoriaLogs({ url, token })
  const [places, artifacts] = [await store.places(log), new Set(await store.artifacts(log))]
  return {
    hasLine: (segment, offset) => places.get(segment)?.has(offset) === true,
    hasArtifact: (ref) => artifacts.has(ref),
  }
}

function lineOf({ file, log, lines, present, refused, artifacts }: ShippedLines): string {
  const more = [
    ...(present > 0 ? [`${counted(present, 'line')} there already`] : []),
    ...(artifacts > 0 ? [counted(artifacts, 'artifact')] : []),
    ...(refused > 0 ? [`${counted(refused, 'line')} REFUSED`] : []),
  ]
  return `${clean(file)}: ${[`${counted(lines, 'line')} sent`, ...more].join(', ')}, as log ${log}`
}

/** The endpoint for logs; where only a server is named, the specification's path on it. */
function logsUrl(given: string): string {
  return endpointOf(webAddress('--otlp-logs', given, 'http://127.0.0.1:4318/v1/logs').href, '/v1/logs')
}

/** An address of the web. @throws {UsageError} */
export function webAddress(option: string, given: string, example: string): URL {
  if (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) return new URL(given)
  throw new UsageError(`${option} needs a URL, ${example} say, not '${given}'`)
}
