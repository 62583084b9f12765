/**
 * The one writer of a log file.
 *
 * Recording a line gives it its `seq` and puts it in a queue in memory; the queue is written in one go after the
 * current turn of the event loop, so the caller waits for no I/O and all lines of a turn share a write. The write
 * itself is synchronous: it copies bytes to the page cache, and because it is over when it returns, order, exit
 * and crash need no further thought. What can really wait for a disk runs on the pool: the sync, and a write that
 * falls due while a sync takes long, since the kernel may make that wait for it.
 *
 * Only when the queue outgrows `HIGH_WATER` within one turn, or the turn lasts so long that the line would not be
 * live, the recording call itself writes. When the file takes nothing (disk full, say), up to `maxBufferBytes` wait
 * in memory; beyond that events are lost, counted, and reported in a `log.gap` line as soon as one can be written.
 */
import { diag } from '@opentelemetry/api'
import { encodeLine, encodeTail, type Fields, type Tail } from '../format/encode.js'
import { ArtifactStore } from './artifacts.js'
import { asOpenError, NotDurableError } from './errors.js'
import { closeAtExit } from './exit.js'
import { Housekeeping, type LineWriter } from './housekeeping.js'
import { LineQueue } from './line-queue.js'
import { acquireLock, eventsLost, HEARTBEAT_MS, type Lock, type Loss } from './lock.js'
import { Outage } from './outage.js'
import { PoolWrite } from './pool-write.js'
import type { SealOptions } from './seal.js'
import { canonicalPath, type RotateOptions, removeDrafts, SegmentChain, syncFolder } from './segment-chain.js'
import { type WriteCalls, WriteError } from './segment-file.js'
import { type FsyncPolicy, Syncer } from './syncer.js'
import { Waiters } from './waiters.js'

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
  /** For fault-injection tests: the system calls that write and sync. */
  calls?: WriteCalls
}

const DEFAULT_MAX_BUFFER = 16 * 1024 * 1024
/** Queued bytes at which the recording call itself writes. */
const HIGH_WATER = 1024 * 1024
/** How long a turn of the event loop may last before the recording call itself writes: half of the 50 ms promised. */
const MAX_AGE_MS = 25
/** How long writing waits for a sync that runs, before it goes on beside it on the pool. */
const SYNC_GRACE_MS = 30
/** How long `close` waits for a disk that takes nothing. */
const CLOSE_PATIENCE_MS = 2_000
const CLOSE_RETRY_MS = 20
/** How long a thread that must write waits for a write on the pool. */
const POOL_PATIENCE_MS = 5_000

