/** When a log's events are, as exactly as times on a command line need it. */
import { earliestOf, type LogSpan, latestOf, spanOf } from '../read/glance.js'
import { isTimeOfDay, parseTime } from './times.js'

/** A time that was given, and on which side of the log's events something is to be said of it. */
export interface GivenTime {
  option: string
  value: string
  tellsBefore: boolean
  tellsAfter: boolean
}

/**
 * When a hive's events are, for `parseTime` and `outsideNote` of these times. A log's first and last event tell it in
 * most cases. Only where its writer's clock was set back do others lie outside: they are looked for where the answer
 * could be another then, which takes about as long as reading the log for a time does.
 * @param now epoch milliseconds from which relative times count
 * @returns `undefined` where there are no events, or the log can be read only once
 * @throws {UsageError} on a time that is none; and what reading a log throws
 */
export async function spanFor(
  given: readonly GivenTime[],
  files: readonly string[],
  thisFile: boolean,
  now: number,
): Promise<LogSpan | undefined> {
  for (const { option, value } of given) parseTime(option, value, { now })
  const glance = await spanOf(files, thisFile)
  if (glance === undefined) return undefined
  const span = { ...glance }
  const some = (isSo: (ms: number, time: GivenTime, isOfDay: boolean) => boolean): boolean =>
    given.some((time) =>
      isSo(parseTime(time.option, time.value, { span, now }), time, isTimeOfDay(time.value)),
    )
  const isAfter = some((ms, { tellsAfter }, isOfDay) => isOfDay || (tellsAfter && ms > span.to))
  if (isAfter) span.to = await latestOf(files, thisFile, span.to)
  const isBefore = some(
    (ms, { tellsBefore, tellsAfter }, isOfDay) =>
      (ms < span.from && (tellsBefore || isOfDay)) || (ms > span.to && (tellsAfter || isOfDay)),
  )
  if (!isBefore) return span
  span.from = await earliestOf(files, thisFile, span.from)
  // What is said of it tells both.
  if (!isAfter) span.to = await latestOf(files, thisFile, span.to)
  return span
}
