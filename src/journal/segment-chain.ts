/**
 * The files behind a journal: goes on with the live segment that it finds, says when a seal or a rotation is due,
 * archives a segment that is full, and leaves one that somebody else has changed. What is to be written, and with which
 * `seq`, the journal decides. Times are of the monotonic clock, in milliseconds, unless they are said to be epoch times.
 */
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { linesBackward } from '../disk/backward.js'
import { syncFolderSync } from '../disk/durable.js'
import { gunzipSound } from '../disk/gunzip-sync.js'
import { closeQuietly, kindOf, openFileSync } from '../disk/open.js'
import { archivedSegments, type Segment } from '../disk/segments.js'
import { archiveName, foundFile, parseArchiveName } from '../format/beside.js'
import { decodeLine, ownSeq } from '../format/decode.js'
import type { Fields } from '../format/encode.js'
import { FORMAT_VERSION } from '../format/kinds.js'
import { VERSION } from '../version.js'
import {
  type Adopted,
  type FirstLine,
  lastSeal,
  looseEnd,
  readFirstLine,
  type Trust,
  type Unstored,
  unstoredIn,
} from './adoption.js'
import { type Archive, archiveChunks, readArchive } from './archive.js'
import { LogOpenError } from './errors.js'
import { readState } from './recovery.js'
import { Sealer, type SealOptions } from './seal.js'
import { SegmentFile, type WriteCalls } from './segment-file.js'

/** When a new segment of the log begins, and what becomes of the one before. */
export interface RotateOptions {
  /** Bytes after which a new segment begins. Default 256 MiB; `Infinity` for never. */
  maxBytes?: number
  /** Milliseconds after which a new segment begins. Default: never. */
  maxAgeMs?: number
  /** Compress archived segments. Default false. */
  gzip?: boolean
}

export const ROTATE_MAX_BYTES = 256 * 1024 * 1024

/** How a segment's first `log.open` names the one before it. */
export interface PreviousSegment {
  file: string
  /** Left out when it is not known what was written to it. */
  sha256?: string
}

/** What somebody else did to the live segment while it was written, or before the writer came back. */
export interface Change {
  what: 'removed' | 'moved' | 'replaced' | 'cut' | 'grown' | 'content'
  /** For people, after the file's name. */
  message: string
  expected?: number
  found?: number
}

/** What leaves the file where it is, and the writer's. */
const IS_THERE: ReadonlySet<Change['what']> = new Set(['cut', 'grown', 'content'])

/** A segment that is not written any more. */
export interface Left {
  old: SegmentFile
  /** Path under which it lies now; `undefined` when it is not there. */
  archived: string | undefined
  /** Lines that are not in it any more; `undefined` when it has them all. */
  missing: Range | undefined
}

/** Of `seq`, both ends included. */
export interface Range {
  from: number
  to: number
}

/** A file of this size or less is hashed at the opening; a larger one in the background. */
const HASHED_AT_ONCE = 1024 * 1024

export class SegmentChain {
  readonly file: string
  live: SegmentFile
  /** Ordinal of the live segment, from 1. */
  segment: number
  /** `seq` of the last line on disk when the chain was opened. */
  readonly lastSeq: number
  /** What the writer before was killed before it could store. */
  readonly unstored: readonly Unstored[]
  /** What a crash left at the end of the file. */
  readonly torn: { bytes: number; isOpenEnded: boolean }
  /** `undefined` until its first line is written and somebody asks. */
  #logId: string | undefined
  /** What the next `log.open` has to say. */
  #prev: PreviousSegment | undefined
  #adopted: Adopted | undefined
  /** What the `log.changed` after it has to say. */
  #changed: Fields | undefined
  #firstSeq: number
  #bornAt: number
  #hasEvents: boolean
  #sealedBytes: number
  #firstUnsealedAt: number | undefined
  #mustSeal = false
  #sealer: Sealer
  #rotate: { maxBytes: number; maxAgeMs: number }
  #calls: WriteCalls | undefined
  /** Tells this writer from one of the same pid and session, as where a container starts again. */
  readonly #started = Date.now()

