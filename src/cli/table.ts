/** Tables for people: text to the left, numbers to the right, as wide as a terminal allows. */
import { clean, columns, fit, grouped, pad } from './text.js'

export interface TableOptions {
  /** How many columns, from the left, hold text; the others hold numbers. Default 1. */
  textColumns?: number
  /** Columns of the terminal that the table may take: texts are cut to fit. Default 100. */
  width?: number
  /** Rows that are shown; a last line counts the rest. Default 20. */
  maxRows?: number
}

const GAP = '  '
const MIN_TEXT = 8

/**
 * An empty line, the head, and the rows in the order that matters; nothing where there are no rows. Cells come from
 * logs that may be hostile: all are cleaned.
 */
export function table(head: string[], rows: string[][], options: TableOptions = {}): string[] {
  if (rows.length === 0) return []
  const { textColumns = 1, width = 100, maxRows = 20 } = options
  const shown = [head, ...rows.slice(0, maxRows)].map((row) => row.map(clean))
  const widths = head.map((_, i) => Math.max(...shown.map((row) => columns(row[i] ?? ''))))
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

/** Takes what is too wide from the widest texts. */
function narrow(widths: number[], textColumns: number, width: number): void {
  let excess = widths.reduce((sum, size) => sum + size, 0) + GAP.length * (widths.length - 1) - width
  while (excess > 0) {
    const texts = widths.slice(0, textColumns)
    const widest = texts.indexOf(Math.max(...texts))
    if ((widths[widest] ?? 0) <= MIN_TEXT) return
    ;(widths[widest] as number)--
    excess--
  }
}
