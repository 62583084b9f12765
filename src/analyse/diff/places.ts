/** Reads a log again for the few events of it that are shown. */
import type { HiveEvent } from '../../format/kinds.js'
import type { HiveEntry } from '../../read/hive.js'
import { placeOf } from '../place.js'
import type { CanonicalFields } from './canonical.js'
import { type OnCompared, SideReader, type SideSource } from './read.js'
import type { EventPlace } from './report.js'

/** A line up to this length is given as it is. */
const MAX_BYTES = 4096
const MAX_SHORT = 200
const TOO_DEEP = '(nested too deeply)'

export interface Found {
  place: EventPlace
  /** The event's fields as they are compared. */
  fields: CanonicalFields
}

/**
 * @param positions of the events among those that are compared, from 0
 * @throws when the file cannot be read
 */
export async function placesOf(source: SideSource, positions: Set<number>): Promise<Map<number, Found>> {
  const found = new Map<number, Found>()
  if (positions.size === 0) return found
  const reader = new SideReader(source)
  let position = 0
  const take: OnCompared = (entry, { agent }, fields) => {
    if (positions.has(position)) found.set(position, { place: eventPlace(entry, agent), fields })
    position++
  }
  try {
    while (found.size < positions.size && (await reader.next(take)) !== undefined);
    return found
  } finally {
    await reader.close()
  }
}

function eventPlace(entry: HiveEntry, agent: string | null): EventPlace {
  return { ...placeOf(entry), agent, event: brief(entry.event, entry.bytes) }
}

/** The event, small enough to be held by the thousand, and shallow enough to be printed. */
function brief(event: HiveEvent, bytes: number): HiveEvent {
  const isLong = bytes > MAX_BYTES
  const fields: [string, unknown][] = []
  for (const [name, value] of Object.entries(event)) {
    if (typeof value === 'string' && isLong) {
      if (name.length <= MAX_SHORT) fields.push([name, value.slice(0, MAX_SHORT)])
    } else if (typeof value !== 'object' || value === null) {
      if (!isLong || name.length <= MAX_SHORT) fields.push([name, value])
    } else if (!isLong) {
      fields.push([name, isPrintable(value) ? value : TOO_DEEP])
    }
    if (isLong && fields.length >= 32) break
  }
  // Of a long line `ts` and `kind` may be far behind.
  return Object.fromEntries([
    ...fields,
    ['ts', event.ts],
    ['kind', event.kind.slice(0, MAX_SHORT)],
  ]) as HiveEvent
}

function isPrintable(value: object): boolean {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}
