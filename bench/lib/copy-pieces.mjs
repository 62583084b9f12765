import { createHash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeHiveLog } from './hive-log.mjs'

const NEWLINE = 10

/**
 * The lines of one made-up hive as many logs: each has a first line of its own, and with it an id of its own.
 * @returns `{ lines, bytes, pieces(i) }`: what one log holds, and the i-th log in pieces as a shipper sends them
 */
export function copyPieces(folder, { lines, pieceBytes = 1024 * 1024 }) {
  const file = join(folder, 'pieces.jsonl')
  const count = writeHiveLog(file, lines)
  const text = readFileSync(file)
  rmSync(file)
  const rest = text.subarray(text.indexOf(NEWLINE) + 1)
  const cuts = [0]
  while (cuts.at(-1) < rest.length) {
    const most = Math.min(rest.length, cuts.at(-1) + pieceBytes)
    cuts.push(rest.lastIndexOf(NEWLINE, most - 1) + 1)
  }
  const firstLine = (i) =>
    `{"ts":1787386181194,"kind":"log.open","format":1,"segment":1,"writer":"hivelog/0","pid":${10_000 + i},"host":"h","seq":1,"session":"sess_bench"}`
  return {
    lines: count,
    bytes: rest.length + firstLine(0).length + 1,
    pieces(i) {
      const first = firstLine(i)
      const log = createHash('sha256').update(first).digest('hex').slice(0, 16)
      const pieces = cuts.slice(1).map((end, at) => rest.subarray(cuts[at], end))
      pieces[0] = Buffer.concat([Buffer.from(`${first}\n`), pieces[0]])
      let offset = 0
      return pieces.map((bytes) => {
        const piece = { session: `session-${i}`, log, offset, bytes }
        offset += bytes.length
        return piece
      })
    },
  }
}
