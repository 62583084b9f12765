/** `hivelog ship` */

import { isCustomKind, isKnownKind } from '../format/kinds.js'
import { addressOf } from '../format/options.js'
import { type Shipped, shipLogs } from '../ship/shipper.js'
import { type LogStatus, shipStatus } from '../ship/status.js'
import { ShipError } from '../ship/transport.js'
import { byteSize, clean, counted } from '../text/terminal.js'
import { type Command, defaultFile, parse, UsageError, wholeNumber } from './args.js'
import { tellNothing } from './hive-args.js'
import { io } from './io.js'
import { Output, say } from './output.js'
import { isOtlp, OTLP_OPTIONS, shipOtlp } from './ship-otlp.js'
import { endOf } from './until-signal.js'

const help = `Usage: hivelog ship [OPTION]... [FILE]...

Sends logs, and those of their child processes, to hivelog serve: exact copies,
with archived segments and artifacts, behind the writer and never in its way.
The server knows how far each copy has come, so it goes on where it stopped,
over restarts, rotation and outages. Logs of other writers, too. What people
decide at the server is handed to the hive that asked.

      --to URL       the server; default $AGENT_LOG_ENDPOINT
      --token TOKEN  default $AGENT_LOG_TOKEN, where it is in no list of
                     processes
      --once         send what is there now, and end
      --status       send nothing, say how far the copies are behind
      --kinds KINDS  send only events of these kinds (message,usage), as events
                     that the server writes down: no copy to be verified
      --flush MS     send what is there after so long; default
                     $BATCH_FLUSH_INTERVAL_MS, else 5000
      --max-bytes N  and at once when it is so much (default 1048576)
      --this-file    only the FILEs, without the logs of their child processes
      --otlp-logs URL
                     instead, each line as an OTLP log record to the endpoint
                     for logs there (/v1/logs, where URL has no path)
      --missing-in URL
                     with it: of the whole log only the lines that VictoriaLogs
                     at this URL lacks
      --json         one JSON object a log at the end: {"file", "log",
                     "session", "bytes", "seq", "artifacts"}, of --kinds also
                     "events"; of --status {"file", "log", "session", "seq",
                     "behindBytes", "behindLines"}, and "differs" where the
                     copy is not what the log holds; of records {"file", "log",
                     "session", "lines", "present", "refused", "artifacts"}
      --help         this text

FILE is $HIVELOG_FILE or hive.jsonl by default. Ends on SIGINT or SIGTERM.
Exit code 0: done, or of --status: nothing is behind; 1: the server refuses for
good (the token, or other bytes of the log are there), FILE is empty, or of
--status: something is behind, or differs; 2: bad use, no log, or it cannot be
read.

Example: hivelog ship --to http://127.0.0.1:4319 --once hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('ship', args, {
      to: { type: 'string' },
      token: { type: 'string' },
      once: { type: 'boolean', default: false },
      status: { type: 'boolean', default: false },
      kinds: { type: 'string' },
      flush: { type: 'string' },
      'max-bytes': { type: 'string', default: '1048576' },
      'this-file': { type: 'boolean', default: false },
      ...OTLP_OPTIONS,
      json: { type: 'boolean', default: false },
    })
    const records = { ...values, flush: values.flush ?? '5000' }
    if (isOtlp(records)) return shipOtlp(records, positionals)
    const { env } = io()
    const kinds = kindsOf(values.kinds)
    const url = values.to ?? (env.AGENT_LOG_ENDPOINT || undefined)
    if (url === undefined || !isWebAddress(url)) {
      const given = url === undefined ? '' : `, not ${addressOf(url)}`
      throw new UsageError(`ship needs --to URL, http://127.0.0.1:4319 say${given}; see hivelog ship --help`)
    }
    if (values.status && values.once) throw new UsageError('ship takes --status or --once, not both')
    const token = values.token ?? (env.AGENT_LOG_TOKEN || undefined)
    const files = positionals.length > 0 ? positionals : [defaultFile()]
    if (files.includes('-')) throw new UsageError('ship needs a file: standard input cannot be read again')
    const flush = values.flush ?? (env.BATCH_FLUSH_INTERVAL_MS || '5000')
    const options = {
      url,
      token,
      once: values.once,
      thisFile: values['this-file'],
      kinds,
      flushMs: wholeNumber(values.flush === undefined ? 'BATCH_FLUSH_INTERVAL_MS' : '--flush', flush, {
        min: 1,
        max: 86_400_000,
      }),
      maxBytes: wholeNumber('--max-bytes', values['max-bytes'], { min: 1, max: 8 * 1024 * 1024 }),
      onTrouble: (why: string | undefined) =>
        say(
          why === undefined
            ? `${addressOf(url)} is back`
            : `cannot reach ${addressOf(url)}: ${why}; trying again`,
        ),
      onNotHanded: (error: Error) => say(error.message),
      onNotOwn: (line: string) => say(line),
      onRejected: (file: string, count: number, reason: string) =>
        say(`the server does not take ${counted(count, 'event')} of ${file}: ${reason}`),
    }
    const nothing =
      values.once || values.status ? await tellNothing(files, true, { housekeeping: true }) : undefined
    if (nothing !== undefined) return nothing
    const stop = new AbortController()
    if (!values.once) void endOf().then(() => stop.abort())
    const output = new Output()
    let code = 0
    try {
      if (values.status)
        code = await tellStatus(
          files,
          { ...options, signal: stop.signal, patienceMs: STATUS_MS, onTrouble: undefined },
          output,
          values.json,
        )
      else {
        const shipped = await shipLogs(files, { ...options, signal: stop.signal })
        for (const each of shipped) await (values.json ? output.json(each) : output.line(lineOf(each)))
      }
    } catch (error) {
      if (stop.signal.aborted) return 1
      if (!(error instanceof ShipError)) throw error
      say(error.message)
      code = 1
    }
    await output.flush()
    return code
  },
}

