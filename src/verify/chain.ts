/** Checks that a log's segments follow on each other, and that archived ones are whole. */
import { basename, dirname, join } from 'node:path'
import { isKind } from '../format/kinds.js'
import { type Source, seqInName } from '../read/sources.js'
import type { SegmentFinding, VerifiedFile, VerifyFinding } from './report.js'
import type { SegmentScan } from './segment.js'

/** The segment before the one at hand. */
export interface Previous {
  verified: VerifiedFile
  firstSeq: number
  lastSeq: number
  isDamaged: boolean
  /** Its end is missing, so a step in `seq` after it is no news. */
  isTruncated: boolean
}

export interface Link {
  /** `seq` that the segment's first line should have. */
  expected: number
  findings: VerifyFinding[]
}

/** Compares a segment with the one before it. */
export function checkLink(
  log: string,
  before: Previous | undefined,
  source: Source,
  scan: SegmentScan,
  firstSeq: number,
): Link {
  const name = basename(source.file)
  const isAlone = source.live && seqInName(source.file) !== undefined
  if (isAlone) return { expected: firstSeq, findings: [] }
  const { first } = scan
  const prev = first !== undefined && isKind(first, 'log.open') ? first.prev : undefined
  const named = typeof prev?.file === 'string' ? basename(prev.file) : undefined

  const missing = (what: string, where: string): Link => {
    const message = `the segment is not there (${where}; ${name} follows on it)`
    return {
      expected: firstSeq,
      findings: [{ kind: 'missing-segment', file: join(dirname(log), what), message }],
    }
  }
  if (before === undefined) {
    if (named !== undefined) return missing(named, `it comes before seq ${firstSeq}`)
    if (source.live) return { expected: 1, findings: [] }
    return firstSeq === 1 ? { expected: 1, findings: [] } : missing('', `seq 1 to ${firstSeq - 1}`)
  }
  const due = before.lastSeq + 1
  // Where the segment's start was changed, its first line proves nothing against the segment before.
  if (scan.window?.fromLine === 1 && firstSeq === due) return { expected: due, findings: [] }
  if (named !== undefined && seqInName(named) !== before.firstSeq) {
    return missing(named, `between seq ${before.lastSeq} and ${firstSeq}`)
  }
  if (before.isTruncated) return { expected: firstSeq, findings: [] }
  const { file, sha256 } = before.verified
  if (named !== undefined && prev?.sha256 !== sha256 && !before.isDamaged) {
    if (firstSeq > due) {
      const message = `the end of the segment is missing: its last line is seq ${before.lastSeq}, but ${name} begins at seq ${firstSeq}`
      return { expected: firstSeq, findings: [{ kind: 'truncated', file, message }] }
    }
    const message = `the segment is not the one whose hash ${name} names`
    return { expected: due, findings: [{ kind: 'segment-changed', file, message }] }
  }
  if (named === undefined && first !== undefined && firstSeq === due && first.seq !== undefined) {
    const message = 'its first line does not name the segment before it'
    return {
      expected: due,
      findings: [{ kind: 'segment-changed', file: source.file, line: 1, offset: 0, message }],
    }
  }
  return { expected: due, findings: [] }
}

/** Whether the end of a segment is missing. The live file has no end yet. */
export function checkEnd(source: Source, scan: SegmentScan, isReadable: boolean): SegmentFinding[] {
  if (!isReadable) {
    const message = `its compressed data is damaged after line ${scan.lines}`
    return [{ kind: 'unreadable', line: scan.lines + 1, message }]
  }
  const isArchived = !source.live || seqInName(source.file) !== undefined
  if (!isArchived || !scan.isNumbered || (scan.endsWithSeal && scan.openTail === 0)) return []
  const line = scan.lines + (scan.openTail > 0 ? 1 : 0)
  if (line === 0) return [{ kind: 'truncated', message: 'the archived segment is empty' }]
  const what = scan.openTail > 0 ? 'is cut off' : 'is no seal, as the last line of an archived segment is'
  return [{ kind: 'truncated', line, message: `the end of the segment is missing: its last line ${what}` }]
}
