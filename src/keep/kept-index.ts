/** Tells the keeper when a log that is written has grown so far that its index is to be brought up to date. */
import { type IndexKeeper, indexKeeper, type Tell } from './index-keeper.js'

export class KeptIndex {
  readonly #file: string
  readonly #every: number
  readonly #tell: Tell
  readonly #keeper: IndexKeeper
  /** Bytes of the live segment when it was told last. */
  #size: number

  /**
   * @param file absolute path of the log
   * @param every bytes of new log after which its index is wanted: each time the live segment passes a multiple of it,
   * so that a log that is opened often is not indexed more often
   * @param size bytes that the live segment has
   * @param keeper default: that of this process
   */
  constructor(file: string, every: number, size: number, tell: Tell, keeper = indexKeeper) {
    this.#file = file
    this.#every = every
    this.#size = size
    this.#tell = tell
    this.#keeper = keeper
  }

  /** @param size bytes that the live segment has now */
  grew(size: number): void {
    const isPassed = Math.floor(size / this.#every) > Math.floor(this.#size / this.#every)
    this.#size = size
    if (isPassed) this.#keeper.want(this.#file, this.#tell)
  }

  /** A segment was archived, and another begun. */
  rotated(): void {
    this.#size = 0
    this.#keeper.want(this.#file, this.#tell)
  }

  /** The log is closed: nobody starts anything for it now. */
  end(): void {
    this.#keeper.forget(this.#file)
  }
}
