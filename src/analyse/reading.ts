/** Reads a hive for a report: gives every event to a reducer, and tallies what was read and what could not be. */
import type { BrokenChain } from '../model/state.js'
import { flatBatches, type HiveEntry, hiveBatches, type OnProgress } from '../read/hive.js'
import { isBreak, isMalformed, type LogEntry, type MalformedLine } from '../read/items.js'

export type { BrokenChain }

/** What a report was made from. */
export interface LogTally {
  /** Lines of the logs, those that are no event too. */
  lines: number
  /** Without housekeeping (`log.*`). */
  events: number
  /** Lines that are no event; they are not in the report. */
  malformed: number
  /**
   * Lines that the report does not need. They count as events; but of most of them only the beginning and the end were
   * looked at, so that damage in between is not in `malformed`: `verify` finds it. Left out where there are none.
   */
  skipped?: number
  /** Events that `log.gap` lines say were lost; they are not in the report. */
  lost: number
  /** Where a segment does not follow on the one before it; left out where none does that. */
  broken?: BrokenChain[]
}

/** What is told of the notice that a segment does not follow. */
export const brokenChain = ({ file, reason }: MalformedLine): BrokenChain => ({ file, reason })

/** Breaks that are listed. */
export const MAX_BROKEN = 100

/** Takes the entries of a hive one by one, housekeeping too. */
export interface EntryTaker {
  /**
   * The kinds that it needs, beside housekeeping; other events come too or not, the last one of each segment always.
   * Default: all.
   */
  readonly kinds?: readonly string[] | undefined
  /** It asks events for their fields by name only, which are made faster then. Default: it may do anything with them. */
  readonly byName?: true
  add(entry: HiveEntry): void
  /** The segment to come does not follow on the one before it. */
  broken?(file: string, log: string): void
  /** A line that is no event. */
  malformed?(item: MalformedLine): void
  /** Asked after each event: whether it needs no more. What was tallied by then is returned. Default: it needs all. */
  isDone?(): boolean
}

/** Which part of a hive is read. */
export interface HiveSelection {
  /** Only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Epoch milliseconds of the first events, included. Default: all. */
  since?: number
  /** Epoch milliseconds of the last events, included. Default: all. */
  until?: number
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: OnProgress
}

/**
 * Reads the hive that the files are, as one story.
 * @throws when a file is missing, a directory, or must not be read; never because of a line
 */
export async function tallyLogs(
  files: readonly string[],
  taker: EntryTaker,
  selection: HiveSelection = {},
): Promise<LogTally> {
  const tally: LogTally = { lines: 0, events: 0, malformed: 0, lost: 0 }
  const { kinds } = taker
  // What is left out by its time is counted nowhere, and what is passed over has no time.
  const { thisFile = false, since, until, onProgress } = selection
  const isAll = since === undefined && until === undefined
  const select =
    kinds === undefined || !isAll ? {} : { select: { kinds: [...kinds, 'log.*'], last: true as const } }
  const passed = { lines: 0, unparsed: 0 }
  let skipped = 0
  const progress = onProgress === undefined ? {} : { onProgress }
  const options = {
    thisFile,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...progress,
    passed,
    ...select,
  }
  const isFlat = taker.byName === true && kinds === undefined && isAll
  const batches = isFlat ? flatBatches(files, { thisFile, ...progress }) : hiveBatches(files, options)
  for await (const items of batches) {
    for (const item of items) {
      if (isBreak(item)) {
        tally.broken ??= []
        if (tally.broken.length < MAX_BROKEN) tally.broken.push(brokenChain(item))
        taker.broken?.(item.file, item.log)
        continue
      }
      tally.lines++
      if (isMalformed(item)) {
        tally.malformed++
        taker.malformed?.(item)
        continue
      }
      const { kind } = item.event
      if (!kind.startsWith('log.')) {
        tally.events++
        if (kinds?.includes(kind) === false) skipped++
      } else if (kind === 'log.gap') tally.lost += lossOf(item)
      taker.add(item)
      if (taker.isDone?.() === true) return tally
    }
  }
  tally.lines += passed.lines
  tally.events += passed.lines
  skipped += passed.lines
  if (skipped > 0) tally.skipped = skipped
  return tally
}

function lossOf({ event }: LogEntry): number {
  const { lost } = event as Record<string, unknown>
  return typeof lost === 'number' && lost > 0 && Number.isFinite(lost) ? lost : 0
}
