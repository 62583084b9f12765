/** Where an event stands in a hive, and what is kept of it: bounded, however long its line. */

import { textOf } from '../../format/bounded.js'
import { type Fields, setField } from '../../format/fields.js'
import type { HiveEvent } from '../../format/kinds.js'
import type { HiveEntry } from '../../read/hive.js'
import type { LogEntry } from '../../read/items.js'

/** Where an event stands. */
export interface EventPlace {
  /** Path of the log. */
  log: string
  /** Path of the segment. */
  file: string
  /** Number of the line in its segment, from 1. */
  line?: number
  /** Position in the log; unique there only. */
  seq: number
  /** Epoch milliseconds. */
  ts: number
}

/** An event with its place; longer lines than 4 KiB are given in short. */
export interface PlacedEvent {
  place: EventPlace
  event: HiveEvent
}

/** Longer lines are kept in short. */
const MAX_BYTES = 4096
const MAX_FIELDS = 40
const MAX_FIELD_NAME = 100

export function placeOf({ log, file, line, seq, event }: HiveEntry): EventPlace {
  return { log, file, ...(line !== undefined && { line }), seq, ts: event.ts }
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
