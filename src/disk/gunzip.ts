/**
 * The uncompressed bytes of a gzip file, which may be damaged: one or more members, and behind them at most padding.
 * Where a byte makes no sense, all that the bytes before it say is given all the same. The runtime alone would keep
 * back a block of it, since it drops what it had not passed on yet.
 */
import type { FileHandle } from 'node:fs/promises'
import { createGunzip, type Gunzip, constants as zlib } from 'node:zlib'

const CHUNK = 256 * 1024
/** More NUL bytes than this are no padding. */
const MAX_PADDING = 64 * 1024

/** Where a file is damaged, and how that was said. */
export interface GzipDamage {
  /** Compressed bytes before the first one that makes no sense. */
  sound: number
  error: unknown
}

/** A gzip file, open for reading. It remembers its damage, so that this is looked for only once. */
export interface GzipFile {
  handle: FileHandle
  damage?: GzipDamage
}

/**
 * A chunk is valid for good.
 * @throws where the data is damaged or cut off, or cannot be read, once all before that was given
 */
export async function* gunzipped(file: GzipFile): AsyncGenerator<Buffer> {
  const { handle } = file
  let given = 0
  if (file.damage === undefined) {
    const gunzip = createGunzip()
    try {
      for await (const chunk of fed(gunzip, pieces(handle))) {
        given += chunk.length
        yield chunk
      }
      const rest = restBuffer()
      const { bytesRead } = await handle.read(rest, 0, rest.length, gunzip.bytesWritten)
      checkPadding(rest.subarray(0, bytesRead))
      return
    } catch (error) {
      file.damage = { error, sound: await soundBytes(handle, gunzip.bytesWritten) }
    }
  }
  const { error, sound } = file.damage
  let skip = given
  for await (const chunk of fed(createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH }), pieces(handle, sound))) {
    if (skip < chunk.length) yield chunk.subarray(skip)
    skip = Math.max(0, skip - chunk.length)
  }
  throw error
}

/** For as much of what lies behind the last member as has to be looked at. */
export const restBuffer = (): Buffer => Buffer.allocUnsafe(MAX_PADDING + 1)

/** What lies behind the last member must be nothing, or a few NUL bytes. @throws else */
export function checkPadding(rest: Buffer): void {
  if (rest.length > MAX_PADDING || rest.some((byte) => byte !== 0))
    throw new Error('something lies behind its compressed data')
}

/** Bytes that are looked at together: each time the damage is in the last of what was looked at before. */
const STEPS = [512, 1]

/** Compressed bytes before the damage. @param least as many are known to be sound; the next chunk is not */
async function soundBytes(handle: FileHandle, least: number): Promise<number> {
  let sound = least
  for (const step of STEPS) {
    const gunzip = createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH })
    try {
      for await (const _ of fed(gunzip, inSteps(handle, sound, step)));
    } catch {
      // At the bytes that are looked for.
    }
    sound = gunzip.bytesWritten
  }
  return sound
}

/** What `gunzip` makes of these pieces. One is there only until it has taken the one before. */
async function* fed(gunzip: Gunzip, given: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  feed(gunzip, given).catch((error) => gunzip.destroy(error))
  try {
    yield* gunzip as AsyncIterable<Buffer>
  } finally {
    gunzip.destroy()
  }
}

async function feed(gunzip: Gunzip, given: AsyncGenerator<Buffer>): Promise<void> {
  let size = 0
  for await (const piece of given) {
    if (gunzip.destroyed) return
    size += piece.length
    await new Promise<void>((resolve, reject) => {
      gunzip.write(piece, (error) => (error ? reject(error) : resolve()))
    })
    // It leaves what follows on a NUL byte behind a member.
    if (gunzip.bytesWritten < size) break
  }
  gunzip.end()
}

async function* pieces(handle: FileHandle, to = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  for (let at = 0; at < to; ) {
    const length = Math.min(CHUNK, to - at)
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** The bytes before `from`, and those of the chunk behind them a few at a time. */
async function* inSteps(handle: FileHandle, from: number, step: number): AsyncGenerator<Buffer> {
  yield* pieces(handle, from)
  const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, from)
  for (let at = 0; at < bytesRead; at += step) yield buffer.subarray(at, Math.min(bytesRead, at + step))
}
