/** Reads and writes the directory of a side index without the code that is under test. */

import { createHash } from 'node:crypto'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'

/** Numbers of a block, in the order in which they stand there. */
const NAMES = [
  'offset',
  'line',
  'count',
  'maxSeq',
  'maxTs',
  'lastSeq',
  'at',
  'size',
  'raw',
  'back',
  'whole',
] as const

export type Row = { [Name in (typeof NAMES)[number]]: number }

interface Columns {
  count: number
  numbers: string
}

/** The directory of an index file, and where its trailer's last part begins. */
export function directoryOf(bytes: Buffer): {
  directory: {
    blocks: Columns & { sha256: string }
    ranges: { at: number; size: number; sha256: string }
  }
  magic: number
} {
  const magic = bytes.lastIndexOf('hivelog-index')
  const at = Number.parseInt(bytes.toString('latin1', magic - 84, magic - 72), 16)
  return { directory: JSON.parse(bytes.toString('utf8', at, magic - 84)), magic }
}

export function rowsOf({ count, numbers }: Columns): Row[] {
  const bytes = Buffer.from(numbers, 'base64')
  return Array.from({ length: count }, (_, i) => {
    const row = {} as Row
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

/**
 * The bytes of an index file that says of all lines between its states that there are none but of the kind `none`.
 * @param mac authenticates a directory
 */
export function withoutRanges(bytes: Buffer, mac: (magic: string, directory: Buffer) => string): Buffer {
  const { directory, magic } = directoryOf(bytes)
  const { ranges } = directory
  const text = brotliDecompressSync(bytes.subarray(ranges.at, ranges.at + ranges.size)).toString()
  const said = JSON.parse(text)
  const lie = { ...said, names: ['none'], sets: said.sets.map(() => [0]), odd: [] }
  const section = brotliCompressSync(JSON.stringify(lie))
  const sha256 = createHash('sha256').update(section).digest('hex')
  const place = { ...ranges, size: section.length, sha256 }
  const end = Buffer.from(JSON.stringify({ ...directory, ranges: place }))
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0')
  const at = ranges.at + section.length
  const name = bytes.subarray(magic)
  const trailer = hex(at, 12) + hex(end.length, 8) + mac(name.toString(), end)
  return Buffer.concat([bytes.subarray(0, ranges.at), section, end, Buffer.from(trailer), name])
}
