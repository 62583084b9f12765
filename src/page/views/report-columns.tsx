/** What the tables of several reports have in common. */
import type { Filter } from '../data/place.js'
import { showLines } from '../data/store.js'
import type { Column } from '../parts/table.js'
import { duration, grouped, Said } from '../parts/text.js'

export interface Choice {
  value: string
  label: string
}

/** What the rows are of. */
export const keyColumn = <Row extends { key: string }>(
  by: string,
  choices: readonly Choice[],
): Column<Row> => ({
  name: choices.find(({ value }) => value === by)?.label ?? by,
  by: (row) => row.key,
  cell: (row) => <Said text={row.key} most={160} />,
})

/** A count that leads to the lines that it was counted from. */
export const linesColumn = <Row,>(
  name: string,
  count: (row: Row) => number,
  lines: (row: Row) => Partial<Filter>,
): Column<Row> => ({
  name,
  isNumber: true,
  by: count,
  cell: (row) => (
    <button type="button" class="link tabular" title="Their lines" onClick={() => showLines(lines(row))}>
      {grouped(count(row))}
    </button>
  ),
})

export const durationOf = (ms: number | undefined): string => (ms === undefined ? '—' : duration(ms))

export const durationColumn = <Row,>(name: string, ms: (row: Row) => number | undefined): Column<Row> => ({
  name,
  isNumber: true,
  by: (row) => ms(row) ?? -1,
  cell: (row) => durationOf(ms(row)),
})
