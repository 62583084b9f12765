/** Where in a hive a line is: what every report says of what it names. */
import type { HiveEntry } from '../read/hive.js'

/** Where a line of a hive is. */
export interface LinePlace {
  /** Path of the log: that of the live file, whatever segment the line is in. */
  log: string
  /** Path of the segment. */
  file: string
  /** Number of the line in its segment, from 1. */
  line?: number
  /** Position in its log, and unique only there. */
  seq: number
}

export function placeOf({ log, file, line, seq }: HiveEntry): LinePlace {
  return line === undefined ? { log, file, seq } : { log, file, line, seq }
}
