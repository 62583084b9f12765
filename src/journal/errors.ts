/** What the writer of a log throws. A message is one line that is safe to print, whatever the file is called. */
import { clean } from '../text/clean.js'

/** Who holds a log's lock. */
export interface LockHolder {
  pid: number
  host: string
  /** ISO time at which the holder opened the log. */
  since: string
}

/** Another process (or another journal of this one) is writing the file. */
export class LogLockedError extends Error {
  readonly code = 'ERR_HIVELOG_LOCKED'
  readonly holder: LockHolder

  constructor(file: string, holder: LockHolder) {
    super(
      clean(
        `${file} is being written by process ${holder.pid} on ${holder.host} since ${holder.since}; ` +
          'a log has one writer: stop that process, or give this one a file of its own',
      ),
    )
    this.name = 'LogLockedError'
    this.holder = holder
  }
}

/** The file cannot be opened, or is no log. */
export class LogOpenError extends Error {
  readonly code = 'ERR_HIVELOG_OPEN'

  constructor(message: string, cause?: unknown) {
    super(clean(message), cause === undefined ? undefined : { cause })
    this.name = 'LogOpenError'
  }
}

/** Whatever went wrong at opening `file`, as the error that tells it. */
export function asOpenError(file: string, error: unknown): Error {
  if (error instanceof LogOpenError || error instanceof LogLockedError) return error
  return new LogOpenError(`cannot open ${file} for the log: ${(error as Error).message}`, error)
}

/** An event could not be made durable: it was lost, or the disk reported an error when asked to sync it. */
export class NotDurableError extends Error {
  readonly code = 'ERR_HIVELOG_NOT_DURABLE'

  constructor(message: string, cause?: unknown) {
    super(clean(message), cause === undefined ? undefined : { cause })
    this.name = 'NotDurableError'
  }
}
