/** What the fields of one event say about its outcome. Logs of other harnesses name it in several ways. */
import type { Fields } from './fields.js'
import type { ExitStatus } from './kinds.js'

/** The statuses that an `exit` can name. */
const EXITS: ReadonlySet<unknown> = new Set(['ok', 'error', 'killed', 'lost'])

/** Whether the call of a `usage` with these fields failed, or was aborted. */
export const hasFailed = ({ error }: Fields): boolean => isSaid(error)

/** How an agent ended whose `exit` has these fields (docs/hive.md, Lives). */
export function exitStatus({ status, error, exitCode, signal }: Fields): ExitStatus {
  if (EXITS.has(status)) return status as ExitStatus
  if (isSaid(error) || (typeof exitCode === 'number' && exitCode !== 0)) return 'error'
  return isSaid(signal) ? 'killed' : 'ok'
}

const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && value !== '' && value !== 0
