/**
 * When written bytes are forced to the disk. The words are those that Redis made known for its append-only file:
 * `always` syncs after every batch of writes, `everysec` once a second while something was written, `no` leaves it
 * to the operating system. Whoever must know that a line is on disk waits for its `seq`, whatever the policy.
 *
 * Syncs run on a thread of the pool, one at a time; all who wait meanwhile share the next one (group commit).
 */
import { fdatasync, fdatasyncSync } from 'node:fs'
import { NotDurableError } from './errors.js'
import type { WriteCalls } from './segment-file.js'
import { Waiters } from './waiters.js'

export type FsyncPolicy = 'always' | 'everysec' | 'no'

const EVERYSEC_MS = 1000

export class Syncer {
  policy: FsyncPolicy
  #sync: NonNullable<WriteCalls['fdatasync']>
  #onIdle: () => void
  #onError: (error: Error) => void
  #fd: number
  /** Files of segments that are archived and not synced yet; closed after their last sync. */
  #retired: { fd: number; close: () => void }[] = []
  #writtenSeq: number
  #syncedSeq: number
  #waiters = new Waiters()
  #timer: NodeJS.Timeout | undefined
  #busy = false
  #idleWaiters: (() => void)[] = []
  #over: NotDurableError | undefined

  /**
   * @param onIdle called after each sync, when writing may go on
   * @param onError told of syncs that the disk refused
   * @param sync the system call, for fault-injection tests
   */
  constructor(
    policy: FsyncPolicy,
    fd: number,
    seq: number,
    onIdle: () => void,
    onError: (error: Error) => void,
    sync: WriteCalls['fdatasync'] = fdatasync,
  ) {
    this.#sync = sync
    this.policy = policy
    this.#fd = fd
    this.#writtenSeq = seq
    this.#syncedSeq = seq
    this.#onIdle = onIdle
    this.#onError = onError
  }

  /** Follows a stricter policy from now on; what was written before is synced too. */
  tighten(policy: FsyncPolicy): void {
    this.policy = policy
    if (policy !== 'no' && this.#writtenSeq > this.#syncedSeq) this.#start()
  }

  /** Whether a sync runs; a write to the file at this time may have to wait for it in the kernel. */
  get busy(): boolean {
    return this.#busy
  }

  /** Whether somebody waits for a line to be on disk. */
  get isAwaited(): boolean {
    return !this.#waiters.isEmpty
  }

  /** Lines up to `seq` were written. */
  wrote(seq: number): void {
    if (seq <= this.#writtenSeq) return
    this.#writtenSeq = seq
    if (this.policy === 'always' || this.#waiters.hasUpTo(seq)) this.#start()
    else if (this.policy === 'everysec' && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#start()
      }, EVERYSEC_MS).unref()
    }
  }

  /** Resolves when line `seq` and all before it are on disk. Rejects with `NotDurableError` when that fails. */
  wait(seq: number): Promise<void> {
    if (seq <= this.#syncedSeq) return Promise.resolve()
    if (this.#over !== undefined) return Promise.reject(this.#over)
    const synced = this.#waiters.wait(seq)
    if (seq <= this.#writtenSeq) this.#start()
    return synced
  }

  /**
   * Goes on with another file; the one before is synced once more and then closed by `close`. With policy `no` too:
   * who waits for a line of the new file is promised all before it.
   */
  moveTo(fd: number, close: () => void): void {
    this.#retired.push({ fd: this.#fd, close })
    this.#fd = fd
    this.#start()
  }

  /** Resolves when no sync runs and the files of all archived segments are closed. */
  async idle(): Promise<void> {
    while (this.#busy) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Syncs on this thread, for the end of the process. With policy `no`, only if somebody waits for it. */
  finishSync(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writtenSeq > this.#syncedSeq && (this.policy !== 'no' || this.isAwaited)) {
      try {
        for (const { fd } of this.#retired) fdatasyncSync(fd)
        fdatasyncSync(this.#fd)
        this.#settle(this.#writtenSeq)
      } catch (error) {
        this.#fail(this.#writtenSeq, error as Error)
      }
    }
    // A sync on the pool still uses the files: its callback closes them.
    if (!this.#busy) this.#closeRetired(this.#retired.length)
  }

  /** Rejects whoever still waits, or comes to wait: there will be no more syncs. */
  giveUp(error: NotDurableError): void {
    this.#over = error
    this.#waiters.rejectAll(error)
  }

  #start(): void {
    if (this.#busy || this.#over !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#busy = true
    const target = this.#writtenSeq
    const retired = this.#retired.length
    const fds = [...this.#retired.map(({ fd }) => fd), this.#fd]
    this.#syncAll(fds, (error) => {
      this.#busy = false
      this.#closeRetired(this.#over === undefined ? retired : this.#retired.length)
      if (error === null) this.#settle(target)
      else this.#fail(target, error)
      this.#onIdle()
      const isBehind = this.policy === 'always' && this.#writtenSeq > target
      if (isBehind || this.#retired.length > 0 || this.#waiters.hasUpTo(this.#writtenSeq)) this.#start()
      if (!this.#busy) for (const resolve of this.#idleWaiters.splice(0)) resolve()
    })
  }

  #syncAll(fds: number[], done: (error: Error | null) => void): void {
    const fd = fds.shift()
    if (fd === undefined) done(null)
    else this.#sync(fd, (error) => (error === null ? this.#syncAll(fds, done) : done(error)))
  }

  #closeRetired(count: number): void {
    for (const { close } of this.#retired.splice(0, count)) close()
  }

  #settle(target: number): void {
    this.#syncedSeq = Math.max(this.#syncedSeq, target)
    this.#waiters.resolveUpTo(target)
  }

  #fail(target: number, cause: Error): void {
    this.#onError(cause)
    // The kernel may have dropped the pages that it could not write, so a later success says nothing of these.
    const error = new NotDurableError(`the disk refused to sync the log: ${cause.message}`, cause)
    this.#waiters.rejectUpTo(target, error)
  }
}
