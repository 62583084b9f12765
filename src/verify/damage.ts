/** From what a scan saw of one segment, names each damaged place once. */
import { decodeLine, ownSeq } from '../format/decode.js'
import { LineSplitter } from '../read/lines.js'
import { quickSeq } from '../read/quick-seq.js'
import { chunksOf, type Source } from '../read/sources.js'
import { type BadLines, checkOrder, isRun } from './order.js'
import type { SegmentFinding } from './report.js'
import type { SegmentScan, Window } from './segment.js'

/** Places with malformed lines that are named; a file with more is no log. */
const MAX_NAMED = 1000

/**
 * @param expected `seq` that the segment's first line should have
 * @param signatures findings on the signatures of its seals
 */
export async function damageOf(
  source: Source,
  scan: SegmentScan,
  expected: number,
  signatures: readonly SegmentFinding[],
): Promise<{ findings: SegmentFinding[]; lastSeq: number | undefined }> {
  const order = checkOrder(scan.marks, expected)
  const findings = [...scan.findings, ...order.findings]
  for (const { lines, remark, missing } of order.bad) findings.push(badFinding(lines, remark, scan, missing))
  for (const stretch of unvouched(scan)) {
    for (const lines of await malformedLines(source, scan, stretch))
      findings.push(badFinding(lines, '', scan))
  }
  // A good seal whose signature is wrong was changed itself, and so explains why the next one does not fit.
  const causes = [...findings, ...signatures.filter(({ kind }) => kind === 'bad-signature')]
  for (const window of scan.windows) {
    const within = causes.filter(
      ({ line = 0, toLine = line }) => line <= window.toLine && toLine >= window.fromLine,
    )
    if (within.length === 0) findings.push(changed(scan, window))
    // That a writer lost lines does not make a seal good that they are missing under.
    else for (const cause of within) if (cause.missing !== undefined) cause.otherwise = changed(scan, window)
  }
  findings.push(...signatures)
  findings.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  return { findings, lastSeq: order.lastSeq }
}

function badFinding(
  lines: BadLines,
  remark: string,
  scan: SegmentScan,
  missing?: SegmentFinding['missing'],
): SegmentFinding {
  const { line, offset, count, reason, bytes, torn } = lines
  const { sealed } = scan
  const window = scan.windows.find(({ fromLine, toLine }) => line >= fromLine && line <= toLine)
  const what =
    count === 1 ? `the line is malformed (${reason})` : `${count} lines are malformed (the first: ${reason})`
  const finding: SegmentFinding = { kind: 'malformed', line, offset, message: what + remark }
  if (missing !== undefined) finding.missing = missing
  if (count > 1) finding.toLine = line + count - 1
  if (window !== undefined) {
    finding.kind = 'changed'
    finding.message += `; the seal at line ${window.toLine} does not fit`
  } else if (torn !== undefined) {
    finding.kind = 'unaccounted-torn'
    finding.message += `; log.torn accounts for ${torn} bytes, but there are ${bytes}`
  } else if (line < sealed.line && !lines.isCounted && remark === '') {
    finding.kind = 'unaccounted-torn'
    finding.message += '; no log.torn accounts for it'
  }
  return finding
}

function changed(scan: SegmentScan, window: Window): SegmentFinding {
  const { fromLine, toLine, shorterBy } = window
  const size =
    shorterBy === 0
      ? ''
      : `; ${Math.abs(shorterBy)} bytes ${shorterBy > 0 ? 'are missing' : 'too many are there'}`
  const isSinceSeal = scan.goodSeals.some(({ line }) => line === fromLine)
  const since = isSinceSeal ? `the seal at line ${fromLine}` : 'the start of the segment'
  const message = `something between ${since} and the seal at line ${toLine} was changed (or that seal)${size}`
  return { kind: 'changed', line: fromLine, toLine, message }
}

/** Bytes of a segment, and the place of a line's start at or before the first of them. */
interface Unvouched {
  from: number
  to: number
  near: { line: number; end: number }
}

/**
 * Where no good seal vouches that a writer wrote the lines as they are: those that one found at opening, whatever seals
 * are behind them, and those behind the last seal.
 */
function unvouched(scan: SegmentScan): Unvouched[] {
  const found: Unvouched[] = []
  let to = 0
  for (const { offset, adopted } of scan.opens) {
    if (adopted === undefined || adopted.file !== undefined) continue
    const from = Math.max(to, adopted.from)
    to = Math.max(to, Math.min(adopted.from + adopted.bytes, offset))
    const near = scan.sealPlaces.findLast(({ end }) => end <= from) ?? { line: 0, end: 0 }
    if (to > from) found.push({ from, to, near })
  }
  if (scan.unparsed === 0) return found
  const { line, end } = scan.sealed
  const from = Math.max(to, end)
  return from < scan.bytes ? [...found, { from, to: scan.bytes, near: { line, end } }] : found
}

/** Parses lines that the scan took by their looks. */
async function malformedLines(
  source: Source,
  scan: SegmentScan,
  { from, to, near }: Unvouched,
): Promise<BadLines[]> {
  const known = scan.marks.filter((mark) => !isRun(mark))
  let next = 0
  const isKnown = (line: number): boolean => {
    for (let mark = known[next]; mark !== undefined && mark.line + mark.count <= line; mark = known[++next]);
    return (known[next]?.line ?? Number.POSITIVE_INFINITY) <= line
  }
  const runs = scan.marks.filter(isRun)
  let run = 0
  /** The `seq` that the scan took the line for, by its looks. */
  const seqTaken = (line: number): number | undefined => {
    for (let each = runs[run]; each !== undefined && each.line + each.count <= line; each = runs[++run]);
    const { line: first = line + 1, seq = 0 } = runs[run] ?? {}
    return first <= line ? seq + line - first : undefined
  }
  const found: BadLines[] = []
  let { line } = near
  const splitter = new LineSplitter((buffer, start, end, offset, length) => {
    line++
    if (offset < from || offset >= to || offset + length >= scan.bytes) return
    const bytes = buffer.subarray(start, end)
    if (length > bytes.length || isKnown(line)) return
    const reason = whyMalformed(bytes, seqTaken(line))
    if (reason === undefined) return
    const last = found.at(-1)
    if (last !== undefined && last.line + last.count === line) {
      last.count++
      last.bytes += length
    } else if (found.length < MAX_NAMED) {
      found.push({ line, offset, count: 1, reason, bytes: length, torn: undefined, isCounted: false })
    }
  }, near.end)
  try {
    for await (const chunk of chunksOf(source, near.end)) {
      splitter.push(chunk)
      if (splitter.offset >= to) break
    }
  } catch (error) {
    // Damaged compressed data; the scan has told of it.
    if (!source.gzip) throw error
  }
  return found
}

/** Why a line that the scan took by its looks is none, or another than it looks. */
function whyMalformed(bytes: Buffer, taken: number | undefined): string | undefined {
  const decoded = decodeLine(bytes)
  if (!('event' in decoded)) return decoded.reason
  const { event } = decoded
  const seq = ownSeq(event)
  if (seq !== undefined && taken !== undefined && seq !== taken && quickSeq(bytes, 0, bytes.length) === taken)
    return `its seq is ${seq}, and something in it looks like ${taken}`
  if (event.kind.startsWith('log.') && quickSeq(bytes, 0, bytes.length) !== -1)
    return `it is a ${event.kind} that looks like another kind`
  return undefined
}
