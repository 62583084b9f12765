/** Opens the segments of a log in their order, and reads their bytes; a rotation meanwhile loses nothing. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { LogReadError, systemCodeOf } from '../disk/errors.js'
import { type GzipDamage, gunzipped } from '../disk/gunzip.js'
import { kindOf, NO_WAIT } from '../disk/open.js'
import { openOwn } from '../disk/own-files.js'
import type { Segment } from '../disk/segments.js'
import { seqInName } from '../format/beside.js'
import { decodeLine, ownSeq } from '../format/decode.js'
import { clean } from '../text/clean.js'

/** A segment, open for reading: whatever its name becomes, it stays readable until it is closed. */
export interface Source {
  /** Path under which it was opened. */
  file: string
  handle: FileHandle
  gzip: boolean
  /** Whether it was opened under the log's own name. */
  live: boolean
  /** `seq` of its first line, if known. */
  firstSeq: number | undefined
  stats: BigIntStats
  /** Bytes (uncompressed) after which reading ends, once the line that they end in is whole. Default: all. */
  end?: number
  /** Path of a compressed copy beside it. */
  twin?: string
  /** Where compressed data is damaged, once that was met. */
  damage?: GzipDamage
}

/** Bytes that are read at once. */
export const CHUNK = 256 * 1024
const MIN_CHUNK = 4096
/** The same for a selection of one log's lines, which is looked through faster than small chunks are asked for. */
export const BIG_CHUNK = 1024 * 1024
const GZIP_NAME = /\.gz$/

const otherInput = new AsyncLocalStorage<Readable>()

/** What `-` names: the process's standard input, or what `withStandardInput` says. */
export const standardInput = (): Readable => otherInput.getStore() ?? process.stdin

/** Does something for which `-` names another input. */
export const withStandardInput = <T>(input: Readable, act: () => T): T => otherInput.run(input, act)

/** The one error that readers throw: the file as such cannot be read. */
export function cannotRead(file: string, why: unknown): LogReadError {
  const code = systemCodeOf(why)
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a directory; name the log file in it',
    EACCES: 'no permission to read it',
    EPERM: 'no permission to read it',
    ENOTDIR: 'a part of its path is not a directory',
    ELOOP: 'it is a symbolic link that leads to itself',
    ENXIO: 'it is a socket or a device, and no log',
    ENODEV: 'it is a device, and no log',
    Z_DATA_ERROR: 'its compressed data is damaged; hivelog verify says where',
    Z_BUF_ERROR: 'its compressed data is cut off; hivelog verify says where',
  }
  const reason = reasons[code ?? ''] ?? (why instanceof Error ? why.message : String(why))
  return new LogReadError(clean(`cannot read ${file}: ${reason}`), why)
}

/** What is thrown where there is no log of this name. */
export const missing = (file: string): Error =>
  cannotRead(file, Object.assign(new Error('ENOENT'), { code: 'ENOENT' }))

/**
 * Opens one segment; `undefined` when there is none of that name. The live file may be a pipe.
 * @param ownOf path of a log of which it must be an own file. Default: a link is followed
 * @throws when it cannot be read, or is neither
 */
