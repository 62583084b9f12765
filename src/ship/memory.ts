/**
 * Memory that is used again: large buffers that are dropped wait long for the collector, which counts what is beside its
 * heap only now and then.
 */

/** What is smaller comes from Node's own pool, or costs little; what is larger is not kept. */
const MIN_BYTES = 64 * 1024
const MAX_BYTES = 2 * 1024 * 1024
/** Bytes that are kept of what is not in use. */
const KEPT_BYTES = 16 * 1024 * 1024

export class Memory {
  /** By size, which is a power of two. */
  readonly #free = new Map<number, ArrayBuffer[]>()
  readonly #own = new WeakSet<ArrayBufferLike>()
  #kept = 0

  /** @returns so many bytes, of whatever was there before */
  take(length: number): Buffer {
    if (length < MIN_BYTES || length > MAX_BYTES) return Buffer.allocUnsafe(length)
    const size = 2 ** Math.ceil(Math.log2(length))
    let memory = this.#free.get(size)?.pop()
    if (memory === undefined) memory = new ArrayBuffer(size)
    else this.#kept -= size
    this.#own.add(memory)
    return Buffer.from(memory, 0, length)
  }

  /** Nobody looks at them any more. @param bytes if they were not taken here, nothing happens */
  give({ buffer }: Uint8Array): void {
    const size = buffer.byteLength
    // Once only, or two would be given the same.
    if (!this.#own.delete(buffer) || this.#kept + size > KEPT_BYTES) return
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [buffer as ArrayBuffer])
    else free.push(buffer as ArrayBuffer)
    this.#kept += size
  }
}
