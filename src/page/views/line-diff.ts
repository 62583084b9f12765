/** Two contents line by line: what is in both, what came, what went. */

export interface DiffLine {
  mark: 'same' | 'added' | 'gone'
  line: string
}

/** Beyond, comparing each line with each takes too long: then only what is the same at both ends is. */
const MAX_COMPARED = 1_500

/** @param before undefined: there is nothing to compare with */
export function linesOfDiff(before: string | undefined, text: string): DiffLine[] {
  const b = text.split('\n')
  if (before === undefined) return b.map((line) => ({ mark: 'same', line }))
  const a = before.split('\n')
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end])
    end++
  const same = (lines: string[]): DiffLine[] => lines.map((line) => ({ mark: 'same', line }))
  return [
    ...same(b.slice(0, start)),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...same(b.slice(b.length - end)),
  ]
}

function middle(a: string[], b: string[]): DiffLine[] {
  const gone = (line: string): DiffLine => ({ mark: 'gone', line })
  const added = (line: string): DiffLine => ({ mark: 'added', line })
  if (a.length > MAX_COMPARED || b.length > MAX_COMPARED) return [...a.map(gone), ...b.map(added)]
  // longest[i][j]: how many lines the rests of both have in common, in order.
  const width = b.length + 1
  const longest = new Uint16Array((a.length + 1) * width)
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ mark: 'same', line: b[j] as string })
      i++
      j++
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1)))
      lines.push(gone(a[i++] as string))
    else lines.push(added(b[j++] as string))
  }
  return lines
}
