/**
 * One writer a log. The lock is a folder beside the log, `<log>.lock`, that holds one file: its name is the holder's
 * nonce, its content says who the holder is. It exists while the log is open.
 *
 * Every step that changes hands names the nonce that it is about, so that one who stalls between two steps can do
 * no harm with the second:
 * - A free lock is taken by renaming a whole folder, with the file in it, to `<log>.lock`, which fails when there is
 *   a folder that is not empty.
 * - A dead holder N is succeeded by M by renaming N's file to M's name. The file goes once, so only one succeeds;
 *   and M is then the holder, of whom `<log>.lock.<M>.new` tells until M's own record has replaced N's.
 * - It is released by removing the file of this name and then the folder, if that is empty.
 * Who took it looks whether its file is the only one before it goes on, and again before each write (`isHeld`).
 *
 * A holder is dead when it can be seen to be: it left a note that it ended, its process is gone, its thread was
 * terminated, or its machine has started again. Where its process cannot be seen (another host on a shared volume,
 * another pid namespace) it counts as dead when it has not touched its file for `STALE_MS`; that can be wrong, of a
 * process that was stopped for so long, and the lock says so with `byHeartbeat`.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname, uptime } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { isMainThread, threadId } from 'node:worker_threads'
import { closeQuietly } from '../disk/open.js'
import { lockFile } from '../format/beside.js'
import { type LockHolder, LogLockedError, LogOpenError } from './errors.js'

/** How often a holder touches its lock, and after how long without a touch one that cannot be seen is dead. */
export const HEARTBEAT_MS = 5_000
export const STALE_MS = 30_000
/** How long an opener tries while the lock changes hands. */
const PATIENCE_MS = 3_000
/** Age at which what a killed opener left beside the lock is removed. */
const LITTER_MS = 60_000
/** Drafts, and what versions before this one left. */
const LITTER = /^([0-9a-f]{16}(\.new(\.thread)?)?|damaged)$/
const NONCE = /^[0-9a-f]{16}$/
/** A record is far shorter. */
const MAX_RECORD_BYTES = 64 * 1024

interface LockRecord extends LockHolder {
  nonce: string
  /** The holder's start time as the kernel tells it, so that a pid used again is not taken for the holder. */
  startTime?: string
  /** What the pid means something in: this start of this machine, and this namespace of pids. */
  boot?: string
  pidNamespace?: string
  /** Which machine, whatever its host name. */
  machine?: string
  /** The holder is a worker thread, which can end while its process goes on. */
  worker?: Lifeline
  /** Left behind by a holder that could not write out everything. */
  lost?: Loss
}

/** A file without a name that is open as long as the thread lives: Node closes what a thread leaves open. */
interface Lifeline {
  fd: number
  /** Which file it is, so that the number used again is not taken for it. */
  file: string
}

/** What a writer that ended could neither write nor report in the log. */
export interface Loss {
  /** The last `seq` that it gave out; lines up to it that are not in the file are lost. */
  assigned: number
  /** Of these lines, the journal's own, which are no events; `lost` is how many events a `log.gap` was to report. */
  own: { seq: number; lost: number }[]
  /** Events that got no `seq` any more. */
  refused: number
  /** What `log.gap` lines were still to say of lines that were written. */
  gaps?: Gap[]
  reason: string
}

/** What a `log.gap` says. */
export interface Gap {
  lost: number
  reason: string
  from?: number
  to?: number
  /** SHA-256 of an artifact that these lines name and that is not there. */
  artifact?: string
}

/** How many events a loss comes to when `lastSeq` is the last line in the file. */
export function eventsLost(loss: Loss, lastSeq: number): number {
  let lost = loss.refused + Math.max(0, loss.assigned - lastSeq)
  for (const own of loss.own) if (own.seq > lastSeq) lost += own.lost - 1
  return lost
}

export interface Lock {
  /** What the holder before this one lost and could not say in the log. */
  readonly inherited: Loss | undefined
  /**
   * Taken over from a holder that could not be seen to be dead, only to be silent: it may yet wake up, and write until
   * it looks at its lock.
   */
  readonly byHeartbeat: boolean
  /** Whether the lock is still this writer's: to be asked before each write. About a microsecond; never throws. */
  isHeld(): boolean
  /**
   * Takes the lock again after it vanished: its folder was removed and made anew, say. False when another holds it or
   * left it behind, or it cannot be made; never throws. That others held and released it in between cannot be told: look at
   * the file before writing on.
   */
  retake(): boolean
  /** Shows those that cannot see this process that it lives. */
  touch(): void
  release(): void
  /** Leaves the lock behind with a note for the next opener instead of releasing it. */
  abandon(lost: Loss): void
}

