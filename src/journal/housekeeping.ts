/**
 * The lines of a log's own that fall due while it is written: `log.open`, seals, and what goes with them, rotation and
 * compression. Times are of the monotonic clock, in milliseconds.
 */
import { diag } from '@opentelemetry/api'
import type { Fields } from '../format/encode.js'
import { timerMs } from '../format/options.js'
import type { KeptIndex } from '../keep/kept-index.js'
import { Compressor } from './compress.js'
import { plainArchives, type SegmentChain } from './segment-chain.js'
import type { Syncer } from './syncer.js'

const ROTATION_RETRY_MS = 60_000
/** Pauses between segments that begin because the disk refused to sync the one before. */
const RENEWAL_MIN_MS = 1_000
const RENEWAL_MAX_MS = 60_000
/** How long seals and rotation wait for artifacts. */
const ARTIFACTS_MS = 5_000
/** How soon it is looked again whether the old bytes of a file are read, which a seal waits for. */
const SEAL_RETRY_MS = 10

/** What housekeeping needs of the journal that it works for. */
export interface LineWriter {
  /** `seq` of the newest line. */
  seq(): number
  /** Puts a line of the log's own into the queue. */
  line(kind: string, fields: Fields): void
  /** Writes the queue. @throws when the file does not take it */
  drain(): void
  /** Whether a line names something that is not stored yet. */
  isIncomplete(): boolean
  /** Asks for a write, soon after. */
  requestWrite(): void
}

export class Housekeeping {
  #file: string
  #chain: SegmentChain
  #syncer: Syncer
  #writer: LineWriter
  #compressor: Compressor | undefined
  /** Where the side index is kept up: is told how the log grows. */
  #index: KeptIndex | undefined
  #sealTimer: NodeJS.Timeout | undefined
  #rotationRetryAt = 0
  #renewalMs = RENEWAL_MIN_MS
  #renewAt = 0
  #incompleteSince: number | undefined
  #isGapUnsealed = false

  /**
   * @param gzip whether archived segments are compressed, those that are left over too
   * @param index is told of seals and rotations
   */
  constructor(
    chain: SegmentChain,
    syncer: Syncer,
    writer: LineWriter,
    gzip: boolean,
    index: KeptIndex | undefined,
  ) {
    this.#file = chain.file
    this.#chain = chain
    this.#syncer = syncer
    this.#writer = writer
    this.#index = index
    if (!gzip) return
    const compressor = new Compressor((archived, error) =>
      diag.error(`hivelog: ${archived} stays uncompressed: ${error.message}`),
    )
    for (const archived of plainArchives(this.#file)) compressor.add(archived)
    this.#compressor = compressor
  }

  /** Queues the `log.open` of the live segment, and what is to be said of the one before. */
  openLine(): void {
    const { open, changed } = this.#chain.takeOpening()
    this.#writer.line('log.open', open)
    if (changed !== undefined) this.#writer.line('log.changed', changed)
  }

  /**
   * Does what is due, when the queue is empty.
   * @param last whether the log is being closed: it is sealed, and not rotated
   * @returns whether there may be something to write, and more due
   */
  doDue(now: number, last: boolean): boolean {
    if (!last && this.#waitsForArtifacts(now)) return false
    const rotates = !last && now >= this.#rotationRetryAt && this.#chain.isRotationDue(now)
    const isSealDue = this.#isGapUnsealed || this.#chain.isSealDue(now)
    if (isSealDue || ((last || rotates) && this.#chain.isUnsealed)) {
      this.#seal()
      this.#index?.grew(this.#chain.live.size)
      return true
    }
    if (rotates && this.#rotate(now)) return true
    if (!last) this.#armSealTimer(now)
    return false
  }

  /** A seal vouches for lines, which ought to be whole with what they name; not for long, though. */
  #waitsForArtifacts(now: number): boolean {
    if (!this.#writer.isIncomplete()) {
      this.#incompleteSince = undefined
      return false
    }
    this.#incompleteSince ??= now
    if (now - this.#incompleteSince < ARTIFACTS_MS) {
      this.#armSealTimer(now)
      return true
    }
    this.#incompleteSince = undefined
    return false
  }

  /** A gap was queued: it explains nothing of what was sealed before, until a seal vouches for it too. */
  sealGap(): void {
    this.#isGapUnsealed = true
  }

  /** Whether the live segment is to be finished because the disk refused to sync it. */
  isRenewalDue(now: number): boolean {
    return this.#syncer.isBroken && now >= this.#renewAt
  }

  /** Finishes the live segment and begins the next one, when the queue is empty. @throws when the file takes no seal */
  renew(now: number): void {
    this.#renewAt = now + this.#renewalMs
    this.#renewalMs = Math.min(this.#renewalMs * 2, RENEWAL_MAX_MS)
    if (this.#chain.isUnsealed) this.#seal()
    this.#rotate(now)
  }

  #seal(): void {
    this.#isGapUnsealed = false
    this.#writer.line('log.seal', this.#chain.nextSeal())
    this.#writer.drain()
    this.#chain.noteSealed()
  }

  /** A sync succeeded: the next one that fails gets a new segment at once. */
  noteSynced(): void {
    this.#renewalMs = RENEWAL_MIN_MS
    this.#renewAt = 0
  }

  /** Resolves when all archived segments are compressed. */
  async compressed(): Promise<void> {
    await this.#compressor?.done()
  }

  /** Nothing is begun beside the journal any more. */
  noteClosing(): void {
    this.#index?.end()
    this.#index = undefined
  }

  stop(): void {
    clearTimeout(this.#sealTimer)
    this.noteClosing()
  }

  #rotate(now: number): boolean {
    try {
      const { archived, old, sha256 } = this.#chain.rotate(this.#writer.seq() + 1)
      const closed = (): void => {
        old.close()
        this.#compressor?.add(archived, sha256)
      }
      this.#syncer.moveTo(this.#chain.live.fd, closed, archived)
    } catch (error) {
      diag.error(`hivelog: ${this.#file} cannot be rotated and goes on growing: ${(error as Error).message}`)
      this.#rotationRetryAt = now + ROTATION_RETRY_MS
      return false
    }
    this.openLine()
    this.#index?.rotated()
    return true
  }

  #armSealTimer(now: number): void {
    const deadline = this.#chain.sealDeadline
    if (deadline === undefined || deadline === Infinity || this.#sealTimer !== undefined) return
    this.#sealTimer = setTimeout(
      () => {
        this.#sealTimer = undefined
        this.#writer.requestWrite()
      },
      timerMs(Math.max(deadline - now, SEAL_RETRY_MS)),
    ).unref()
  }
}
