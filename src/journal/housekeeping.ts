/**
 * The lines of a log's own that fall due while it is written: `log.open`, seals, and what goes with them: rotation,
 * and a look at whether the file is still the one that is written.
 */
import { hostname } from 'node:os'
import { diag } from '@opentelemetry/api'
import type { Fields } from '../format/encode.js'
import { FORMAT_VERSION } from '../format/kinds.js'
import { timerMs } from '../format/options.js'
import { VERSION } from '../version.js'
import { Compressor } from './compress.js'
import { plainArchives, type SegmentChain, syncFolder } from './segment-chain.js'
import type { Syncer } from './syncer.js'

const INSPECT_MS = 1_000
const ROTATION_RETRY_MS = 60_000

/** What housekeeping needs of the journal that it works for. */
export interface LineWriter {
  /** `seq` of the newest line. */
  seq(): number
  /** Puts a line of the log's own into the queue. */
  line(kind: string, fields: Fields, now: number): void
  /** Writes the queue. @throws when the file does not take it */
  drain(): void
  /** Asks for a write, soon after. */
  requestWrite(): void
}

export class Housekeeping {
  #file: string
  #chain: SegmentChain
  #syncer: Syncer
  #writer: LineWriter
  #compressor: Compressor | undefined
  #sealTimer: NodeJS.Timeout | undefined
  #inspectAt = 0
  #rotationRetryAt = 0

  /** @param gzip whether archived segments are compressed, those that are left over too */
  constructor(chain: SegmentChain, syncer: Syncer, writer: LineWriter, gzip: boolean) {
    this.#file = chain.file
    this.#chain = chain
    this.#syncer = syncer
    this.#writer = writer
    if (!gzip) return
    const compressor = new Compressor((archived, error) =>
      diag.error(`hivelog: ${archived} stays uncompressed: ${error.message}`),
    )
    for (const archived of plainArchives(this.#file)) compressor.add(archived)
    this.#compressor = compressor
  }

  /** Queues the `log.open` of the live segment. */
  openLine(now: number): void {
    const { segment, prev } = this.#chain
    const fields: Fields = {
      format: FORMAT_VERSION,
      segment,
      writer: `hivelog/${VERSION}`,
      pid: process.pid,
      host: hostname(),
    }
    if (prev !== undefined) fields.prev = prev
    this.#chain.prev = undefined
    this.#writer.line('log.open', fields, now)
  }

  /**
   * Does what is due, when the queue is empty.
   * @param last whether the log is being closed: it is sealed, and not rotated
   * @returns whether there may be something to write, and more due
   */
  doDue(now: number, last: boolean): boolean {
    if (now >= this.#inspectAt && this.#inspect(now)) return true
    const rotates = !last && now >= this.#rotationRetryAt && this.#chain.isRotationDue(now)
    if (this.#chain.isSealDue(now) || ((last || rotates) && this.#chain.isUnsealed)) {
      this.#writer.line('log.seal', this.#chain.nextSeal(), now)
      this.#writer.drain()
      this.#chain.noteSealed()
      return true
    }
    if (rotates) return this.#rotate(now)
    if (!last) this.#armSealTimer(now)
    return false
  }

  /** Looks at the file before the next seal: reading it failed, so perhaps it is not what was written any more. */
  inspectSoon(): void {
    this.#inspectAt = 0
  }

  /** Resolves when all archived segments are compressed. */
  async compressed(): Promise<void> {
    await this.#compressor?.done()
  }

  stop(): void {
    clearTimeout(this.#sealTimer)
  }

  #rotate(now: number): boolean {
    try {
      const { archived, old } = this.#chain.rotate(this.#writer.seq() + 1)
      syncFolder(this.#file)
      this.#syncer.moveTo(this.#chain.live.fd, () => {
        old.close()
        this.#compressor?.add(archived)
      })
    } catch (error) {
      diag.error(`hivelog: ${this.#file} cannot be rotated and goes on growing: ${(error as Error).message}`)
      this.#rotationRetryAt = now + ROTATION_RETRY_MS
      return false
    }
    this.openLine(now)
    return true
  }

  #inspect(now: number): boolean {
    this.#inspectAt = now + INSPECT_MS
    const change = this.#chain.inspect(this.#writer.seq() + 1)
    if (change === undefined) return false
    diag.error(`hivelog: ${change.message}`)
    const { replaced } = change
    if (replaced === undefined) return false
    this.#syncer.moveTo(this.#chain.live.fd, () => replaced.close())
    this.openLine(now)
    return true
  }

  #armSealTimer(now: number): void {
    const deadline = this.#chain.sealDeadline
    if (deadline === undefined || this.#sealTimer !== undefined) return
    this.#sealTimer = setTimeout(
      () => {
        this.#sealTimer = undefined
        this.#writer.requestWrite()
      },
      timerMs(Math.max(deadline - now, 10)),
    ).unref()
  }
}
