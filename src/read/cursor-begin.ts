/** Where a follower with a cursor begins: where the cursor is, or on its first use where it was asked to. */
import { linesBackward } from '../disk/backward.js'
import { archivedSegments } from '../disk/segments.js'
import { linesBefore } from './count.js'
import type { CursorKeeper } from './cursor-keeper.js'
import type { Beginning } from './cursor-position.js'
import { resume } from './cursor-resume.js'
import { isMalformed, type LogItem, MAX_LINE_BYTES, makeItem } from './items.js'
import { openSource, type Source } from './sources.js'
import { lastItems, type Tail, type TailOptions } from './tail.js'

/**
 * @param last how many items a first use begins with; `undefined` for the whole log
 * @throws {CursorLostError} when the place of the cursor is no more, unless the log is to be gone on with then
 */
export async function beginWith(
  log: string,
  keeper: CursorKeeper,
  last: number | undefined,
  options: TailOptions,
): Promise<Beginning> {
  const position = await keeper.load()
  if (position !== undefined) return resume(log, position, keeper.options)
  return last === undefined ? { after: 0, count: undefined } : beginNear(log, last, options)
}

/**
 * Begins with the last `n` items (those that the filter lets through count), or after the last whole line if there
 * are none.
 */
async function beginNear(log: string, n: number, options: TailOptions): Promise<Beginning> {
  const { items, live } = await lastItems(log, n, options, true)
  let kept: Source | undefined
  try {
    const archived = archivedSegments(log)
    const before = archived.at(-1)?.firstSeq ?? 0
    const [first] = items
    if (first === undefined) {
      kept = live?.source
      return atEnd(live, before)
    }
    if (first.file === live?.source.file) {
      const at = { source: live.source, start: await startBefore(first, live.source, log) }
      kept = live.source
      return { after: before, count: at.start.count, at }
    }
    const source = (await openSource(first.file)) ?? (await openSource(`${first.file}.gz`))
    // Deleted just now: the log begins later.
    if (source === undefined) return { after: 0, count: undefined }
    const at = { source, start: await startBefore(first, source, log) }
    return { after: (source.firstSeq ?? 1) - 1, count: at.start.count, at }
  } finally {
    if (live !== undefined && live.source !== kept) await live.source.handle.close()
  }
}

async function startBefore(
  item: LogItem,
  source: Source,
  log: string,
): Promise<{ offset: number; line: number | undefined; count: number }> {
  const { offset, line } = item
  const count = isMalformed(item) ? await linesBefore(source, offset, archivedSegments(log)) : item.seq - 1
  if (line !== undefined) return { offset, line: line - 1, count }
  return { offset, line: offset === 0 ? 0 : undefined, count }
}

function atEnd(live: Tail['live'], after: number): Beginning {
  if (live === undefined) return { after, count: undefined }
  const { source, end, count } = live
  const beginning = {
    after,
    count,
    at: { source, start: { offset: end, line: end === 0 ? 0 : undefined, count } },
  }
  for (const { bytes, length, offset } of linesBackward(source.handle.fd, end, undefined, MAX_LINE_BYTES)) {
    const place = { file: source.file, offset, line: undefined, count }
    return { ...beginning, passed: makeItem(bytes, length, true, place) }
  }
  return beginning
}
