/** `hivelog pull` */
import { type MissingLines, type PulledLog, pullSession } from '../pull/pull.js'
import { folderOf } from '../ship/segments.js'
import { byteSize, clean, counted, grouped } from '../text/terminal.js'
import { type Command, parse, UsageError } from './args.js'
import { io } from './io.js'
import { Output, say } from './output.js'
import { webAddress } from './ship-otlp.js'

const help = `Usage: hivelog pull --from URL --session S [OPTION]...

Gets the logs of a session back from VictoriaLogs (a node, or a cluster's
select), where ship --otlp-logs has sent them, or from hivelog serve: in order,
each line once, byte for byte the original files, with their segments (unpacked)
and artifacts, so that verify and every other command work on them. Missing
lines are named by number; where a log ends, only its last seal can say.

      --from URL    where they are, http://127.0.0.1:9428 say; a name and a
                    password in it are sent
      --token T     sent as a bearer token; default $AGENT_LOG_TOKEN
      --session S   whose logs: every log with a line of this session
      --out DIR     the folder that they are put into; default ./S
      --replace     replace what is there with other bytes
      --json        one JSON object a log: {"file", "log", "segments", "lines",
                    "bytes", "artifacts", "artifactsMissing", "missing":
                    [{"segment", "offset", "bytes", "after", "before"}],
                    "conflicts": [{"segment", "offset"}]}; "after" and "before"
                    are the seq of the lines on both sides
      --help        this text

Commands that read logs take --from URL --session S too, in place of FILE: they
read what is pulled into a private folder for the time, and say what is missing:
hivelog audit --from http://127.0.0.1:9428 --session s-1

Exit code 0: all lines are there; 1: lines are missing, or the store has no line
of the session; 2: bad use, or the store cannot be asked.

Example: hivelog pull --from http://127.0.0.1:9428 --session s-1 --out copy
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('pull', args, {
      from: { type: 'string' },
      token: { type: 'string' },
      session: { type: 'string' },
      out: { type: 'string' },
      replace: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const [extra] = positionals
    if (extra !== undefined)
      throw new UsageError(`pull takes no FILE, but --session S, not '${extra}'; see hivelog pull --help`)
    const { from, session, token, out, replace, json } = values
    if (from === undefined || session === undefined)
      throw new UsageError('pull needs --from URL and --session S; see hivelog pull --help')
    webAddress('--from', from, 'http://127.0.0.1:9428')
    const logs = await pullLogs({ from, session, token }, out ?? folderOf(session, ''), replace)
    const output = new Output()
    for (const each of logs) {
      if (json) await output.json(each)
      else for (const line of linesOf(each)) await output.line(line)
    }
    await output.flush()
    return logs.length === 0 || !logs.every(isWhole) ? 1 : 0
  },
}

/** Where from and whose logs. */
export interface Pulled {
  from: string
  session: string
  token?: string | undefined
}

/** Pulls into a folder; says so when there is nothing. */
export async function pullLogs(
  { from, session, token = io().env.AGENT_LOG_TOKEN || undefined }: Pulled,
  out: string,
  replace = false,
): Promise<PulledLog[]> {
  const logs = await pullSession({ url: from, token, session, out, replace })
  if (logs.length === 0) say(`${new URL(from).origin} has no line of session '${session}'`)
  return logs
}

export const isWhole = ({ missing, artifactsMissing, conflicts }: PulledLog): boolean =>
  missing.length + artifactsMissing.length + conflicts.length === 0

/** What is wrong with what was pulled, a line each. */
export function troublesOf({ file, missing, artifactsMissing, conflicts }: PulledLog): string[] {
  return [
    ...missing.map((hole) => `${clean(file)}: missing: ${missingText(hole)}`),
    ...artifactsMissing.map((ref) => `${clean(file)}: missing: artifact ${ref}`),
    ...conflicts.map(
      ({ segment, offset }) =>
        `${clean(file)}: two different lines at byte ${offset} of the segment that begins at seq ${segment}`,
    ),
  ]
}

function linesOf(log: PulledLog): string[] {
  const { file, segments, lines, bytes, artifacts } = log
  const parts = [
    counted(lines, 'line'),
    byteSize(bytes),
    ...(segments > 1 ? [counted(segments, 'segment')] : []),
    ...(artifacts > 0 ? [counted(artifacts, 'artifact')] : []),
  ]
  return [`${clean(file)}: ${parts.join(', ')}`, ...troublesOf(log)]
}

function missingText({ segment, offset, bytes, after, before }: MissingLines): string {
  const [first, last] = [(after ?? 0) + 1, (before ?? 0) - 1]
  const size = bytes > 0 ? ` (${grouped(bytes)} bytes)` : ''
  if (before !== undefined && last >= first)
    return `${first === last ? `line ${first}` : `lines ${first}–${last}`}${size}`
  return `${grouped(bytes)} bytes at byte ${offset} of the segment that begins at seq ${segment}`
}
