/**
 * The files behind a journal: goes on with the live segment that it finds, says when a seal or a rotation is due,
 * and archives a segment that is full. What is to be written, and with which `seq`, the journal decides.
 */
import type { KeyObject } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { kindOf } from '../disk/open.js'
import { archivedSegments, archiveName, type Segment } from '../disk/segments.js'
import type { Fields } from '../format/encode.js'
import { type Archive, readArchive } from './archive.js'
import { LogOpenError } from './errors.js'
import { readState } from './recovery.js'
import { readSealKey, SEAL_EVERY_BYTES, SEAL_EVERY_MS, type SealOptions, sealFields } from './seal.js'
import { SegmentFile, type WriteCalls } from './segment-file.js'

export interface RotateOptions {
  /** Bytes after which a new segment begins. Default 256 MiB; `Infinity` for never. */
  maxBytes?: number
  /** Milliseconds after which a new segment begins. Default: never. */
  maxAgeMs?: number
  /** Compress archived segments. Default false. */
  gzip?: boolean
}

const ROTATE_MAX_BYTES = 256 * 1024 * 1024

/** How a segment's first `log.open` names the one before it. */
export interface PreviousSegment {
  file: string
  sha256: string
}

export class SegmentChain {
  readonly file: string
  live: SegmentFile
  /** Ordinal of the live segment, from 1. */
  segment: number
  /** `seq` of the last line on disk when the chain was opened. */
  readonly lastSeq: number
  /** What a crash left at the end of the file. */
  readonly torn: { bytes: number; isOpenEnded: boolean }
  /** Segment before the live one, while the live one has no `log.open` yet. */
  prev: PreviousSegment | undefined
  #firstSeq: number
  #bornAt: number
  #hasEvents: boolean
  #sealedBytes: number
  #firstUnsealedAt: number | undefined
  #seal: { everyBytes: number; everyMs: number; key: KeyObject | undefined }
  #rotate: { maxBytes: number; maxAgeMs: number }
  #calls: WriteCalls | undefined

