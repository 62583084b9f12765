/** One rule for a log that cannot be read now: 503, why in one line, and when to ask again (docs/api.md). */
import { systemCodeOf } from '../../disk/errors.js'
import { HivelogError } from '../../format/errors.js'
import { cannotRead } from '../../read/sources.js'
import { clean } from '../../text/clean.js'
import { diskTrouble } from '../disk-trouble.js'
import { HttpError } from '../http.js'

/** Seconds until it may be readable: hives that could not be read are tried again about as often. */
const AGAIN_S = 2

/** @param why one line */
export const notReadable = (why: string): HttpError =>
  new HttpError(503, clean(why), {}, { 'retry-after': String(AGAIN_S) })

/**
 * Does what reads a log.
 * @param file path of the log
 * @throws {HttpError} 503 where its files, or settings beside it, cannot be read; what is else thrown as it is
 */
export async function readable<T>(file: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    // Tells in one line already what cannot be read.
    if (error instanceof HivelogError) throw notReadable(error.message)
    const isOfFiles =
      systemCodeOf(error) !== undefined && (error as NodeJS.ErrnoException).syscall !== undefined
    if (isOfFiles && diskTrouble(error) === undefined) throw notReadable(cannotRead(file, error).message)
    throw error
  }
}
