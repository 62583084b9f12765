/** The logs of a hive, and who writes them (docs/hive.md, The story and Lost agents). */
import { textOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import type { WriterState } from './state.js'

/** One log, as far as it was read. */
export class Log {
  readonly name: string | undefined
  seq = 0
  ts: number | undefined
  /** Whether another program wrote it; `undefined` before its first event. */
  isForeign: boolean | undefined
  writer: WriterState | undefined

  constructor(name: string | undefined) {
    this.name = name
  }
}

/** The writer that a `log.open` names. */
export function writerOf(fields: Fields, ts: number): WriterState {
  const writer: WriterState = { since: ts }
  for (const name of ['writer', 'host', 'session'] as const) {
    const value = textOf(fields[name])
    if (value !== undefined) writer[name] = value
  }
  for (const name of ['pid', 'segment', 'started'] as const) {
    const value = fields[name]
    if (typeof value === 'number') writer[name] = value
  }
  return writer
}

/**
 * Whether the writer of a `log.open` is the one that wrote before. A writer begins each segment with one that says
 * when it opened the log. Older ones do not say that: of these only another one goes on with a segment that is there.
 */
export function isSameWriter(before: WriterState, after: WriterState): boolean {
  if (before.pid !== after.pid || before.host !== after.host || before.session !== after.session) return false
  if (before.started !== undefined || after.started !== undefined) return before.started === after.started
  return (after.segment ?? 0) > (before.segment ?? 0)
}
