/**
 * A write on the thread pool. While the file is being synced, a write to it may have to wait inside the kernel, for
 * as long as a busy disk takes; on the pool it does not hold up the event loop. Only then: a write that waits for
 * nothing is cheaper and simpler on the spot.
 */
import type { SegmentChain } from './segment-chain.js'
import { WriteError } from './segment-file.js'

/** How often a thread that has to wait looks whether the write is over. */
const LOOK_MS = 1

export class PoolWrite {
  #chain: SegmentChain
  /** The write under way: what is written, and how long the file is when all of it is. */
  #current: { bytes: Buffer; end: number } | undefined

  constructor(chain: SegmentChain) {
    this.#chain = chain
  }

  /** Whether a write is under way; nothing else may be written meanwhile. */
  get isBusy(): boolean {
    return this.#current !== undefined
  }

  /** @param done told how much was written, and why not more; not called when `finishSync` was faster */
  start(bytes: Buffer, done: (written: number, error: Error | undefined) => void): void {
    const write = { bytes, end: this.#chain.live.size + bytes.length }
    this.#current = write
    this.#chain.beginAppend(bytes, (error, written) => {
      if (this.#current !== write) return
      this.#current = undefined
      const count = error === null ? written : 0
      this.#chain.live.noteAppended(bytes.subarray(0, count))
      done(count, error === null ? undefined : new WriteError(0, error))
    })
  }

  /**
   * Waits on this thread until the write is over, at most `patienceMs`.
   * @returns how many bytes it wrote, all of them; `undefined` when it is not over yet, or wrote but a part
   */
  finishSync(patienceMs: number): number | undefined {
    const write = this.#current
    if (write === undefined) return 0
    const deadline = Date.now() + patienceMs
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    while (this.#chain.live.sizeOnDisk() < write.end) {
      if (Date.now() >= deadline) return undefined
      Atomics.wait(sleeper, 0, 0, LOOK_MS)
    }
    this.#current = undefined
    this.#chain.live.noteAppended(write.bytes)
    return write.bytes.length
  }
}
