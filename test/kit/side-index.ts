/** Reads and writes the directory of a side index without the code that is under test. */

/** Numbers of a block, in the order in which they stand there. */
const NAMES = ['offset', 'line', 'count', 'maxSeq', 'maxTs', 'lastSeq', 'at', 'size', 'rest', 'raw'] as const

export type Row = { [Name in (typeof NAMES)[number]]: number } & { isNews: boolean }

interface Columns {
  count: number
  numbers: string
  news: number[]
}

/** The directory of an index file, and where its trailer's last part begins. */
export function directoryOf(bytes: Buffer): {
  directory: { blocks: Columns & { sha256: string } }
  magic: number
} {
  const magic = bytes.lastIndexOf('hivelog-index')
  const at = Number.parseInt(bytes.toString('latin1', magic - 84, magic - 72), 16)
  return { directory: JSON.parse(bytes.toString('utf8', at, magic - 84)), magic }
}

export function rowsOf({ count, numbers, news }: Columns): Row[] {
  const bytes = Buffer.from(numbers, 'base64')
  return Array.from({ length: count }, (_, i) => {
    const row = { isNews: news.includes(i) } as Row
    for (const [k, name] of NAMES.entries()) row[name] = bytes.readDoubleLE(8 * (NAMES.length * i + k))
    return row
  })
}

/** `numbers` of such rows. */
export function numbersOf(rows: readonly Row[]): string {
  const bytes = Buffer.alloc(8 * NAMES.length * rows.length)
  for (const [i, row] of rows.entries()) {
    for (const [k, name] of NAMES.entries()) bytes.writeDoubleLE(row[name], 8 * (NAMES.length * i + k))
  }
  return bytes.toString('base64')
}
