import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeHiveLog } from './hive-log.mjs'

/**
 * Writes the logs of some hives, each with a session of its own, as if they had been written within the last hour: what
 * is older than a store keeps would be another measurement.
 * @returns `{ files, lines, bytes }`
 */
export function writeHiveLogs(folder, { hives, lines: wanted }) {
  const files = []
  let lines = 0
  let bytes = 0
  for (let i = 0; i < hives; i++) {
    const file = join(folder, `hive-${i}.jsonl`)
    lines += writeHiveLog(file, Math.round(wanted / hives))
    const text = readFileSync(file, 'utf8').replaceAll('sess_8f4d2e9c01020304', `session-${i}`)
    const now = Date.now() - 3_600_000
    const first = Number(/"ts":(\d+)/.exec(text)[1])
    const moved = text.replace(
      /"ts":(\d+)/g,
      (_, ts) => `"ts":${now + Math.trunc((Number(ts) - first) / 10_000)}`,
    )
    writeFileSync(file, moved)
    bytes += Buffer.byteLength(moved)
    files.push(file)
  }
  return { files, lines, bytes }
}