/** The points at which another process can get between two steps; tests stop processes there. */
export type LockStep = 'drafted' | 'free' | 'judged' | 'moved' | 'named'

/**
 * Takes the lock of `file`.
 * @param at called at each step, for tests
 * @throws {LogLockedError} when a live process holds it
 * @throws {LogOpenError} when the lock cannot be made, or the file has a second name (a hard link)
 */
export function acquireLock(file: string, at: (step: LockStep) => void = () => {}): Lock {
  const path = lockFile(file)
  try {
    refuseOtherNames(file)
    const lock = new HeldLock(file, path, at)
    removeLitter(path)
    return lock
  } catch (error) {
    if (error instanceof LogLockedError || error instanceof LogOpenError) throw error
    throw new LogOpenError(`cannot lock ${file}, which its writer must: ${(error as Error).message}`, error)
  }
}

/** The lock is by name, so a file of two names would have two writers. */
function refuseOtherNames(file: string): void {
  const names = statSync(file, { throwIfNoEntry: false })?.nlink ?? 1
  if (names <= 1) return
  throw new LogOpenError(
    `${file} has ${names} names (hard links), and each could have a writer of its own; remove the others ` +
      `(find them with: find / -xdev -samefile ${JSON.stringify(file)}), or make this one a file of its own by copying it`,
  )
}

/** Locks that this thread gave up, with what it could not write; they may still be there. */
const givenUp = new Map<string, Loss | undefined>()

class HeldLock implements Lock {
  inherited: Loss | undefined = undefined
  byHeartbeat = false
  #path: string
  #record: LockRecord
  /** The file that is the lock. */
  #mine: string
  #lifeline: number | undefined

