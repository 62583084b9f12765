/** Lines of a segment from what a store gives of it: in order, each once, and what is missing between them. */
import { bytesOfPart } from '../format/logged-line.js'
import type { StoredPart } from './victoria-logs.js'

/** A line that is whole. */
export interface WholeLine {
  offset: number
  seq: number | undefined
  bytes: Buffer
}

/** Bytes of a segment that are not there. */
export interface Hole {
  offset: number
  bytes: number
  /** `seq` of the last event before it, and of the first one after it, where they are known. */
  after?: number
  before?: number
}

interface Pieces {
  bytes: number
  seq: number | undefined
  parts: Map<number, Buffer>
  count: number
}

/** The lines that begin in one stretch, each once and in order. */
export class Stretch {
  readonly #lines = new Map<number, Pieces>()
  /** Offsets at which two different lines are told. */
  readonly conflicts = new Set<number>()

  add({ offset, bytes, seq, part, parts, encoding, body }: StoredPart): void {
    const piece = bytesOfPart(body, encoding)
    const known = this.#lines.get(offset)
    if (known === undefined) {
      this.#lines.set(offset, { bytes, seq, parts: new Map([[part, piece]]), count: parts })
      return
    }
    const same = known.parts.get(part)
    if (known.bytes !== bytes || known.count !== parts || (same !== undefined && !same.equals(piece))) {
      this.conflicts.add(offset)
      return
    }
    known.parts.set(part, piece)
  }

  /** Those of which no piece is missing. */
  lines(): WholeLine[] {
    const whole: WholeLine[] = []
    for (const [offset, { bytes, seq, parts, count }] of this.#lines) {
      const pieces = Array.from({ length: count }, (_, i) => parts.get(i))
      if (pieces.includes(undefined)) continue
      const line = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces as Buffer[])
      if (line.length === bytes) whole.push({ offset, seq, bytes: line })
    }
    return whole.sort((a, b) => a.offset - b.offset)
  }
}

/** Finds what is missing between lines that come in order. */
export class Holes {
  readonly found: Hole[] = []
  /** Where the next line should begin. */
  expected = 0
  /** `seq` of the last event. */
  seq: number | undefined

  /** @param seq of the last event before the segment */
  constructor(seq: number | undefined) {
    this.seq = seq
  }

  /** @returns false for a line that lies within another */
  take({ offset, seq, bytes }: WholeLine): boolean {
    if (offset < this.expected) return false
    if (offset > this.expected) {
      this.found.push({
        offset: this.expected,
        bytes: offset - this.expected,
        ...(this.seq !== undefined && { after: this.seq }),
        ...(seq !== undefined && { before: seq }),
      })
    }
    this.expected = offset + bytes.length + 1
    this.seq = seq ?? this.seq
    return true
  }
}
