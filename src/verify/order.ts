/**
 * Finds out from the order of `seq` what happened to a segment's lines. The lines are seen as runs of unbroken
 * `seq`, and bad lines between them; an undamaged segment is one run. The longest rising chain of runs is taken as
 * what stood there from the start; a run beside it was moved, copied or altered, and a step in it that nothing
 * else explains is where lines are missing.
 */
import type { SegmentFinding, VerifyKind } from './report.js'

/** Neighbouring lines whose `seq` is unbroken. */
export interface Run {
  line: number
  offset: number
  seq: number
  count: number
}

/** Neighbouring lines that are no numbered event. */
export interface BadLines {
  line: number
  offset: number
  count: number
  /** Why the first of them is none. */
  reason: string
  /** Sum of their lengths. */
  bytes: number
  /** The `bytes` of a `log.torn` line that follows. */
  torn: number | undefined
  /** They stand where lines carry no `seq`, and count as lines there. */
  isCounted: boolean
}

export type Mark = Run | BadLines

export const isRun = (mark: Mark): mark is Run => 'seq' in mark

export interface OrderResult {
  findings: SegmentFinding[]
  /** Bad lines that nothing accounts for, and what is to be said of the place beside. */
  bad: { lines: BadLines; remark: string; missing?: SegmentFinding['missing'] }[]
  lastSeq: number | undefined
}

/** A step between two runs of the chain, where `from … to` (maybe none) should have stood. */
interface Step {
  from: number
  to: number
  /** How many of them nothing explains yet. */
  open: number
  /** The run after it. */
  next: Run | undefined
  /** Marks that stand here instead. */
  here: Mark[]
}

/** @param expected `seq` that the segment's first line should have */
export function checkOrder(marks: readonly Mark[], expected: number): OrderResult {
  const result: OrderResult = { findings: [], bad: [], lastSeq: undefined }
  const parts = splitRepeats(marks)
  const runs = parts.filter(isRun)
  const later = runs.filter((run) => run.seq >= expected)
  const chain = longestChain(later.length > 0 ? later : runs)
  const first = chain[0]
  if (first !== undefined && first.seq < expected) {
    result.findings.push(place('out-of-order', first, `${named(first)} where seq ${expected} should be`))
  }
  const steps = stepsOf(parts, chain, expected)
  const last = chain.at(-1)
  if (last !== undefined) result.lastSeq = last.seq + last.count - 1
  const strays = explainMoved(steps, result.findings)
  for (const step of steps) explainStep(step, strays.get(step) ?? [], chain, result)
  return result
}

const endOf = (run: Run): number => run.seq + run.count - 1

/** Cuts a run in two where its beginning repeats the end of the run before: 1 2 3 3 4 is a copy of 3, then 4. */
function splitRepeats(marks: readonly Mark[]): Mark[] {
  const parts: Mark[] = []
  let before: Run | undefined
  for (const mark of marks) {
    const repeated =
      before !== undefined && isRun(mark) && mark.seq > before.seq ? endOf(before) + 1 - mark.seq : 0
    if (isRun(mark) && repeated > 0 && repeated < mark.count) {
      parts.push({ ...mark, count: repeated })
      parts.push({
        ...mark,
        line: mark.line + repeated,
        seq: mark.seq + repeated,
        count: mark.count - repeated,
      })
    } else {
      parts.push(mark)
    }
    if (isRun(mark)) before = mark
  }
  return parts
}

/** The rising chain that holds the most lines; of equal ones, that with the smallest steps. */
function longestChain(runs: readonly Run[]): Run[] {
  const best: { lines: number; previous: number }[] = []
  let top = -1
  const isBetter = (lines: number, end: number, than: number): boolean => {
    if (than === -1) return true
    const other = best[than] as { lines: number }
    return lines > other.lines || (lines === other.lines && end < endOf(runs[than] as Run))
  }
  for (const [i, run] of runs.entries()) {
    let previous = -1
    for (let j = 0; j < i; j++) {
      if (
        endOf(runs[j] as Run) < run.seq &&
        isBetter((best[j] as { lines: number }).lines, endOf(runs[j] as Run), previous)
      ) {
        previous = j
      }
    }
    const lines = run.count + (previous === -1 ? 0 : (best[previous] as { lines: number }).lines)
    best.push({ lines, previous })
    if (isBetter(lines, endOf(run), top)) top = i
  }
  const chain: Run[] = []
  for (let i = top; i !== -1; i = (best[i] as { previous: number }).previous) chain.unshift(runs[i] as Run)
  return chain
}

