/** Tells a segment from any other by its first line, which stays what it is when it is renamed and compressed. */
import { createHash } from 'node:crypto'
import { chunksOf, type Source } from './sources.js'

const MAX_BYTES = 64 * 1024

/**
 * SHA-256 (hex) of the segment's first line without its newline, at most of its first 64 KiB; `undefined` if there
 * is no whole line yet, or compressed data that cannot be read.
 */
export async function fingerprintOf(source: Source): Promise<string | undefined> {
  const pieces: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of chunksOf(source, 0, MAX_BYTES)) {
      const newline = chunk.indexOf(10)
      const piece = chunk.subarray(0, Math.min(newline === -1 ? chunk.length : newline, MAX_BYTES - length))
      pieces.push(Buffer.from(piece))
      length += piece.length
      if (newline !== -1 || length === MAX_BYTES)
        return createHash('sha256').update(Buffer.concat(pieces)).digest('hex')
    }
  } catch (error) {
    if (!source.gzip) throw error
  }
  return undefined
}
