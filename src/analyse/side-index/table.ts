/** Objects with mostly the same fields, field by field: names that are written once are written and read much faster. */
import { type Field, fieldOf, valuesOf } from './fields.js'

/** A column for each field that any row has. */
export type Table = { rows: number; columns: { [name: string]: Field } }

/** @param names all fields that rows may have, none of which can be `null` */
export function tableOf<Row extends object>(
  rows: readonly Row[],
  names: readonly (keyof Row & string)[],
): Table {
  const columns: Table['columns'] = {}
  for (const name of names) {
    const column = new Array<unknown>(rows.length)
    let hasAny = false
    for (let i = 0; i < rows.length; i++) {
      const value = (rows[i] as Row)[name]
      column[i] = value
      if (value !== undefined) hasAny = true
    }
    if (hasAny) columns[name] = fieldOf(column)
  }
  return { rows: rows.length, columns }
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

/** Names of a type's fields; a field that is missing here is an error of the compiler. */
export const namesOf = <Row extends object>(names: { [Name in keyof Required<Row>]: true }) =>
  Object.keys(names) as (keyof Row & string)[]