function stepsOf(marks: readonly Mark[], chain: readonly Run[], expected: number): Step[] {
  const steps: Step[] = []
  const inChain = new Set<Mark>(chain)
  let from = expected
  let here: Mark[] = []
  for (const mark of marks) {
    if (!inChain.has(mark)) {
      here.push(mark)
      continue
    }
    const next = mark as Run
    steps.push({ from, to: next.seq - 1, open: Math.max(0, next.seq - from), next, here })
    from = endOf(next) + 1
    here = []
  }
  steps.push({ from, to: from - 1, open: 0, next: undefined, here })
  return steps
}

/** Tells of runs that stand elsewhere than where they are missing; returns the runs that are missing nowhere. */
function explainMoved(steps: readonly Step[], findings: OrderResult['findings']): Map<Step, Run[]> {
  const strays = new Map<Step, Run[]>()
  const moved: { run: Run; at: number; home: number }[] = []
  for (const [at, step] of steps.entries()) {
    for (const run of step.here.filter(isRun)) {
      const home = steps.findIndex(({ from, to, open, next }) =>
        next === undefined ? run.seq === from : run.seq >= from && endOf(run) <= to && open >= run.count,
      )
      const target = steps[home]
      if (target === undefined) {
        strays.set(step, [...(strays.get(step) ?? []), run])
      } else {
        target.open -= run.count
        moved.push({ run, at, home })
      }
    }
  }
  const told = new Set<Run>()
  for (const { run, at, home } of moved) {
    if (told.has(run)) continue
    const partner = moved.find((other) => other.run !== run && other.at === home && other.home === at)?.run
    const between = Math.abs(home - at) === 1 ? steps[Math.min(home, at)]?.next : undefined
    const other = partner ?? between
    if (other === undefined || other.count > 1 || run.count > 1) {
      findings.push(
        place('out-of-order', run, `${named(run)} stand${run.count === 1 ? 's' : ''} in the wrong place`),
      )
    } else {
      const [first, second] = run.line < other.line ? [run, other] : [other, run]
      const message = `line ${first.line} (seq ${first.seq}) and line ${second.line} (seq ${second.seq}) are swapped`
      findings.push({ ...place('swapped', first, message), toLine: second.line })
      if (partner !== undefined) told.add(partner)
    }
  }
  return strays
}

/** Tells of what stands in this step, and of what is missing in it. */
function explainStep(step: Step, strays: readonly Run[], chain: readonly Run[], result: OrderResult): void {
  let isTold = false
  for (const run of strays) {
    if (step.open >= run.count) {
      const due = seqs(step.from, step.from + run.count - 1)
      result.findings.push(place('changed', run, `${named(run)} where ${due} should be`))
      step.open -= run.count
      isTold = true
    } else if (chain.some((other) => run.seq >= other.seq && endOf(run) <= endOf(other))) {
      result.findings.push(place('duplicate', run, `${named(run)} is there a second time`))
    } else {
      result.findings.push(
        place('out-of-order', run, `${named(run)} has no place after seq ${step.from - 1}`),
      )
    }
  }
  for (const lines of step.here) {
    if (isRun(lines)) continue
    if (lines.isCounted) step.open -= lines.count
    if (lines.torn === lines.bytes) continue
    const remark = step.open > 0 && !isTold ? `; ${missing(step)} should be here` : ''
    const isMissing = remark !== '' && { missing: { from: step.from, to: step.to } }
    if (step.open > 0) isTold = true
    result.bad.push({ lines, remark, ...isMissing })
  }
  if (step.open > 0 && step.next !== undefined && !isTold) {
    const { line, offset, seq } = step.next
    const message = `${missing(step)} ${step.open === 1 ? 'is' : 'are'} missing before seq ${seq}`
    const range = { from: step.from, to: step.to }
    result.findings.push({ kind: 'missing-lines', line, offset, message, missing: range })
  }
}

function missing({ from, to, open }: Step): string {
  return open === to - from + 1 ? seqs(from, to) : `${open} of ${seqs(from, to)}`
}

function place(kind: VerifyKind, run: Run, message: string): SegmentFinding {
  const finding: SegmentFinding = { kind, line: run.line, offset: run.offset, message }
  if (run.count > 1) finding.toLine = run.line + run.count - 1
  return finding
}

const seqs = (from: number, to: number): string => (from === to ? `seq ${from}` : `seq ${from} to ${to}`)
const named = (run: Run): string => `the line${run.count === 1 ? '' : 's'} with ${seqs(run.seq, endOf(run))}`
