/** What readers throw when a consumer's cursor in a log cannot be used. */
import { HivelogError } from '../format/errors.js'

/** The oldest line of a log that can still be read. */
export interface OldestLine {
  /** Its number in the log. */
  seq: number
  /** Path of the segment it is in. */
  file: string
}

/**
 * Why a cursor is lost. `gone`: the segment it is in was deleted or cannot be read; `replaced`: there is another
 * log (or another text) where it was; `ahead`: the log ends before it.
 */
export type CursorLoss = 'gone' | 'replaced' | 'ahead'

/** A consumer cannot go on where it was: lines that it has not seen may be lost, or the log is another one. */
export class CursorLostError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_CURSOR_LOST'
  /** Name of the cursor. */
  readonly cursor: string
  /** The reason for programs. */
  readonly reason: CursorLoss
  /** The reason in words. */
  readonly why: string
  /** `seq` of the last line that was processed, if known. */
  readonly seq: number | undefined
  /** Where `onLost: 'oldest'` goes on; `undefined` when the log has no line at all. */
  readonly oldest: OldestLine | undefined

  /**
   * @param cursor name of the cursor
   * @param loss what this error says of it
   */
  constructor(
    cursor: string,
    loss: { reason: CursorLoss; why: string; seq: number | undefined; oldest: OldestLine | undefined },
  ) {
    const { reason, why, seq, oldest } = loss
    super(
      'ERR_HIVELOG_CURSOR_LOST',
      `cursor '${cursor}' is lost: ${why}; ${offer(oldest, "with onLost: 'oldest'")}`,
    )
    this.name = 'CursorLostError'
    this.cursor = cursor
    this.reason = reason
    this.why = why
    this.seq = seq
    this.oldest = oldest
  }
}

/** Says where one can go on, and how. */
export function offer(oldest: OldestLine | undefined, how: string): string {
  return oldest === undefined
    ? `there is no line to go on with; wait for new ones ${how}`
    : `the oldest line to go on with is seq ${oldest.seq} in ${oldest.file}; begin there ${how}`
}

/** The file that keeps a cursor cannot be read or written. */
export class CursorFileError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_CURSOR_FILE'

  /**
   * @param message one line, safe to print
   * @param cause the error behind it, if there is one
   */
  constructor(message: string, cause?: unknown) {
    super('ERR_HIVELOG_CURSOR_FILE', message, cause)
    this.name = 'CursorFileError'
  }
}
