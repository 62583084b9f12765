/** What `keepIndex` may be. */
import { anyOf, flag, group, number, type Rule } from '../format/options.js'

/** When the side index of a log is brought up to date while the log is written. */
export interface KeepIndexOptions {
  /** Bytes of new log after which it is; besides, it is whenever a segment is archived. Default 64 MiB. */
  everyBytes?: number
}

export const KEEP_EVERY_BYTES = 64 * 1024 * 1024

export const keepIndexRule: Rule = anyOf(
  flag,
  group<KeepIndexOptions>({ everyBytes: number('bytes', { from: 1, whole: true }) }),
)

/** Bytes of new log after which the index is brought up to date; `undefined` for never. */
export function keptEvery(option: boolean | KeepIndexOptions | undefined): number | undefined {
  if (option === undefined || option === false) return undefined
  return option === true ? KEEP_EVERY_BYTES : (option.everyBytes ?? KEEP_EVERY_BYTES)
}
