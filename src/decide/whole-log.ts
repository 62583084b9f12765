/** How escalations stand by what a log tells: that of a process which has ended, for one. */
import type { Fields } from '../format/fields.js'
import { hiveBatches } from '../read/hive.js'
import { isMalformed } from '../read/items.js'
import { Standings } from './standings.js'

/**
 * Reads the log and those of its child processes.
 * @param ids of these alone; default: of all
 * @throws {LogReadError} when the log cannot be read
 */
export async function standingsIn(log: string, ids?: readonly string[]): Promise<Standings> {
  const standings = new Standings()
  const kinds = ['escalate', 'approval']
  for await (const items of hiveBatches(log, { select: ids === undefined ? { kinds } : { kinds, ids } })) {
    for (const item of items) {
      if (!isMalformed(item)) standings.take(item.event.kind, item.event as unknown as Fields, item.event.ts)
    }
  }
  return standings
}
