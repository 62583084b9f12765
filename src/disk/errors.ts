/** What is thrown when a log as such cannot be read; what is wrong within it, readers give as items. */
import { HivelogError } from '../format/errors.js'

/** A log cannot be read: there is none, it is no file, the system refuses it. */
export class LogReadError extends HivelogError {
  /**
   * The system's word for it where there is one: `ENOENT`, `EISDIR`, `EACCES`, …; else `ERR_HIVELOG_READ`, or
   * `ERR_HIVELOG_ENDLESS` when a line does not end within 1 GiB.
   */
  declare readonly code: string

  /**
   * @param message one line, safe to print
   * @param cause the error behind it; its `code`, if it has one, is this error's
   */
  constructor(message: string, cause?: unknown) {
    super(systemCodeOf(cause) ?? 'ERR_HIVELOG_READ', message, cause)
    this.name = 'LogReadError'
  }
}

/** The code of an error of the system. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : undefined
}
