/** Positions in a log, as a cursor keeps them: after a line of a segment, or after a whole segment. */
import { isMalformed, type LogItem } from './items.js'
import type { Start } from './lines.js'
import type { Source } from './sources.js'

/** After a line. All but `offset`, `bytes` and `count` may be unknown. */
export interface LinePosition {
  /** `seq` of the last event up to here. */
  seq?: number
  /** Lines of the whole log up to here: what numbers the lines of a log without `seq`. */
  count: number
  /** `seq` of the segment's first line, which becomes its name when it is archived. */
  segment?: number
  /** Fingerprint of the segment's first line: the same once it is renamed and compressed. */
  first?: string
  /** Offset in the segment (uncompressed) of the byte after the line's newline. */
  offset: number
  /** Length of the line, without its newline. */
  bytes: number
  /** Number of the line in its segment, from 1. */
  line?: number
  /** `ts` of the line; left out if it is malformed. */
  ts?: number
}

/** After a whole segment: the log goes on with the first line of the next one, wherever that is. */
export interface SegmentEnd {
  seq?: number
  count: number
  /** `seq` of the first line of the segment that is done; 0 before the first. */
  after: number
}

export type CursorPosition = LinePosition | SegmentEnd

export const isSegmentEnd = (position: CursorPosition): position is SegmentEnd => 'after' in position

/** Consecutive lines of one segment, on their way to the consumer. */
export interface Batch {
  items: readonly LogItem[]
  /** Lines of the whole log before the first item. */
  count: number
  /** `seq` of the last event before the first item. */
  seq: number | undefined
  /** The segment they are of. Without `from` the position after the batch is `after`. */
  from?: { source: Source; first: string | undefined }
  /** Set when the log goes on with another segment, not behind the last item. */
  after?: number
  /** The items are not given: the cursor only goes past them. */
  isPassed?: boolean
}

/** The position after an item of a batch. */
export function positionAfter(batch: Batch, index: number): CursorPosition {
  const seq = lastSeq(batch, index)
  const item = batch.items[index]
  if (item === undefined || batch.from === undefined) {
    return { ...(seq !== undefined && { seq }), count: batch.count, after: batch.after ?? 0 }
  }
  const { source, first } = batch.from
  return {
    ...(seq !== undefined && { seq }),
    count: batch.count + index + 1,
    ...(source.firstSeq !== undefined && { segment: source.firstSeq }),
    ...(first !== undefined && { first }),
    offset: item.offset + item.bytes + 1,
    bytes: item.bytes,
    ...(item.line !== undefined && { line: item.line }),
    ...(!isMalformed(item) && { ts: item.event.ts }),
  }
}

/** `seq` of the last event up to an item of a batch. */
export function lastSeq(batch: Batch, index = batch.items.length - 1): number | undefined {
  for (let i = index; i >= 0; i--) {
    const item = batch.items[i] as LogItem
    if (!isMalformed(item)) return item.seq
  }
  return batch.seq
}

/** Where a follower begins: in an open segment, else with the segment that comes after `after`. */
export interface Beginning {
  after: number
  /** Lines of the whole log before it; `undefined` to count from the first segment that is there. */
  count: number | undefined
  seq?: number | undefined
  at?: { source: Source; start: Start }
  /** What to tell the consumer first. */
  notice?: string
  /** The line before it, if that was never asked for: a cursor is set after it. */
  passed?: LogItem
}
