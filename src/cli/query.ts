/** What `show` and `why` have in common: an event of a hive that is named by a few characters. */
import type { LogTally } from '../analyse/reading.js'
import { logNamed, type Match } from '../analyse/show/find.js'
import type { Listed } from '../analyse/show/report.js'
import { logsOfHive } from '../read/hive.js'
import { givenId } from '../text/clean.js'
import { clean, counted } from '../text/terminal.js'
import { UsageError } from './args.js'
import { HIVE_OPTIONS, hiveArguments, tellNothingRead } from './hive-args.js'
import { Output, say } from './output.js'
import { EventRows } from './rows.js'

export const QUERY_HELP = `WHAT is a seq of the first FILE's log (of a child's, where that has none), a
place as commands print it (hive.jsonl:57), or an id: of a message, an
escalation, an agent (its last spawn is meant), a span or a trace. What is
exactly so is meant first, then the only thing that begins so; what fits
several things is listed.`

/** The help of `QUERY_OPTIONS`. */
export const QUERY_OPTIONS_HELP = `      --log LOG    look in this log of the hive alone: its path, or the name of
                   its file
      --this-file  read only the FILEs, without the logs of their child
                   processes in FILE.agents`

export const QUERY_OPTIONS = {
  log: { type: 'string' },
  'this-file': HIVE_OPTIONS['this-file'],
  json: { type: 'boolean', default: false },
} as const

interface Values {
  log?: string | undefined
  'this-file': boolean
}

interface Asked {
  query: string
  files: string[]
  reading: { thisFile: boolean; log?: string }
}

/** @throws {UsageError} when nothing is asked for, or there is no such log */
export async function askedFor(
  command: string,
  values: Values,
  [query, ...positionals]: readonly string[],
): Promise<Asked> {
  if (query === undefined) throw new UsageError(`name what to look for; see hivelog ${command} --help`)
  const { files, thisFile } = await hiveArguments(command, { 'this-file': values['this-file'] }, positionals)
  if (files.includes('-')) throw new UsageError(`${command} reads a log twice: it needs a file, not -`)
  const reading: Asked['reading'] = { thisFile }
  if (values.log !== undefined) {
    const logs = logsOfHive(files, thisFile)
    const log = logNamed(logs, values.log)
    if (log === undefined) {
      const names = logs.slice(0, 5).join(', ')
      const others = logs.length > 5 ? `, … (${logs.length})` : ''
      throw new UsageError(
        `--log needs the name of one log of this hive, not '${values.log}': ${names}${others}`,
      )
    }
    reading.log = log
  }
  return { query: givenId(query), files, reading }
}

/** Prints a report on what was asked for, or says that there is no such thing. Returns the exit code. */
export async function printFound<T extends LogTally & { found: string; matches?: Listed<Match> }>(
  command: string,
  asked: Asked,
  report: T,
  { json, ok, lines }: { json: boolean; ok: boolean; lines: () => Iterable<string> },
): Promise<number> {
  const { query, files, reading } = asked
  const output = new Output()
  if (json) {
    if (!(await printedJson(output, report))) {
      say(`${query} is nested too deeply to be written as JSON; it is shown without --json`)
      return 1
    }
  } else if (report.matches !== undefined) {
    for (const line of severalLines(command, query, report.matches)) await output.line(line)
  } else if (report.found !== 'nothing') for (const line of lines()) await output.line(line)
  await output.flush()
  if (ok && report.found !== 'nothing' && report.found !== 'several') return 0
  if (report.found !== 'nothing') return 1
  const none = json ? undefined : tellNothingRead(files, report)
  if (none === undefined && !json) {
    const where = reading.log === undefined ? 'this hive' : reading.log
    say(`nothing in ${where} is called ${query} (${counted(report.events, 'event')} read)`)
  }
  return none ?? 1
}

/** What can be parsed can be nested too deeply to be written again. */
async function printedJson(output: Output, value: object): Promise<boolean> {
  try {
    await output.json(value)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function* severalLines(command: string, query: string, { list, more }: Listed<Match>): Generator<string> {
  const rows = new EventRows()
  yield `${clean(query)} is ${counted(list.length + more, 'thing')}:`
  for (const match of list) yield rows.event(match)
  if (more > 0) yield `  … and ${counted(more, 'more thing')}`
  const place = list[0]?.place
  if (place === undefined) return
  yield `name one by its place: hivelog ${command} ${clean(placeName(place))}`
}

const placeName = ({ file, line, seq }: Match['place']): string =>
  line === undefined ? String(seq) : `${file}:${line}`