  /**
   * Opens the live segment of the log `file`, which must be locked.
   * @param fence whether a writer that cannot be seen to be dead may still write to the live file: it is left to it
   * @throws {LogOpenError} when it is no log, and what the file system says
   */
  constructor(file: string, seal: SealOptions, rotate: RotateOptions, calls?: WriteCalls, fence = false) {
    this.file = file
    this.#calls = calls
    this.#sealer = new Sealer(seal)
    this.#rotate = { maxBytes: rotate.maxBytes ?? ROTATE_MAX_BYTES, maxAgeMs: rotate.maxAgeMs ?? Infinity }
    const archived = archivedSegments(file)
    const newest = archived.at(-1)
    // Only read when it must be: it may be large, and compressed.
    let read: Archive | undefined
    const before = (): Archive | undefined => {
      if (newest !== undefined) read ??= readArchive(newest)
      return read
    }
    const size = sizeOf(file)
    const state = readState(file, size, () => before()?.lastSeq ?? 0)
    this.lastSeq = state.lastSeq
    this.segment = state.segment ?? (before()?.segment ?? archived.length) + 1
    this.#firstSeq = state.firstSeq
    this.#logId = logIdFrom(archived, state.isBegun ? file : undefined)
    const { expected, adopted } = state.isBegun
      ? lastSeal(file, size, this.#trust())
      : { expected: undefined, adopted: undefined }
    // Where a good seal stands at the end the writer before had the time to store everything.
    this.unstored = adopted === undefined ? [] : unstoredIn(file, size)
    this.live = new SegmentFile(file, calls, () => expected)
    try {
      if (this.live.size !== size) throw new Error('somebody else writes to it')
      this.torn = { bytes: state.tornBytes, isOpenEnded: state.isOpenEnded }
      this.#bornAt = performance.now() - Math.max(0, Date.now() - (state.firstTs ?? Date.now()))
      this.#hasEvents = state.lastSeq >= state.firstSeq
      this.#sealedBytes = size
      const previous = state.isBegun ? undefined : before()
      if (newest !== undefined && previous !== undefined) {
        const name = basename(newest.file).replace(/\.gz$/, '')
        this.#prev = { file: name, sha256: previous.sha256 }
        const loose = looseEnd(archiveChunks(newest), { ...this.#trust(), archiveName: name })
        if (loose !== undefined) this.#adopted = { ...loose, file: name }
      }
      if (state.isBegun) this.#goOn(adopted, fence)
    } catch (error) {
      this.live.close()
      throw error
    }
  }

  /** Decides whether the live file that was found is written on. */
  #goOn(adopted: Adopted | undefined, fence: boolean): void {
    if (this.live.size <= HASHED_AT_ONCE) this.live.hash.digest()
    const { falsified } = this.live.hash
    if (falsified !== undefined) {
      this.#leaveFound({ what: 'content', message: `was changed since it was sealed: ${falsified}` })
    } else if (fence) {
      const name = archiveName(this.file, this.#firstSeq)
      this.#leaveFound(undefined)
      if (adopted !== undefined) this.#adopted = { ...adopted, file: name }
    } else this.#adopted = adopted
  }

  /** `leave` for a segment that was found at the opening: what a crash left at its end stays there. */
  #leaveFound(change: Change | undefined): void {
    const { old } = this.#end(change, this.lastSeq + 1)
    old.close()
    this.torn.bytes = 0
    this.torn.isOpenEnded = false
  }

  append(bytes: Buffer): void {
    this.#firstUnsealedAt ??= performance.now()
    this.live.append(bytes)
  }

  /** As `SegmentFile.beginAppend`. */
  beginAppend(bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void {
    this.#firstUnsealedAt ??= performance.now()
    this.live.beginAppend(bytes, done)
  }

  /** An event of the user's, not just housekeeping, is in the live segment. */
  noteEvents(): void {
    this.#hasEvents = true
  }

  /** When the 60 seconds (or as configured) of the oldest unsealed line end; `undefined` if all is sealed. */
  get sealDeadline(): number | undefined {
    if (this.#firstUnsealedAt === undefined) return undefined
    return this.#firstUnsealedAt + (this.#mustSeal ? 0 : this.#sealer.everyMs)
  }

  /** Whether a seal is to be written now. One that would first have to read the old file in waits for that. */
  isSealDue(now: number): boolean {
    if (this.sealDeadline === undefined || !this.live.hash.isCurrent) return false
    const isBig = this.live.size - this.#sealedBytes >= this.#sealer.everyBytes
    return this.#mustSeal || isBig || now >= this.sealDeadline
  }

  get isUnsealed(): boolean {
    return this.#firstUnsealedAt !== undefined
  }

  /** The fields of a seal over all that is written, which the caller must write next. @throws when it cannot be read */
  nextSeal(): Fields {
    const name = archiveName(this.file, this.#firstSeq)
    return this.#sealer.fields(this.live.hash.digest(), this.live.size, name, this.#identify())
  }

  /** The log's id; its first line is in the live file as long as no other segment was begun. */
  #identify(): string | undefined {
    this.#logId ??= firstLineOf(this.file)?.own
    return this.#logId
  }

  /** Everything up to here, the seal's own line included, counts as sealed. */
  noteSealed(): void {
    this.#sealedBytes = this.live.size
    this.#firstUnsealedAt = undefined
    this.#mustSeal = false
  }

  isRotationDue(now: number): boolean {
    if (!this.#hasEvents) return false
    return this.live.size >= this.#rotate.maxBytes || now - this.#bornAt >= this.#rotate.maxAgeMs
  }

  /** The fields of the `log.open` that is to be written next, and of a `log.changed` after it. */
  takeOpening(): { open: Fields; changed: Fields | undefined } {
    const open: Fields = {
      format: FORMAT_VERSION,
      segment: this.segment,
      writer: `hivelog/${VERSION}`,
      pid: process.pid,
      host: hostname(),
      started: this.#started,
      prev: this.#prev,
      log: this.#logId,
      signs: this.#sealer.policy,
      adopted: this.#adopted,
    }
    const changed = this.#changed
    this.#prev = undefined
    this.#adopted = undefined
    this.#changed = undefined
    // A signature right behind it: from here on an end without one is that of a writer that was cut off.
    this.#mustSeal = this.#sealer.key !== undefined
    return { open, changed }
  }

  /**
   * Archives the live segment and opens the next one, whose first line will have `nextSeq`. Returns the archived
   * segment, still open: it may have to be synced before it is closed.
   * @throws when the file cannot be renamed or the new one not be created; the old one then stays live
   */
  rotate(nextSeq: number): { archived: string; old: SegmentFile; sha256: string } {
    const old = this.live
    const name = archiveName(this.file, this.#firstSeq)
    const archived = join(dirname(this.file), name)
    if (existsSync(archived) || existsSync(`${archived}.gz`)) throw new Error(`${archived} is there already`)
    const prev = { file: name, sha256: old.hash.digest() }
    this.#identify()
    renameSync(this.file, archived)
    try {
      this.#begin(new SegmentFile(this.file, this.#calls), nextSeq, prev)
    } catch (error) {
      renameSync(archived, this.file)
      throw error
    }
    return { archived, old, sha256: prev.sha256 }
  }

  /**
   * Looks whether the file at the log's path is still the one that is written, as long as it was left, and whether its
   * bytes, as far as they were read, are those that they should be.
   * @param underway bytes that are being written to it meanwhile
   */
  look(underway = 0): Change | undefined {
    const { live } = this
    const stat = statSync(this.file, { throwIfNoEntry: false })
    if (stat === undefined || stat.ino !== live.inode || stat.dev !== live.device) {
      if (stat !== undefined)
        return { what: 'replaced', message: 'was replaced by another file while it was written' }
      if (live.isNamed) return { what: 'moved', message: 'was moved away while it was written' }
      return { what: 'removed', message: 'was removed while it was written' }
    }
    const size = { expected: live.size, found: stat.size }
    const sizes = `it has ${stat.size} bytes instead of ${live.size}`
    if (stat.size < live.size) return { what: 'cut', message: `was cut by somebody else: ${sizes}`, ...size }
    if (stat.size > live.size + underway) {
      return { what: 'grown', message: `was written to by somebody else: ${sizes}`, ...size }
    }
    const { falsified } = live.hash
    if (falsified !== undefined) return { what: 'content', message: `was changed: ${falsified}` }
    return undefined
  }

  /** Whether a change is what another writer of this log does: it goes on with the file, or has archived it. */
  isAnothers({ what }: Change): boolean {
    if (what === 'grown') return true
    if (what !== 'moved' && what !== 'replaced') return false
    const archived = join(dirname(this.file), archiveName(this.file, this.#firstSeq))
    const stat = statSync(archived, { throwIfNoEntry: false })
    return stat === undefined
      ? existsSync(`${archived}.gz`)
      : stat.ino === this.live.inode && stat.dev === this.live.device
  }

  /** `seq` of the live segment's first line. */
  get firstSeq(): number {
    return this.#firstSeq
  }

  /**
   * The lines that are not in the live segment any more after a change; `undefined` when it has them all.
   * @param written `seq` of the last line that was written to it
   */
  missing({ what }: Change, written: number): Range | undefined {
    if (what === 'grown' || what === 'content') return undefined
    const range =
      what === 'cut' ? holeIn(this.file, this.#firstSeq, written) : { from: this.#firstSeq, to: written }
    return range.to < range.from ? undefined : range
  }

  /**
   * Ends the live segment as it is, without a seal, and begins the next one, whose first line will have `nextSeq`: what
   * somebody else did to a file is not vouched for. Nothing is removed: the former bytes keep a name.
   * @throws when the new file cannot be created
   */
  leave(change: Change, nextSeq: number): Left {
    return this.#end(change, nextSeq)
  }

  #end(change: Change | undefined, nextSeq: number): Left {
    const old = this.live
    const name = archiveName(this.file, this.#firstSeq)
    const prev: PreviousSegment = { file: name }
    const sha256 = digestOf(old)
    if (sha256 !== undefined) prev.sha256 = sha256
    makeFolder(dirname(this.file))
    this.#identify()
    const missing = change && this.missing(change, nextSeq - 1)
    let archived: string | undefined
    if (change === undefined || IS_THERE.has(change.what)) archived = this.#putAside(name)
    else if (change.what === 'replaced' && sizeOf(this.file) !== 0) this.#putAside(undefined)
    this.#begin(new SegmentFile(this.file, this.#calls), nextSeq, prev)
    if (change !== undefined) {
      this.#changed = {
        file: archived === undefined ? undefined : basename(archived),
        reason: change.message,
        expected: change.expected,
        found: change.found,
      }
    }
    return { old, archived, missing }
  }

  /** Gives the file at the log's path another name: this one if it is free. */
  #putAside(name: string | undefined): string {
    const folder = dirname(this.file)
    let path = name === undefined ? undefined : join(folder, name)
    if (path === undefined || existsSync(path) || existsSync(`${path}.gz`)) {
      path = foundFile(this.file, randomBytes(4).toString('hex'))
    }
    renameSync(this.file, path)
    return path
  }

  #trust(): Trust {
    return {
      key: this.#sealer.key,
      archiveName: archiveName(this.file, this.#firstSeq),
      logId: this.#logId,
    }
  }

  #begin(next: SegmentFile, firstSeq: number, prev: PreviousSegment): void {
    this.live = next
    this.segment++
    this.#prev = prev
    this.#firstSeq = firstSeq
    this.#bornAt = performance.now()
    this.#hasEvents = false
    this.#sealedBytes = next.size
    this.#firstUnsealedAt = undefined
    this.#mustSeal = false
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

function digestOf(segment: SegmentFile): string | undefined {
  try {
    return segment.hash.digest()
  } catch {
    return undefined
  }
}

/** A log's id as its segments tell it: the newest names it, unless it is the oldest, whose first line it is of. */
function logIdFrom(archived: Segment[], live: string | undefined): string | undefined {
  const files = archived.map(({ file }) => file)
  if (live !== undefined) files.push(live)
  const [oldest] = files
  const newest = files.at(-1)
  if (oldest === undefined || newest === undefined) return undefined
  return firstLineOf(newest)?.named ?? firstLineOf(oldest)?.named ?? firstLineOf(oldest)?.own
}

/** Compressed bytes that are enough for a first line. */
const HEAD_BYTES = 64 * 1024
/** They can inflate to no more. */
const MAX_HEAD_BYTES = 128 * 1024 * 1024

/** The first line of a segment, if it is whole. */
function firstLineOf(file: string): FirstLine | undefined {
  let fd: number
  try {
    fd = openFileSync(file)
  } catch {
    return undefined
  }
  try {
    const block = Buffer.allocUnsafe(HEAD_BYTES)
    let bytes: Buffer = block.subarray(0, readSync(fd, block, 0, block.length, 0))
    if (file.endsWith('.gz')) bytes = gunzipSound(bytes, MAX_HEAD_BYTES).bytes
    const newline = bytes.indexOf(10)
    return newline === -1 ? undefined : readFirstLine(bytes.subarray(0, newline))
  } catch {
    return undefined
  } finally {
    closeQuietly(fd)
  }
}

/**
 * The lines that were cut out of a file: those at its end, or, when it was written on after it was cut, those before the
 * unbroken run of lines at its end.
 */
function holeIn(file: string, firstSeq: number, written: number): Range {
  let to = written
  const fd = openFileSync(file)
  try {
    for (const line of linesBackward(fd, sizeOf(file))) {
      const decoded = line.terminated ? decodeLine(line.bytes) : undefined
      const seq = decoded !== undefined && 'event' in decoded ? ownSeq(decoded.event) : undefined
      if (seq === to) to--
      else if (seq !== undefined) return { from: seq + 1, to }
    }
  } finally {
    closeQuietly(fd)
  }
  return { from: firstSeq, to }
}

/** The one path of a log, however it was written: relative, or through a symbolic link. Creates its folder. */
export function canonicalPath(file: string): string {
  const path = resolve(file)
  try {
    makeFolder(dirname(path))
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) {
      const folder = realpathSync.native(dirname(path))
      const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
      return isLink ? canonicalPath(resolve(folder, readlinkSync(path))) : join(folder, basename(path))
    }
    if (!stat.isFile()) {
      throw new LogOpenError(`${file} is ${kindOf(stat)}; name a file for the log`)
    }
    // The other one looks at all folders above, which Node's permission model may not let it.
    return realpathSync.native(path)
  } catch (error) {
    if (error instanceof LogOpenError) throw error
    throw new LogOpenError(`cannot open ${file} for the log: ${(error as Error).message}`, error)
  }
}

/** A folder that is made here is its owner's alone, and there after a power cut, too. */
function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (made === undefined) return
  for (let each = resolve(folder); each !== dirname(made); each = dirname(each)) syncFolderSync(dirname(each))
}

/** Whether a file in the log's folder is what a compression that was cut off left behind. */
export function isCompressionDraft(file: string, name: string): boolean {
  const archived = /^(.+\.jsonl)\.gz\.([0-9a-f]{8}\.)?tmp$/s.exec(name)?.[1]
  const parsed = archived === undefined ? undefined : parseArchiveName(archived)
  return parsed !== undefined && archived === archiveName(file, parsed.firstSeq)
}

/** Archived segments that are not compressed: a crash came first, or `gzip` was off then. */
export function plainArchives(file: string): string[] {
  try {
    return archivedSegments(file)
      .filter(({ gzip }) => !gzip)
      .map(({ file: archived }) => archived)
  } catch {
    // They are compressed another time.
    return []
  }
}
