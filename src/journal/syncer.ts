/**
 * When written bytes are forced to the disk. The words are those that Redis made known for its append-only file:
 * `always` syncs after every batch of writes, `everysec` once a second while something was written, `no` leaves it
 * to the operating system. Whoever must know that a line is on disk waits for its `seq`, whatever the policy.
 *
 * Syncs run on a thread of the pool, one at a time; all who wait meanwhile share the next one (group commit).
 *
 * A sync that failed says that the kernel could not write some pages, and it may have dropped them: a later sync that
 * succeeds says nothing of them. So what was written to the file until then is refused for ever, and nothing more of
 * that file is taken for synced; the journal goes on in another one.
 */
import { fdatasync, fdatasyncSync } from 'node:fs'
import { dirname } from 'node:path'
import { isForbidden, syncByPath, syncFileSync, syncFolder, syncFolderSync } from '../disk/durable.js'
import { NotDurableError } from './errors.js'
import { Refusals } from './refusals.js'
import type { WriteCalls } from './segment-file.js'
import { Waiters } from './waiters.js'

/**
 * When lines are synced to the disk, in Redis' words: `always` after each write, `everysec` once a second,
 * `no` when the system does it. Escalations and approvals are synced before their promise resolves, whatever
 * the policy.
 */
export type FsyncPolicy = 'always' | 'everysec' | 'no'

const EVERYSEC_MS = 1000

/** An open segment, and where it lies now. */
interface Synced {
  readonly fd: number
  path: string
}

/** Lines that were written and are not known to be on disk. */
export interface Unsynced {
  from: number
  to: number
  error: NotDurableError
}

/** From which line on it cannot be said that lines are where they belong. */
export interface Doubt {
  from: number
  error: NotDurableError
}

export interface SyncerHooks {
  /** Called after each sync, when writing may go on. */
  idle(): void
  /** The disk refused: these lines are refused, and the file needs a successor. */
  refused(lines: Unsynced): void
  /** Something was forced to the disk. */
  synced(): void
  /** Looks whether what was synced is where it belongs; what is wrong, if it is not. */
  look(): Doubt | undefined
}

export class Syncer {
  policy: FsyncPolicy
  #hooks: SyncerHooks
  #sync: NonNullable<WriteCalls['fdatasync']>
  #live: Synced
  /** The log's folder, while a new name in it is not known to be on disk. */
  #folder: string | undefined
  /** Files of segments that are archived and not synced yet; closed after their last sync. */
  #retired: { file: Synced; close: () => void }[] = []
  #writtenSeq: number
  #syncedSeq: number
  #refusals = new Refusals()
  /** Why the present file is not synced any more. */
  #broken: NotDurableError | undefined
  #waiters = new Waiters()
  #timer: NodeJS.Timeout | undefined
  #busy = false
  #idleWaiters: (() => void)[] = []
  #over: NotDurableError | undefined

