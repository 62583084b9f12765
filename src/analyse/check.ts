/** Finds what went wrong in a hive without anyone logging an error. */
import { checkOptions } from '../format/options.js'
import { counting, flatBatches, logsOfHive, type OnProgress } from '../read/hive.js'
import { logBatches } from '../read/read.js'
import { Checker, type CheckReport } from './check/checker.js'
import { type RuleSettings, Settings } from './check/settings.js'
import { pricer } from './cost/call-cost.js'
import { CHECK_OPTION_RULES } from './options.js'

/** What `checkLog` takes. */
export interface CheckOptions {
  /**
   * Rules switched off (`'off'`), given another severity (`'error'`, `'warning'`, `'info'`), or tuned
   * (`{ severity: 'error', after: '30m' }`; durations are text like `30m` or milliseconds). Default: every rule as
   * `CHECK_RULES` has it.
   */
  rules?: RuleSettings
  /**
   * Time up to which waiting is measured, epoch milliseconds: give `Date.now()` for a log that is being written.
   * Default: the time of the log's last event.
   */
  now?: number
  /**
   * Whether the hive has ended: what still waits at the end of the log counts however young it is, and agents
   * without an exit are lost. Default false.
   */
  closed?: boolean
  /** Findings that are listed of one rule; more are only counted. Default 1,000. */
  maxFindings?: number
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: OnProgress
  /**
   * Only findings that have a place from this time on are listed and counted; all is read. Epoch milliseconds,
   * included. Default: all.
   */
  since?: number
  /** The same, up to this time: epoch milliseconds, included. Default: all. */
  until?: number
}

const MAX_FINDINGS = 1000

/**
 * Reads the whole hive once and reports what is wrong in it: the log with all its segments, those of its child
 * processes, and several files as one hive; `-` is standard input. Repeats of one cause are one finding with a count.
 * Memory is bounded whatever the logs hold: where a bound was hit, `notes` of the report says so. Foreign logs are
 * read as they are; nothing in a line makes it throw.
 * @throws {CheckConfigError} when a setting of a rule cannot be
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read; never because of a line
 */
export async function checkLog(
  files: string | readonly string[],
  options: CheckOptions = {},
): Promise<CheckReport> {
  checkOptions('checkLog', options, CHECK_OPTION_RULES)
  const settings = new Settings()
  settings.apply(options.rules ?? {}, 'rules')
  return checkWith(files, settings, options)
}

/** As `checkLog`, with settings that are made already. */
export async function checkWith(
  given: string | readonly string[],
  settings: Settings,
  options: Omit<CheckOptions, 'rules'> = {},
): Promise<CheckReport> {
  const {
    now,
    closed = false,
    maxFindings = MAX_FINDINGS,
    thisFile = false,
    since,
    until,
    onProgress,
  } = options
  const files = typeof given === 'string' ? [given] : given
  const logs = logsOfHive(files, thisFile)
  const isTimed = since !== undefined || until !== undefined
  const checker = new Checker(settings, {
    closed,
    maxFindings,
    price: pricer(),
    ...(now !== undefined && { now }),
    ...(isTimed && { within: { since: since ?? -Infinity, until: until ?? Infinity } }),
    ...(logs.length > 1 && { logs }),
  })
  // A log alone is not named in every place.
  const progress = onProgress === undefined ? {} : { onProgress }
  const batches =
    logs.length > 1
      ? flatBatches(files, { thisFile, ...progress })
      : logBatches(logs[0] as string, { ...counting(logs, progress), flat: true })
  for await (const items of batches) for (const item of items) checker.add(item)
  return checker.report(files[0] as string)
}
