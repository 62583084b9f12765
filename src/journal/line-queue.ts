/**
 * Lines that are recorded and not yet written, as bytes ready for the file, in chunks small enough to stay in the
 * processor's cache from the encoding through the hash and the kernel.
 */
import { LineBytes } from '../format/line-bytes.js'

const CHUNK_BYTES = 64 * 1024
/** A chunk overshoots by at most one line; a longer one gets a buffer of its own. */
const BUFFER_BYTES = CHUNK_BYTES + 16 * 1024
const SPARE_BUFFERS = 4

interface Chunk {
  buffer: Buffer
  start: number
  end: number
  lastSeq: number
}

export class LineQueue {
  #chunks: Chunk[] = []
  #chunkBytes = 0
  #spare: Buffer[] = []
  #open = new LineBytes(Buffer.allocUnsafeSlow(BUFFER_BYTES))
  /** Where the last whole line of the open chunk ends. */
  #end = 0
  #lastSeq = 0

  /** How many bytes are queued. */
  get size(): number {
    return this.#chunkBytes + this.#end
  }

  /** Where to put the next line. It is queued with `push`; what was put in without counts for nothing. */
  get next(): LineBytes {
    this.#open.length = this.#end
    return this.#open
  }

  /** Queues what was put into `next`. */
  push(seq: number): void {
    this.#end = this.#open.length
    this.#lastSeq = seq
    if (this.#end >= CHUNK_BYTES) this.#seal()
  }

  /** The oldest bytes not consumed yet, or `undefined` when the queue is empty. Valid until `consume`. */
  peek(): Buffer | undefined {
    if (this.#chunks.length === 0) {
      if (this.#end === 0) return undefined
      this.#seal()
    }
    const chunk = this.#chunks[0] as Chunk
    return chunk.buffer.subarray(chunk.start, chunk.end)
  }

  /** Removes `bytes` from the front; returns the `seq` of the last line now wholly consumed, if a chunk ended. */
  consume(bytes: number): number | undefined {
    const chunk = this.#chunks[0] as Chunk
    chunk.start += bytes
    this.#chunkBytes -= bytes
    if (chunk.start < chunk.end) return undefined
    this.#chunks.shift()
    if (chunk.buffer.length === BUFFER_BYTES && this.#spare.length < SPARE_BUFFERS)
      this.#spare.push(chunk.buffer)
    return chunk.lastSeq
  }

  /** Empties the queue: all its lines, whole, the one too of which a part is written. Without their newlines. */
  takeLines(): Buffer[] {
    if (this.#end > 0) this.#seal()
    const lines: Buffer[] = []
    for (const { buffer, start, end } of this.#chunks) {
      let from = start === 0 ? 0 : buffer.lastIndexOf(10, start - 1) + 1
      for (let newline = buffer.indexOf(10, from); newline !== -1 && newline < end; ) {
        // The newline that closes a line torn by a crash is none.
        if (newline > from) lines.push(Buffer.from(buffer.subarray(from, newline)))
        from = newline + 1
        newline = buffer.indexOf(10, from)
      }
    }
    this.#chunks = []
    this.#chunkBytes = 0
    return lines
  }

  #seal(): void {
    this.#chunks.push({ buffer: this.#open.buffer, start: 0, end: this.#end, lastSeq: this.#lastSeq })
    this.#chunkBytes += this.#end
    this.#end = 0
    this.#open.moveTo(this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES))
  }
}