  /**
   * @param fd of the file `file`, whose name is not on disk yet
   * @param sync the system call, for fault-injection tests
   */
  constructor(
    policy: FsyncPolicy,
    file: string,
    fd: number,
    seq: number,
    hooks: SyncerHooks,
    sync: WriteCalls['fdatasync'] = fdatasync,
  ) {
    this.#sync = sync
    this.policy = policy
    this.#live = { fd, path: file }
    this.#folder = dirname(file)
    this.#writtenSeq = seq
    this.#syncedSeq = seq
    this.#hooks = hooks
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

  /** Whether a sync of the present file failed: what is written to it now is refused. */
  get isBroken(): boolean {
    return this.#broken !== undefined
  }

  /** Lines up to `seq` were written. */
  wrote(seq: number): void {
    if (seq <= this.#writtenSeq) return
    this.#writtenSeq = seq
    if (this.#broken !== undefined) this.#refuseWritten(this.#broken)
    else if (this.policy === 'always' || this.#waiters.hasUpTo(seq)) this.#start()
    else if (this.policy === 'everysec' && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#start()
      }, EVERYSEC_MS).unref()
    }
  }

  /** Resolves when line `seq` and all before it are on disk. Rejects with `NotDurableError` when that fails. */
  wait(seq: number): Promise<void> {
    const refusal = this.#refusals.of(seq)
    if (refusal !== undefined) return Promise.reject(refusal)
    if (seq <= this.#syncedSeq) {
      const doubt = this.#hooks.look()
      return doubt === undefined || seq < doubt.from ? Promise.resolve() : Promise.reject(doubt.error)
    }
    if (this.#over !== undefined) return Promise.reject(this.#over)
    const synced = this.#waiters.wait(seq)
    if (seq <= this.#writtenSeq) this.#start()
    return synced
  }

  /** Why one of these lines is refused; `undefined` when none is. */
  refusalIn(from: number, to: number): NotDurableError | undefined {
    return this.#refusals.in(from, to)
  }

  /** Line `seq` will never be said to be on disk, nor will those from there up to `to`. */
  refuse(from: number, to: number, error: NotDurableError): void {
    this.#refusals.add(from, to, error)
    this.#waiters.rejectRange(from, to, error)
  }

  /**
   * Goes on with another file; the one before is synced once more and then closed by `close`. With policy `no` too:
   * who waits for a line of the new file is promised all before it.
   * @param left where the one before lies now. Default: nobody knows
   * @param path of the new one. Default: that which the one before had
   */
  moveTo(fd: number, close: () => void, left?: string, path = this.#live.path): void {
    const file = this.#live
    if (left !== undefined) file.path = left
    // What a refused sync may have dropped, no further one brings back.
    if (this.#broken !== undefined) close()
    else this.#retired.push({ file, close })
    this.#live = { fd, path }
    this.#folder = dirname(path)
    this.#broken = undefined
    this.#start()
  }

  /** Goes on with another file, without a word on the one before: what of it is not known to be on disk is refused. */
  replace(fd: number, close: () => void, error: NotDurableError, path: string): void {
    this.#refuseWritten(error)
    this.moveTo(fd, close, undefined, path)
  }

  /** Makes the file's name survive a power cut, at the opening. What fails is tried again by the first sync. */
  syncNameSync(): void {
    try {
      if (syncFolderSync(dirname(this.#live.path))) this.#folder = undefined
    } catch {
      // The first sync of the file says so.
    }
  }

  /** Resolves when no sync runs and the files of all archived segments are closed. */
  async idle(): Promise<void> {
    while (this.#busy) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Syncs on this thread, for the end of the process. With policy `no`, only if somebody waits for it. */
  finishSync(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const isAsked = this.policy !== 'no' || this.isAwaited
    if (this.#writtenSeq > this.#syncedSeq && isAsked && this.#broken === undefined) {
      try {
        if (this.#folder !== undefined) syncFolderSync(this.#folder)
        const files = [...this.#retired.map(({ file }) => file), this.#live]
        // Where Node forbids it, nobody is told that it is done, and nothing is known to be lost.
        if (files.every(({ fd }) => syncFileSync(fd, fdatasyncSync))) this.#settle(this.#writtenSeq)
      } catch (error) {
        this.#fail(error as Error)
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
    if (this.#busy || this.#over !== undefined || this.#broken !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#busy = true
    const target = this.#writtenSeq
    const retired = this.#retired.length
    const files = [...this.#retired.map(({ file }) => file), this.#live]
    const folder = this.#folder
    this.#folder = undefined
    this.#syncAll(folder, files, (error) => {
      this.#busy = false
      if (error !== null) this.#folder ??= folder
      if (error === null) this.#settle(target)
      else this.#fail(error)
      this.#closeRetired(this.#over === undefined ? retired : this.#retired.length)
      this.#hooks.idle()
      const isBehind = this.policy === 'always' && this.#writtenSeq > target
      if (isBehind || this.#retired.length > 0 || this.#waiters.hasUpTo(this.#writtenSeq)) this.#start()
      if (!this.#busy) for (const resolve of this.#idleWaiters.splice(0)) resolve()
    })
  }

  #syncAll(folder: string | undefined, files: Synced[], done: (error: Error | null) => void): void {
    if (folder !== undefined) {
      syncFolder(folder).then(() => this.#syncAll(undefined, files, done), done)
      return
    }
    const file = files.shift()
    if (file === undefined) done(null)
    else
      this.#datasync(file, (error) => (error === null ? this.#syncAll(undefined, files, done) : done(error)))
  }

  #datasync(file: Synced, done: (error: Error | null) => void): void {
    this.#sync(file.fd, (error) => {
      if (error !== null && isForbidden(error)) this.#syncByPath(file, done)
      else done(error)
    })
  }

  #syncByPath(file: Synced, done: (error: Error | null) => void): void {
    const { path } = file
    // It may have been archived meanwhile.
    const failed = (error: Error): void => (file.path === path ? done(error) : this.#syncByPath(file, done))
    syncByPath(file.fd, path).then(() => done(null), failed)
  }

  #closeRetired(count: number): void {
    for (const { close } of this.#retired.splice(0, count)) close()
  }

  #settle(target: number): void {
    // The bytes may be safe in a file that has no name any more.
    const doubt = this.#waiters.hasUpTo(target) ? this.#hooks.look() : undefined
    if (doubt !== undefined) this.#waiters.rejectRange(doubt.from, target, doubt.error)
    this.#syncedSeq = Math.max(this.#syncedSeq, target)
    this.#waiters.resolveUpTo(target)
    this.#hooks.synced()
  }

  #fail(cause: Error): void {
    const error = new NotDurableError(`the disk refused to sync the log: ${cause.message}`, cause)
    this.#broken = error
    const from = this.#syncedSeq + 1
    this.#refuseWritten(error)
    this.#hooks.refused({ from, to: this.#writtenSeq, error })
  }

  /** Pages that were written while a sync failed are in doubt as well. */
  #refuseWritten(error: NotDurableError): void {
    this.refuse(this.#syncedSeq + 1, this.#writtenSeq, error)
    this.#syncedSeq = Math.max(this.#syncedSeq, this.#writtenSeq)
  }
}
