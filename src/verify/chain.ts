/** Checks that a log's segments follow on each other, and that archived ones are whole. */
import { basename, dirname, join } from 'node:path'
import { seqInName } from '../format/beside.js'
import type { Fields } from '../format/fields.js'
import { prevOf, type SeqRange } from '../read/chain.js'
import type { Source } from '../read/sources.js'
import type { Explainable, SegmentFinding, VerifiedFile, VerifyFinding } from './report.js'
import type { SegmentScan } from './segment.js'

/** The segment before the one at hand. */
export interface Previous {
  verified: VerifiedFile
  firstSeq: number
  lastSeq: number
  isDamaged: boolean
  /** What is wrong with its end; the next segment may tell why. */
  end: SegmentFinding[]
  /** Its last lines cannot be read, so a step in `seq` after it is no news. */
  isCut: boolean
}

export interface Link {
  /** `seq` that the segment's first line should have. */
  expected: number
  findings: (VerifyFinding & Explainable)[]
  /** The segment tells why the one before it has no end: what is wrong with that is no news. */
  explainsEnd?: boolean
  notes?: string[]
}

/**
 * Compares a segment with the one before it.
 * @param isEndUnsure whether the segment says that the end of the one before cannot be relied on
 */
export function checkLink(
  log: string,
  before: Previous | undefined,
  source: Source,
  scan: SegmentScan,
  firstSeq: number,
  isEndUnsure: () => boolean,
): Link {
  const name = basename(source.file)
  const isAlone = source.live && seqInName(source.file) !== undefined
  if (isAlone) return { expected: firstSeq, findings: [] }
  const { first } = scan
  const prev = prevOf((first ?? {}) as Fields)
  const named = prev?.file

  const missing = (what: string, where: string, range?: SeqRange): Link => {
    const message = `the segment is not there (${where}; ${name} follows on it)`
    const file = join(dirname(log), what)
    return {
      expected: firstSeq,
      findings: [{ kind: 'missing-segment', file, message, ...(range !== undefined && { missing: range }) }],
    }
  }
  const change = scan.changedBefore
  if (change !== undefined) {
    const file = join(dirname(log), basename(change.file ?? named ?? name))
    const message = `its writer found it changed by somebody else, as ${name} says at line ${change.line} (${change.why})`
    return {
      expected: firstSeq,
      findings: [{ kind: 'changed-while-open', file, message }],
      explainsEnd: true,
    }
  }
  if (before === undefined) {
    if (named !== undefined) return missing(named, `it comes before seq ${firstSeq}`)
    if (source.live) return { expected: 1, findings: [] }
    return firstSeq === 1 ? { expected: 1, findings: [] } : missing('', `seq 1 to ${firstSeq - 1}`)
  }
  const due = before.lastSeq + 1
  // Where the segment's start was changed, its first line proves nothing against the segment before.
  if (scan.windows[0]?.fromLine === 1 && firstSeq === due) return { expected: due, findings: [] }
  const range = firstSeq > due ? { from: due, to: firstSeq - 1 } : undefined
  if (named !== undefined && prev?.firstSeq !== before.firstSeq) {
    return missing(named, `between seq ${before.lastSeq} and ${firstSeq}`, range)
  }
  // A writer that could not see whether the one before it still lives leaves its segment without an end.
  const isFenced = named !== undefined && scan.opens.some(({ adopted }) => adopted?.file === named)
  // Nor is there an end to be relied on where a sync was refused.
  const isUnsure = isEndUnsure()
  const explainsEnd =
    (isFenced || isUnsure) && before.end.every(({ kind, line }) => kind === 'truncated' && line !== undefined)
  const isTruncated = before.isCut || (before.end.length > 0 && !explainsEnd)
  if (isTruncated) {
    // What is missing there may be what the writer says that it lost.
    if (range !== undefined) for (const finding of before.end) finding.missing = range
    return { expected: firstSeq, findings: [] }
  }
  const link = explainsEnd ? { explainsEnd } : {}
  const { file, sha256 } = before.verified
  if (named !== undefined && prev?.sha256 !== sha256 && !before.isDamaged) {
    if (range !== undefined) {
      const message = `the end of the segment is missing: its last line is seq ${before.lastSeq}, but ${name} begins at seq ${firstSeq}`
      return { expected: firstSeq, findings: [{ kind: 'truncated', file, message, missing: range }], ...link }
    }
    if (isUnsure) {
      const note = `${file} is not as it was written: a log.gap in ${name} says that its last lines may not be on the disk`
      return { expected: due, findings: [], notes: [note], ...link }
    }
    const message = `the segment is not the one whose hash ${name} names`
    return { expected: due, findings: [{ kind: 'segment-changed', file, message }], ...link }
  }
  if (named === undefined && first !== undefined && firstSeq === due && first.seq !== undefined) {
    const message = 'its first line does not name the segment before it'
    return {
      expected: due,
      findings: [{ kind: 'segment-changed', file: source.file, line: 1, offset: 0, message }],
    }
  }
  return { expected: due, findings: [], ...link }
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
