/**
 * Lines that are recorded and not yet written, as bytes ready for the file. Recording appends to a string, which
 * costs nanoseconds; the string is turned into bytes 64 KiB at a time, small enough to stay in the processor's
 * cache from here through the hash and the kernel.
 */

const CHUNK_CHARS = 64 * 1024
/** A chunk overshoots by at most one line; a longer one gets a buffer of its own. */
const POOLED_CHARS = CHUNK_CHARS + 16 * 1024
/** A UTF-16 code unit takes at most three bytes in UTF-8. */
const BUFFER_BYTES = 3 * POOLED_CHARS
const SPARE_BUFFERS = 4

interface Chunk {
  buffer: Buffer
  start: number
  end: number
  lastSeq: number
}

export class LineQueue {
  #text = ''
  #lastSeq = 0
  #chunks: Chunk[] = []
  #chunkBytes = 0
  #spare: Buffer[] = []

  /** How much is queued: bytes, or UTF-16 units for the newest part, which differ only in non-ASCII text. */
  get size(): number {
    return this.#chunkBytes + this.#text.length
  }

  push(line: string, seq: number): void {
    this.#text += line
    this.#lastSeq = seq
    if (this.#text.length >= CHUNK_CHARS) this.#seal()
  }

  /** The oldest bytes not consumed yet, or `undefined` when the queue is empty. Valid until `consume`. */
  peek(): Buffer | undefined {
    if (this.#chunks.length === 0) {
      if (this.#text.length === 0) return undefined
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

  #seal(): void {
    const text = this.#text
    this.#text = ''
    let buffer: Buffer
    let end: number
    if (text.length <= POOLED_CHARS) {
      buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
      end = buffer.write(text, 0, 'utf8')
    } else {
      buffer = Buffer.from(text, 'utf8')
      end = buffer.length
    }
    this.#chunks.push({ buffer, start: 0, end, lastSeq: this.#lastSeq })
    this.#chunkBytes += end
  }
}
