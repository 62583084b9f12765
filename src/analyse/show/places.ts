/** Where an event stands in a hive, and what is kept of it: bounded, however long its line. */

import type { LogReadError } from '../../disk/errors.js'
import { textOf } from '../../format/bounded.js'
import { type Fields, setField } from '../../format/fields.js'
import type { HiveEvent } from '../../format/kinds.js'
import type { HiveEntry } from '../../read/hive.js'
import type { LogEntry } from '../../read/items.js'
import { cannotRead } from '../../read/sources.js'
import { type LinePlace, placeOf as linePlaceOf } from '../place.js'

/** Where and when an event stands. */
export interface TimedPlace extends LinePlace {
  /** Epoch milliseconds of the event. */
  ts: number
}

/** An event, and where it stands. */
export interface PlacedEvent {
  /** Where it stands. */
  place: TimedPlace
  /** The event; of one whose line takes more than 4 KiB its texts are cut, and objects are short JSON. */
  event: HiveEvent
}

/** Longer lines are kept in short. */
const MAX_BYTES = 4096
const MAX_FIELDS = 40
const MAX_FIELD_NAME = 100

export function placeOf(entry: HiveEntry): TimedPlace {
  return { ...linePlaceOf(entry), ts: entry.event.ts }
}

export const placed = (entry: HiveEntry): PlacedEvent => ({ place: placeOf(entry), event: briefOf(entry) })

/** The event itself, or what is kept of one whose line is long: texts cut, objects as short JSON. */
export function briefOf({ event, bytes }: Pick<LogEntry, 'event' | 'bytes'>): HiveEvent {
  if (bytes <= MAX_BYTES) return event
  const fields: Fields = {}
  let count = 0
  for (const name in event) {
    const value = (event as Fields)[name]
    const text = textOf(value)
    if (text === undefined || name.length > MAX_FIELD_NAME) continue
    if (++count > MAX_FIELDS) break
    setField(fields, name, typeof value === 'string' ? text : value)
  }
  return { ...fields, ts: event.ts, kind: textOf(event.kind) ?? '' }
}

/** Tells an event from every other of the hive, also after its segment was archived. */
export const identityOf = ({ log, seq, offset }: HiveEntry): string => `${seq} ${offset} ${log}`

/** For an event that was found in one reading and is not there in the next. */
export const changedMeanwhile = ({ file }: TimedPlace): LogReadError =>
  cannotRead(file, 'it was changed while it was read; try again')
