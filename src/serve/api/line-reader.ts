/** Reads the lines of rows again, from wherever their segments lie now. */
import { decodeLine } from '../../format/decode.js'
import type { HiveEvent } from '../../format/kinds.js'
import { openSource, type Source, soundChunksOf } from '../../read/sources.js'
import { HttpError } from '../http.js'
import type { Rows } from './rows.js'

/** Lines that lie so near are read with what is between them. */
const GAP = 64 * 1024
/** Bytes that are read at once. */
const BLOCK = 4 * 1024 * 1024
/** An unpacked segment is kept for the next question if it has no more bytes. */
const MAX_KEPT = 64 * 1024 * 1024

export interface ReadLine {
  event: HiveEvent
  /** Path of its segment now. */
  file: string
  /** The line without its newline. */
  bytes: Buffer
}

interface Wanted {
  row: number
  /** Index in what was asked for. */
  at: number
  offset: number
  bytes: number
}

export class LineReader {
  readonly #rows: Rows
  /** The compressed segment that was unpacked last. */
  #unpacked: { file: string; mtime: bigint; bytes: Buffer } | undefined

  constructor(rows: Rows) {
    this.#rows = rows
  }

  /** Gives up what it keeps. */
  forget(): void {
    this.#unpacked = undefined
  }

  /**
   * The events of rows, in their order.
   * @throws {HttpError} 410 when a file is not there any more, or has other lines now
   */
  async read(rows: readonly number[]): Promise<ReadLine[]> {
    const bySegment = new Map<number, Wanted[]>()
    for (const [at, row] of rows.entries()) {
      const { segment, offset, bytes } = this.#rows.place(row)
      const wanted = bySegment.get(segment)
      if (wanted === undefined) bySegment.set(segment, [{ row, at, offset, bytes }])
      else wanted.push({ row, at, offset, bytes })
    }
    const lines = new Array<ReadLine>(rows.length)
    for (const [segment, wanted] of bySegment) {
      wanted.sort((a, b) => a.offset - b.offset)
      await this.#readSegment(segment, wanted, lines)
    }
    return lines
  }

  async #readSegment(segment: number, wanted: readonly Wanted[], lines: ReadLine[]): Promise<void> {
    for (const path of this.#rows.segments.paths(segment)) {
      const source = await opened(path)
      if (source === undefined) continue
      try {
        const isThere = source.gzip
          ? await this.#fromGzip(source, wanted, lines)
          : await this.#fromPlain(source, wanted, lines)
        if (!isThere) continue
        this.#rows.segments.foundAt(segment, path)
        return
      } finally {
        await source.handle.close()
      }
    }
    const { file } = this.#rows.segments.get(segment)
    throw new HttpError(410, `${file} is not there any more, or was changed: its lines cannot be shown`)
  }

  async #fromPlain(source: Source, wanted: readonly Wanted[], lines: ReadLine[]): Promise<boolean> {
    for (let from = 0; from < wanted.length; ) {
      const first = wanted[from] as Wanted
      let end = first.offset + first.bytes
      let to = from + 1
      for (; to < wanted.length; to++) {
        const { offset, bytes } = wanted[to] as Wanted
        if (offset - end > GAP || offset + bytes - first.offset > BLOCK) break
        end = offset + bytes
      }
      const block = Buffer.allocUnsafe(end - first.offset)
      let got = 0
      while (got < block.length) {
        const { bytesRead } = await source.handle.read(block, got, block.length - got, first.offset + got)
        if (bytesRead === 0) return false
        got += bytesRead
      }
      for (; from < to; from++) {
        const each = wanted[from] as Wanted
        const start = each.offset - first.offset
        if (!this.#take(block.subarray(start, start + each.bytes), each, source.file, lines)) return false
      }
    }
    return true
  }

  async #fromGzip(source: Source, wanted: readonly Wanted[], lines: ReadLine[]): Promise<boolean> {
    const { file, stats } = source
    const kept = this.#unpacked
    if (kept?.file === file && kept.mtime === stats.mtimeNs) {
      return wanted.every((each) =>
        this.#take(kept.bytes.subarray(each.offset, each.offset + each.bytes), each, file, lines),
      )
    }
    const pieces: Buffer[] = []
    let size = 0
    let isWhole = true
    /** What is held begins here. */
    let start = 0
    let next = 0
    for await (const chunk of soundChunksOf(source)) {
      pieces.push(Buffer.from(chunk))
      size += chunk.length
      if (size - start <= MAX_KEPT && isWhole) continue
      isWhole = false
      // Too big to be kept: what lies before the next line that is wanted goes.
      const held = Buffer.concat(pieces)
      for (; next < wanted.length; next++) {
        const each = wanted[next] as Wanted
        if (each.offset + each.bytes > size) break
        const at = each.offset - start
        if (!this.#take(held.subarray(at, at + each.bytes), each, file, lines)) return false
      }
      if (next >= wanted.length) return true
      const keep = Math.min(size, (wanted[next] as Wanted).offset)
      pieces.splice(0, pieces.length, Buffer.from(held.subarray(keep - start)))
      start = keep
    }
    const bytes = Buffer.concat(pieces)
    if (isWhole) this.#unpacked = { file, mtime: stats.mtimeNs, bytes }
    return wanted
      .slice(next)
      .every((each) =>
        this.#take(bytes.subarray(each.offset - start, each.offset - start + each.bytes), each, file, lines),
      )
  }

  /** False when the line is not the one that was there. */
  #take(bytes: Buffer, { row, at }: Wanted, file: string, lines: ReadLine[]): boolean {
    const decoded = decodeLine(bytes)
    if (!('event' in decoded) || decoded.event.ts !== this.#rows.ts(row)) return false
    lines[at] = { event: decoded.event, file, bytes }
    return true
  }
}

/** `undefined` where there is nothing that can be read. */
async function opened(path: string): Promise<Source | undefined> {
  try {
    const source = await openSource(path)
    if (source?.stats.isFile() !== false) return source
    await source.handle.close()
  } catch {
    // Told by whoever finds no other place.
  }
  return undefined
}
