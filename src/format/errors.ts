/** The one family of errors. Each room has its own in its `errors.ts` or beside what throws it. */

/**
 * Whatever hivelog throws, or rejects with, on purpose: `error instanceof HivelogError` tells its errors from all
 * others. The message is one line that says what is wrong, where, and what to do.
 *
 * `code` is for programs and does not change between versions:
 *
 * - `ERR_HIVELOG_OPTIONS` (`OptionsError`): an option is none, or has a value that it cannot have
 * - `ERR_HIVELOG_OPTIONS_CONFLICT` (`OptionsConflictError`): the log is open in this process with other options
 * - `ERR_HIVELOG_LOCKED` (`LogLockedError`): somebody else writes the log
 * - `ERR_HIVELOG_OPEN` (`LogOpenError`): the log cannot be opened for writing
 * - `ERR_HIVELOG_NOT_DURABLE` (`NotDurableError`): an event is not known to be on disk
 * - `ERR_HIVELOG_SHUT_DOWN` (`ShutDownError`): spans came after the exporter was shut down
 * - `ERR_HIVELOG_DEPENDENCY` (`DependencyError`): a package that hivelog depends on cannot be loaded
 * - `ERR_HIVELOG_READ` (`LogReadError`): a log cannot be read; where the system says why, its code stands instead:
 *   `ENOENT`, `EACCES`, …
 * - `ERR_HIVELOG_ENDLESS` (`LogReadError`): a line of it does not end within 1 GiB, so it is no log
 * - `ERR_HIVELOG_CURSOR_LOST` (`CursorLostError`): a consumer cannot go on where it was
 * - `ERR_HIVELOG_CURSOR_FILE` (`CursorFileError`): the file of a cursor cannot be read or written
 * - `ERR_HIVELOG_CHECK_CONFIG` (`CheckConfigError`): a rule of `checkLog` is set to what cannot be
 * - `ERR_HIVELOG_EXPORT` (`ExportError`): spans could not be sent to a trace backend, or asked for there
 * - `ERR_HIVELOG_DECISION` (`DecisionError`): a decision cannot be put beside the log, or may not be given
 * - `ERR_HIVELOG_DECIDED` (`AlreadyDecidedError`): somebody decided before
 * - `ERR_HIVELOG_NOT_DECIDED` (`NotDecidedError`): nobody decided in time, or before the hive was shut down
 * - a `CommitErrorCode` (`CommitError`): a log could not be committed to git
 */
export class HivelogError extends Error {
  /** What went wrong, for programs; see the list above. */
  readonly code: string

  /**
   * @param code one of the list above
   * @param message one line, safe to print
   * @param cause the error behind it, if there is one
   */
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'HivelogError'
    this.code = code
  }
}
