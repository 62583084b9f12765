/**
 * A log is a chain of segment files in one folder. The live one has the log's own name (`hive.jsonl`); rotation
 * renames it to `hive.<first seq, 12 digits>.jsonl`, or `….jsonl.gz` once compressed, and it is never touched
 * again. The 12 digits make the names sort in the order of the log.
 */
import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface Segment {
  /** Path of the segment file. */
  file: string
  /** `seq` of its first line, from its name; `undefined` for the live file. */
  firstSeq: number | undefined
  gzip: boolean
}

const stem = (file: string): string => basename(file).replace(/\.jsonl$/, '')

/** Name (without folder) that the live segment of `file` gets when it is archived. */
export function archiveName(file: string, firstSeq: number): string {
  return `${stem(file)}.${String(firstSeq).padStart(12, '0')}.jsonl`
}

/**
 * The archived segments of the log `file`, oldest first, without the live one. A segment that is there both plain
 * and compressed (a compression that was cut off before it removed the plain file) is listed once, plain.
 * @throws when the folder is there and cannot be listed: what is in it is not nothing
 */
export function archivedSegments(file: string): Segment[] {
  const folder = dirname(file)
  const prefix = `${stem(file)}.`
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new Error(`cannot list the folder of ${file}, where its archived segments are: ${message}`, {
      cause: error,
    })
  }
  const byFirstSeq = new Map<number, Segment>()
  for (const name of names) {
    if (!name.startsWith(prefix)) continue
    const match = /^(\d{12,})\.jsonl(\.gz)?$/.exec(name.slice(prefix.length))
    if (match === null) continue
    const firstSeq = Number(match[1])
    const gzip = match[2] !== undefined
    if (gzip && byFirstSeq.has(firstSeq)) continue
    byFirstSeq.set(firstSeq, { file: join(folder, name), firstSeq, gzip })
  }
  return [...byFirstSeq.values()].sort((a, b) => (a.firstSeq as number) - (b.firstSeq as number))
}
