/** Reads a file's lines from the end, in blocks, so that the last lines cost the same in a file of any size. */
import { readSync } from 'node:fs'

export interface BackwardLine {
  /** Offset of the line's first byte in the file. */
  offset: number
  /** The line without its newline; of a line longer than the bound, only its first bytes. */
  bytes: Buffer
  /** Length of the whole line in bytes, without its newline. */
  length: number
  /** False only for the last line of a file that does not end in a newline. */
  terminated: boolean
}

const BLOCK = 64 * 1024

/**
 * Yields the lines of `fd`, whose length is `size`, last first. An empty remainder after the final newline is no line.
 * @param maxLine bytes of one line that are held in memory; default: as many as it has
 */
export function* linesBackward(
  fd: number,
  size: number,
  block = BLOCK,
  maxLine = Number.POSITIVE_INFINITY,
): Generator<BackwardLine> {
  // Pieces of the line whose start is not found yet, in file order.
  let tail: Buffer[] = []
  let tailLength = 0
  let start = size
  let terminated = false
  while (start > 0) {
    const length = Math.min(block, start)
    start -= length
    const chunk = Buffer.allocUnsafe(length)
    let got = 0
    while (got < length) {
      const n = readSync(fd, chunk, got, length - got, start + got)
      if (n === 0) break // the file shrank under us; what is left is read as it is
      got += n
    }
    let end = got
    for (;;) {
      const newline = end === 0 ? -1 : chunk.lastIndexOf(10, end - 1)
      if (newline === -1) break
      const piece = chunk.subarray(newline + 1, end)
      const offset = start + newline + 1
      if (offset < size) {
        yield {
          offset,
          bytes: tail.length === 0 ? piece : Buffer.concat([piece, ...tail]),
          length: piece.length + tailLength,
          terminated,
        }
      }
      tail = []
      tailLength = 0
      terminated = true
      end = newline
    }
    if (end === 0) continue
    tailLength += end
    if (tailLength > maxLine) tail = []
    tail.unshift(chunk.subarray(0, end))
  }
  if (size > 0) yield { offset: 0, bytes: Buffer.concat(tail), length: tailLength, terminated }
}
