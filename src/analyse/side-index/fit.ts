/** Whether the index of a segment still tells of the segment that is there. */
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import type { Source } from '../../read/sources.js'
import { type Directory, EDGE } from './file.js'

/**
 * A segment of the same size and modification time is the same. One that grew since is, if the bytes at both ends of
 * what was indexed are; one that was compressed since is, if the CRC-32 of its content is. Anything else is another.
 */
export async function fits(source: Source, directory: Directory): Promise<boolean> {
  const { handle, stats } = source
  if (!stats.isFile()) return false
  const size = Number(stats.size)
  const indexed = directory.blocks.at(-1)?.offset ?? 0
  if (source.gzip) return directory.final && (await hasTrailer(handle, size, directory.crc, indexed))
  if (size === directory.size) return String(stats.mtimeNs) === directory.mtimeNs
  if (size < directory.size || directory.final) return false
  const { head, tail } = await edgesOf(handle, indexed)
  return head === directory.head && tail === directory.tail
}

/** CRC-32s of the first and the last bytes before `end`. */
export async function edgesOf(handle: FileHandle, end: number): Promise<Pick<Directory, 'head' | 'tail'>> {
  const length = Math.min(EDGE, end)
  return { head: crc32(await read(handle, 0, length)), tail: crc32(await read(handle, end - length, length)) }
}

/** RFC 1952: the last eight bytes are the CRC-32 and the length (modulo 2³²) of the content, little-endian. */
async function hasTrailer(handle: FileHandle, size: number, crc: number, length: number): Promise<boolean> {
  if (size < 18) return false
  const trailer = await read(handle, size - 8, 8)
  return (
    trailer.length === 8 && trailer.readUInt32LE(0) === crc && trailer.readUInt32LE(4) === length % 2 ** 32
  )
}

async function read(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await handle.read(bytes, 0, length, offset)
  return bytes.subarray(0, bytesRead)
}
