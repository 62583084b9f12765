/**
 * One writer a log. The lock is a file beside the log, `<log>.lock`, that names its holder; it exists while the
 * log is open. A holder that is dead is succeeded at once: one of this host is dead when no process has its pid
 * and start time, one of another host (a shared volume, a former container) when it has not touched the file for
 * `FOREIGN_STALE_MS`.
 *
 * Succession is race-free: whoever wants to replace the lock with nonce N first creates `<log>.lock.<N>`, which
 * only one process can, and then sees whether N is still the lock. So a lock is only ever replaced by the one
 * process that holds the claim to it.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  futimesSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type LockHolder, LogLockedError, LogOpenError } from './errors.js'

/** How often a holder touches its lock, and after how long without a touch another host may take it over. */
export const HEARTBEAT_MS = 5_000
export const FOREIGN_STALE_MS = 30_000
/** A claimer works for well under a millisecond; one whose claim is older than this died at it. */
const CLAIM_STALE_MS = 2_000
/** How long an opener tries while the lock changes hands: long enough to outlive a stale claim. */
const PATIENCE_MS = 3_000
/** Age at which what a killed opener left beside the lock is removed. */
const LITTER_MS = 60_000
const LITTER = /^([0-9a-f]{16}(\.new)?|damaged)$/

interface LockRecord extends LockHolder {
  nonce: string
  /** The holder's start time as the kernel tells it, so that a pid used again is not taken for the holder. */
  startTime?: string
  /** Left behind by a holder that could not write out everything. */
  lost?: Loss
}

/** What a writer that ended could neither write nor report in the log. */
export interface Loss {
  /** The last `seq` that it gave out; lines up to it that are not in the file are lost. */
  assigned: number
  /** Of these lines, the journal's own, which are no events; `lost` is how many events a `log.gap` was to report. */
  own: { seq: number; lost: number }[]
  /** Events that got no `seq` any more. */
  refused: number
  reason: string
}

/** How many events a loss comes to when `lastSeq` is the last line in the file. */
export function eventsLost(loss: Loss, lastSeq: number): number {
  let lost = loss.refused + Math.max(0, loss.assigned - lastSeq)
  for (const own of loss.own ?? []) if (own.seq > lastSeq) lost += own.lost - 1
  return lost
}

export interface Lock {
  /** What the holder before this one lost and could not say in the log. */
  inherited: Loss | undefined
  /** Shows hosts that cannot see this process that it lives. */
  touch(): void
  release(): void
  /** Leaves the lock behind with a note for the next opener instead of releasing it. */
  abandon(lost: Loss): void
}

/**
 * Takes the lock of `file`.
 * @throws {LogLockedError} when a live process holds it
 * @throws {LogOpenError} when the lock cannot be made
 */
export function acquireLock(file: string): Lock {
  const path = `${file}.lock`
  try {
    const lock = takeLock(file, path)
    removeLitter(path)
    return lock
  } catch (error) {
    if (error instanceof LogLockedError || error instanceof LogOpenError) throw error
    throw new LogOpenError(`cannot lock ${file}, which its writer must: ${(error as Error).message}`, error)
  }
}

function takeLock(file: string, path: string): Lock {
  const mine: LockRecord = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    nonce: randomBytes(8).toString('hex'),
  }
  const startTime = processStartTime(process.pid)
  if (startTime !== undefined) mine.startTime = startTime
  const draft = `${path}.${mine.nonce}.new`
  const deadline = performance.now() + PATIENCE_MS
  try {
    writeFileSync(draft, JSON.stringify(mine), { mode: 0o600, flag: 'wx' })
    while (performance.now() < deadline) {
      try {
        linkSync(draft, path)
        return heldLock(path, mine, undefined)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const current = readLock(path)
      if (current === undefined) continue
      if (isAlive(current, path)) throw new LogLockedError(file, current)
      if (succeed(path, current.nonce, draft)) return heldLock(path, mine, current.lost)
    }
    throw new LogOpenError(
      `${path} changes hands too fast to be taken; try again, or remove it if no process uses ${file}`,
    )
  } finally {
    unlinkIfThere(draft)
  }
}

/** Replaces the lock of the dead holder `nonce` by `draft`; false when another process was faster. */
function succeed(path: string, nonce: string, draft: string): boolean {
  const claim = `${path}.${nonce}`
  let fd: number
  try {
    fd = openSync(claim, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (ageMs(claim) > CLAIM_STALE_MS) unlinkIfThere(claim)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    return false
  }
  try {
    writeSync(fd, String(process.pid))
    if (readLock(path)?.nonce !== nonce) return false
    renameSync(draft, path)
    return true
  } finally {
    closeSync(fd)
    unlinkIfThere(claim)
  }
}

function heldLock(path: string, mine: LockRecord, inherited: Lock['inherited']): Lock {
  const stillMine = (): boolean => readLock(path)?.nonce === mine.nonce
  return {
    inherited,
    touch() {
      try {
        if (!stillMine()) return
        const fd = openSync(path, 'r+')
        try {
          const now = new Date()
          futimesSync(fd, now, now)
        } finally {
          closeSync(fd)
        }
      } catch {
        // A missed heartbeat only matters to other hosts, and only after six of them.
      }
    },
    release() {
      if (stillMine()) unlinkIfThere(path)
    },
    abandon(lost) {
      // In place: on a full disk there may be no room for a new file, but there is for these bytes.
      if (stillMine()) writeFileSync(path, JSON.stringify({ ...mine, lost }), { flag: 'r+' })
    },
  }
}

function readLock(path: string): LockRecord | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const record = JSON.parse(text) as LockRecord
    if (typeof record.pid === 'number' && typeof record.nonce === 'string') return record
  } catch {
    // Falls through: not a lock of ours, or its blocks never reached the disk before a power cut.
  }
  return { pid: 0, host: hostname(), since: 'an unknown time', nonce: 'damaged' }
}

function isAlive(holder: LockRecord, path: string): boolean {
  if (holder.host !== hostname()) return ageMs(path) < FOREIGN_STALE_MS
  if (holder.lost !== undefined || holder.pid <= 0) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const startTime = processStartTime(holder.pid)
  return startTime === undefined || holder.startTime === undefined || startTime === holder.startTime
}

/** Boot id and start tick of a process, on systems with `/proc`; a zombie counts as gone. */
function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name, in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return 'gone'
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot}/${fields[19]}`
  } catch {
    return undefined
  }
}

/** Removes the drafts and claims of openers that were killed. */
function removeLitter(path: string): void {
  const prefix = `${basename(path)}.`
  try {
    for (const name of readdirSync(dirname(path))) {
      if (!name.startsWith(prefix) || !LITTER.test(name.slice(prefix.length))) continue
      const litter = join(dirname(path), name)
      if (ageMs(litter) > LITTER_MS) unlinkIfThere(litter)
    }
  } catch {
    // It is in nobody's way.
  }
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return 0
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
