/** How escalations stand by what a log tells: that of a process which has ended, for one. */
import { hiveBatches } from '../read/hive.js'
import { isMalformed } from '../read/items.js'

/** `unknown`: no line escalates it. */
export type Standing = 'open' | 'decided' | 'unknown'

/**
 * Reads the log and those of its child processes. As docs/hive.md has it: what is escalated again is open again, and an
 * approval decides that says true or false.
 * @throws {LogReadError} when the log cannot be read
 */
export async function standingOf(log: string, ids: readonly string[]): Promise<Map<string, Standing>> {
  const standing = new Map<string, Standing>(ids.map((id) => [id, 'unknown']))
  const early = new Set<string>()
  for await (const items of hiveBatches(log, { select: { kinds: ['escalate', 'approval'], ids } })) {
    for (const item of items) {
      if (isMalformed(item)) continue
      const { kind, id, approve } = item.event as { kind: string; id?: unknown; approve?: unknown }
      if (typeof id !== 'string' || !standing.has(id)) continue
      if (kind === 'escalate') {
        // By another process's clock the approval may come first.
        standing.set(id, early.delete(id) ? 'decided' : 'open')
      } else if (kind === 'approval' && typeof approve === 'boolean') {
        if (standing.get(id) === 'unknown') early.add(id)
        else standing.set(id, 'decided')
      }
    }
  }
  // What was approved and never asked is not to be approved again.
  for (const id of early) standing.set(id, 'decided')
  return standing
}
