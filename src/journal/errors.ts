/** What the writer of a log throws. A message is one line that is safe to print, whatever the file is called. */
import { HivelogError } from '../format/errors.js'
import { clean } from '../text/clean.js'

/** Who holds a log's lock. */
export interface LockHolder {
  /** Process id, on `host`. */
  pid: number
  /** Name of the machine, as `os.hostname()` gives it. */
  host: string
  /** ISO time at which the holder opened the log. */
  since: string
  /** Number of the worker thread that opened it (`worker_threads.threadId`); left out for a main thread. */
  thread?: number
}

/** Another process (or another journal of this one) is writing the file. */
export class LogLockedError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_LOCKED'
  /** Who writes it, as its lock says. */
  readonly holder: LockHolder

  /** @param file path of the log */
  constructor(file: string, holder: LockHolder) {
    const thread = holder.thread === undefined ? '' : ` (thread ${holder.thread})`
    super(
      'ERR_HIVELOG_LOCKED',
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
export class LogOpenError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_OPEN'

  /**
   * @param message what is wrong; made safe to print
   * @param cause the error behind it, if there is one
   */
  constructor(message: string, cause?: unknown) {
    super('ERR_HIVELOG_OPEN', clean(message), cause)
    this.name = 'LogOpenError'
  }
}

/** The log is open in this process already, with options that this call's cannot be joined to. */
export class OptionsConflictError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_OPTIONS_CONFLICT'
  /** Absolute path of the log. */
  readonly file: string
  /** Which option: `fsync`, `rotate.maxBytes`, … */
  readonly option: string

  /**
   * @param file absolute path of the log
   * @param option name of the option, with that of its group before a dot
   * @param message one line, safe to print
   */
  constructor(file: string, option: string, message: string) {
    super('ERR_HIVELOG_OPTIONS_CONFLICT', message)
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
export class NotDurableError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_NOT_DURABLE'

  /**
   * @param message what is wrong; made safe to print
   * @param cause the error behind it, if there is one
   */
  constructor(message: string, cause?: unknown) {
    super('ERR_HIVELOG_NOT_DURABLE', clean(message), cause)
    this.name = 'NotDurableError'
  }
}
