/** Where in a hive a line is: the one position of all views, by what else a line is named with. */
import { basename } from 'node:path'
import { ownSeq } from '../../format/decode.js'
import { HttpError } from '../http.js'
import type { Content } from './content.js'
import { numberIn, textIn, timeIn } from './query.js'
import type { PlacedEvent, PositionAnswer } from './shapes.js'

/**
 * By `seq`, or `line` of a file, in one of its logs (the first, where none is named); by `ts`; or by `at`.
 * @throws {HttpError} 404 where there is no such event
 */
export async function positionOf(content: Content, query: URLSearchParams): Promise<PositionAnswer> {
  const at = numberIn(query, 'at')
  const ts = timeIn(query, 'ts')
  const seq = numberIn(query, 'seq', { min: 1 })
  const line = numberIn(query, 'line', { min: 1 })
  if ([at, ts, seq, line].filter((each) => each !== undefined).length !== 1)
    throw new HttpError(400, 'give one of seq, line, ts and at')
  const row = await rowOf(content, query, { at, ts, seq, line })
  const [placed] = row === -1 ? [] : await content.placed([row])
  if (placed === undefined) throw new HttpError(404, 'no event is there; GET …/events lists them')
  return answerOf(placed)
}

interface Asked {
  at: number | undefined
  ts: number | undefined
  seq: number | undefined
  line: number | undefined
}

async function rowOf(
  content: Content,
  query: URLSearchParams,
  { at, ts, seq, line }: Asked,
): Promise<number> {
  const { rows } = content
  if (at !== undefined) return rows.positions.rowUpTo(at)
  if (ts !== undefined) return lastBy(content, ts)
  const segments = segmentsOf(content, textIn(query, 'log'), textIn(query, 'file'))
  if (line !== undefined) {
    for (let row = 0; row < rows.count; row++)
      if (rows.place(row).line === line && segments.has(rows.place(row).segment)) return row
    return -1
  }
  return rowOfSeq(content, segments, seq as number)
}

/** The event before the first that is later, as `hivelog state --time` has it. */
function lastBy({ rows }: Content, ts: number): number {
  let row = 0
  while (row < rows.count && rows.ts(row) <= ts) row++
  return row - 1
}

/** Numbers of a log's segments: by the log's path, or its file's name; and by a file that it is read from. */
function segmentsOf({ rows, file: first }: Content, log: string | undefined, file: string | undefined) {
  const found = new Set<number>()
  const isNamed = (path: string): boolean => path === log || basename(path) === log
  for (let number = 0; number < rows.segments.count; number++) {
    const segment = rows.segments.get(number)
    if (log !== undefined ? !isNamed(segment.log) : file === undefined && segment.log !== first) continue
    if (file === undefined || rows.segments.paths(number).some((path) => path === file)) found.add(number)
  }
  if (found.size === 0)
    throw new HttpError(404, 'the hive has no log of that name; GET /api/logs/{id} lists them')
  return found
}

/** Rows do not hold `seq`: it is read from some lines, halving; within a log it ascends. */
async function rowOfSeq(content: Content, segments: ReadonlySet<number>, seq: number): Promise<number> {
  const { rows } = content
  if (!content.isSeveral) {
    const row = rows.positions.rowOf(seq)
    if (row === -1 || rows.isOwnSeq(row)) return row
  }
  const own: number[] = []
  for (let row = 0; row < rows.count; row++) if (segments.has(rows.place(row).segment)) own.push(row)
  let low = 0
  let high = own.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const row = own[middle] as number
    const [read] = await content.lines.read([row])
    const its = (read && ownSeq(read.event)) ?? rows.place(row).line
    if (its === seq) return row
    if (its < seq) low = middle + 1
    else high = middle
  }
  return -1
}

function answerOf({ position, log, file, line, seq, event }: PlacedEvent): PositionAnswer {
  return {
    position,
    ...(log !== undefined && { log }),
    file,
    line,
    ...(seq !== undefined && { seq }),
    ts: event.ts,
  }
}
