/**
 * Decisions of people, put beside the log that they are for: `<log>.decisions/<hash of the escalation's id>.json`.
 *
 * A log has one writer, and it stays so: whoever decides puts a file, and the process that writes the log takes it,
 * writes `approval`, and removes the file once that line is on the disk. So a process that is killed in between finds
 * the file again, and the log tells it whether the line is there.
 *
 * The first decision of a question wins: a draft is written whole and synced, then linked to its name, which fails when
 * one is there. One of a question that was asked before under the same id is in nobody's way: it goes.
 * Folder and files count only when they are the user's own and nobody else can write them: who may write there may
 * decide.
 */
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { draftOf, syncFileSync, syncFolderSync } from '../disk/durable.js'
import { closeQuietly, openFileSync } from '../disk/open.js'
import { decisionsFolder } from '../format/beside.js'
import { clean } from '../text/clean.js'
import {
  type Decision,
  faultOf,
  isSame,
  MAX_DECISION_BYTES,
  MAX_DECISIONS,
  plainDecision,
} from './decision.js'
import { decisionName, isDecisionName } from './decision-name.js'
import { DecisionError } from './errors.js'
import { isOvertaken } from './question.js'

export type { Decision, Via } from './decision.js'
export { DecisionError } from './errors.js'

export type Put = { put: true } | { put: false; earlier: Decision }

/**
 * Puts a decision beside the log, for its writer to take. It is on the disk when this returns.
 *
 * That nobody decided before in the *log* is for the caller to see, and for the writer, who knows.
 * @param log path of the log in which the escalation is
 * @returns that it was put, or the decision that was there before
 * @throws {DecisionError} when it is none, or the folder is not the user's own or takes nothing
 */
export function putDecision(log: string, decision: Decision): Put {
  const fault = faultOf(decision)
  if (fault !== undefined) throw new DecisionError(clean(`this is no decision: ${fault}`))
  const folder = decisionsFolder(log)
  const path = join(folder, decisionName(decision.id))
  try {
    ownFolder(folder)
    const earlier = readFile(path)
    if (earlier !== undefined && !isOvertaken(earlier, decision)) return { put: false, earlier }
    if (readdirSync(folder).length >= MAX_DECISIONS)
      throw new DecisionError(
        clean(`${folder} holds ${MAX_DECISIONS} decisions that nobody takes; is the hive running?`),
      )
    return putFirst(path, plainDecision(decision))
  } catch (error) {
    if (error instanceof DecisionError) throw error
    throw new DecisionError(clean(`cannot put a decision into ${folder}: ${(error as Error).message}`), error)
  }
}

/** The decision that waits beside the log for this escalation. @throws {DecisionError} when it cannot be trusted or read */
export function readDecision(log: string, id: string): Decision | undefined {
  const folder = decisionsFolder(log)
  if (!isThere(folder)) return undefined
  return readFile(join(folder, decisionName(id)))
}

/**
 * The decisions that wait beside a log, in no order; at most 10,000.
 * @param onFault is told in one line of what is there and cannot be taken; it is left alone
 */
export const listDecisions = (log: string, onFault: (message: string) => void = () => {}): Decision[] =>
  decisionsIn(decisionsFolder(log), onFault)

/** Which of the decisions in a folder are looked at. */
export interface Wanted {
  /** Whether the file of this name is one. Default: all are. */
  isWanted?(name: string): boolean
  /** Whether they must say who decided. Default true. */
  isNamed?: boolean
}

/** As `listDecisions`, of any folder of them. */
export function decisionsIn(
  folder: string,
  onFault: (message: string) => void,
  { isWanted = () => true, isNamed = true }: Wanted = {},
): Decision[] {
  const decisions: Decision[] = []
  try {
    if (!isThere(folder)) return []
    const names = readdirSync(folder).filter((name) => isDecisionName(name) && isWanted(name))
    for (const name of names.slice(0, MAX_DECISIONS)) {
      try {
        const decision = readFile(join(folder, name), isNamed)
        if (decision !== undefined) decisions.push(decision)
      } catch (error) {
        onFault((error as Error).message)
      }
    }
  } catch (error) {
    onFault(clean((error as Error).message))
  }
  return decisions
}

/** Removes a decision that is written down, or is none any more. @throws what the file system says */
export function removeDecision(log: string, id: string): void {
  rmSync(join(decisionsFolder(log), decisionName(id)), { force: true })
}

/**
 * Removes this decision and no other: one of a question that was asked since may lie in its place by now.
 * @param isNamed whether it must say who decided. Default true
 * @throws what the file system says, and `DecisionError`
 */
