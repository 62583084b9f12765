/** What goes wrong when spans leave for a trace backend. */
import { HivelogError } from '../format/errors.js'

/** Spans could not be sent to a trace backend, or it could not be asked which it has. */
export class ExportError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_EXPORT'

  /**
   * @param message one line
   * @param cause the error behind it, if there is one
   */
  constructor(message: string, cause?: unknown) {
    super('ERR_HIVELOG_EXPORT', message, cause)
    this.name = 'ExportError'
  }
}
