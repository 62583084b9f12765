/** What the writer of a log throws. A message is one line that is safe to print, whatever the file is called. */
import { clean } from '../text/clean.js'

/** Who holds a log's lock. */
export interface LockHolder {
  pid: number
  host: string
  /** ISO time at which the holder opened the log. */
  since: string
  /** Id of the worker thread that opened it; left out for a main thread. */
  thread?: number
}

/** Another process (or another journal of this one) is writing the file. */
export class LogLockedError extends Error {
  readonly code = 'ERR_HIVELOG_LOCKED'
  readonly holder: LockHolder

  constructor(file: string, holder: LockHolder) {
    const thread = holder.thread === undefined ? '' : ` (thread ${holder.thread})`
    super(
      clean(
        `${file} is being written by process ${holder.pid}${thread} on ${holder.host} since ${holder.since}; ` +
          'a log has one writer: stop that process, or give this one a file of its own',
      ),
    )
    this.name = 'LogLockedError'
    const { pid, host, since } = holder
    this.holder = { pid, host, since, ...(holder.thread !== undefined && { thread: holder.thread }) }
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

/** The log is open in this process already, with options that this call's cannot be joined to. */
export class OptionsConflictError extends Error {
  readonly code = 'ERR_HIVELOG_OPTIONS_CONFLICT'
  /** Absolute path of the log. */
  readonly file: string
  /** Which option: `fsync`, `rotate.maxBytes`, … */
  readonly option: string

  constructor(file: string, option: string, message: string) {
    super(message)
    this.name = 'OptionsConflictError'
    this.file = file
    this.option = option
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