export const removeSame = (folder: string, decision: Decision, isNamed = true): void =>
  takeAway(join(folder, decisionName(decision.id)), decision, isNamed)

/**
 * Looks, and removes. To move it aside first would leave that file there if this process is killed, or lose the decision
 * of another question; that such a one is put between the two calls takes a person and two processes at one moment.
 */
function takeAway(path: string, decision: Decision, isNamed = true): void {
  const there = readFile(path, isNamed)
  if (there !== undefined && isSame(there, decision)) rmSync(path, { force: true })
}

/** Makes the folder, where it is not there. @throws {DecisionError} when it is not the user's own, and system errors */
export function ownFolder(folder: string): void {
  if (isThere(folder)) return
  try {
    mkdirSync(folder, { mode: 0o700 })
    syncFolderSync(dirname(folder))
  } catch (error) {
    // Another made it at the same time.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isThere(folder)) throw error
  }
}

/** @throws {DecisionError} when what is there is no folder of the user's own */
function isThere(folder: string): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (!stats.isDirectory()) throw new DecisionError(clean(`${folder} is no folder; move it away`))
  trust(folder, stats)
  return true
}

function trust(path: string, { uid, mode }: Stats): void {
  const own = process.getuid?.()
  if (own === undefined) return
  if (uid !== own)
    throw new DecisionError(
      clean(`${path} belongs to user ${uid}, and this is user ${own}; decide as that user`),
    )
  if ((mode & 0o022) !== 0)
    throw new DecisionError(
      clean(`${path} can be written by others, who could decide; chmod go-w it, and look who did`),
    )
}

function putFirst(path: string, decision: Decision): Put {
  const draft = draftOf(path)
  try {
    write(draft, decision)
    // One that the hive takes between link and reading is gone when it is read: then the place is free again.
    for (;;) {
      if (linked(draft, path)) break
      const earlier = readFile(path)
      if (earlier === undefined) continue
      if (!isOvertaken(earlier, decision)) return { put: false, earlier }
      takeAway(path, earlier)
    }
  } finally {
    rmSync(draft, { force: true })
  }
  syncFolderSync(dirname(path))
  return { put: true }
}

const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** @returns whether the draft is at its place now; not when another is */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (!NO_LINKS.has(code ?? '')) throw error
  }
  // A file system without links: the name is taken first, and whoever reads half a file waits for the rest.
  return writtenFirst(path, readBytes(draft))
}

function writtenFirst(path: string, bytes: Buffer): boolean {
  let fd: number
  try {
    fd = openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  try {
    writeFileSync(fd, bytes)
    syncFileSync(fd)
  } finally {
    closeSync(fd)
  }
  return true
}

function write(draft: string, decision: Decision): void {
  const bytes = Buffer.from(`${JSON.stringify(decision)}\n`)
  if (!writtenFirst(draft, bytes)) throw new DecisionError(clean(`${draft} is there already; try again`))
}

/** @throws {DecisionError} when what is there is not the user's own, or no decision; @returns nothing when none is there */
function readFile(path: string, isNamed = true): Decision | undefined {
  let bytes: Buffer
  try {
    bytes = readBytes(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (error instanceof DecisionError) throw error
    throw new DecisionError(clean(`cannot read the decision ${path}: ${message}`), error)
  }
  return decisionIn(path, bytes, isNamed)
}

/** Follows no link: what is one is not a decision that somebody put here. */
function readBytes(path: string): Buffer {
  const fd = openFileSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  try {
    const stats = fstatSync(fd)
    trust(path, stats)
    if (stats.size > MAX_DECISION_BYTES)
      throw new DecisionError(clean(`${path} is no decision: it is too big; remove it`))
    const bytes = Buffer.alloc(stats.size)
    let got = 0
    while (got < bytes.length) {
      const n = readSync(fd, bytes, got, bytes.length - got, got)
      if (n === 0) break
      got += n
    }
    return bytes.subarray(0, got)
  } finally {
    closeQuietly(fd)
  }
}

function decisionIn(path: string, bytes: Buffer, isNamed: boolean): Decision {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new DecisionError(clean(`${path} is no decision: it is no JSON; remove it`))
  }
  const fault = faultOf(value, isNamed)
  const decision = value as Decision
  if (fault !== undefined) throw new DecisionError(clean(`${path} is no decision: ${fault}; remove it`))
  if (!path.endsWith(decisionName(decision.id)))
    throw new DecisionError(
      clean(`${path} is no decision: it is of another escalation than its name says; remove it`),
    )
  return plainDecision(decision)
}
