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
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { diag } from '@opentelemetry/api'
import { removeDrafts } from '../disk/durable.js'
import { apartLog } from '../format/beside.js'
import { encodeLine, encodeTail, type Fields, type Tail } from '../format/encode.js'
import { checkOptions } from '../format/options.js'
import { KeptIndex } from '../keep/kept-index.js'
import { type KeepIndexOptions, keptEvery } from '../keep/options.js'
import { ArtifactStore } from './artifacts.js'
import { asOpenError, NotDurableError } from './errors.js'
import { closeAtExit } from './exit.js'
import { Housekeeping, type LineWriter } from './housekeeping.js'
import { LineQueue } from './line-queue.js'
import { acquireLock, eventsLost, type Gap, HEARTBEAT_MS, type Lock, type Loss } from './lock.js'
import { JOURNAL_RULES } from './options.js'
import { Outage } from './outage.js'
import { PoolWrite } from './pool-write.js'
import type { SealOptions } from './seal.js'
import {
  type Change,
  canonicalPath,
  isCompressionDraft,
  type Left,
  type Range,
  type RotateOptions,
  SegmentChain,
} from './segment-chain.js'
import { type WriteCalls, WriteError } from './segment-file.js'
import { type Doubt, type FsyncPolicy, Syncer } from './syncer.js'
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
  /**
   * Has the side index of the log (`<log>.index`) kept up while it is written, so that nobody who asks for a state
   * waits for it: after each 64 MiB, and when a segment is archived. That is done by a process beside this one, at the
   * lowest priority, one at a time, which ends by itself; nothing of it is on the way of an event, and `close` neither
   * starts nor awaits one. It is off unless asked for: such a process takes some 100 MB, up to 512 of heap, and a
   * processor that nobody else wants, which is not for a recorder to take in somebody's container. Where none can be
   * started, that is told to the diag logger, once. Default false.
   */
  keepIndex?: boolean | KeepIndexOptions
  /** For fault-injection tests: the system calls that write and sync. */
  calls?: WriteCalls
}

/** @param isLast whether the journal is closed after it: what is not appended now never is */
export type Source = (isLast: boolean) => void

export const DEFAULT_MAX_BUFFER = 16 * 1024 * 1024
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
/** How often it is looked whether the file is still the one that is written. */
const LOOK_MS = 1_000
/** Events of one time that are recorded before the clock is asked for the time. */
const UNTIMED_EVENTS = 32
/** Lines of the journal's own, and gaps, that are remembered. */
const MAX_OWN = 10_000
const MAX_GAPS = 100

/** Milliseconds that no correction of the clock moves; an event's own time is another matter. */
const clock = (): number => performance.now()

/**
 * Inside, lines are counted by tickets, which go up by one an event and never change; a line's `seq` is its ticket less
 * `#shift`, which moves when lines of the journal's own must come before events that wait.
 */
