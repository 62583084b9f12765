/** Whether a report says that something is wrong, and what `hivelog check --json` tells. */
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CheckReport } from './checker.js'
import { SEVERITIES, type Severity } from './rules.js'

/** From which severity on a finding makes the verdict bad; `none`: never. */
export type FailOn = Severity | 'none'

/** Settings of the rules that lie beside a log. */
export const CONFIG_NAME = '.hivelog-check.json'

/** Path that settings beside a log have. */
export const pathOfConfig = (file: string): string => join(file === '-' ? '.' : dirname(file), CONFIG_NAME)

/** Path of the settings beside a log, where there are any. */
export function configBeside(file: string): string | undefined {
  const config = pathOfConfig(file)
  return statSync(config, { throwIfNoEntry: false })?.isFile() === true ? config : undefined
}

export const isGood = ({ counts }: CheckReport, failOn: FailOn): boolean =>
  !SEVERITIES.some((severity) => counts[severity] > 0 && isAtLeast(severity, failOn))

/** What `hivelog check --json` tells. */
export type CheckAnswer = Omit<CheckReport, 'file'> & {
  /** Path of the log that was named first. */
  file: string
  /** Whether there is no finding of the severity `failOn`, or of a worse one. */
  ok: boolean
  failOn: FailOn
  /** Path of the settings that were used. */
  config?: string
}

/** @param config path of the settings that were used */
export function checkAnswer(
  file: string,
  { file: _, ...rest }: CheckReport,
  failOn: FailOn,
  config: string | undefined,
): CheckAnswer {
  const ok = isGood({ file, ...rest }, failOn)
  return { file, ok, failOn, ...(config !== undefined && { config }), ...rest }
}

const isAtLeast = (severity: Severity, level: FailOn): boolean =>
  level !== 'none' && SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(level)
