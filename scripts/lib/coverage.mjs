/** Which parts of the compiled sources a test file runs, its child processes included, as V8 counts it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Reads what `NODE_V8_COVERAGE` left in `folder`.
 * @param {string} folder
 * @param {string} under path of the folder whose modules count
 * @returns {Map<string, [start: number, end: number][]>} by path: the ranges of the text that were run
 */
export function readCoverage(folder, under) {
  const masks = new Map()
  for (const name of readdirSync(folder)) {
    let report
    try {
      report = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    } catch {
      // Of a process that was killed while it wrote it.
      continue
    }
    for (const { url, functions } of report.result ?? []) {
      if (!url.startsWith('file://')) continue
      const path = fileURLToPath(url)
      if (path.startsWith(under)) paint(masks, path, functions)
    }
  }
  return new Map([...masks].map(([path, mask]) => [path, rangesOf(mask)]))
}

/** Inner ranges say more than those around them. */
function paint(masks, path, functions) {
  const ranges = functions.flatMap(({ ranges }) => ranges)
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const size = Math.max(0, ...ranges.map(({ endOffset }) => endOffset))
  const own = new Uint8Array(size)
  for (const { startOffset, endOffset, count } of ranges) own.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  const before = masks.get(path)
  if (before === undefined) masks.set(path, own)
  else for (let i = 0; i < size && i < before.length; i++) before[i] |= own[i]
}

function rangesOf(mask) {
  const ranges = []
  for (let start = mask.indexOf(1); start !== -1; ) {
    const end = mask.indexOf(0, start)
    ranges.push([start, end === -1 ? mask.length : end])
    start = end === -1 ? -1 : mask.indexOf(1, end)
  }
  return ranges
}

/** Whether a part of `[start, end)` lies in one of the ranges. */
export const covers = (ranges, start, end) =>
  ranges.some(([from, to]) => from < Math.max(end, start + 1) && start < to)

/**
 * How many lines of code of each folder in `under` were run, those of files that nobody loaded included. Lines of the
 * compiled code, without blank ones and comments; of a line of which a part was run, it was.
 * @param {string} folder what `NODE_V8_COVERAGE` left
 * @param {string} under path of the compiled sources
 * @returns {Map<string, { covered: number, lines: number }>} by folder; `.` for the files of `under` itself
 */
export function coverageByFolder(folder, under) {
  const ran = readCoverage(folder, under)
  const sums = new Map()
  for (const name of readdirSync(under, { recursive: true }).sort()) {
    if (!name.endsWith('.js')) continue
    const path = join(under, name)
    const room = name.includes('/') ? name.split('/')[0] : '.'
    const sum = sums.get(room) ?? { covered: 0, lines: 0 }
    sums.set(room, sum)
    const ranges = ran.get(path) ?? []
    let start = 0
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const code = line.trim()
      const begin = start + line.length - line.trimStart().length
      start += line.length + 1
      if (code === '' || code === 'export {};' || /^(\/\/|\/\*|\*)/.test(code)) continue
      sum.lines++
      if (covers(ranges, begin, begin + code.length)) sum.covered++
    }
  }
  return sums
}
