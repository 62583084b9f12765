/** A table of figures: numbers to the right, columns that sort, a bar for the share. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { grouped } from './text.js'

export interface Column<Row> {
  name: string
  /** What it sorts by; without it the column does not sort. */
  by?: (row: Row) => number | string
  isNumber?: boolean
  cell(row: Row): ComponentChildren
}

export interface TableProps<Row> {
  /** Said to a screen reader, and above the table. */
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf(row: Row, index: number): string
  /** Default 200; more are one click away. */
  most?: number
  /** A last row of sums. */
  total?: readonly ComponentChildren[] | undefined
}

export function Table<Row>({ caption, columns, rows, keyOf, most = 200, total }: TableProps<Row>) {
  const [sorted, setSorted] = useState<{ column: number; isUp: boolean } | undefined>(undefined)
  const [limit, setLimit] = useState(most)
  const by = sorted === undefined ? undefined : columns[sorted.column]?.by
  const all =
    by === undefined ? rows : [...rows].sort((a, b) => compare(by(a), by(b)) * (sorted?.isUp ? 1 : -1))
  const turn = (column: number) =>
    setSorted((now) => ({
      column,
      isUp: now?.column === column ? !now.isUp : columns[column]?.isNumber !== true,
    }))
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th
                key={column.name}
                scope="col"
                class={column.isNumber ? 'number' : ''}
                {...(sorted?.column === i && {
                  'aria-sort': sorted.isUp ? ('ascending' as const) : ('descending' as const),
                })}
              >
                {column.by === undefined ? (
                  column.name
                ) : (
                  <button type="button" class="sort" onClick={() => turn(i)}>
                    {column.name}
                    <span aria-hidden="true">{sorted?.column !== i ? '' : sorted.isUp ? ' ↑' : ' ↓'}</span>
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {all.slice(0, limit).map((row, index) => (
            <tr key={keyOf(row, index)}>
              {columns.map((column) => (
                <td key={column.name} class={column.isNumber ? 'number' : ''}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {total !== undefined && (
          <tfoot>
            <tr>
              {columns.map((column, i) => (
                <td key={column.name} class={column.isNumber ? 'number' : ''}>
                  {total[i]}
                </td>
              ))}
            </tr>
          </tfoot>
        )}
      </table>
      {all.length > limit && (
        <button type="button" class="more" onClick={() => setLimit(limit + 1_000)}>
          {grouped(all.length - limit)} more rows
        </button>
      )}
    </div>
  )
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))
}

/** A part of a whole, as a bar; the number stands beside it. */
export function Bar({ share, tone = 'accent' }: { share: number; tone?: string }) {
  const percent = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * 100
  return (
    <span class="bar" aria-hidden="true">
      <span class={`bar-fill tone-${tone}`} style={{ width: `${percent}%` }} />
    </span>
  )
}

export interface Choice {
  value: string
  label: string
}

/** One of a few ways to see a table. */
export function Choices(props: {
  label: string
  value: string
  choices: readonly Choice[]
  choose(value: string): void
}) {
  return (
    <div class="choices" role="group" aria-label={props.label}>
      {props.choices.map(({ value, label }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.choose(value)}
        >
          {label}
        </button>
      ))}
    </div>
  )
}

/** A figure with its name. */
export function Figure({
  name,
  tone = '',
  children,
}: {
  name: string
  tone?: string
  children: ComponentChildren
}) {
  return (
    <div class={`figure ${tone}`}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
