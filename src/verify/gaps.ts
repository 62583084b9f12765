/**
 * What `log.gap` lines explain. Whoever can append to a log can write one; so it explains what it names only where a
 * seal vouches for it, and else no more than could be missing there without it (docs/format.md, How to verify, 11).
 */
import { type SeqRange, unexplained } from '../read/chain.js'
import type { Explainable, VerifyFinding } from './report.js'
import type { GapLine, SealLine, SegmentScan } from './segment.js'

/** A gap, and how far it can be relied on. */
interface Gap extends GapLine {
  /** A seal vouches for it. */
  isBound: boolean
  /** The last seal before it in its segment that vouches. */
  before: SealLine | undefined
}

/** @param vouching the segment's good seals; where there is a key, those that it signed */
function gapsOf(scan: SegmentScan, vouching: readonly SealLine[]): Gap[] {
  const found = scan.opens.flatMap(({ adopted }) =>
    adopted === undefined || adopted.file !== undefined ? [] : [adopted],
  )
  found.sort((a, b) => a.from - b.from)
  const lastSeal = vouching.at(-1)?.line ?? 0
  let seals = 0
  let stretches = 0
  /** Offset up to which bytes were found, of those stretches that begin before a gap. */
  let foundTo = 0
  // All in one go: whoever writes a log may have put many of everything into it.
  return scan.gapLines.map((gap) => {
    while ((vouching[seals]?.line ?? Number.POSITIVE_INFINITY) < gap.line) seals++
    for (
      let next = found[stretches];
      next !== undefined && next.from <= gap.offset;
      next = found[stretches]
    ) {
      foundTo = Math.max(foundTo, next.from + next.bytes)
      stretches++
    }
    // The writer's seals vouch for what it found there, and not that a writer wrote it.
    const isBound = gap.offset >= foundTo && gap.line < lastSeal
    return { ...gap, isBound, before: vouching[seals - 1] }
  })
}

/**
 * Whether a segment's gaps say that the end of the segment before cannot be relied on: they name lines of it up to its
 * last.
 * @param firstSeq of the segment
 */
export function isEndUnsure(
  scan: SegmentScan,
  vouching: () => readonly SealLine[],
  firstSeq: number,
): boolean {
  if (scan.gapLines.length === 0) return false
  return gapsOf(scan, vouching()).some(
    ({ range, isBound, before }) =>
      (isBound || before === undefined) &&
      range !== undefined &&
      range.from < firstSeq &&
      range.to >= firstSeq - 1,
  )
}

/** All that the gaps of a log explain. */
export class Explained {
  readonly #ranges: SeqRange[] = []
  readonly #artifacts = new Set<string>()
  /** By artifact, then by segment: the line behind which it is lost where a line names it. */
  readonly #artifactsIn = new Map<string, Map<string, number>>()

  /**
   * Takes the gaps of a segment.
   * @param due `seq` that its first line should have
   */
  add(file: string, scan: SegmentScan, vouching: readonly SealLine[], due: number): void {
    for (const { range, artifact, isBound, before } of gapsOf(scan, vouching)) {
      if (artifact !== undefined && isBound) this.#artifacts.add(artifact)
      else if (artifact !== undefined) this.#addIn(artifact, file, before?.line ?? 0)
      if (range === undefined) continue
      const least = isBound ? 1 : before === undefined ? due : before.seq + 1
      if (range.to >= least) this.#ranges.push({ from: Math.max(range.from, least), to: range.to })
    }
  }

  /** Whether a finding is about lines that are missing, as their writer says. */
  areLinesLost({ missing }: Explainable): boolean {
    return missing !== undefined && unexplained(missing, this.#ranges) === 0
  }

  /** Whether an artifact that is missing where a line names it could not be stored, as its writer says. */
  isArtifactLost(ref: string, { file, line = 0 }: Pick<VerifyFinding, 'file' | 'line'>): boolean {
    return (
      this.#artifacts.has(ref) || line > (this.#artifactsIn.get(ref)?.get(file) ?? Number.POSITIVE_INFINITY)
    )
  }

  /** Artifacts that the writer says it could not store. */
  get artifacts(): ReadonlySet<string> {
    return new Set([...this.#artifacts, ...this.#artifactsIn.keys()])
  }

  #addIn(ref: string, file: string, line: number): void {
    const lines = this.#artifactsIn.get(ref) ?? new Map<string, number>()
    lines.set(file, Math.min(line, lines.get(file) ?? line))
    this.#artifactsIn.set(ref, lines)
  }
}