  constructor(file: string, path: string, at: (step: LockStep) => void) {
    this.#path = path
    this.#record = ownRecord()
    this.#mine = join(path, this.#record.nonce)
    try {
      if (!isMainThread) this.#openLifeline()
      const draft = new Draft(path, this.#record)
      try {
        this.#take(file, draft, at)
      } finally {
        draft.remove()
      }
    } catch (error) {
      // It may have come so far as to be the lock.
      givenUp.set(this.#record.nonce, this.inherited)
      this.#closeLifeline()
      unlinkQuietly(this.#mine)
      throw error
    }
  }

  isHeld(): boolean {
    try {
      return statSync(this.#mine, { throwIfNoEntry: false }) !== undefined
    } catch {
      // A disk that does not answer says nothing of the lock; nor will it take what is written.
      return true
    }
  }

  retake(): boolean {
    if (this.isHeld()) return true
    // A new name: one who took the old one for dead may be about to move it.
    const record = { ...this.#record, nonce: newNonce() }
    let draft: Draft | undefined
    try {
      draft = new Draft(this.#path, record)
      if (!draft.publish()) return false
      this.#record = record
      this.#mine = join(this.#path, record.nonce)
      this.byHeartbeat = false
      return true
    } catch {
      return false
    } finally {
      draft?.remove()
    }
  }

  touch(): void {
    try {
      touch(this.#mine)
    } catch {
      // A missed heartbeat only matters to those that cannot see this process, and only after six of them.
    }
  }

  release(): void {
    // Whatever goes wrong now: this process lives on, and that must not make the lock look held.
    givenUp.set(this.#record.nonce, undefined)
    this.#closeLifeline()
    unlinkIfThere(this.#mine)
    removeIfEmpty(this.#path)
    givenUp.delete(this.#record.nonce)
  }

  abandon(lost: Loss): void {
    givenUp.set(this.#record.nonce, lost)
    this.#closeLifeline()
    // In place: on a full disk there may be no room for a new file, but there is for these bytes.
    if (this.isHeld()) writeFileSync(this.#mine, JSON.stringify({ ...this.#record, lost }), { flag: 'r+' })
  }

  #take(file: string, draft: Draft, at: (step: LockStep) => void): void {
    at('drafted')
    const deadline = performance.now() + PATIENCE_MS
    while (performance.now() < deadline) {
      const found = look(this.#path, draft)
      if (found === 'changing') {
        pause()
        continue
      }
      if (found === 'free') {
        at('free')
        if (draft.publish()) return
        continue
      }
      if (found.fate === 'alive') throw new LogLockedError(file, found.record)
      at('judged')
      if (found.isOld) {
        // What it says goes with it, and then the lock is free. A folder is not removed by this.
        this.#inherit(found)
        unlinkOldLock(this.#path)
        continue
      }
      const before = succeed(this.#path, found, draft, at)
      if (before !== undefined) {
        this.#inherit(before)
        return
      }
    }
    throw new LogOpenError(
      `${this.#path} changes hands too fast to be taken; try again, or remove it if no process uses ${file}`,
    )
  }

  #inherit({ record, fate }: Pick<Found, 'record' | 'fate'>): void {
    this.inherited = record.lost ?? givenUp.get(record.nonce)
    givenUp.delete(record.nonce)
    this.byHeartbeat = fate !== 'dead'
  }

  #openLifeline(): void {
    const name = `${this.#path}.${this.#record.nonce}.new.thread`
    const fd = openSync(name, 'wx', 0o600)
    this.#lifeline = fd
    unlinkSync(name)
    this.#record.thread = threadId
    this.#record.worker = { fd, file: identity(fstatSync(fd, { bigint: true })) }
  }

  #closeLifeline(): void {
    const fd = this.#lifeline
    this.#lifeline = undefined
    if (fd !== undefined) closeQuietly(fd)
  }
}

/** A folder beside the lock with this opener's record in it, ready to become the lock. */
class Draft {
  readonly nonce: string
  readonly record: string
  #path: string
  #folder: string
  #text: string
  /** When the record was last written: by the file system's clock, and by ours. */
  #writtenMs = 0
  #writtenAt = 0

  constructor(path: string, record: LockRecord) {
    this.nonce = record.nonce
    this.#path = path
    this.#folder = draftFolder(path, record.nonce)
    this.record = join(this.#folder, record.nonce)
    this.#text = JSON.stringify(record)
    try {
      this.make()
    } catch (error) {
      this.remove()
      throw error
    }
  }

  make(): void {
    try {
      mkdirSync(this.#folder, { mode: 0o700 })
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error
    }
    writeFileSync(this.record, this.#text, { mode: 0o600 })
    this.#writtenMs = statSync(this.record).mtimeMs
    this.#writtenAt = performance.now()
  }

  /** Now, by the clock that stamps files here: that of another machine, on a shared volume. */
  now(): number {
    return this.#writtenMs + performance.now() - this.#writtenAt
  }

  /** Makes this the lock if that is free; false when it is not. */
  publish(): boolean {
    removeIfEmpty(this.#path)
    try {
      renameSync(this.#folder, this.#path)
    } catch (error) {
      if (isCode(error, 'ENOENT')) {
        // A long stall: somebody took the draft for litter.
        this.make()
        return false
      }
      const isTaken =
        isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR') ||
        (process.platform === 'win32' && isCode(error, 'EPERM', 'EACCES'))
      if (isTaken) return false
      throw error
    }
    return isSole(this.#path, this.nonce)
  }

  /** What stays behind is in nobody's way. */
  remove(): void {
    unlinkQuietly(this.record)
    try {
      removeIfEmpty(this.#folder)
    } catch {
      // As above.
    }
  }
}

const draftFolder = (path: string, nonce: string): string => `${path}.${nonce}.new`

/**
 * Puts the holder of `draft` in the place of one that is dead, and returns that one. `undefined` when another process
 * was faster, or the holder lives after all.
 */
function succeed(
  path: string,
  found: Found,
  draft: Draft,
  at: (step: LockStep) => void,
): Pick<Found, 'record' | 'fate'> | undefined {
  const theirs = join(path, found.name)
  const mine = join(path, draft.nonce)
  if (!renameIfThere(theirs, mine)) return undefined
  at('moved')
  // What was moved may be the record of the one before the dead one, which did not come so far as to write its own.
  const moved = readRecord(mine)
  const fate = fateOf(moved?.record, draft.now() - (moved?.mtimeMs ?? 0))
  if (found.fate === 'silent' && fate === 'alive') {
    // It touched its lock between the look and the move.
    renameIfThere(mine, theirs)
    return undefined
  }
  if (!renameIfThere(draft.record, mine)) {
    draft.make()
    renameSync(draft.record, mine)
  }
  at('named')
  return isSole(path, draft.nonce) ? { record: moved?.record ?? DAMAGED, fate } : undefined
}

/**
 * Whether the file `nonce` is the lock, and all of it. Two that think so may be there when one stalled for so long
 * that it was taken for dead: the one that looks last gives way.
 */
function isSole(path: string, nonce: string): boolean {
  const mine = join(path, nonce)
  try {
    // Drafted a while ago, perhaps; the others count from here.
    touch(mine)
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'ENOTDIR')) throw error
  }
  const names = namesIn(path)
  if (names?.length === 1 && names[0] === nonce) return true
  unlinkIfThere(mine)
  return false
}

interface Found {
  record: LockRecord
  fate: 'alive' | 'dead' | 'silent'
  /** Of the file in the lock's folder. */
  name: string
  /** A lock of a version before this one, which is a file. */
  isOld: boolean
}

/** What is at the lock's path. @throws {LogOpenError} when that is nothing of ours */
function look(path: string, draft: Draft): Found | 'free' | 'changing' {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 'free'
  if (stat.isFile()) {
    const read = readRecord(path)
    if (read === undefined) return 'changing'
    const fate = fateOf(read.record, draft.now() - read.mtimeMs)
    return { record: read.record ?? DAMAGED, fate, name: '', isOld: true }
  }
  if (!stat.isDirectory()) throw new LogOpenError(noLock(path, 'is neither a file nor a folder'))
  const names = namesIn(path)
  if (names === undefined) return 'changing'
  const strange = names.find((name) => !NONCE.test(name))
  if (strange !== undefined) throw new LogOpenError(noLock(path, `holds ${JSON.stringify(strange)}`))
  // More than one: somebody stalled, and gives way when it wakes up.
  let last: Found | 'free' = 'free'
  for (const name of names) {
    const found = lookAt(path, name, draft)
    if (found === 'changing' || found.fate === 'alive') return found
    last = found
  }
  return last
}

/** Whether somebody writes the log, as far as can be seen from here. Takes nothing, changes nothing, throws nothing. */
export function isLogHeld(log: string): boolean {
  const path = lockFile(log)
  try {
    return (namesIn(path) ?? []).some((name) => {
      const read = readRecord(join(path, name))
      return read !== undefined && fateOf(read.record, Date.now() - read.mtimeMs) === 'alive'
    })
  } catch {
    return false
  }
}

const noLock = (path: string, what: string): string =>
  `${path} ${what}, so it is no lock of hivelog's; remove it if nothing needs it`

function lookAt(path: string, name: string, draft: Draft): Found | 'changing' {
  let read = readRecord(join(path, name))
  if (read?.record !== undefined && read.record.nonce !== name) {
    // Being taken over: until the new holder's record is here its draft tells who that is.
    const taker = readRecord(join(draftFolder(path, name), name))
    read = taker ?? readRecord(join(path, name))
  }
  if (read === undefined) return 'changing'
  const fate = fateOf(read.record, draft.now() - read.mtimeMs)
  return { record: read.record ?? DAMAGED, fate, name, isOld: false }
}

/** What stands for a record that cannot be read: its blocks never reached the disk before a power cut, say. */
const DAMAGED: LockRecord = { pid: 0, host: hostname(), since: 'an unknown time', nonce: '' }

/** A lock's record, left out when it is damaged; `undefined` when there is no such file. */
function readRecord(path: string): { record: LockRecord | undefined; mtimeMs: number } | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0))
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    if (isCode(error, 'ELOOP')) throw new LogOpenError(noLock(path, 'is a symbolic link'))
    throw error
  }
  try {
    const stat = fstatSync(fd)
    if (stat.isDirectory()) return undefined
    if (!stat.isFile()) throw new LogOpenError(noLock(path, 'is no regular file'))
    const bytes = Buffer.alloc(Math.min(stat.size, MAX_RECORD_BYTES))
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(fd, bytes, length, bytes.length - length, length)
    }
    return { record: parseRecord(bytes.toString('utf8', 0, length)), mtimeMs: stat.mtimeMs }
  } finally {
    closeQuietly(fd)
  }
}

/** Anybody may have written it. */
function parseRecord(text: string): LockRecord | undefined {
  let given: Record<string, unknown>
  try {
    given = Object(JSON.parse(text))
  } catch {
    return undefined
  }
  const { pid, nonce, host, since, worker, lost } = given
  if (typeof pid !== 'number' || (pid | 0) !== pid || typeof nonce !== 'string') return undefined
  const record: LockRecord = {
    pid,
    nonce,
    host: typeof host === 'string' ? printable(host) : 'an unknown host',
    since: typeof since === 'string' ? printable(since) : DAMAGED.since,
  }
  for (const name of ['startTime', 'boot', 'pidNamespace', 'machine'] as const) {
    const value = given[name]
    if (typeof value === 'string') record[name] = value
  }
  if (isCount(given.thread)) record.thread = given.thread
  if (typeof worker === 'object' && worker !== null) {
    const { fd, file } = worker as Record<string, unknown>
    if (isCount(fd) && typeof file === 'string') record.worker = { fd, file }
  }
  if (typeof lost === 'object' && lost !== null) record.lost = parseLoss(lost as Record<string, unknown>)
  return record
}

function parseLoss({ assigned, own, refused, reason, gaps }: Record<string, unknown>): Loss {
  const lines = (Array.isArray(own) ? own : []).map((each) => Object(each))
  const told = (Array.isArray(gaps) ? gaps : []).map((each) => Object(each))
  const gapsTold = told
    .filter(({ lost, reason: why }) => isCount(lost) && typeof why === 'string')
    .map(parseGap)
  return {
    assigned: isCount(assigned) ? assigned : 0,
    own: lines
      .filter(({ seq, lost }) => isCount(seq) && isCount(lost))
      .map(({ seq, lost }) => ({ seq, lost })),
    refused: isCount(refused) ? refused : 0,
    reason: typeof reason === 'string' ? reason.slice(0, 1_000) : 'the writer before ended early',
    ...(gapsTold.length > 0 && { gaps: gapsTold }),
  }
}

function parseGap({ lost, reason, from, to, artifact }: Record<string, unknown>): Gap {
  const gap: Gap = { lost: lost as number, reason: (reason as string).slice(0, 1_000) }
  if (isCount(from) && isCount(to)) Object.assign(gap, { from, to })
  if (typeof artifact === 'string' && /^[0-9a-f]{64}$/.test(artifact)) gap.artifact = artifact
  return gap
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** A host or a time, as it stands in messages. */
const printable = (text: string): string => text.slice(0, 253).replace(/[^\x20-\x7e]/g, '?')

const newNonce = (): string => randomBytes(8).toString('hex')

function ownRecord(): LockRecord {
  const record: LockRecord = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    nonce: newNonce(),
  }
  const startTime = processStartTime(process.pid)
  const { boot, pidNamespace, machine } = here()
  return Object.assign(
    record,
    startTime !== undefined && { startTime },
    boot !== undefined && { boot },
    pidNamespace !== undefined && { pidNamespace },
    machine !== undefined && { machine },
  )
}

interface Here {
  /** Id of this start of the kernel. */
  boot: string | undefined
  pidNamespace: string | undefined
  machine: string | undefined
  /** Whether the pids in `/proc` are those of this process's namespace. */
  hasOwnProc: boolean
}

let known: Here | undefined

/** Where this process runs, as far as the system tells. */
function here(): Here {
  if (known === undefined) {
    const machineId = told(() => readFileSync('/etc/machine-id', 'latin1').trim())
    known = {
      boot: told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
      pidNamespace: told(() => readlinkSync('/proc/self/ns/pid')),
      // The id itself is not to be shown around.
      machine: machineId && createHash('sha256').update(`hivelog ${machineId}`).digest('hex').slice(0, 16),
      hasOwnProc: told(() => readlinkSync('/proc/self')) === String(process.pid),
    }
  }
  return known
}

function told(ask: () => string): string | undefined {
  try {
    return ask() || undefined
  } catch {
    return undefined
  }
}

/** @param ageMs time since the last touch */
function fateOf(holder: LockRecord | undefined, ageMs: number): Found['fate'] {
  if (holder === undefined || holder.lost !== undefined || holder.pid <= 0) return 'dead'
  if (givenUp.has(holder.nonce)) return 'dead'
  if (isVisible(holder)) return isRunning(holder) ? 'alive' : 'dead'
  if (isOfOldVersion(holder) && isRunning(holder)) return 'alive'
  if (hasRestartedSince(holder, ageMs)) return 'dead'
  return ageMs < STALE_MS ? 'alive' : 'silent'
}

/** Whether the holder's pid means the same process here. */
function isVisible(holder: LockRecord): boolean {
  const { boot, pidNamespace } = here()
  if (holder.boot !== boot || holder.pidNamespace !== pidNamespace) return false
  return boot !== undefined || holder.host === hostname()
}

/** Such a record names no namespace: who is there by pid and start time lives, of others the touch tells. */
const isOfOldVersion = (holder: LockRecord): boolean =>
  holder.boot === undefined && holder.startTime !== undefined && holder.host === hostname()

/**
 * Whether the holder's machine is this one, before it started again. Another machine can have the same host name and
 * be a copy of this one, so the last touch must be from before the start, too.
 */
function hasRestartedSince(holder: LockRecord, ageMs: number): boolean {
  const { boot, machine } = here()
  if (machine === undefined || holder.machine !== machine || holder.host !== hostname()) return false
  return boot !== undefined && holder.boot !== undefined && ageMs > uptime() * 1_000
}

function isRunning(holder: LockRecord): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false
  }
  const startTime = processStartTime(holder.pid)
  const isSeen = startTime !== undefined && holder.startTime !== undefined
  if (isSeen && startTime !== holder.startTime) return false
  if (holder.worker === undefined) return true
  if (holder.pid === process.pid)
    return hasLifeline(holder.worker, () => lifelineHere(holder.worker as Lifeline))
  return !isSeen || hasLifeline(holder.worker, () => lifelineOf(holder.pid, holder.worker as Lifeline))
}

/** Whether the thread still has its file open; in doubt it lives. */
function hasLifeline({ file }: Lifeline, look: () => string): boolean {
  try {
    return look() === file
  } catch (error) {
    return !isCode(error, 'EBADF', 'ENOENT')
  }
}

const lifelineHere = ({ fd }: Lifeline): string => identity(fstatSync(fd, { bigint: true }))

const lifelineOf = (pid: number, { fd }: Lifeline): string =>
  identity(statSync(`/proc/${pid}/fd/${fd}`, { bigint: true }))

/** Tells a file from every other that is or was; the time is of its last change of name. */
const identity = (stat: { dev: bigint; ino: bigint; ctimeNs: bigint }): string =>
  `${stat.dev}:${stat.ino}:${stat.ctimeNs}`

/** Boot id and start tick of a process, on systems with `/proc`; a zombie counts as gone. */
function processStartTime(pid: number): string | undefined {
  if (!here().hasOwnProc) return undefined
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name, in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return 'gone'
    return `${here().boot}/${fields[19]}`
  } catch {
    return undefined
  }
}

/** Removes the drafts of openers that were killed. */
function removeLitter(path: string): void {
  const prefix = `${basename(path)}.`
  try {
    for (const name of readdirSync(dirname(path))) {
      if (!name.startsWith(prefix) || !LITTER.test(name.slice(prefix.length))) continue
      const litter = join(dirname(path), name)
      if (Date.now() - (mtimeOf(litter) ?? Infinity) > LITTER_MS) {
        rmSync(litter, { recursive: true, force: true })
      }
    }
  } catch {
    // It is in nobody's way.
  }
}

/** Writes what is there already: the file system then stamps the file by its own clock, which all that look share. */
function touch(path: string): void {
  const fd = openSync(path, constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0))
  try {
    writeSync(fd, '{', 0)
  } catch {
    const now = new Date()
    utimesSync(path, now, now)
  } finally {
    closeSync(fd)
  }
}

const mtimeOf = (path: string): number | undefined => lstatSync(path, { throwIfNoEntry: false })?.mtimeMs

const isCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '')

/** Names in a folder; `undefined` when it is not there. */
function namesIn(path: string): string[] | undefined {
  try {
    return readdirSync(path)
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** False when there was nothing of that name. */
function renameIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path)
  } catch (error) {
    // Somebody else's lock is in it, or it is none.
    if (!isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR')) throw error
  }
}

/** Removes a lock that is a file, and nothing that has become a folder since. */
function unlinkOldLock(path: string): void {
  try {
    unlinkIfThere(path)
  } catch (error) {
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Whoever finds it sees what it is.
  }
}
