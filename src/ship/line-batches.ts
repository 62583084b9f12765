/** The lines of a log from a place on, a batch at a time, behind its writer: over rotation, compression and silence. */
import { chunksOf, isAt, type Source } from '../read/sources.js'
import type { Memory } from './memory.js'
import { openSegment, segmentAfter } from './segments.js'

const NEWLINE = 10

/** Whole lines, as they are in the file. */
export interface LineBatch {
  /** `seq` of the first line of their segment. */
  segment: number
  /** Of the first byte in it, uncompressed. */
  offset: number
  bytes: Buffer
}

export interface BatchSource {
  /** Bytes of a batch: at least as many where there are, and up to the end of a line. */
  maxBytes: number
  /** Whether to end at the present end of the log. */
  isOver(): boolean
  /** Waits for more behind this place of the live file. */
  wait(offset: number): Promise<void>
  /** From which batches are taken: whoever is given one gives it back there. */
  memory: Memory
  /** Is told of a segment that is gone before it was read. */
  onGone(segment: number): void
}

/** @throws {LogReadError} when a segment cannot be read */
export async function* lineBatches(
  file: string,
  from: { segment: number; offset: number },
  { maxBytes, isOver, wait, memory, onGone }: BatchSource,
): AsyncGenerator<LineBatch, void, undefined> {
  let { segment, offset } = from
  for (;;) {
    // Asked before reading: what is written later is not of the end that was meant.
    const over = isOver()
    const source = (await openSegment(file, segment))?.source
    let next: number | undefined
    if (source !== undefined) {
      try {
        for await (const bytes of wholeLines(source, offset, maxBytes, memory)) {
          yield { segment, offset, bytes }
          offset += bytes.length
        }
        next = (await isAt(source, file)) ? undefined : await segmentAfter(file, segment)
        // What was written between the last look and the renaming.
        if (next !== undefined && !source.gzip) {
          for await (const bytes of wholeLines(source, offset, maxBytes, memory)) {
            yield { segment, offset, bytes }
            offset += bytes.length
          }
        }
      } finally {
        await source.handle.close()
      }
    } else {
      next = await segmentAfter(file, segment)
      if (next !== undefined) onGone(segment)
    }
    if (next !== undefined) {
      segment = next
      offset = 0
    } else if (over) return
    else await wait(offset)
  }
}

async function* wholeLines(
  source: Source,
  offset: number,
  maxBytes: number,
  memory: Memory,
): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = []
  let size = 0
  // A chunk is the reader's again after a turn.
  const keep = (chunk: Buffer): void => {
    if (chunk.length === 0) return
    pieces.push(together([chunk], memory))
    size += chunk.length
  }
  const whole = (rest: Buffer): Buffer => {
    const bytes = together([...pieces, rest], memory)
    for (const piece of pieces) memory.give(piece)
    pieces = []
    size = 0
    return bytes
  }
  let failure: { error: unknown } | undefined
  try {
    for await (const chunk of chunksOf(source, offset, Math.min(maxBytes, 1024 * 1024))) {
      const end = chunk.lastIndexOf(NEWLINE) + 1
      if (end > 0 && size + end >= maxBytes) {
        yield whole(chunk.subarray(0, end))
        keep(chunk.subarray(end))
      } else keep(chunk)
    }
  } catch (error) {
    failure = { error }
  }
  const rest = Buffer.concat(pieces, size)
  const end = rest.lastIndexOf(NEWLINE) + 1
  if (end > 0) yield rest.subarray(0, end)
  // The lines before the damage are sent as any others.
  if (failure !== undefined) throw failure.error
}

function together(pieces: readonly Buffer[], memory: Memory): Buffer {
  const bytes = memory.take(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) at += piece.copy(bytes, at)
  return bytes
}
