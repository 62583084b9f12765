/** The floor of a big log while it is read for the first time, from its side index and its last lines. */
import { existsSync } from 'node:fs'
import { pricer } from '../../analyse/cost/call-cost.js'
import { replay } from '../../analyse/replay.js'
import { logsOfHive, sizeOfLogs } from '../../disk/hive-logs.js'
import { indexFolder } from '../../format/beside.js'
import { isMalformed } from '../../read/items.js'
import { tailLog } from '../../read/tail.js'
import { FloorTracker } from './floor-tracker.js'
import type { Floor } from './shapes.js'

/** A log of fewer bytes is read soon enough. */
const BIG = 32 * 1024 * 1024
/** Lines in which it looks for what each agent did last. */
const LINES = 10_000

/**
 * The floor at the log's end; of agents that did nothing for long, `last` is not known yet. `undefined` where it would
 * take as long as reading all: a hive of several logs, one without an index.
 */
export async function earlyFloor(file: string): Promise<Floor | undefined> {
  const never = new Promise<undefined>(() => {})
  try {
    const logs = logsOfHive([file])
    if (logs.length > 1 || sizeOfLogs(logs) < BIG || !existsSync(indexFolder(file))) return await never
    const { state, items } = { state: await replay(file), items: tailLog(file, LINES) }
    const tracker = new FloorTracker({ price: pricer() }, state)
    tracker.position = state.seq
    for await (const item of items) if (!isMalformed(item)) tracker.note(item, item.seq)
    return tracker.floor()
  } catch {
    // Told by who reads all of it.
    return await never
  }
}
