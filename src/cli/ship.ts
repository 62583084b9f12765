/** `hivelog ship` */
import { type Shipped, shipLogs } from '../ship/shipper.js'
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
over restarts, rotation and outages. Logs of other writers, too.

      --to URL       the server; default $AGENT_LOG_ENDPOINT
      --token TOKEN  default $AGENT_LOG_TOKEN, where it is in no list of
                     processes
      --once         send what is there now, and end
      --flush MS     send what is there after so long (default 5000)
      --max-bytes N  and at once when it is so much (default 1048576)
      --this-file    only the FILEs, without the logs of their child processes
      --otlp-logs URL
                     instead, each line as an OTLP log record to the endpoint
                     for logs there (/v1/logs, where URL has no path)
      --missing-in URL
                     with it: of the whole log only the lines that VictoriaLogs
                     at this URL lacks
      --json         one JSON object a log at the end: {"file", "log",
                     "session", "bytes", "seq", "artifacts"}; of records
                     {"file", "log", "session", "lines", "present", "refused",
                     "artifacts"}
      --help         this text

FILE is $HIVELOG_FILE or hive.jsonl by default. Ends on SIGINT or SIGTERM.
Exit code 0: done; 1: the server refuses for good (the token, or other bytes of
the log are there), or FILE is empty; 2: bad use, no log, or it cannot be read.

Example: hivelog ship --to http://127.0.0.1:4319 --once hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('ship', args, {
      to: { type: 'string' },
      token: { type: 'string' },
      once: { type: 'boolean', default: false },
      flush: { type: 'string', default: '5000' },
      'max-bytes': { type: 'string', default: '1048576' },
      'this-file': { type: 'boolean', default: false },
      ...OTLP_OPTIONS,
      json: { type: 'boolean', default: false },
    })
    if (isOtlp(values)) return shipOtlp(values, positionals)
    const { env } = io()
    const url = values.to ?? (env.AGENT_LOG_ENDPOINT || undefined)
    if (url === undefined || !isWebAddress(url)) {
      const given = url === undefined ? '' : `, not '${url}'`
      throw new UsageError(`ship needs --to URL, http://127.0.0.1:4319 say${given}; see hivelog ship --help`)
    }
    const token = values.token ?? (env.AGENT_LOG_TOKEN || undefined)
    const files = positionals.length > 0 ? positionals : [defaultFile()]
    if (files.includes('-')) throw new UsageError('ship needs a file: standard input cannot be read again')
    const options = {
      url,
      ...(token !== undefined && { token }),
      once: values.once,
      thisFile: values['this-file'],
      flushMs: wholeNumber('--flush', values.flush, { min: 1, max: 86_400_000 }),
      maxBytes: wholeNumber('--max-bytes', values['max-bytes'], { min: 1, max: 8 * 1024 * 1024 }),
      onTrouble: (why: string | undefined) =>
        say(why === undefined ? `${url} is back` : `cannot reach ${url}: ${why}; trying again`),
    }
    const nothing = values.once ? await tellNothing(files, true, { housekeeping: true }) : undefined
    if (nothing !== undefined) return nothing
    const stop = new AbortController()
    if (!values.once) void endOf().then(() => stop.abort())
    const output = new Output()
    let code = 0
    try {
      const shipped = await shipLogs(files, { ...options, signal: stop.signal })
      for (const each of shipped) await (values.json ? output.json(each) : output.line(lineOf(each)))
    } catch (error) {
      if (!(error instanceof ShipError)) throw error
      say(error.message)
      code = 1
    }
    await output.flush()
    return code
  },
}

function lineOf({ file, log, session, bytes, seq, artifacts }: Shipped): string {
  const more = artifacts > 0 ? `, ${counted(artifacts, 'artifact')}` : ''
  return `${clean(file)}: ${byteSize(bytes)} sent${more}, up to seq ${seq}, as ${session}/${log}`
}

const isWebAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
