/** What a hive is about in time, and whether it holds any events: found without reading all of it. */
import { linesBackward } from '../disk/backward.js'
import { logsOfHive, STANDARD_INPUT } from '../disk/hive-logs.js'
import { decodeLine } from '../format/decode.js'
import { isBreak, isMalformed, MAX_LINE_BYTES } from './items.js'
import { ItemReader } from './lines.js'
import { itemsOf, snapshotBatches } from './read.js'
import { LogSnapshot } from './segments.js'
import type { Selection } from './select.js'
import { BIG_CHUNK, missing, openArchived, type Source } from './sources.js'

/** Bytes that are read at once: most often the first ones do. */
const GLANCE = 16 * 1024

/** The time that logs cover. */
export interface LogSpan {
  /** Epoch milliseconds of the first event. */
  from: number
  /** Epoch milliseconds of the last event. */
  to: number
}

/**
 * The time that a hive covers: of each log the first event of its first segment, and the last one of its last. Where
 * the clock of a writer was set back, others may lie outside.
 * Standard input and pipes, which can be read only once, are left out.
 * @param files path of a log, or several of one hive
 * @param thisFile looks only at the logs that are named, not at those of their child processes. Default false
 * @returns `undefined` when there is no event
 * @throws {LogReadError} when a file that is there cannot be read; a missing one has no events
 */
export async function spanOf(
  files: string | readonly string[],
  thisFile = false,
): Promise<LogSpan | undefined> {
  let span: LogSpan | undefined
  for (const log of logsOfHive(files, thisFile)) {
    const own = log === STANDARD_INPUT ? undefined : await spanOfLog(log)
    if (own === undefined) continue
    span = span === undefined ? own : { from: Math.min(span.from, own.from), to: Math.max(span.to, own.to) }
  }
  return span
}

/**
 * The time of the latest event of a hive, wherever it stands; what can be read only once is left out. Where the side
 * index does not say enough, all of the log is looked through, though hardly a line is parsed.
 * @param than no event is looked for that is not later
 */
export async function latestOf(files: readonly string[], thisFile: boolean, than: number): Promise<number> {
  let latest = than
  const see = (ts: number): void => {
    if (ts > latest) latest = ts
  }
  for (const log of logsOfHive(files, thisFile)) await timesOf(log, { since: latest }, see)
  return latest
}

/** As `latestOf`, of the earliest one. */
export async function earliestOf(files: readonly string[], thisFile: boolean, than: number): Promise<number> {
  let earliest = than
  const see = (ts: number): void => {
    if (ts < earliest) earliest = ts
  }
  for (const log of logsOfHive(files, thisFile)) await timesOf(log, { until: earliest }, see)
  return earliest
}

async function timesOf(log: string, select: Selection, see: (ts: number) => void): Promise<void> {
  if (log === STANDARD_INPUT) return
  const snapshot = await LogSnapshot.of(log)
  if (snapshot.live?.stats.isFile() === false) return snapshot.close()
  for await (const items of snapshotBatches(snapshot, { select }, BIG_CHUNK)) {
    for (const item of items) if (!isMalformed(item)) see(item.event.ts)
  }
}

async function spanOfLog(log: string): Promise<LogSpan | undefined> {
  const snapshot = await LogSnapshot.of(log)
  try {
    if (snapshot.live?.stats.isFile() === false) return undefined
    const to = await lastTime(snapshot)
    if (to === undefined) return undefined
    const from = await firstTime(snapshot)
    // A writer whose clock was set back ends before it began.
    return { from: Math.min(from ?? to, to), to: Math.max(from ?? to, to) }
  } finally {
    await snapshot.close()
  }
}

async function lastTime({ live, archived }: LogSnapshot): Promise<number | undefined> {
  const own = live === undefined ? undefined : await lastTimeIn(live)
  if (own !== undefined) return own
  for (const segment of [...archived].reverse()) {
    const source = await openArchived(segment)
    if (source === undefined) continue
    try {
      const found = await lastTimeIn(source)
      if (found !== undefined) return found
    } finally {
      await source.handle.close()
    }
  }
  return undefined
}

/** Of a compressed segment only the whole tells. */
async function lastTimeIn(source: Source): Promise<number | undefined> {
  if (source.gzip) {
    let last: number | undefined
    const reader = new ItemReader(source.file, { offset: 0, line: 0, count: 0 }, {})
    for await (const items of itemsOf(source, reader)) {
      for (const item of items) if (!isMalformed(item)) last = item.event.ts
    }
    return last
  }
  const { fd } = source.handle
  for (const { bytes } of linesBackward(fd, Number(source.stats.size), undefined, MAX_LINE_BYTES)) {
    const decoded = decodeLine(bytes)
    if ('event' in decoded) return decoded.event.ts
  }
  return undefined
}

/** @param snapshot is used up */
async function firstTime(snapshot: LogSnapshot): Promise<number | undefined> {
  for await (const items of snapshotBatches(snapshot, {}, GLANCE)) {
    for (const item of items) if (!isMalformed(item)) return item.event.ts
  }
  return undefined
}

/**
 * What a log, or the hive that it is, holds: `events`; only lines of its writer's own (`log.*`), or no line at all;
 * lines of which none is an event; or what cannot be known before it is read, since that can be done only once.
 */
export type Content = 'events' | 'housekeeping' | 'nothing' | 'no log' | 'unknown'

/**
 * Reads up to the first event.
 * @throws when the file is missing, a directory, or must not be read
 */
export async function contentOf(file: string, thisFile = false): Promise<Content> {
  const logs = logsOfHive([file], thisFile)
  let hasLines = false
  let hasOwn = false
  let isMissing = true
  for (const log of logs) {
    if (log === STANDARD_INPUT) return 'unknown'
    const snapshot = await LogSnapshot.of(log)
    if (snapshot.live?.stats.isFile() === false) {
      await snapshot.close()
      return 'unknown'
    }
    if (snapshot.isEmpty) continue
    isMissing = false
    for await (const items of snapshotBatches(snapshot, {}, GLANCE)) {
      for (const item of items) {
        if (isMalformed(item)) hasLines ||= !isBreak(item)
        else if (!item.event.kind.startsWith('log.')) return 'events'
        else hasOwn = true
      }
    }
  }
  if (isMissing) throw missing(file)
  return hasOwn ? 'housekeeping' : hasLines ? 'no log' : 'nothing'
}
