/**
 * What beside a log is the log's own, for whoever sends it away, commits it or copies it: regular files, in folders,
 * from the folder of the hive's own log on. A symbolic link there may be another hand's, and lead to any file of the
 * user's. Whoever only reads a log where it lies follows links, and so does everybody the path that was named.
 */
import { closeSync, constants, existsSync, lstatSync, openSync, realpathSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { isTaken, logsAbove, stemOf } from '../format/beside.js'
import { clean } from '../text/clean.js'
import { kindOf, NO_WAIT } from './open.js'

/** Is told, in one line, of what is called like a part of the log and is none. */
export type TellNotOwn = (line: string, path: string) => void

export const LINK = 'a symbolic link'

/** @param what in words, as `kindOf` says it */
export function tellNotOwn(tell: TellNotOwn | undefined, path: string, what: string): void {
  tell?.(clean(`${path} is ${what}, and so no part of the log: it is neither sent nor committed`), path)
}

/** Tells each path once, however often it is met. */
export function tellingOnce(tell: TellNotOwn | undefined): TellNotOwn {
  const told = new Set<string>()
  return (line, path) => {
    if (told.has(path) || told.size >= MAX_TOLD) return
    told.add(path)
    tell?.(line, path)
  }
}

const MAX_TOLD = 10_000

export const isLink = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true

/** Whether a log is there because another one is: nobody has to have named it. */
const isFound = (log: string): boolean => logsAbove(log).length > 0 || isTaken(stemOf(log))

/** A log that was named, by a path that is its own: a link among found logs stands for what it leads to. */
export function namedPath(log: string): string {
  if (!isFound(log)) return log
  try {
    const real = realpathSync.native(log)
    return real === realPathOf(log) ? log : real
  } catch {
    // Who opens it says what is wrong.
    return log
  }
}

/** What the path would be if nothing from the folder of the hive's own log on were a link. */
function realPathOf(log: string): string {
  const base = baseOf(log)
  return join(realpathSync.native(base), relative(base, resolve(log)))
}

const baseOf = (log: string): string => dirname(logsAbove(log).at(-1) ?? resolve(log))

/**
 * Opens a file of a log for reading: its own, and only by the log's path one that a link leads to. Not looked at is
 * whether it is a regular file.
 * @param path of a segment of it, or of one of its artifacts
 * @throws what opening throws, and an error with code `ENOTFILE` where a link is in the way
 */
export function openOwn(log: string, path: string): Promise<FileHandle> {
  return resolve(path) === resolve(log) && !isFound(log)
    ? open(path, constants.O_RDONLY | NO_WAIT)
    : openUnder(baseOf(log), resolve(path))
}

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0
const AS_FOLDER = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)
/** Names of open folders, by which what is in them is opened whatever their paths lead to by now. */
const OPEN_FOLDERS = '/proc/self/fd'

/**
 * Opens a file for reading if nothing below a folder, on the way to it, is a link. Each step is opened without
 * following one, and the next from there: nobody can put a link between a look and the opening. Where the system has
 * no names for open folders, that holds for the last step.
 * @throws as `openOwn`
 */
export async function openUnder(folder: string, path: string): Promise<FileHandle> {
  const steps = relative(folder, path).split(sep)
  const last = steps.pop() as string
  if (NO_FOLLOW === 0) return openLooking(folder, steps, last)
  let at = openSync(folder, AS_FOLDER)
  let there = folder
  try {
    const named = existsSync(OPEN_FOLDERS)
    const stepTo = (name: string): string => join(named ? `${OPEN_FOLDERS}/${at}` : there, name)
    for (const step of steps) {
      const next = attempt(stepTo(step), join(there, step), (from) => openSync(from, AS_FOLDER | NO_FOLLOW))
      closeSync(at)
      at = next
      there = join(there, step)
    }
    const from = stepTo(last)
    return await open(from, constants.O_RDONLY | NO_WAIT | NO_FOLLOW).catch((error) => {
      throw understood(error, from, path)
    })
  } finally {
    closeSync(at)
  }
}

/** On a system that opens nothing without following links. */
function openLooking(folder: string, steps: readonly string[], last: string): Promise<FileHandle> {
  let there = folder
  for (const step of [...steps, last]) {
    there = join(there, step)
    if (isLink(there)) throw linkAt(there)
  }
  return open(there, constants.O_RDONLY | NO_WAIT)
}

function attempt<T>(from: string, path: string, act: (from: string) => T): T {
  try {
    return act(from)
  } catch (error) {
    throw understood(error, from, path)
  }
}

/** Systems say of a link that is not to be followed what they say of other things too. */
function understood(error: unknown, from: string, path: string): Error {
  if (isLink(from)) return linkAt(path)
  const { code, message } = error as NodeJS.ErrnoException
  return Object.assign(new Error(message.replace(from, path)), { code })
}

const linkAt = (path: string): Error =>
  Object.assign(new Error(`${path} is ${LINK}, and so no part of the log`), { code: 'ENOTFILE' })

/**
 * As `openOwn`, for a file that is a regular one: of what is none is told.
 * @returns `undefined` where that, or nothing, is there
 */
export async function openOwnFile(
  opening: Promise<FileHandle>,
  path: string,
  tell: TellNotOwn | undefined,
): Promise<FileHandle | undefined> {
  let handle: FileHandle
  try {
    handle = await opening
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTFILE') tellNotOwn(tell, path, LINK)
    else if (code === 'ENXIO' || code === 'ENODEV') tellNotOwn(tell, path, 'a socket, pipe or device')
    else if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    return undefined
  }
  const stats = await handle.stat()
  if (stats.isFile()) return handle
  await handle.close()
  tellNotOwn(tell, path, kindOf(stats))
  return undefined
}