export class Journal {
  /** Path of the log that was opened. */
  readonly file: string
  /** Whether lines of an earlier opening were in it. */
  readonly isReopened: boolean
  artifacts: ArtifactStore
  #options: JournalOptions
  /** Of the journal's own lines. */
  #tail: Tail
  #chain: SegmentChain
  #syncer: Syncer
  #housekeeping: Housekeeping
  #lock: Lock
  #sources = new Set<Source>()
  #queue = new LineQueue()
  #maxBuffer: number
  /** Tickets of the newest line, the newest one at the last flush, and the last line that is written. */
  #ticket: number
  #flushed: number
  #written: number
  #shift = 0
  /** How many lines are put before those that wait, while that is done. */
  #inserted: number | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #scheduled: NodeJS.Immediate | undefined
  #graceTimer: NodeJS.Timeout | undefined
  /** When the turn of the event loop began in which the next write was asked for, nearly. */
  #scheduledAt = 0
  /** The last event's own time, and how many came since the clock was asked. */
  #lastTs = 0
  #untimed = 0
  #writing = false
  #outage = new Outage(() => this.#write())
  /** Why the last write that failed did. */
  #failure: Error | undefined
  #pool: PoolWrite
  /** Events that are lost now. */
  #gap: { lost: number; reason: string } | undefined
  /** What further `log.gap` lines are to say. */
  #gaps: Gap[] = []
  /** First line that a refused sync left in doubt, and why. */
  #unsynced: { from: number; reason: string } | undefined
  /** What somebody else did to the file; it is left before the next write. */
  #change: Change | undefined
  #lookAt = 0
  /** Lines of the journal's own that may not be written yet. */
  #own: Loss['own'] = []
  /** `seq` of the newest lines of the journal's own, which are no events. */
  #ownSeqs: number[] = []
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
    checkOptions('Journal', options, JOURNAL_RULES)
    this.file = canonicalPath(options.file)
    this.#options = options
    this.#tail = encodeTail({ session: options.session })
    this.#maxBuffer = options.maxBufferBytes ?? DEFAULT_MAX_BUFFER
    const policy = options.fsync ?? 'everysec'
    const { lock, chain } = this.#openChain(this.file)
    this.#lock = lock
    this.#chain = chain
    this.isReopened = chain.lastSeq > 0
    let heartbeat: NodeJS.Timeout | undefined
    let forgetExit: (() => void) | undefined
    try {
      this.#ticket = chain.lastSeq
      this.#flushed = chain.lastSeq
      this.#written = chain.lastSeq
      this.#syncer = new Syncer(
        policy,
        this.file,
        chain.live.fd,
        this.#ticket,
        {
          idle: () => this.#afterSync(),
          synced: () => this.#housekeeping.noteSynced(),
          refused: ({ from, error }) => {
            diag.error(
              `hivelog: ${this.path}: ${error.message}; lines from seq ${from - this.#shift} are in doubt`,
            )
            this.#unsynced ??= { from: from - this.#shift, reason: error.message }
            setImmediate(() => this.#writeIfTaken())
          },
          look: () => this.#look(),
        },
        options.calls?.fdatasync?.bind(options.calls),
      )
      this.#pool = new PoolWrite(chain)
      this.#housekeeping = this.#keepHouse()
      this.artifacts = new ArtifactStore(this.file, policy !== 'no', (tickets, ref, error) =>
        this.#lostArtifact(tickets, ref, error),
      )
      heartbeat = this.#heartbeat = setInterval(() => this.#lock.touch(), HEARTBEAT_MS).unref()
      forgetExit = this.#forgetExit = closeAtExit(() => this.closeSync())
      this.#open()
      if (policy !== 'no') this.#syncer.syncNameSync()
    } catch (error) {
      // Whatever went wrong on the way, the next opener finds the log free.
      clearInterval(heartbeat)
      forgetExit?.()
      this.#state = 'closed'
      chain.live.close()
      if (lock.inherited === undefined) lock.release()
      else lock.abandon(lock.inherited)
      throw error
    }
  }

  #openChain(file: string): { lock: Lock; chain: SegmentChain } {
    const { seal = {}, rotate = {}, calls } = this.#options
    const lock = acquireLock(file)
    try {
      return { lock, chain: new SegmentChain(file, seal, rotate, calls, lock.byHeartbeat) }
    } catch (error) {
      if (lock.inherited === undefined) lock.release()
      else lock.abandon(lock.inherited)
      throw asOpenError(file, error)
    }
  }

  #keepHouse(): Housekeeping {
    const writer: LineWriter = {
      seq: () => (this.#inserted === undefined ? this.seq : this.#written - this.#shift + this.#inserted),
      line: (kind, fields) => this.#line(kind, fields),
      drain: () => this.#drain(),
      isIncomplete: () => this.artifacts.isPending,
      requestWrite: () => this.#writeIfTaken(),
    }
    const { keepIndex, rotate } = this.#options
    const every = keptEvery(keepIndex)
    const { file, live } = this.#chain
    const tell = (message: string): void => diag.warn(`hivelog: ${message}`)
    const index = every === undefined ? undefined : new KeptIndex(file, every, live.size, tell)
    return new Housekeeping(this.#chain, this.#syncer, writer, rotate?.gzip ?? false, index)
  }

  /** Path of the log that is written: `file`, unless another process took that over. */
  get path(): string {
    return this.#chain.file
  }

  /** `seq` of the newest line. */
  get seq(): number {
    return this.#ticket - this.#shift
  }

  /** Why the file takes nothing now, nor did when it was closed; `undefined` while it does. */
  get trouble(): NotDurableError | undefined {
    const cause = this.#outage.isOn ? this.#failure : undefined
    return cause && new NotDurableError(`${this.path} cannot be written: ${cause.message}`, cause)
  }

  /** Lines lost since they were last reported in a `log.gap`. */
  get lost(): number {
    return this.#gap?.lost ?? 0
  }

  /**
   * Records an event, whose fields must be plain JSON values. Throws only when no string can hold a value's JSON;
   * then nothing is recorded.
   * @param ts when it happened, epoch milliseconds
   * @param checkpoint left out for an event that belongs to no agent
   * @returns the line's ticket, to wait for it with `durable`: its `seq`, unless that had to move; or 0 when it is lost:
   *   nothing can be written and the memory for it is used up
   */
  append(ts: number, kind: string, fields: Fields, tail: Tail, checkpoint: number | undefined): number {
    if (this.#state === 'closed') return this.#refuse('the log is closed')
    if (this.#gap !== undefined || this.#queue.size >= this.#maxBuffer) {
      if (!this.#retryNow()) return this.#refuse(this.#outage.message ?? 'the disk does not keep up')
    }
    const ticket = this.#ticket + 1
    encodeLine(this.#queue.next, ts, kind, fields, ticket - this.#shift, tail, checkpoint)
    this.#queue.push(ticket)
    this.#ticket = ticket
    this.#chain.noteEvents()
    if (this.artifacts.isOpen) this.artifacts.claim(ticket, fields)
    if (this.#writing) return ticket
    if (this.#scheduled === undefined) this.#schedule()
    else if (this.#queue.size > HIGH_WATER || this.#isLate(ts)) this.#press()
    return ticket
  }

  /** Has `source` called before each write, to append what it holds back until then. */
  addSource(source: Source): void {
    this.#sources.add(source)
  }

  removeSource(source: Source): void {
    this.#sources.delete(source)
  }

  /**
   * Tells that a source holds something that happened at `ts` (epoch milliseconds): a write follows after this turn of
   * the event loop, or now, if that turn lasts so long already that the line would not be live.
   */
  wake(ts: number): void {
    if (this.#scheduled === undefined) this.#schedule()
    else if (this.#isLate(ts)) this.#press()
  }

  /** Whether this turn lasts too long. The clock is asked when an event's time differs from the one before, mostly. */
  #isLate(ts: number): boolean {
    if (ts === this.#lastTs && ++this.#untimed < UNTIMED_EVENTS) return false
    this.#lastTs = ts
    this.#untimed = 0
    return clock() - this.#scheduledAt > MAX_AGE_MS
  }

  /**
   * Takes in what the sources hold, and writes it on the caller's path; while the file is synced it can well wait for
   * the end of that.
   */
  write(): void {
    this.#collect()
    if (!this.#syncer.busy && this.#outage.mayTry(clock())) this.#write()
  }

  /** Writes on the caller's path: there is too much, or it has waited too long. */
  #press(): void {
    const now = clock()
    this.#scheduledAt = now
    if (!this.#pool.isBusy && this.#outage.mayTry(now)) this.#write()
    else this.#collect()
  }

  /** Syncs at least as `policy` says from now on. */
  tighten(policy: FsyncPolicy): void {
    this.#syncer.tighten(policy)
    if (policy !== 'no') this.artifacts.syncFromNow()
  }

  /**
   * Resolves when everything recorded so far is written, and synced unless the policy is `no`. Rejects with
   * `NotDurableError` when that cannot be said of all that was recorded since the flush before.
   */
  async flush(): Promise<void> {
    await this.artifacts.flush()
    this.#collect()
    this.#write()
    const [from, to] = [this.#flushed + 1, this.#ticket]
    try {
      await this.#reached(to)
      const refusal = this.#syncer.refusalIn(from, to)
      if (refusal !== undefined) throw refusal
    } finally {
      // What was in doubt is told once; the next flush is about what comes after it.
      this.#flushed = Math.max(this.#flushed, to)
    }
  }

  /** Resolves when line `ticket` is written, and synced unless the policy is `no`. */
  async #reached(ticket: number): Promise<void> {
    if (this.#syncer.policy !== 'no') return this.#synced(ticket)
    if (ticket <= this.#written) return
    if (this.#state === 'closed')
      throw new NotDurableError(`${this.path} was closed before all events were written`)
    this.#outage.keepAlive()
    await this.#writtenWaiters.wait(ticket)
  }

  /**
   * Resolves when the line of this ticket and all that it refers to are on disk, whatever the policy.
   * Rejects with `NotDurableError` when it is lost or the disk refused to sync it, now and ever after.
   */
  async durable(ticket: number): Promise<void> {
    if (ticket === 0)
      throw new NotDurableError(
        `the event was not recorded: ${this.#gap?.reason ?? 'the log tells of the loss'}`,
      )
    try {
      if (!this.artifacts.isDone) await this.artifacts.sync()
    } catch (error) {
      throw new NotDurableError(`the disk refused to sync an artifact: ${(error as Error).message}`, error)
    }
    return this.#synced(ticket)
  }

  #synced(ticket: number): Promise<void> {
    const synced = this.#syncer.wait(ticket)
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
    this.#collect(true)
    this.artifacts.flushSync()
    if (this.#finishPool(POOL_PATIENCE_MS)) this.#write(true)
    this.#syncer.finishSync()
    this.#finish()
  }

  async #close(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#housekeeping.noteClosing()
    this.#collect()
    await this.artifacts.flush()
    this.#write(true)
    const patience = clock() + CLOSE_PATIENCE_MS
    while ((this.#outage.isOn || this.#pool.isBusy) && clock() < patience) {
      await new Promise((resolve) => setTimeout(resolve, CLOSE_RETRY_MS))
      this.#write(true)
    }
    if (!this.#outage.isOn && this.#syncer.policy !== 'no') {
      await this.#syncer.wait(this.#ticket).catch(() => {}) // reported by the syncer
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
    this.#noteUnsynced(this.#written - this.#shift)
    const loss: Loss = { assigned: this.seq, own: this.#own, refused: this.lost, reason, gaps: this.#gaps }
    const lost = eventsLost(loss, this.#written - this.#shift)
    if (lost > 0) diag.error(`hivelog: up to ${lost} events of ${this.path} are lost: ${reason}`)
    const isTold = lost === 0 && this.#gaps.length === 0
    try {
      if (isTold) this.#lock.release()
      else this.#lock.abandon(loss)
    } catch (lockError) {
      const what = isTold ? 'the lock stays behind' : 'nor can the loss be noted for the next writer'
      diag.error(`hivelog: ${this.path}: ${what}: ${(lockError as Error).message}`)
    }
  }

  /** Not under what the pool still does with it: the end of that comes back here. */
  #closeFile(): void {
    if (!this.#syncer.busy && !this.#pool.isBusy) this.#chain.live.close()
  }

  #refuse(reason: string): 0 {
    if (this.#gap === undefined) {
      this.#gap = { lost: 0, reason }
      diag.error(`hivelog: events for ${this.path} are being lost from now on: ${reason}`)
    }
    this.#gap.lost++
    return 0
  }

  /** Tries a write that had failed again if its time has come; whether there is room afterwards. */
  #retryNow(): boolean {
    if (this.#writing || !this.#finishPool(POOL_PATIENCE_MS)) return false
    if (this.#outage.mayTry(clock())) this.#write()
    return this.#gap === undefined && this.#queue.size < this.#maxBuffer
  }

  #schedule(): void {
    this.#scheduledAt = clock()
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      if (!this.#syncer.busy) this.#writeIfTaken()
      else {
        // What sources hold may be what waits for something else, which must not begin later for that.
        this.#collect()
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
    // What is wrong with lock or file is seen to by the write after the sync.
    if (this.#change !== undefined || !this.#lock.isHeld()) return
    this.#collect()
    const bytes = this.#queue.peek()
    if (bytes === undefined) return
    this.#pool.start(bytes, (written, error) => {
      if (this.#state === 'closed') {
        this.#closeFile()
        return
      }
      if (written > 0) this.#written = this.#queue.consume(written) ?? this.#written
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
    this.#written = this.#queue.consume(written) ?? this.#written
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
  #line(kind: string, fields: Fields, lost = 0): void {
    const isInserted = this.#inserted !== undefined
    const ticket = isInserted ? this.#written : ++this.#ticket
    if (this.#inserted !== undefined) this.#inserted++
    const seq = ticket - this.#shift + (this.#inserted ?? 0)
    this.#noteOwn(seq, lost)
    encodeLine(this.#queue.next, Date.now(), kind, fields, seq, this.#tail, undefined)
    this.#queue.push(ticket)
    if (kind === 'log.gap') this.#housekeeping.sealGap()
  }

  #noteOwn(seq: number, lost = 0): void {
    this.#own.push({ seq, lost })
    this.#ownSeqs.push(seq)
    if (this.#ownSeqs.length > MAX_OWN) this.#ownSeqs.shift()
  }

  /** How many of the lines from `from` to `to` are events. */
  #eventsIn(from: number, to: number): number {
    const own = this.#ownSeqs.filter((seq) => seq >= from && seq <= to).length
    return Math.max(0, to - from + 1 - own)
  }

  #open(): void {
    const { torn } = this.#chain
    // Nobody but the log's one writer compresses its segments.
    removeDrafts(dirname(this.file), (name) => isCompressionDraft(this.file, name), 0)
    // One write with the lines that account for it, so that a crash right here leaves nothing unaccounted for.
    if (torn.isOpenEnded) {
      this.#queue.next.text('\n')
      this.#queue.push(this.#ticket)
    }
    if (torn.bytes > 0) this.#line('log.torn', { bytes: torn.bytes })
    this.#housekeeping.openLine()
    const reason = 'the writer before was killed before it had stored an artifact'
    for (const { seq, ref } of this.#chain.unstored) {
      this.#addGap({ lost: 1, reason, from: seq, to: seq, artifact: ref })
    }
    const inherited = this.#lock.inherited
    if (inherited !== undefined) {
      for (const gap of inherited.gaps ?? []) this.#line('log.gap', { ...gap }, gap.lost)
      const lost = eventsLost(inherited, this.#chain.lastSeq)
      if (lost > 0) this.#line('log.gap', { lost, reason: inherited.reason }, lost)
    }
    this.#write()
  }

  /** Writes the queue and the lines that fall due on the way; with `last`, a seal over everything at the end. */
  #write(last = false): void {
    if (this.#writing || this.#pool.isBusy || this.#state === 'closed') return
    this.#writing = true
    try {
      this.#collect()
      const now = clock()
      this.#secure(now, last)
      do {
        this.#drain()
        // Before a new segment makes them look as if they were of that one.
        if (this.#syncer.isBroken) this.#syncer.wrote(this.#written)
      } while (this.#addDueLine(now, last))
      this.#recovered()
    } catch (error) {
      this.#failed(error as Error)
    } finally {
      this.#writing = false
    }
    this.#tellWaiters()
  }

  /** Nothing is written to a log that is another's now, or to a file that is not the log's any more. */
  #secure(now: number, last: boolean): void {
    if (!this.#lock.isHeld()) {
      // It may have gone with its folder.
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
      const isBack = this.#lock.retake()
      if (isBack) this.#change ??= this.#chain.look()
      // Whoever held it in between may have written, and has given lines the numbers that would come next.
      if (!isBack || (this.#change !== undefined && this.#chain.isAnothers(this.#change))) {
        this.#goApart()
        return
      }
    }
    // Who seals vouches for the file, so it looks first.
    if (last || now >= this.#lookAt || this.#chain.isSealDue(now)) {
      this.#lookAt = now + LOOK_MS
      this.#change ??= this.#chain.look()
    }
    if (this.#change !== undefined) this.#leave(this.#change)
    else if (this.#housekeeping.isRenewalDue(now)) this.#renew(now)
  }

  /** Looks at the file for those who are about to be told that their lines are on disk. */
  #look(): Doubt | undefined {
    if (this.#state === 'closed') return undefined
    const from = this.#chain.firstSeq + this.#shift
    try {
      this.#change ??= this.#chain.look(this.#pool.bytes)
      if (this.#change === undefined) return undefined
      setImmediate(() => this.#writeIfTaken())
      const missing = this.#chain.missing(this.#change, this.#written - this.#shift)
      if (missing === undefined) return undefined
      const error = new NotDurableError(`${this.path} ${this.#change.message}`)
      this.#refuseLines(missing, error)
      return { from: missing.from + this.#shift, error }
    } catch (error) {
      const cause = error as Error
      return { from, error: new NotDurableError(`${this.path} cannot be looked at: ${cause.message}`, cause) }
    }
  }

  #refuseLines({ from, to }: Range, error: NotDurableError): void {
    this.#syncer.refuse(from + this.#shift, to + this.#shift, error)
  }

  /** Goes on in a new segment, before whose events stands what became of the one before. */
  #leave(change: Change): void {
    const waiting = this.#takeWaiting()
    const written = this.#written - this.#shift
    let left: Left
    try {
      left = this.#chain.leave(change, written + 1)
    } catch (error) {
      this.#putBack(waiting)
      throw error
    }
    const { old, missing } = left
    this.#change = undefined
    this.#noteUnsynced(missing === undefined ? written : missing.from - 1)
    const error = new NotDurableError(`${this.path} ${change.message}`)
    diag.error(`hivelog: ${error.message}; a new segment begins at seq ${written + 1}`)
    if (missing !== undefined) {
      this.#refuseLines(missing, error)
      const lost = this.#eventsIn(missing.from, missing.to)
      this.#addGap({ lost, reason: `the log ${change.message}`, ...missing })
    }
    this.#syncer.moveTo(this.#chain.live.fd, () => old.close())
    this.#beginAgain(waiting, this.#shift, () => this.#housekeeping.openLine())
  }

  /** Goes on in a new segment, since it cannot be known what of the one before is on disk. */
  #renew(now: number): void {
    const waiting = this.#takeWaiting()
    this.#beginAgain(waiting, this.#shift, () => {
      this.#housekeeping.renew(now)
      if (!this.#syncer.isBroken) this.#noteUnsynced(this.#chain.firstSeq - 1)
    })
  }

  /**
   * Another process holds the lock, so the log is its: what is not written yet, and all that comes, goes to a log of its
   * own name.
   */
  #goApart(): void {
    const apart = apartLog(this.file, randomBytes(4).toString('hex'))
    const { lock, chain } = this.#openChain(apart)
    const waiting = this.#takeWaiting()
    const error = new NotDurableError(
      `${this.path} was taken over by another writer; events go on in ${apart}`,
    )
    diag.error(`hivelog: ${error.message}`)
    const { live: old } = this.#chain
    this.#lock.release()
    this.#chain = chain
    this.#lock = lock
    this.#change = undefined
    this.#unsynced = undefined
    this.#syncer.refuse(0, this.#ticket, error)
    this.#writtenWaiters.rejectAll(error)
    this.#syncer.replace(chain.live.fd, () => old.close(), error, apart)
    this.#pool = new PoolWrite(chain)
    this.#housekeeping.stop()
    this.#housekeeping = this.#keepHouse()
    this.artifacts.moveTo(
      apart,
      this.#beginAgain(waiting, this.#written, () => this.#housekeeping.openLine()),
    )
  }

  /** Takes the lines that wait out of the queue; the one too of which only a part was written. */
  #takeWaiting(): Buffer[] {
    const waiting = this.#queue.takeLines()
    this.#written = this.#ticket - waiting.length
    return waiting
  }

  #putBack(waiting: readonly Buffer[]): void {
    for (const [index, line] of waiting.entries()) {
      this.#queue.next.bytes(line)
      this.#queue.next.text('\n')
      this.#queue.push(this.#written + 1 + index)
    }
  }

  /**
   * Puts what `begin` writes, the opening of a new file, and gaps before the lines that wait, whose `seq` moves up.
   * @param waiting taken from the queue
   * @param shift by which `seq` is less than the ticket at the start of the new file
   * @returns the artifacts that the lines name
   */
  #beginAgain(waiting: readonly Buffer[], shift: number, begin: () => void): Set<string> {
    const from = this.#written + 1 - this.#shift
    const own = new Map(this.#own.map(({ seq, lost }) => [seq, lost]))
    this.#own = []
    this.#ownSeqs = this.#ownSeqs.filter((seq) => seq < from)
    this.#shift = shift
    this.#inserted = 0
    try {
      begin()
      for (const gap of this.#gaps.splice(0)) this.#line('log.gap', { ...gap }, gap.lost)
    } finally {
      this.#shift -= this.#inserted
      this.#inserted = undefined
      this.#requeue(waiting, from, own)
    }
    return refsIn(waiting)
  }

  /** Queues lines again under the `seq` that they have now; the first of them had `from`. */
  #requeue(waiting: readonly Buffer[], from: number, own: ReadonlyMap<number, number>): void {
    for (const [index, line] of waiting.entries()) {
      const ticket = this.#written + 1 + index
      const seq = ticket - this.#shift
      const lost = own.get(from + index)
      if (lost !== undefined) this.#noteOwn(seq, lost)
      if (OF_A_FILE.test(line.toString('latin1', 0, OF_A_FILE_BYTES))) {
        const reason = 'a line about a file that was left before it could be written'
        encodeLine(this.#queue.next, Date.now(), 'log.gap', { lost: 0, reason }, seq, this.#tail, undefined)
      } else {
        this.#queue.next.text(`${withSeq(line.toString('utf8'), from + index, seq)}\n`)
      }
      this.#queue.push(ticket)
    }
  }

  /** While the file takes nothing, writing is tried when the outage says so. */
  #writeIfTaken(): void {
    if (!this.#outage.isOn) this.#write()
  }

  #collect(isLast = false): void {
    for (const source of this.#sources) source(isLast)
  }

  #drain(): void {
    for (let bytes = this.#queue.peek(); bytes !== undefined; bytes = this.#queue.peek()) {
      try {
        this.#chain.append(bytes)
      } catch (error) {
        if (error instanceof WriteError && error.written > 0) this.#queue.consume(error.written)
        throw error
      }
      this.#written = this.#queue.consume(bytes.length) ?? this.#written
    }
    this.#own.length = 0
  }

  /** Queues what is due, when the queue is empty; false when there is nothing. */
  #addDueLine(now: number, last: boolean): boolean {
    if (!this.#syncer.isBroken) this.#noteUnsynced(this.#chain.firstSeq - 1)
    const gap = this.#gaps.shift()
    if (gap !== undefined) {
      this.#line('log.gap', { ...gap }, gap.lost)
      return true
    }
    if (this.#gap === undefined) return this.#housekeeping.doDue(now, last)
    this.#line('log.gap', { ...this.#gap }, this.#gap.lost)
    this.#gap = undefined
    return true
  }

  /** Lines up to `to` that a refused sync left in doubt are to be told of. */
  #noteUnsynced(to: number): void {
    if (this.#unsynced === undefined) return
    const { from, reason } = this.#unsynced
    this.#unsynced = undefined
    if (to >= from) this.#addGap({ lost: this.#eventsIn(from, to), reason, from, to })
  }

  #addGap(gap: Gap): void {
    const last = this.#gaps.at(-1)
    if (last === undefined || this.#gaps.length < MAX_GAPS || gap.artifact !== undefined) this.#gaps.push(gap)
    else {
      last.lost += gap.lost
      last.from = Math.min(last.from ?? Infinity, gap.from ?? Infinity)
      last.to = Math.max(last.to ?? 0, gap.to ?? 0)
    }
  }

  #lostArtifact(tickets: readonly number[], ref: string, cause: Error): void {
    const error = new NotDurableError(`the artifact ${ref} could not be stored: ${cause.message}`, cause)
    diag.error(`hivelog: ${this.path}: ${error.message}`)
    for (const ticket of tickets) {
      this.#syncer.refuse(ticket, ticket, error)
      const seq = ticket - this.#shift
      this.#addGap({ lost: 1, reason: error.message, from: seq, to: seq, artifact: ref })
    }
    if (this.#state === 'open') setImmediate(() => this.#writeIfTaken())
  }

  #failed(error: Error): void {
    const cause = error instanceof WriteError ? error.cause : error
    // Reading it failed, so perhaps it is not what was written any more.
    if (cause === error) this.#lookAt = 0
    if (!this.#outage.isOn) {
      diag.error(
        `hivelog: cannot write ${this.path}: ${cause.message}; events wait in memory and it is tried again`,
      )
    }
    this.#failure = cause
    this.#outage.failed(cause.message, !this.#writtenWaiters.isEmpty || this.#syncer.isAwaited)
  }

  #recovered(): void {
    if (!this.#outage.isOn) return
    this.#outage.over()
    diag.warn(`hivelog: ${this.path} can be written again`)
  }

  #tellWaiters(): void {
    this.#syncer.wrote(this.#written)
    this.#writtenWaiters.resolveUpTo(this.#written)
  }
}

/** The beginning of a line that says something of the file in which it stands. */
const OF_A_FILE = /^\{"ts":-?\d+,"kind":"log\.(open|seal|changed)"/
const OF_A_FILE_BYTES = 64
const REF = /"ref":"([0-9a-f]{64})"/g

/** The artifacts that lines name. */
const refsIn = (lines: readonly Buffer[]): Set<string> =>
  new Set(lines.flatMap((line) => [...line.toString('latin1').matchAll(REF)].map(([, ref]) => ref as string)))

/** A line with another `seq`, the last one in it: what an event's own fields hold comes before. */
function withSeq(line: string, from: number, to: number): string {
  const [before, after] = [`,"seq":${from},"session":`, `,"seq":${to},"session":`]
  const at = line.lastIndexOf(before)
  if (at === -1) return line
  return line.slice(0, at) + after + line.slice(at + before.length)
}
