/** Tables for people: text to the left, numbers to the right, as wide as a terminal allows. */
import { clean, columns, fit, grouped, pad } from '../text/terminal.js'

export interface TableOptions {
  /** How many columns, from the left, hold text; the others hold numbers. Default 1. */
  textColumns?: number
  /** Columns of the terminal that the table may take: texts are cut to fit. Default 100. */
  width?: number
  /** Rows that are shown; a last line counts the rest. Default 20. */
  maxRows?: number
  /** Heads of the columns that may be left out where there is no room, those to go first first. Default none. */
  dispensable?: readonly string[]
  /** Columns of the terminal that the first text should have, if it is so long, before others go. Default 8. */
  keyWidth?: number
}

const GAP = '  '
const MIN_TEXT = 8

/**
 * An empty line, the head, and the rows in the order that matters; nothing where there are no rows. Cells come from
 * logs that may be hostile: all are cleaned.
 */
export function table(head: string[], rows: string[][], options: TableOptions = {}): string[] {
  if (rows.length === 0) return []
  const { width = 100, maxRows = 20, dispensable = [], keyWidth = MIN_TEXT } = options
  let { textColumns = 1 } = options
  let shown = [head, ...rows.slice(0, maxRows)].map((row) => row.map(clean))
  let widths = head.map((_, i) => Math.max(...shown.map((row) => columns(row[i] ?? ''))))
  for (const name of dispensable) {
    const least = widths.map((size, i) =>
      i >= textColumns ? size : Math.min(size, i === 0 ? keyWidth : MIN_TEXT),
    )
    if (sumOf(least) <= width) break
    const at = shown[0]?.indexOf(name) ?? -1
    if (at === -1) continue
    shown = shown.map((row) => row.toSpliced(at, 1))
    widths = widths.toSpliced(at, 1)
    if (at < textColumns) textColumns--
  }
  narrow(widths, textColumns, width)
  const line = (cells: string[]): string =>
    widths
      .map((size, i) => {
        const cell = fit(cells[i] ?? '', size)
        return i < textColumns ? pad(cell, size) : ' '.repeat(Math.max(0, size - columns(cell))) + cell
      })
      .join(GAP)
      .trimEnd()
  const lines = ['', ...shown.map(line)]
  if (rows.length > maxRows) lines.push(`… and ${grouped(rows.length - maxRows)} more; see --json`)
  return lines
}

/** What a row of such columns takes. */
const sumOf = (widths: readonly number[]): number =>
  widths.reduce((sum, size) => sum + size + GAP.length, -GAP.length)

/** Takes what is too wide from the widest texts. */
function narrow(widths: number[], textColumns: number, width: number): void {
  let excess = sumOf(widths) - width
  while (excess > 0) {
    const texts = widths.slice(0, textColumns)
    const widest = texts.indexOf(Math.max(...texts))
    if ((widths[widest] ?? 0) <= MIN_TEXT) return
    ;(widths[widest] as number)--
    excess--
  }
}
