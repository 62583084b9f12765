/**
 * A log is a chain of segment files in one folder. The live one has the log's own name (`hive.jsonl`); rotation
 * renames it to `hive.<first seq, 12 digits>.jsonl`, or `….jsonl.gz` once compressed, and it is never touched
 * again. The 12 digits make the names sort in the order of the log. Which files are segments is said here alone:
 * whatever another part of hivelog took for one would be read by some commands and not checked by others.
 */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { HivelogError } from '../format/errors.js'

export interface Segment {
  /** Path of the segment file. */
  file: string
  /** `seq` of its first line, from its name; `undefined` for the live file. */
  firstSeq: number | undefined
  gzip: boolean
  /** Path of a compressed copy beside the plain file, which a compression that was cut off leaves. */
  twin?: string
}

/** A file that has a segment's name and can be none, so that nobody reads it. */
export interface StrayFile {
  file: string
  /** Why it can be none, in words. */
  reason: string
}

/** As many digits as `MAX_SEQ` has, without a leading zero where there are more than twelve, and not zero. */
const SEGMENT_NAME = /^(.*)\.(\d{12}|[1-9]\d{12,14})\.jsonl(\.gz)?$/s
const LIKE_SEGMENT = /^\d{12,}\.jsonl(?:\.gz)?$/

const stem = (file: string): string => basename(file).replace(/\.jsonl$/, '')

/** Name (without folder) that the live segment of `file` gets when it is archived. */
export function archiveName(file: string, firstSeq: number): string {
  return `${stem(file)}.${String(firstSeq).padStart(12, '0')}.jsonl`
}

/** What the name of an archived segment says; `undefined` when no segment can be called so. */
export function parseArchiveName(
  file: string,
): { stem: string; firstSeq: number; gzip: boolean } | undefined {
  const match = SEGMENT_NAME.exec(basename(file))
  const firstSeq = Number(match?.[2])
  if (match === null || firstSeq === 0) return undefined
  return { stem: match[1] as string, firstSeq, gzip: match[3] !== undefined }
}

/** `seq` that an archived segment's name tells. */
export const seqInName = (file: string): number | undefined => parseArchiveName(file)?.firstSeq

/**
 * The archived segments of the log `file`, oldest first, without the live one. A segment that is there both plain
 * and compressed is listed once, plain, with its `twin`.
 * @throws when the folder is there and cannot be listed: what is in it is not nothing
 */
export function archivedSegments(file: string): Segment[] {
  const folder = dirname(file)
  const byFirstSeq = new Map<number, Segment>()
  for (const entry of entriesLike(file)) {
    const parsed = parseArchiveName(entry.name)
    if (parsed === undefined || !isRegular(folder, entry)) continue
    const { firstSeq, gzip } = parsed
    const path = join(folder, entry.name)
    const other = byFirstSeq.get(firstSeq)
    if (other === undefined) byFirstSeq.set(firstSeq, { file: path, firstSeq, gzip })
    else if (gzip) other.twin = path
    else byFirstSeq.set(firstSeq, { file: path, firstSeq, gzip, twin: other.file })
  }
  return [...byFirstSeq.values()].sort((a, b) => (a.firstSeq as number) - (b.firstSeq as number))
}

/** Files beside the log that are called like segments of it, and can be none. */
export function strayFiles(file: string): StrayFile[] {
  const folder = dirname(file)
  const strays: StrayFile[] = []
  for (const entry of entriesLike(file)) {
    const path = join(folder, entry.name)
    if (parseArchiveName(entry.name) === undefined) {
      strays.push({ file: path, reason: 'no segment can begin with that seq, written so' })
    } else if (!isRegular(folder, entry)) {
      strays.push({ file: path, reason: 'it is no regular file' })
    }
  }
  return strays
}

function entriesLike(file: string): Dirent[] {
  const prefix = `${stem(file)}.`
  try {
    return readdirSync(dirname(file), { withFileTypes: true }).filter(
      ({ name }) => name.startsWith(prefix) && LIKE_SEGMENT.test(name.slice(prefix.length)),
    )
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new HivelogError(
      code ?? 'ERR_HIVELOG_READ',
      `cannot list the folder of ${file}, where its archived segments are: ${message}`,
      error,
    )
  }
}

/** A pipe or a device under a segment's name would be waited for without end. */
function isRegular(folder: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isFile()
  try {
    return statSync(join(folder, entry.name)).isFile()
  } catch {
    return false
  }
}
