/** What the fields of one event say about its outcome. Logs of other harnesses name it in several ways. */
import type { Fields } from './fields.js'
import type { ExitStatus } from './kinds.js'

/** The statuses that an `exit` can name. */
const EXITS: ReadonlySet<unknown> = new Set(['ok', 'error', 'killed', 'lost'])

/** Whether the call of a `usage` with these fields failed, or was aborted. */
export const hasFailed = ({ error }: Fields): boolean => isSaid(error)

/** The HTTP status that a `call` with these fields was answered with; some write the number as text. */
export function httpStatus({ status }: Fields): number | undefined {
  if (typeof status === 'string' && /^\d{3}$/.test(status)) return Number(status)
  return typeof status === 'number' ? status : undefined
}

/** Whether the HTTP call of a `call` with these fields failed: an error is said, or its status is 400 or above. */
export const hasCallFailed = (fields: Fields): boolean =>
  isSaid(fields.error) || (httpStatus(fields) ?? 0) >= 400

/** Whether the tool of a `tool` with these fields failed: `ok` says so, or, where it is absent, an error does. */
export const hasToolFailed = ({ ok, error }: Fields): boolean =>
  ok === false || (ok !== true && isSaid(error))

/** How an agent ended whose `exit` has these fields (docs/hive.md, Lives). */
export function exitStatus({ status, error, exitCode, signal }: Fields): ExitStatus {
  if (EXITS.has(status)) return status as ExitStatus
  if (isSaid(error) || (typeof exitCode === 'number' && exitCode !== 0)) return 'error'
  return isSaid(signal) ? 'killed' : 'ok'
}

/** Whether an event of this kind tells of work, or of an agent's life, that failed. */
export function hasGoneWrong(kind: string, fields: Fields): boolean {
  if (kind === 'usage') return hasFailed(fields)
  if (kind === 'call') return hasCallFailed(fields)
  if (kind === 'tool') return hasToolFailed(fields)
  return kind === 'exit' && exitStatus(fields) !== 'ok'
}

const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && value !== '' && value !== 0
