/**
 * The one writer of a log file.
 *
 * Recording a line gives it its `seq` and puts it in a queue in memory; the queue is written in one go after the
 * current turn of the event loop, so the caller waits for no I/O and all lines of a turn share a write. The write
 * itself is synchronous: it copies bytes to the page cache, and because it is over when it returns, order, exit
 * and crash need no further thought. What can really wait for a disk, the sync, runs on the pool.
 *
 * Only when the queue outgrows `HIGH_WATER` within one turn, or the turn lasts so long that the line would not be
 * live, the recording call itself writes. When the file takes nothing (disk full, say), up to `maxBufferBytes` wait
 * in memory; beyond that events are lost, counted, and reported in a `log.gap` line as soon as one can be written.
 */
import { hostname } from 'node:os'
import { diag } from '@opentelemetry/api'
import { encodeLine, encodeTail, type Fields, type Tail } from '../events/encode.js'
import { FORMAT_VERSION } from '../events/kinds.js'
import { VERSION } from '../version.js'
import { ArtifactStore } from './artifacts.js'
import { compressSegment } from './compress.js'
import { NotDurableError } from './errors.js'
import { closeAtExit } from './exit.js'
import { LineQueue } from './line-queue.js'
import { acquireLock, eventsLost, HEARTBEAT_MS, type Lock, type Loss } from './lock.js'
import type { SealOptions } from './seal.js'
import {
  canonicalPath,
  plainArchives,
  type RotateOptions,
  removeDrafts,
  SegmentChain,
  syncFolder,
} from './segment-chain.js'
import { type WriteCalls, WriteError } from './segment-file.js'
import { type FsyncPolicy, Syncer } from './syncer.js'

export interface JournalOptions {
  /** Path of the log; its folder is created when missing. */
  file: string
  /** Session id in the envelope of the journal's own lines. */
  session: string
  /** When lines are forced to the disk. Default `everysec`. */
  fsync?: FsyncPolicy
  rotate?: RotateOptions
  seal?: SealOptions
  /** Bytes that may wait in memory while the file takes none. Default 16 MiB. */
  maxBufferBytes?: number
  /** For fault-injection tests: the system call that writes. */
  calls?: WriteCalls
}

const DEFAULT_MAX_BUFFER = 16 * 1024 * 1024
/** Queued bytes at which the recording call itself writes. */
const HIGH_WATER = 1024 * 1024
/** How old a queued line may get before the recording call itself writes: half of the 50 ms that are promised. */
const MAX_AGE_MS = 25
/** How long writing waits for a sync that runs, to be spared waiting for it inside the kernel. */
const SYNC_GRACE_MS = 15
const RETRY_MIN_MS = 20
const RETRY_MAX_MS = 1_000
const INSPECT_MS = 1_000
/** How long `close` waits for a disk that takes nothing. */
const CLOSE_PATIENCE_MS = 2_000

export class Journal {
  readonly file: string
  readonly artifacts: ArtifactStore
  /** Of the journal's own lines. */
  #tail: Tail
  #chain: SegmentChain
  #syncer: Syncer
  #lock: Lock
  #sources = new Set<() => void>()
  #queue = new LineQueue()
  #maxBuffer: number
  #gzip: boolean
  #seq: number
  #writtenSeq: number
  #state: 'open' | 'closing' | 'closed' = 'open'
  #scheduled: NodeJS.Immediate | undefined
  #graceTimer: NodeJS.Timeout | undefined
  #oldestAt = 0
  #writing = false
  #failure: { message: string; retryAt: number; delay: number; timer: NodeJS.Timeout } | undefined
  #gap: { lost: number; reason: string } | undefined
  /** Lines of the journal's own that may not be written yet. */
  #own: Loss['own'] = []
  #writtenWaiters: { seq: number; resolve: () => void; reject: (error: Error) => void }[] = []
  #sealTimer: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout
  #inspectAt = 0
  #rotationRetryAt = 0
  #compressions = new Set<Promise<void>>()
  #forgetExit: () => void
  #closed: Promise<void> | undefined

