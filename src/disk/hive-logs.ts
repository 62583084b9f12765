/**
 * Which logs a hive has: those that are named, those of their child processes in `<log>.agents`, and of theirs; and
 * of each that in which its writer went on after it lost the lock.
 */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { agentsFolder, childLogOf, isApart, originFile, parseArchiveName, stemOf } from '../format/beside.js'
import { BoundedMap } from '../format/bounded-map.js'
import { clean } from '../text/clean.js'
import { LogReadError } from './errors.js'
import { kindOf } from './open.js'
import { originOf } from './origin.js'
import { isLink, LINK, namedPath, type TellNotOwn, tellNotOwn } from './own-files.js'
import { archivedSegments } from './segments.js'

/** Standard input, which counts as a log. */
export const STANDARD_INPUT = '-'

/** A hive is named by one path, or by several. */
export const pathsOf = (files: string | readonly string[]): readonly string[] =>
  typeof files === 'string' ? [files] : files

/**
 * The logs of a hive, each once, under the path by which it is found first: those that are named in their order,
 * then the others, sorted by name, a parent before its children. Of a log whose file is gone, or not there yet, only
 * its folder of child logs may be there.
 * @param files path of a log, or several
 * @param thisFile only those that are named. Default false
 * @param onNotOwn for whoever sends or commits them: only those that are the hive's own, and it is told of the others.
 *   Default: links are followed
 * @throws {LogReadError} when a folder is there and cannot be listed: what is in it is not nothing
 */
export function logsOfHive(
  files: string | readonly string[],
  thisFile = false,
  onNotOwn?: TellNotOwn,
): string[] {
  const logs = new Map<string, string>()
  const others = new Set<string>()
  // What is left out may have a folder of child logs all the same.
  const leaveOut: LeaveOut | undefined =
    onNotOwn &&
    ((path, what) => {
      others.add(path)
      tellNotOwn(onNotOwn, path, what)
    })
  const add = (log: string): void => {
    const id = log === STANDARD_INPUT ? log : resolve(log)
    if (!logs.has(id)) logs.set(id, log)
  }
  for (const file of pathsOf(files)) add(onNotOwn === undefined ? file : namedPath(file))
  if (thisFile) return [...logs.values()]
  const folders = new Set<string>()
  const named = logs.size
  let i = 0
  // What is added in the loop comes in it, too.
  for (const log of logs.values()) {
    if (log !== STANDARD_INPUT && parseArchiveName(log) === undefined) {
      // In a folder of child logs a log apart is found as any other.
      if (i < named) for (const apart of logsApart(log, leaveOut)) add(apart)
      for (const child of childLogs(log, folders, leaveOut)) add(child)
    }
    i++
  }
  return [...logs.values()].filter((log) => !others.has(log))
}

/** Is told of an entry that is no log of the hive's own, and what it is. */
type LeaveOut = (path: string, what: string) => void

/** Bytes of all segments of these logs, as they lie on the disk; of what is not there none. */
export function sizeOfLogs(logs: readonly string[]): number {
  const files = logs.flatMap((log) => [...archivedSegments(log).map(({ file }) => file), log])
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)
}

function logsApart(log: string, leaveOut: LeaveOut | undefined): string[] {
  const folder = dirname(log)
  const stem = stemOf(log)
  const apart = entriesOf(folder).filter(
    (entry) => isApart(entry.name, stem) && isFile(entry, folder, leaveOut),
  )
  return apart.map(({ name }) => join(folder, name)).sort()
}

/** @param seen folders that were listed; a link that leads back would be followed without end */
function childLogs(log: string, seen: Set<string>, leaveOut: LeaveOut | undefined): string[] {
  const folder = agentsFolder(log)
  if (leaveOut !== undefined && isLink(folder)) {
    leaveOut(folder, LINK)
    return []
  }
  const id = idOf(folder)
  if (seen.has(id)) return []
  seen.add(id)
  const logs = new Set<string>()
  const copies = new Set<string>()
  for (const entry of entriesOf(folder)) {
    const child = childLogOf(entry.name)
    if (child !== undefined && (child === entry.name ? isFile(entry, folder, leaveOut) : !entry.isFile()))
      logs.add(child)
    else if (entry.name.endsWith(ORIGIN)) copies.add(entry.name.slice(0, -ORIGIN.length))
  }
  const named = [...logs].map((log) => {
    const path = join(folder, log)
    return { path, log, name: copies.has(log) ? nameAtOrigin(path) : log }
  })
  return named.sort((a, b) => compare(a.name, b.name) || compare(a.log, b.log)).map(({ path }) => path)
}

const ORIGIN = originFile('')
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** By the path of a copy: it never changes, and a folder that is looked at again and again may have many. */
const origins = new BoundedMap<string>(10_000)

/** Copies stand in the order of what they are copies of. */
function nameAtOrigin(copy: string): string {
  const path = resolve(copy)
  const name = origins.get(path) ?? originOf(path) ?? basename(path)
  origins.set(path, name)
  return name
}

/** A pipe or a device under a log's name would be waited for without end. */
function isFile(entry: Dirent, folder: string, leaveOut: LeaveOut | undefined): boolean {
  if (entry.isFile()) return true
  if (leaveOut === undefined) return entry.isSymbolicLink()
  leaveOut(join(folder, entry.name), entry.isSymbolicLink() ? LINK : kindOf(entry))
  return false
}

function idOf(folder: string): string {
  try {
    const { dev, ino } = statSync(folder, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    // Listing it tells what is wrong, if it is there at all.
    return folder
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new LogReadError(clean(`cannot list ${folder}, where logs of the hive are: ${message}`), error)
  }
}
