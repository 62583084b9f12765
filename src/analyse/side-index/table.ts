/** Objects with mostly the same fields, field by field: names that are written once are written and read much faster. */
import { type Field, fieldOf, valuesOf } from './fields.js'

/** A column for each field that any row has. */
export type Table = { rows: number; columns: { [name: string]: Field } }

/** How each field of a row is had; one that is missing here is an error of the compiler. */
export type Fields<Row extends object> = { [Name in keyof Required<Row>]: (row: Row) => Row[Name] }

/** A field of all rows, and its JSON; empty where no row has it. */
interface Column {
  values: readonly unknown[]
  json: string
}

/** Writes tables whose rows change little from one to the next: a column that is as it was is not made again. */
export class TableWriter<Row extends object> {
  readonly #fields: [name: string, of: (row: Row) => unknown][]
  readonly #columns: Column[]

  /** @param fields none of which can be `null` */
  constructor(fields: Fields<Row>) {
    this.#fields = Object.entries(fields)
    this.#columns = this.#fields.map(() => ({ values: [], json: '' }))
  }

  /** The JSON of a `Table`. */
  json(rows: readonly Row[]): string {
    const columns: string[] = []
    for (const [i, [name, of]] of this.#fields.entries()) {
      const values = rows.map(of)
      let column = this.#columns[i] as Column
      if (!isSame(values, column.values)) {
        const hasAny = values.some((value) => value !== undefined)
        column = { values, json: hasAny ? JSON.stringify(fieldOf(values)) : '' }
        this.#columns[i] = column
      }
      if (column.json !== '') columns.push(`"${name}":${column.json}`)
    }
    return `{"rows":${rows.length},"columns":{${columns.join(',')}}}`
  }
}

function isSame(values: readonly unknown[], others: readonly unknown[]): boolean {
  if (values.length !== others.length) return false
  for (let i = 0; i < values.length; i++) if (values[i] !== others[i]) return false
  return true
}

export function rowsOf<Row extends object>({ rows: length, columns }: Table): Row[] {
  const rows = Array.from({ length }, () => ({}) as { [name: string]: unknown })
  for (const name of Object.keys(columns)) {
    const column = valuesOf(columns[name] as Field, length)
    for (let i = 0; i < length; i++) {
      const value = column[i]
      if (value !== null) (rows[i] as { [name: string]: unknown })[name] = value
    }
  }
  return rows as Row[]
}