  /** Opens the live segment of the log `file`, which must be locked. @throws {LogOpenError} */
  constructor(file: string, seal: SealOptions, rotate: RotateOptions, calls?: WriteCalls) {
    this.file = file
    this.#calls = calls
    this.#seal = {
      everyBytes: seal.everyBytes ?? SEAL_EVERY_BYTES,
      everyMs: seal.everyMs ?? SEAL_EVERY_MS,
      key: seal.privateKey === undefined ? undefined : readSealKey(seal.privateKey),
    }
    this.#rotate = { maxBytes: rotate.maxBytes ?? ROTATE_MAX_BYTES, maxAgeMs: rotate.maxAgeMs ?? Infinity }
    const archived = archivedSegments(file)
    const newest = archived.at(-1)
    // Only read when it must be: it may be large, and compressed.
    let read: Archive | undefined
    const before = (): Archive | undefined => {
      if (newest !== undefined) read ??= readArchive(newest)
      return read
    }
    this.live = openSegment(file, calls)
    try {
      const size = this.live.size
      const state = readState(file, size, () => before()?.lastSeq ?? 0)
      this.lastSeq = state.lastSeq
      this.torn = { bytes: state.tornBytes, isOpenEnded: state.isOpenEnded }
      this.segment = state.segment ?? (before()?.segment ?? archived.length) + 1
      this.#firstSeq = state.firstSeq
      this.#bornAt = state.firstTs ?? Date.now()
      this.#hasEvents = state.lastSeq >= state.firstSeq
      this.#sealedBytes = size
      const previous = state.isBegun ? undefined : before()
      if (newest !== undefined && previous !== undefined) {
        this.prev = { file: basename(newest.file).replace(/\.gz$/, ''), sha256: previous.sha256 }
      }
    } catch (error) {
      this.live.close()
      throw error
    }
  }

  append(bytes: Buffer): void {
    this.#firstUnsealedAt ??= Date.now()
    this.live.append(bytes)
  }

  /** As `SegmentFile.beginAppend`. */
  beginAppend(bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void {
    this.#firstUnsealedAt ??= Date.now()
    this.live.beginAppend(bytes, done)
  }

  /** An event of the user's, not just housekeeping, is in the live segment. */
  noteEvents(): void {
    this.#hasEvents = true
  }

  /** When the 60 seconds (or as configured) of the oldest unsealed line end; `undefined` if all is sealed. */
  get sealDeadline(): number | undefined {
    return this.#firstUnsealedAt === undefined ? undefined : this.#firstUnsealedAt + this.#seal.everyMs
  }

  /** Whether a seal is to be written now. One that would first have to read the old file in waits for that. */
  isSealDue(now: number): boolean {
    if (this.sealDeadline === undefined || !this.live.hash.isCurrent) return false
    return this.live.size - this.#sealedBytes >= this.#seal.everyBytes || now >= this.sealDeadline
  }

  get isUnsealed(): boolean {
    return this.#firstUnsealedAt !== undefined
  }

  /** The fields of a seal over all that is written, which the caller must write next. */
  nextSeal(): Fields {
    return sealFields(
      this.live.hash.digest(),
      this.live.size,
      archiveName(this.file, this.#firstSeq),
      this.#seal.key,
    )
  }

  /** Everything up to here, the seal's own line included, counts as sealed. */
  noteSealed(): void {
    this.#sealedBytes = this.live.size
    this.#firstUnsealedAt = undefined
  }

  isRotationDue(now: number): boolean {
    if (!this.#hasEvents) return false
    return this.live.size >= this.#rotate.maxBytes || now - this.#bornAt >= this.#rotate.maxAgeMs
  }

  /**
   * Archives the live segment and opens the next one, whose first line will have `nextSeq`. Returns the archived
   * segment, still open: it may have to be synced before it is closed.
   * @throws when the file cannot be renamed or the new one not be created; the old one then stays live
   */
  rotate(nextSeq: number): { archived: string; old: SegmentFile } {
    const old = this.live
    const name = archiveName(this.file, this.#firstSeq)
    const archived = join(dirname(this.file), name)
    if (existsSync(archived) || existsSync(`${archived}.gz`)) throw new Error(`${archived} is there already`)
    const prev = { file: name, sha256: old.hash.digest() }
    renameSync(this.file, archived)
    try {
      this.#begin(openSegment(this.file, this.#calls), nextSeq, prev)
    } catch (error) {
      renameSync(archived, this.file)
      throw error
    }
    return { archived, old }
  }

  /**
   * Looks whether the file at the log's path is still the one that is written, as long as it was left. When it
   * was removed or replaced a new one is begun there; when somebody else wrote to it, its hash is made anew, so
   * that seals go on telling the truth about the bytes. Returns what happened, for the diagnostics.
   */
  inspect(nextSeq: number): { message: string; replaced?: SegmentFile } | undefined {
    const stat = statSync(this.file, { throwIfNoEntry: false })
    if (stat !== undefined && stat.ino === this.live.inode) {
      if (stat.size === this.live.size) return undefined
      const expected = this.live.size
      this.live.rehash(stat.size)
      return {
        message: `${this.file} was changed by somebody else: it has ${stat.size} bytes instead of ${expected}`,
      }
    }
    const replaced = this.live
    const prev = { file: archiveName(this.file, this.#firstSeq), sha256: replaced.hash.digest() }
    this.#begin(openSegment(this.file, this.#calls), nextSeq, prev)
    return {
      message: `${this.file} was moved or removed while it was written; a new segment begins at seq ${nextSeq}, and the lines before are wherever the file went`,
      replaced,
    }
  }

  #begin(next: SegmentFile, firstSeq: number, prev: PreviousSegment): void {
    this.live = next
    this.segment++
    this.prev = prev
    this.#firstSeq = firstSeq
    this.#bornAt = Date.now()
    this.#hasEvents = false
    this.#sealedBytes = next.size
    this.#firstUnsealedAt = undefined
  }
}

/** The one path of a log, however it was written: relative, or through a symbolic link. Creates its folder. */
export function canonicalPath(file: string): string {
  const path = resolve(file)
  try {
    mkdirSync(dirname(path), { recursive: true })
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) {
      const folder = realpathSync(dirname(path))
      const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
      return isLink ? canonicalPath(resolve(folder, readlinkSync(path))) : join(folder, basename(path))
    }
    if (!stat.isFile()) {
      throw new LogOpenError(`${file} is ${kindOf(stat)}; name a file for the log`)
    }
    return realpathSync(path)
  } catch (error) {
    if (error instanceof LogOpenError) throw error
    throw new LogOpenError(`cannot open ${file} for the log: ${(error as Error).message}`, error)
  }
}

/** Makes a created, renamed or removed name in the log's folder survive a power cut. */
export function syncFolder(file: string): void {
  try {
    const fd = openSync(dirname(file), 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch {
    // Some systems cannot open or sync a folder; there is nothing to fall back on.
  }
}

/** Removes what compressions that were cut off left behind. */
export function removeDrafts(file: string): void {
  for (const { file: archived } of listed(file)) {
    try {
      rmSync(`${archived}.gz.tmp`, { force: true })
    } catch {
      // It is in nobody's way.
    }
  }
}

/** Archived segments that are not compressed: a crash came first, or `gzip` was off then. */
export function plainArchives(file: string): string[] {
  return listed(file)
    .filter(({ gzip }) => !gzip)
    .map(({ file: archived }) => archived)
}

/** For tidying up, which can wait for the next opening when the folder cannot be listed now. */
function listed(file: string): Segment[] {
  try {
    return archivedSegments(file)
  } catch {
    return []
  }
}

function openSegment(file: string, calls: WriteCalls | undefined): SegmentFile {
  try {
    return new SegmentFile(file, calls)
  } catch (error) {
    throw new LogOpenError(`cannot open ${file} for the log: ${(error as Error).message}`, error)
  }
}