export class Journal {
  readonly file: string
  readonly artifacts: ArtifactStore
  /** Of the journal's own lines. */
  #tail: Tail
  #chain: SegmentChain
  #syncer: Syncer
  #housekeeping: Housekeeping
  #lock: Lock
  #sources = new Set<() => void>()
  #queue = new LineQueue()
  #maxBuffer: number
  #seq: number
  #writtenSeq: number
  #state: 'open' | 'closing' | 'closed' = 'open'
  #scheduled: NodeJS.Immediate | undefined
  #graceTimer: NodeJS.Timeout | undefined
  /** When the turn of the event loop began in which the next write was asked for, nearly. */
  #scheduledAt = 0
  #writing = false
  #outage = new Outage(() => this.#write())
  #pool: PoolWrite
  #gap: { lost: number; reason: string } | undefined
  /** Lines of the journal's own that may not be written yet. */
  #own: Loss['own'] = []
  #writtenWaiters = new Waiters()
  #heartbeat: NodeJS.Timeout
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
    const policy = options.fsync ?? 'everysec'
    this.#lock = acquireLock(this.file)
    try {
      this.#chain = new SegmentChain(this.file, options.seal ?? {}, options.rotate ?? {}, options.calls)
    } catch (error) {
      if (this.#lock.inherited === undefined) this.#lock.release()
      else this.#lock.abandon(this.#lock.inherited)
      throw asOpenError(this.file, error)
    }
    this.#seq = this.#chain.lastSeq
    this.#writtenSeq = this.#seq
    this.#syncer = new Syncer(
      policy,
      this.#chain.live.fd,
      this.#seq,
      () => this.#afterSync(),
      (error) => diag.error(`hivelog: the disk refused to sync ${this.file}: ${error.message}`),
      options.calls?.fdatasync?.bind(options.calls),
    )
    this.#pool = new PoolWrite(this.#chain)
    removeDrafts(this.file)
    const writer: LineWriter = {
      seq: () => this.#seq,
      line: (kind, fields, now) => this.#line(kind, fields, now),
      drain: () => this.#drain(),
      requestWrite: () => this.#writeIfTaken(),
    }
    this.#housekeeping = new Housekeeping(this.#chain, this.#syncer, writer, options.rotate?.gzip ?? false)
    this.artifacts = new ArtifactStore(this.file, policy !== 'no', (error) =>
      diag.error(`hivelog: an artifact of ${this.file} could not be stored: ${error.message}`),
    )
    this.#heartbeat = setInterval(() => this.#lock.touch(), HEARTBEAT_MS).unref()
    this.#forgetExit = closeAtExit(() => this.closeSync())
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
      if (!this.#retryNow(now)) return this.#refuse(this.#outage.message ?? 'the disk does not keep up')
    }
    const seq = this.#seq + 1
    encodeLine(this.#queue.next, ts, kind, fields, seq, tail, checkpoint)
    this.#queue.push(seq)
    this.#seq = seq
    this.#chain.noteEvents()
    if (this.#writing) return seq
    if (this.#scheduled === undefined) this.#schedule(now)
    else if (this.#queue.size > HIGH_WATER || now - this.#scheduledAt > MAX_AGE_MS) this.#press(now)
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
   * Tells that a source holds something, at `now` (epoch milliseconds): a write follows after this turn of the event
   * loop, or now, if that turn lasts so long already that the line would not be live.
   */
  wake(now: number): void {
    if (this.#scheduled === undefined) this.#schedule(now)
    else if (now - this.#scheduledAt > MAX_AGE_MS) this.#press(now)
  }

  /**
   * Takes in what the sources hold, and writes it on the caller's path; while the file is synced it can well wait for
   * the end of that.
   */
  write(): void {
    this.#collect()
    if (!this.#syncer.busy && this.#outage.mayTry(Date.now())) this.#write()
  }

  /** Writes on the caller's path: there is too much, or it has waited too long. */
  #press(now: number): void {
    this.#scheduledAt = now
    if (!this.#pool.isBusy && this.#outage.mayTry(now)) this.#write()
    else this.#collect()
  }

  /** Resolves when everything recorded so far is written, and synced unless the policy is `no`. */
  async flush(): Promise<void> {
    await this.artifacts.flush()
    this.#collect()
    this.#write()
    const seq = this.#seq
    if (this.#syncer.policy !== 'no') return this.#synced(seq)
    if (seq <= this.#writtenSeq) return
    if (this.#state === 'closed')
      throw new NotDurableError(`${this.file} was closed before all events were written`)
    this.#outage.keepAlive()
    await this.#writtenWaiters.wait(seq)
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
    if (this.#syncer.isAwaited) this.#outage.keepAlive()
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
    if (this.#finishPool(POOL_PATIENCE_MS)) this.#write(true)
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
    while ((this.#outage.isOn || this.#pool.isBusy) && Date.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, CLOSE_RETRY_MS))
      this.#write(true)
    }
    if (!this.#outage.isOn && this.#syncer.policy !== 'no') {
      await this.#syncer.wait(this.#seq).catch(() => {}) // reported by the syncer
    }
    await this.#syncer.idle()
    await this.#housekeeping.compressed()
    this.closeSync()
  }

  #finish(): void {
    this.#state = 'closed'
    clearImmediate(this.#scheduled)
    clearInterval(this.#heartbeat)
    this.#housekeeping.stop()
    clearTimeout(this.#graceTimer)
    this.#outage.stop()
    this.#forgetExit()
    const reason = this.#outage.message ?? 'closed before it could be written'
    const why = this.#outage.isOn ? `: ${this.#outage.message}` : ''
    const error = new NotDurableError(`the log was closed before the event was forced to the disk${why}`)
    this.#syncer.giveUp(error)
    this.#writtenWaiters.rejectAll(error)
    this.#closeFile()
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

  /** Not under what the pool still does with it: the end of that comes back here. */
  #closeFile(): void {
    if (!this.#syncer.busy && !this.#pool.isBusy) this.#chain.live.close()
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
    if (this.#writing || !this.#finishPool(POOL_PATIENCE_MS)) return false
    if (this.#outage.mayTry(now)) this.#write()
    return this.#gap === undefined && this.#queue.size < this.#maxBuffer
  }

  #schedule(now: number): void {
    this.#scheduledAt = now
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      if (!this.#syncer.busy) this.#writeIfTaken()
      else {
        // The end of the sync writes what waits, or this timer if the sync takes long.
        this.#graceTimer ??= setTimeout(() => {
          this.#graceTimer = undefined
          this.#writeBesideSync()
        }, SYNC_GRACE_MS)
      }
    })
  }

  /** A write now, while the file is synced, may have to wait for the disk: not on this thread. */
  #writeBesideSync(): void {
    if (!this.#syncer.busy) {
      this.#writeIfTaken()
      return
    }
    if (this.#writing || this.#pool.isBusy || this.#outage.isOn || this.#state !== 'open') return
    this.#collect()
    const bytes = this.#queue.peek()
    if (bytes === undefined) return
    this.#pool.start(bytes, (written, error) => {
      if (this.#state === 'closed') {
        this.#closeFile()
        return
      }
      if (written > 0) this.#writtenSeq = this.#queue.consume(written) ?? this.#writtenSeq
      if (error !== undefined) this.#failed(error)
      this.#tellWaiters()
      this.#writeBesideSync()
    })
  }

  /** Waits on this thread for a write on the pool; whether it is over. */
  #finishPool(patienceMs: number): boolean {
    if (!this.#pool.isBusy) return true
    const written = this.#pool.finishSync(patienceMs)
    if (written === undefined) return false
    this.#writtenSeq = this.#queue.consume(written) ?? this.#writtenSeq
    return true
  }

  #afterSync(): void {
    if (this.#state === 'closed') {
      this.#closeFile()
      return
    }
    clearTimeout(this.#graceTimer)
    this.#graceTimer = undefined
    this.#writeIfTaken()
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
    this.#housekeeping.openLine(now)
    const inherited = this.#lock.inherited
    if (inherited !== undefined) {
      const lost = eventsLost(inherited, this.#chain.lastSeq)
      if (lost > 0) this.#line('log.gap', { lost, reason: inherited.reason }, now, lost)
    }
    this.#write()
  }

  /** Writes the queue and the lines that fall due on the way; with `last`, a seal over everything at the end. */
  #write(last = false): void {
    if (this.#writing || this.#pool.isBusy || this.#state === 'closed') return
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

  /** While the file takes nothing, writing is tried when the outage says so. */
  #writeIfTaken(): void {
    if (!this.#outage.isOn) this.#write()
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

  /** Queues what is due, when the queue is empty; false when there is nothing. */
  #addDueLine(now: number, last: boolean): boolean {
    if (this.#gap === undefined) return this.#housekeeping.doDue(now, last)
    this.#line('log.gap', { ...this.#gap }, now, this.#gap.lost)
    this.#gap = undefined
    return true
  }

  #failed(error: Error): void {
    const cause = error instanceof WriteError ? error.cause : error
    if (cause === error) this.#housekeeping.inspectSoon()
    if (!this.#outage.isOn) {
      diag.error(
        `hivelog: cannot write ${this.file}: ${cause.message}; events wait in memory and it is tried again`,
      )
    }
    this.#outage.failed(cause.message, !this.#writtenWaiters.isEmpty || this.#syncer.isAwaited)
  }

  #recovered(): void {
    if (!this.#outage.isOn) return
    this.#outage.over()
    diag.warn(`hivelog: ${this.file} can be written again`)
  }

  #tellWaiters(): void {
    this.#syncer.wrote(this.#writtenSeq)
    this.#writtenWaiters.resolveUpTo(this.#writtenSeq)
  }
}
