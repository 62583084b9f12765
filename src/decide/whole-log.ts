/** How escalations stand by what a log tells: that of a process which has ended, for one. */
import type { Fields } from '../format/fields.js'
import { hiveBatches } from '../read/hive.js'
import { isMalformed } from '../read/items.js'
import { Standings } from './standings.js'

/**
 * Reads the log and those of its child processes.
 * @param ids the escalations of which it is to be known
 * @throws {LogReadError} when the log cannot be read
 */
export async function standingsIn(log: string, ids: readonly string[]): Promise<Standings> {
  const standings = new Standings()
  for await (const items of hiveBatches(log, { select: { kinds: ['escalate', 'approval'], ids } })) {
    for (const item of items) {
      if (!isMalformed(item)) standings.take(item.event.kind, item.event as unknown as Fields, item.event.ts)
    }
  }
  return standings
}
