/** What a log's bytes tell about its lines: where the last whole one ends, and which numbers they have. */
import type { FileHandle } from 'node:fs/promises'
import { openFile } from '../disk/open.js'

const BLOCK = 64 * 1024
/** How far back a line that tells its number is looked for. */
const FAR_BACK = 1024 * 1024
const NEWLINE = 10

/** Where the last line ends that is whole, in the first `size` bytes: 0 when there is none. */
export async function wholeLinesEnd(handle: FileHandle, size: number): Promise<number> {
  const block = Buffer.allocUnsafe(BLOCK)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - BLOCK)
    const { bytesRead } = await handle.read(block, 0, end - start, start)
    const newline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (newline !== -1) return start + newline + 1
    end = start
  }
  return 0
}

export interface LineNumber {
  seq: number
  session: string | undefined
}

/** The number of the line that ends at `end`; lines that tell none, as in foreign logs, are counted. */
export async function lineNumberAt(handle: FileHandle, end: number): Promise<LineNumber | undefined> {
  if (end === 0) return undefined
  for (let length = BLOCK; ; length *= 4) {
    const start = Math.max(0, end - length)
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(end - start), 0, end - start, start)
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1)
    // The first one is whole only at the start of the file.
    for (let i = lines.length - 1; i >= (start === 0 ? 0 : 1); i--) {
      const number = numberIn(lines[i] as string)
      if (number !== undefined) return { ...number, seq: number.seq + lines.length - 1 - i }
    }
    if (start === 0 || length >= FAR_BACK) break
  }
  return { seq: await countLines(handle, end), session: undefined }
}

/** `seq` of the file's first line; 1 when it tells none. */
export async function firstSeqOf(path: string): Promise<number> {
  const handle = await openFile(path)
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, 0)
    const newline = buffer.subarray(0, bytesRead).indexOf(NEWLINE)
    return (newline === -1 ? undefined : numberIn(buffer.toString('utf8', 0, newline)))?.seq ?? 1
  } finally {
    await handle.close()
  }
}

function numberIn(line: string): LineNumber | undefined {
  try {
    const event: unknown = JSON.parse(line)
    if (typeof event !== 'object' || event === null) return undefined
    const { seq, session } = event as Record<string, unknown>
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return undefined
    return { seq, session: typeof session === 'string' ? session : undefined }
  } catch {
    return undefined
  }
}

async function countLines(handle: FileHandle, end: number): Promise<number> {
  const block = Buffer.allocUnsafe(4 * BLOCK)
  let lines = 0
  for (let at = 0; at < end; ) {
    const { bytesRead } = await handle.read(block, 0, Math.min(block.length, end - at), at)
    if (bytesRead === 0) break
    const chunk = block.subarray(0, bytesRead)
    for (let found = chunk.indexOf(NEWLINE); found !== -1; found = chunk.indexOf(NEWLINE, found + 1)) lines++
    at += bytesRead
  }
  return lines
}
