/** Finds what went wrong in a hive without anyone logging an error. */
import { checkOptions } from '../format/options.js'
import { logBatches } from '../read/read.js'
import { Checker, type CheckReport } from './check/checker.js'
import { type RuleSettings, Settings } from './check/settings.js'
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
}

const MAX_FINDINGS = 1000

/**
 * Reads the whole log once (all segments; `-` is standard input) and reports what is wrong in it. Repeats of one
 * cause are one finding with a count. Memory is bounded whatever the log holds: where a bound was hit, `notes` of
 * the report says so. Foreign logs are read as they are; nothing in a line makes it throw.
 * @throws {CheckConfigError} when a setting of a rule cannot be
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read; never because of a line
 */
export async function checkLog(file: string, options: CheckOptions = {}): Promise<CheckReport> {
  checkOptions('checkLog', options, CHECK_OPTION_RULES)
  const settings = new Settings()
  settings.apply(options.rules ?? {}, 'rules')
  return checkWith(file, settings, options)
}

/** As `checkLog`, with settings that are made already. */
export async function checkWith(
  file: string,
  settings: Settings,
  { now, closed = false, maxFindings = MAX_FINDINGS }: Omit<CheckOptions, 'rules'> = {},
): Promise<CheckReport> {
  const checker = new Checker(settings, { closed, maxFindings, ...(now !== undefined && { now }) })
  for await (const items of logBatches(file)) for (const item of items) checker.add(item)
  return checker.report(file)
}