/** Who asks how it stands wants an answer. */
const STATUS_MS = 5_000

/** @returns 1 when something is behind */
async function tellStatus(
  files: readonly string[],
  options: Parameters<typeof shipStatus>[1],
  output: Output,
  isJson: boolean,
): Promise<0 | 1> {
  let code: 0 | 1 = 0
  for (const each of await shipStatus(files, options)) {
    if (each.behindLines > 0 || each.differs !== undefined) code = 1
    await (isJson ? output.json(each) : output.line(statusLineOf(each)))
  }
  return code
}

function statusLineOf({ file, log, session, seq, behindBytes, behindLines, differs }: LogStatus): string {
  if (log === null) return `${clean(file)}: no line yet`
  if (differs !== undefined) return clean(differs)
  const behind =
    behindLines === 0 ? 'nothing behind' : `${counted(behindLines, 'line')} (${byteSize(behindBytes)}) behind`
  return `${clean(file)}: ${behind}, the copy ${session}/${log} is at seq ${seq}`
}

function lineOf({ file, log, session, bytes, seq, artifacts, events }: Shipped): string {
  const more = artifacts > 0 ? `, ${counted(artifacts, 'artifact')}` : ''
  if (events !== undefined) return `${clean(file)}: ${counted(events, 'event')} sent, as ${session}`
  return `${clean(file)}: ${byteSize(bytes)} sent${more}, up to seq ${seq}, as ${session}/${log}`
}

function kindsOf(given: string | undefined): string[] | undefined {
  if (given === undefined) return undefined
  const kinds = given.split(',').map((kind) => kind.trim())
  const wrong = kinds.find((kind) => !isKnownKind(kind) && !isCustomKind(kind))
  if (wrong === undefined) return kinds
  throw new UsageError(`--kinds takes kinds of events, message,usage say; '${wrong}' can be none`)
}

const isWebAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
