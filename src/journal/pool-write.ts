/**
 * A write on the thread pool. While the file is being synced, a write to it may have to wait inside the kernel, for
 * as long as a busy disk takes; on the pool it does not hold up the event loop. Only then: a write that waits for
 * nothing is cheaper and simpler on the spot.
 */
import { type SegmentFile, WriteError } from './segment-file.js'

/** How often a thread that has to wait looks whether the write is over. */
const LOOK_MS = 1

/** Where a write goes: a `SegmentChain`. */
export interface PoolTarget {
  readonly live: Pick<SegmentFile, 'size' | 'sizeOnDisk' | 'noteAppended'>
  beginAppend: SegmentFile['beginAppend']
}

interface Underway {
  bytes: Buffer
  /** Size of the file when all of it is written. */
  end: number
  /** Until when a thread that has to waits for it. */
  deadline?: number
}

export class PoolWrite {
  #chain: PoolTarget
  #current: Underway | undefined

  constructor(chain: PoolTarget) {
    this.#chain = chain
  }

  /** Whether a write is under way; nothing else may be written meanwhile. */
  get isBusy(): boolean {
    return this.#current !== undefined
  }

  /** Bytes that are being written. */
  get bytes(): number {
    return this.#current?.bytes.length ?? 0
  }

  /** @param done told how much was written, and why not more; not called when `finishSync` was faster */
  start(bytes: Buffer, done: (written: number, error: Error | undefined) => void): void {
    const write: Underway = { bytes, end: this.#chain.live.size + bytes.length }
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
   * Waits on this thread until the write is over, at most `patienceMs` in all: who comes after that does not wait for
   * the same write again.
   * @returns how many bytes it wrote, all of them; `undefined` when it is not over yet, or wrote but a part
   */
  finishSync(patienceMs: number): number | undefined {
    const write = this.#current
    if (write === undefined) return 0
    write.deadline ??= performance.now() + patienceMs
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    while (this.#chain.live.sizeOnDisk() < write.end) {
      if (performance.now() >= write.deadline) return undefined
      Atomics.wait(sleeper, 0, 0, LOOK_MS)
    }
    this.#current = undefined
    this.#chain.live.noteAppended(write.bytes)
    return write.bytes.length
  }
}
