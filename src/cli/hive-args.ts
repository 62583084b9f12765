/** What every command takes that reads a hive: which logs, which time; and what it says where there is nothing. */
import type { HiveSelection } from '../analyse/reading.js'
import { contentOf, type LogSpan } from '../read/glance.js'
import { clock } from '../text/terminal.js'
import { defaultFile, UsageError } from './args.js'
import { type GivenTime, spanFor } from './log-times.js'
import { say } from './output.js'
import { withProgress } from './progress.js'
import { outsideNote, parseTime } from './times.js'

/** The options of every command that reads a hive, for `parse`. */
export const HIVE_OPTIONS = {
  'this-file': { type: 'boolean', default: false },
  since: { type: 'string' },
  until: { type: 'string' },
} as const

/** Their lines for a command's help text, where the descriptions begin in column 20. */
export const HIVE_HELP = `      --since TIME  only from then on: 14:03 (the log's last day that has it),
      --until TIME  and up to then; 2026-08-22T14:03:07, 30m (ago), yesterday
      --this-file   only the FILEs, without the logs of their child processes
                    in FILE.agents`

/** What a command that reads a hive was given. */
export interface HiveArguments {
  /** The logs that are named, or the default one. */
  files: string[]
  thisFile: boolean
  /** Epoch milliseconds of the first and the last events, both included. */
  since?: number
  until?: number
  /** When the hive's events are; left out where there are none, or the log can be read only once. */
  span?: LogSpan
  /** A sentence each, for standard error. */
  notes: string[]
}

/**
 * The logs and the time that a command is to read.
 * @param values of `HIVE_OPTIONS`
 * @throws {UsageError} on a time that is none; and what reading a log throws, where a time of day needs that
 */
export async function hiveArguments(
  command: string,
  values: { 'this-file'?: boolean; since?: string | undefined; until?: string | undefined },
  positionals: readonly string[],
): Promise<HiveArguments> {
  const files = positionals.length > 0 ? [...positionals] : [defaultFile()]
  const thisFile = values['this-file'] === true
  const given: HiveArguments = { files, thisFile, notes: [] }
  if (values.since === undefined && values.until === undefined) return given
  const now = Date.now()
  const times: GivenTime[] = []
  // Of what lies before the log's end --since leaves out nothing by mistake, nor --until of what lies after its start.
  if (values.since !== undefined)
    times.push({ option: '--since', value: values.since, tellsBefore: false, tellsAfter: true })
  if (values.until !== undefined)
    times.push({ option: '--until', value: values.until, tellsBefore: true, tellsAfter: false })
  const span = await spanFor(times, files, thisFile, now)
  if (span !== undefined) given.span = span
  const context = { span, now }
  for (const name of ['since', 'until'] as const) {
    const value = values[name]
    if (value !== undefined) given[name] = parseTime(`--${name}`, value, context)
  }
  const { since, until } = given
  if (since !== undefined && until !== undefined && since > until) {
    throw new UsageError(
      `--since ${clock(since, true)} is after --until ${clock(until, true)}; see hivelog ${command} --help`,
    )
  }
  if (since !== undefined && span !== undefined && since > span.to)
    note(given, outsideNote('--since', since, span))
  if (until !== undefined && span !== undefined && until < span.from)
    note(given, outsideNote('--until', until, span))
  return given
}

function note({ notes }: HiveArguments, text: string | undefined): void {
  if (text !== undefined) notes.push(text)
}

/**
 * Says what a command that found nothing must not take for a good log, in one line for each FILE, and returns the
 * exit code: 2 where a file is no log, 1 where there is no event; `undefined` when all hold events. Standard input
 * and pipes are not looked at: `tellNothingRead` is for what was read of them.
 * @throws when a file is missing, a directory, or must not be read
 */
export async function tellNothing(
  files: readonly string[],
  thisFile = false,
  { housekeeping = false } = {},
): Promise<1 | 2 | undefined> {
  let code: 1 | 2 | undefined
  for (const file of files) {
    const content = await contentOf(file, thisFile)
    if (content === 'unknown' || content === 'events') continue
    if (content === 'housekeeping' && housekeeping) continue
    say(NOTHING[content](file))
    if (code !== 2) code = content === 'no log' ? 2 : 1
  }
  return code
}

/**
 * Makes a report of a hive, and says in one line what it must not be taken for where there is nothing to report.
 * @returns the report and, where a file is no log (2) or holds no event (1), the exit code
 */
export async function reportOf<R extends { lines: number; events: number; malformed: number }>(
  { files, thisFile, since, until, notes }: HiveArguments,
  make: (files: string[], selection: HiveSelection) => Promise<R>,
): Promise<{ report: R; nothing: 1 | 2 | undefined }> {
  for (const each of notes) say(each)
  const report = await withProgress((onProgress) =>
    make(files, {
      thisFile,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      onProgress,
    }),
  )
  const isAll = since === undefined && until === undefined
  let nothing = await tellNothing(files, thisFile)
  if (nothing === undefined && isAll) nothing = tellNothingRead(files, report)
  return { report, nothing }
}

const NOTHING = {
  'no log': (file: string) => `${file} is no log: none of its lines is an event`,
  nothing: (file: string) => `${file} is empty: there is no event in it`,
  housekeeping: (file: string) => `${file} holds no event yet, only its writer's own lines (log.*)`,
}

/** As `tellNothing`, of what was read: for logs that can be read only once. */
export function tellNothingRead(
  files: readonly string[],
  { lines, events, malformed }: { lines: number; events: number; malformed: number },
): 1 | 2 | undefined {
  if (events > 0) return undefined
  const content = lines === 0 ? 'nothing' : lines === malformed ? 'no log' : 'housekeeping'
  const names = files.map((file) => (file === '-' ? 'standard input' : file)).join(', ')
  say(NOTHING[content](names))
  return content === 'no log' ? 2 : 1
}
