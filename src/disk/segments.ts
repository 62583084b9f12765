/**
 * A log is a chain of segment files in one folder. The live one has the log's own name (`hive.jsonl`); rotation
 * renames it to `hive.<first seq, 12 digits>.jsonl`, or `….jsonl.gz` once compressed, and it is never touched
 * again. Which files are segments is said here alone: whatever another part of hivelog took for one would be read by
 * some commands and not checked by others.
 */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { likeSegmentOf, parseArchiveName, stemOf } from '../format/beside.js'
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

/**
 * The archived segments of the log `file`, oldest first, without the live one. A segment that is there both plain
 * and compressed is listed once, plain, with its `twin`.
 * @param listing what is in the folder, where that is known already
 * @throws when the folder is there and cannot be listed: what is in it is not nothing
 */
export function archivedSegments(file: string, listing = new FolderListing()): Segment[] {
  const folder = dirname(file)
  const byFirstSeq = new Map<number, Segment>()
  for (const entry of entriesLike(file, listing)) {
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

function entriesLike(file: string, listing = new FolderListing()): readonly Dirent[] {
  try {
    return listing.entries(dirname(file), stemOf(file))
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

/** What is like a segment in some folders, each listed once, however many logs are in it. */
export class FolderListing {
  readonly #folders = new Map<string, Map<string, Dirent[]>>()

  /** @throws what listing throws */
  entries(folder: string, stem: string): readonly Dirent[] {
    let byStem = this.#folders.get(folder)
    if (byStem === undefined) {
      byStem = new Map()
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const found = likeSegmentOf(entry.name)
        if (found === undefined) continue
        const others = byStem.get(found)
        if (others === undefined) byStem.set(found, [entry])
        else others.push(entry)
      }
      this.#folders.set(folder, byStem)
    }
    return byStem.get(stem) ?? []
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
