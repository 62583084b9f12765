/** Opens the segments of a log in their order, and reads their bytes; a rotation meanwhile loses nothing. */
import type { BigIntStats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { archivedSegments, seqInName } from '../disk/segments.js'
import { decodeLine, ownSeq } from '../format/decode.js'

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
  /** Path of a compressed copy beside it. */
  twin?: string
}

/** Bytes that are read at once. */
export const CHUNK = 256 * 1024
const GZIP_NAME = /\.gz$/

/** The one error that readers throw: the file as such cannot be read. */
export function cannotRead(file: string, why: unknown): Error {
  const code = why instanceof Error ? (why as NodeJS.ErrnoException).code : undefined
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a directory; name the log file in it',
    EACCES: 'no permission to read it',
    EPERM: 'no permission to read it',
    ENOTDIR: 'a part of its path is not a directory',
  }
  const reason = reasons[code ?? ''] ?? (why instanceof Error ? why.message : String(why))
  const error: NodeJS.ErrnoException = new Error(`cannot read ${file}: ${reason}`, { cause: why })
  if (code !== undefined) error.code = code
  return error
}

/** Opens one segment; `undefined` when there is none of that name. @throws when it cannot be read */
export async function openSource(file: string, live = false): Promise<Source | undefined> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cannotRead(file, error)
  }
  try {
    const stats = await handle.stat({ bigint: true })
    if (stats.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' })
    return { file, handle, gzip: GZIP_NAME.test(file), live, firstSeq: seqInName(file), stats }
  } catch (error) {
    await handle.close()
    throw cannotRead(file, error)
  }
}

/**
 * Opens the segment that comes after the one whose first line has seq `after`: the oldest archived one that is
 * later, else the live file. `undefined` when there is neither (the live file may be about to be created).
 */
export async function openNext(file: string, after: number): Promise<Source | undefined> {
  let skip = after
  for (let attempt = 0; ; attempt++) {
    // The live file is opened before the folder is listed: whatever is archived in between shows in the list.
    const live = await openSource(file, true)
    const next = archivedSegments(file).find((segment) => (segment.firstSeq as number) > skip)
    if (next === undefined) return live
    if (live !== undefined) {
      if (await isAt(live, next.file)) {
        live.firstSeq = next.firstSeq
        return live
      }
      await live.handle.close()
    }
    const archived = (await openSource(next.file)) ?? (await openSource(`${next.file}.gz`))
    if (archived !== undefined) {
      if (next.twin !== undefined && !archived.gzip) archived.twin = next.twin
      return archived
    }
    // Gone since it was listed; if it stays so (a broken link, say), the next one is looked for.
    if (attempt > 0 && attempt % 3 === 0) skip = next.firstSeq as number
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

/** The (uncompressed) bytes of a segment from `offset` on. A chunk is valid until the next one is asked for. */
export async function* chunksOf(source: Source, offset = 0, size = CHUNK): AsyncGenerator<Buffer> {
  try {
    if (source.gzip) yield* inflated(source, offset)
    else if (source.stats.isFile()) yield* plain(source, offset, size)
    else yield* piped(source, size)
  } catch (error) {
    throw cannotRead(source.file, error)
  }
}

async function* plain(source: Source, offset: number, size: number): AsyncGenerator<Buffer> {
  let position = offset
  // The next chunk is read while the consumer works on this one.
  let spare = Buffer.allocUnsafe(size)
  let reading = source.handle.read(Buffer.allocUnsafe(size), 0, size, position)
  try {
    for (;;) {
      const { bytesRead, buffer } = await reading
      if (bytesRead === 0) return
      position += bytesRead
      reading = source.handle.read(spare, 0, size, position)
      spare = buffer
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await reading.catch(() => undefined)
  }
}

/** A pipe has no positions, and reading ahead could wait for bytes that nobody asked for. */
async function* piped(source: Source, size: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(size)
  for (;;) {
    const { bytesRead } = await source.handle.read(buffer, 0, size, null)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

async function* inflated(source: Source, offset: number): AsyncGenerator<Buffer> {
  const input = Readable.from(compressed(source.handle))
  const output = createGunzip()
  input.on('error', (error) => output.destroy(error))
  input.pipe(output)
  let skip = offset
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      if (skip >= chunk.length) {
        skip -= chunk.length
        continue
      }
      yield chunk.subarray(skip)
      skip = 0
    }
  } finally {
    input.destroy()
  }
}

/** The handle's own stream would close it when reading ends early. */
async function* compressed(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