export async function openSource(file: string, live = false, ownOf?: string): Promise<Source | undefined> {
  let handle: FileHandle
  try {
    // A pipe that nobody writes to must not hold up the opening.
    handle = await (ownOf === undefined ? open(file, constants.O_RDONLY | NO_WAIT) : openOwn(ownOf, file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cannotRead(file, error)
  }
  try {
    const stats = await handle.stat({ bigint: true })
    if (stats.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' })
    if (!stats.isFile() && !(live && stats.isFIFO())) throw new Error(`it is ${kindOf(stats)}, and no log`)
    return { file, handle, gzip: GZIP_NAME.test(file), live, firstSeq: seqInName(file), stats }
  } catch (error) {
    await handle.close()
    throw cannotRead(file, error)
  }
}

/** Whether the file at this path is the one that is open. */
export async function isAt(source: Source, path: string): Promise<boolean> {
  try {
    const { ino, dev } = await stat(path, { bigint: true })
    return ino === source.stats.ino && dev === source.stats.dev
  } catch {
    return false
  }
}

/** `seq` of the segment's first line, if its name or the line tells. */
export async function firstSeqOf(source: Source): Promise<number | undefined> {
  if (source.firstSeq !== undefined || source.gzip || !source.stats.isFile()) return source.firstSeq
  const block = Buffer.allocUnsafe(64 * 1024)
  const { bytesRead } = await source.handle.read(block, 0, block.length, 0)
  const newline = block.subarray(0, bytesRead).indexOf(10)
  if (newline === -1) return undefined
  const decoded = decodeLine(block.subarray(0, newline))
  return 'event' in decoded ? ownSeq(decoded.event) : undefined
}

/**
 * Opens an archived segment, whether or not it was compressed since it was listed; `undefined` when it is gone.
 * @param ownOf as for `openSource`
 */
export async function openArchived({ file, twin }: Segment, ownOf?: string): Promise<Source | undefined> {
  const source = (await openSource(file, false, ownOf)) ?? (await openSource(`${file}.gz`, false, ownOf))
  if (source !== undefined && twin !== undefined && !source.gzip) source.twin = twin
  return source
}

/**
 * The (uncompressed) bytes of a segment from `offset` on. A chunk is valid until the next one is asked for. Where
 * compressed data is damaged, that is thrown after the bytes before the damage.
 * @param to offset of a line at which a plain file is read no further. Default: none
 * @param pieces what a plain file's bytes come from instead, as far as they do
 */
export async function* chunksOf(
  source: Source,
  offset = 0,
  size = CHUNK,
  to = Number.POSITIVE_INFINITY,
  pieces?: Pieces,
): AsyncGenerator<Buffer> {
  const { end } = source
  try {
    const chunks = endingLines(
      source.gzip
        ? inflated(source, offset)
        : source.stats.isFile()
          ? plain(source, offset, size, to, pieces)
          : piped(source, size),
    )
    if (end === undefined) yield* chunks
    else if (offset < end) yield* ending(chunks, end - offset)
  } catch (error) {
    throw cannotRead(source.file, error)
  }
}

/** As `chunksOf`, for those that need not tell that compressed data is damaged: there it ends. */
export async function* soundChunksOf(source: Source, offset = 0): AsyncGenerator<Buffer> {
  try {
    yield* chunksOf(source, offset)
  } catch (error) {
    if (!source.gzip) throw error
  }
}

/** Passes on so many bytes, and the rest of the line that they end in, as far as that is there. */
async function* ending(chunks: AsyncGenerator<Buffer>, length: number): AsyncGenerator<Buffer> {
  let left = length
  let isWhole = false
  for await (const chunk of chunks) {
    if (chunk.length < left) {
      left -= chunk.length
      yield chunk
      continue
    }
    // The byte before the end: with a newline there it ends between two lines.
    const newline = chunk.indexOf(10, Math.max(0, left - 1))
    isWhole = newline !== -1
    yield isWhole ? chunk.subarray(0, newline + 1) : chunk
    if (isWhole) return
    left = 0
  }
}

/** Bytes after which a line that has not ended is taken for one that never will: a device, or compressed nothing. */
const ENDLESS_BYTES = 1024 * 1024 * 1024
const ENDLESS = 'ERR_HIVELOG_ENDLESS'

/** Passes chunks on until a line does not end. @throws then */
export async function* endingLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let length = 0
  for await (const chunk of chunks) {
    const newline = chunk.lastIndexOf(10)
    length = newline === -1 ? length + chunk.length : chunk.length - newline - 1
    if (length > ENDLESS_BYTES) {
      throw Object.assign(new Error('it has a line that does not end within 1 GiB, so it is no log'), {
        code: ENDLESS,
      })
    }
    yield chunk
  }
}

const ENDLESS_LINE = 'a line does not end within 1 GiB; the rest of the segment is not read'
const DAMAGED_DATA = 'compressed data is damaged; the rest of the segment cannot be read'

/** Why the compressed data of a segment could be read no further. */
export const gzipDamage = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code === ENDLESS ? ENDLESS_LINE : DAMAGED_DATA

/** Whether a reason is one of `gzipDamage`. */
export const isGzipDamage = (reason: string): boolean => reason === ENDLESS_LINE || reason === DAMAGED_DATA

/** Bytes of a plain file, from an offset that whoever made it was told. */
interface Pieces {
  /** How many were given. */
  readonly given: number
  pieces(): AsyncGenerator<Buffer>
}

async function* plain(
  source: Source,
  offset: number,
  most: number,
  to: number,
  pieces?: Pieces,
): AsyncGenerator<Buffer> {
  if (pieces !== undefined) yield* pieces.pieces()
  let position = offset + (pieces?.given ?? 0)
  // Most files are small.
  const length = Number(source.stats.size) - position
  const size = Math.min(most, Math.max(MIN_CHUNK, length + 1))
  const read = <Into extends Buffer>(into: Into) =>
    source.handle.read(into, 0, Math.min(size, to - position), position)
  // The next chunk is read while the consumer works on this one.
  let spare = Buffer.allocUnsafe(size)
  let reading = read(Buffer.allocUnsafe(size))
  try {
    for (;;) {
      const { bytesRead, buffer } = await reading
      if (bytesRead === 0) return
      position += bytesRead
      reading = read(spare)
      spare = buffer
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await reading.catch(() => undefined)
  }
}

/** How long a pipe with a name is given to get a writer. */
const WRITER_MS = 2_000
const MAX_PAUSE_MS = 10
/** Pipes that this process was given, as by `<(command)`: their other end was there from the start. */
const GIVEN = /^\/(?:dev|proc\/(?:self|\d+))\/(?:fd\/|std)/

/** A pipe has no positions, and reading ahead could wait for bytes that nobody asked for. */
async function* piped(source: Source, size: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(size)
  const deadline = performance.now() + WRITER_MS
  let hasWriter = GIVEN.test(source.file)
  for (let waits = 0; ; ) {
    const bytesRead = await readNow(source.handle, buffer)
    if (bytesRead !== 0) hasWriter = true
    else if (hasWriter) return
    else if (performance.now() > deadline) throw new Error('it is a pipe that nobody writes to')
    if (bytesRead === undefined || bytesRead === 0) {
      await (waits < 4 ? nextTurn() : pause(Math.min(MAX_PAUSE_MS, waits - 3)))
      waits++
    } else {
      waits = 0
      yield buffer.subarray(0, bytesRead)
    }
  }
}

/** `undefined` when there is nothing to read yet, and somebody who may write; 0 when there is nobody. */
async function readNow(handle: FileHandle, buffer: Buffer): Promise<number | undefined> {
  try {
    return (await handle.read(buffer, 0, buffer.length, null)).bytesRead
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}

async function* inflated(source: Source, offset: number): AsyncGenerator<Buffer> {
  let skip = offset
  for await (const chunk of gunzipped(source)) {
    if (skip < chunk.length) yield chunk.subarray(skip)
    skip = Math.max(0, skip - chunk.length)
  }
}