  /**
   * Opens a log for writing and recovers it from whatever a crash left.
   * @throws {LogLockedError} when another writer has it open
   * @throws {LogOpenError} when it cannot be opened or is no log
   */
  constructor(options: JournalOptions) {
    this.file = canonicalPath(options.file)
    this.#tail = encodeTail({ session: options.session })
    this.#maxBuffer = options.maxBufferBytes ?? DEFAULT_MAX_BUFFER
    this.#gzip = options.rotate?.gzip ?? false
    const policy = options.fsync ?? 'everysec'
    this.#lock = acquireLock(this.file)
    try {
      this.#chain = new SegmentChain(this.file, options.seal ?? {}, options.rotate ?? {}, options.calls)
    } catch (error) {
      if (this.#lock.inherited === undefined) this.#lock.release()
      else this.#lock.abandon(this.#lock.inherited)
      throw error
    }
    this.#seq = this.#chain.lastSeq
    this.#writtenSeq = this.#seq
    this.#syncer = new Syncer(
      policy,
      this.#chain.live.fd,
      this.#seq,
      () => this.#afterSync(),
      (error) => diag.error(`hivelog: the disk refused to sync ${this.file}: ${error.message}`),
    )
    this.artifacts = new ArtifactStore(this.file, policy !== 'no', (error) =>
      diag.error(`hivelog: an artifact of ${this.file} could not be stored: ${error.message}`),
    )
    this.#heartbeat = setInterval(() => this.#lock.touch(), HEARTBEAT_MS).unref()
    this.#forgetExit = closeAtExit(() => this.closeSync())
    removeDrafts(this.file)
    if (this.#gzip) this.#compressAll(plainArchives(this.file))
    this.#open()
    if (policy !== 'no') syncFolder(this.file)
  }

  /** `seq` of the newest line. */
  get seq(): number {
    return this.#seq
  }

  /** Lines lost since they were last reported in a `log.gap`. */
  get lost(): number {
    return this.#gap?.lost ?? 0
  }

  /**
   * Records an event, whose fields must be plain JSON values. Throws only when no string can hold a value's JSON;
   * then nothing is recorded.
   * @param ts when it happened, and `now`, epoch milliseconds
   * @param checkpoint left out for an event that belongs to no agent
   * @returns the line's `seq`, or 0 when it is lost: nothing can be written and the memory for it is used up
   */
  append(
    ts: number,
    kind: string,
    fields: Fields,
    tail: Tail,
    checkpoint: number | undefined,
    now: number,
  ): number {
    if (this.#state === 'closed') return this.#refuse('the log is closed')
    if (this.#gap !== undefined || this.#queue.size >= this.#maxBuffer) {
      if (!this.#retryNow(now)) return this.#refuse(this.#failure?.message ?? 'the disk does not keep up')
    }
    const seq = this.#seq + 1
    encodeLine(this.#queue.next, ts, kind, fields, seq, tail, checkpoint)
    if (this.#queue.size === 0) this.#oldestAt = now
    this.#queue.push(seq)
    this.#seq = seq
    this.#chain.noteEvents()
    if (this.#writing) return seq
    if (this.#scheduled === undefined) this.#schedule()
    else if (this.#queue.size > HIGH_WATER || now - this.#oldestAt > MAX_AGE_MS) this.write()
    return seq
  }

  /** Has `source` called before each write, to append what it holds back until then. */
  addSource(source: () => void): void {
    this.#sources.add(source)
  }

  removeSource(source: () => void): void {
    this.#sources.delete(source)
  }

  /**
   * Tells that a source holds something, from its first line at `since` (epoch milliseconds) on: a write follows
   * after this turn of the event loop, or now, if that turn lasts so long that the line would not be live.
   */
  wake(since: number, now: number): void {
    if (this.#scheduled === undefined) this.#schedule()
    else if (now - since > MAX_AGE_MS) this.write()
  }

  /** Writes what is recorded, on the caller's path. What the file does not take stays recorded. */
  write(): void {
    if (this.#failure === undefined || Date.now() >= this.#failure.retryAt) this.#write()
    else this.#collect()
  }

  /** Resolves when everything recorded so far is written, and synced unless the policy is `no`. */
  async flush(): Promise<void> {
    await this.artifacts.flush()
    this.#write()
    const seq = this.#seq
    if (this.#syncer.policy !== 'no') return this.#synced(seq)
    if (seq <= this.#writtenSeq) return
    if (this.#state === 'closed')
      throw new NotDurableError(`${this.file} was closed before all events were written`)
    await new Promise<void>((resolve, reject) => {
      this.#writtenWaiters.push({ seq, resolve, reject })
      this.#failure?.timer.ref()
    })
  }

  /**
   * Resolves when line `seq` and all before it are on disk, whatever the policy.
   * Rejects with `NotDurableError` when the line is lost or the disk refuses.
   */
  async durable(seq: number): Promise<void> {
    if (seq === 0)
      throw new NotDurableError(`the event was not recorded: ${this.#gap?.reason ?? 'the log is closed'}`)
    await this.artifacts.flush()
    return this.#synced(seq)
  }

  #synced(seq: number): Promise<void> {
    const synced = this.#syncer.wait(seq)
    if (this.#syncer.isAwaited) this.#failure?.timer.ref()
    return synced
  }

  /** Writes what is recorded, seals the log, syncs it unless the policy is `no`, and gives it free. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** `close` for the end of the process, on this thread. */
  closeSync(): void {
    if (this.#state === 'closed') return
    this.#collect()
    this.artifacts.flushSync()
    this.#write(true)
    this.#syncer.finishSync()
    this.#finish()
  }

  async #close(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#collect()
    await this.artifacts.flush()
    this.#write(true)
    const patience = Date.now() + CLOSE_PATIENCE_MS
    while (this.#failure !== undefined && Date.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MIN_MS))
      this.#write(true)
    }
    if (this.#failure === undefined && this.#syncer.policy !== 'no') {
      await this.#syncer.wait(this.#seq).catch(() => {}) // reported by the syncer
    }
    await this.#syncer.idle()
    await Promise.allSettled(this.#compressions)
    this.closeSync()
  }

  #finish(): void {
    this.#state = 'closed'
    clearImmediate(this.#scheduled)
    clearInterval(this.#heartbeat)
    clearTimeout(this.#sealTimer)
    clearTimeout(this.#graceTimer)
    clearTimeout(this.#failure?.timer)
    this.#forgetExit()
    const reason = this.#failure?.message ?? 'closed before it could be written'
    const why = this.#failure === undefined ? '' : `: ${this.#failure.message}`
    const error = new NotDurableError(`the log was closed before the event was forced to the disk${why}`)
    this.#syncer.giveUp(error)
    for (const waiter of this.#writtenWaiters.splice(0)) waiter.reject(error)
    if (!this.#syncer.busy) this.#chain.live.close()
    const loss: Loss = { assigned: this.#seq, own: this.#own, refused: this.lost, reason }
    const lost = eventsLost(loss, this.#writtenSeq)
    if (lost > 0) diag.error(`hivelog: up to ${lost} events of ${this.file} are lost: ${reason}`)
    try {
      if (lost > 0) this.#lock.abandon(loss)
      else this.#lock.release()
    } catch (lockError) {
      const what = lost > 0 ? 'nor can the loss be noted for the next writer' : 'the lock stays behind'
      diag.error(`hivelog: ${this.file}: ${what}: ${(lockError as Error).message}`)
    }
  }

  #refuse(reason: string): 0 {
    if (this.#gap === undefined) {
      this.#gap = { lost: 0, reason }
      diag.error(`hivelog: events for ${this.file} are being lost from now on: ${reason}`)
    }
    this.#gap.lost++
    return 0
  }

  /** Tries a write that had failed again if its time has come; whether there is room afterwards. */
  #retryNow(now: number): boolean {
    if (this.#writing) return false
    if (this.#failure === undefined || now >= this.#failure.retryAt) this.#write()
    return this.#gap === undefined && this.#queue.size < this.#maxBuffer
  }

  #schedule(): void {
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      if (this.#syncer.busy && this.#queue.size < HIGH_WATER && Date.now() - this.#oldestAt < SYNC_GRACE_MS) {
        // The end of the sync writes what waits, or this timer if the sync takes long.
        this.#graceTimer ??= setTimeout(() => {
          this.#graceTimer = undefined
          this.#write()
        }, SYNC_GRACE_MS)
        return
      }
      if (this.#failure === undefined) this.#write()
    })
  }

  #afterSync(): void {
    if (this.#state === 'closed') {
      this.#chain.live.close()
      return
    }
    clearTimeout(this.#graceTimer)
    this.#graceTimer = undefined
    if (this.#failure === undefined) this.#write()
  }

  /** Puts a line of the journal's own into the queue. */
  #line(kind: string, fields: Fields, now: number, lost = 0): void {
    const seq = ++this.#seq
    this.#own.push({ seq, lost })
    encodeLine(this.#queue.next, now, kind, fields, seq, this.#tail, undefined)
    this.#queue.push(seq)
  }

  #open(): void {
    const now = Date.now()
    const { torn } = this.#chain
    // One write with the lines that account for it, so that a crash right here leaves nothing unaccounted for.
    if (torn.isOpenEnded) {
      this.#queue.next.text('\n')
      this.#queue.push(this.#seq)
    }
    if (torn.bytes > 0) this.#line('log.torn', { bytes: torn.bytes }, now)
    this.#openLine(now)
    const inherited = this.#lock.inherited
    if (inherited !== undefined) {
      const lost = eventsLost(inherited, this.#chain.lastSeq)
      if (lost > 0) this.#line('log.gap', { lost, reason: inherited.reason }, now, lost)
    }
    this.#write()
  }

  #openLine(now: number): void {
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
    this.#line('log.open', fields, now)
  }

  /** Writes the queue and the lines that fall due on the way; with `last`, a seal over everything at the end. */
  #write(last = false): void {
    if (this.#writing || this.#state === 'closed') return
    this.#writing = true
    try {
      this.#collect()
      const now = Date.now()
      do this.#drain()
      while (this.#addDueLine(now, last))
      this.#recovered()
    } catch (error) {
      this.#failed(error as Error)
    } finally {
      this.#writing = false
    }
    this.#tellWaiters()
  }

  #collect(): void {
    for (const source of this.#sources) source()
  }

  #drain(): void {
    for (let bytes = this.#queue.peek(); bytes !== undefined; bytes = this.#queue.peek()) {
      try {
        this.#chain.append(bytes)
      } catch (error) {
        if (error instanceof WriteError && error.written > 0) this.#queue.consume(error.written)
        throw error
      }
      this.#writtenSeq = this.#queue.consume(bytes.length) ?? this.#writtenSeq
    }
    this.#own.length = 0
  }

  /** Queues the next housekeeping line that is due; false when there is none. The queue is empty at this point. */
  #addDueLine(now: number, last: boolean): boolean {
    if (this.#gap !== undefined) {
      this.#line('log.gap', { ...this.#gap }, now, this.#gap.lost)
      this.#gap = undefined
      return true
    }
    if (now >= this.#inspectAt && this.#inspect(now)) return true
    const rotates = !last && now >= this.#rotationRetryAt && this.#chain.isRotationDue(now)
    if (this.#chain.isSealDue(now) || ((last || rotates) && this.#chain.isUnsealed)) {
      this.#line('log.seal', this.#chain.nextSeal(), now)
      this.#drain()
      this.#chain.noteSealed()
      return true
    }
    if (rotates) return this.#rotate(now)
    this.#armSealTimer(now)
    return false
  }

  #rotate(now: number): boolean {
    try {
      const { archived, old } = this.#chain.rotate(this.#seq + 1)
      syncFolder(this.file)
      this.#syncer.moveTo(this.#chain.live.fd, () => {
        old.close()
        if (this.#gzip) this.#compressAll([archived])
      })
    } catch (error) {
      diag.error(`hivelog: ${this.file} cannot be rotated and goes on growing: ${(error as Error).message}`)
      this.#rotationRetryAt = now + 60_000
      return false
    }
    this.#openLine(now)
    return true
  }

  /** One after the other, so that many that are left over do not take all threads of the pool. */
  #compressAll(archives: string[]): void {
    const run = (async () => {
      for (const archived of archives) {
        try {
          await compressSegment(archived)
        } catch (error) {
          diag.error(`hivelog: ${archived} stays uncompressed: ${(error as Error).message}`)
        }
      }
    })()
    this.#compressions.add(run)
    run.finally(() => this.#compressions.delete(run))
  }

  #inspect(now: number): boolean {
    this.#inspectAt = now + INSPECT_MS
    const change = this.#chain.inspect(this.#seq + 1)
    if (change === undefined) return false
    diag.error(`hivelog: ${change.message}`)
    const { replaced } = change
    if (replaced === undefined) return false
    this.#syncer.moveTo(this.#chain.live.fd, () => replaced.close())
    this.#openLine(now)
    return true
  }

  #armSealTimer(now: number): void {
    const deadline = this.#chain.sealDeadline
    if (deadline === undefined || this.#sealTimer !== undefined || this.#state !== 'open') return
    this.#sealTimer = setTimeout(
      () => {
        this.#sealTimer = undefined
        if (this.#failure === undefined) this.#write()
      },
      Math.max(deadline - now, 10),
    ).unref()
  }

  #failed(error: Error): void {
    const cause = error instanceof WriteError ? error.cause : error
    // A seal that could not read the file: perhaps it is not what was written any more.
    if (cause === error) this.#inspectAt = 0
    const delay = Math.min((this.#failure?.delay ?? RETRY_MIN_MS / 2) * 2, RETRY_MAX_MS)
    if (this.#failure === undefined) {
      diag.error(
        `hivelog: cannot write ${this.file}: ${cause.message}; events wait in memory and it is tried again`,
      )
    } else clearTimeout(this.#failure.timer)
    const timer = setTimeout(() => this.#write(), delay)
    // A disk that stays full must not keep a finished process alive, unless somebody waits for it.
    if (this.#writtenWaiters.length === 0 && !this.#syncer.isAwaited) timer.unref()
    this.#failure = { message: cause.message, retryAt: Date.now() + delay, delay, timer }
  }

  #recovered(): void {
    if (this.#failure === undefined) return
    clearTimeout(this.#failure.timer)
    this.#failure = undefined
    diag.warn(`hivelog: ${this.file} can be written again`)
  }

  #tellWaiters(): void {
    this.#syncer.wrote(this.#writtenSeq)
    if (this.#writtenWaiters.length === 0) return
    const ready = this.#writtenWaiters.filter((waiter) => waiter.seq <= this.#writtenSeq)
    this.#writtenWaiters = this.#writtenWaiters.filter((waiter) => waiter.seq > this.#writtenSeq)
    for (const waiter of ready) waiter.resolve()
  }
}
