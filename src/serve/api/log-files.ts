/** Which files are logs that a server shows: those that are named, those in folders, and those in its store. */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { originOf } from '../../disk/origin.js'
import { childLogOf, isTaken, MAX_ABOVE, parseArchiveName, stemOf } from '../../format/beside.js'
import { isLogId } from '../../format/seal.js'
import type { LogEntry } from './shapes.js'

/** A log, and how the server came to know it. */
export interface KnownFile {
  /** Absolute path. */
  file: string
  source: LogEntry['source']
  /** The session under which it was received. */
  session?: string
}

/** Logs that are listed at most: a folder of more is no folder of logs. */
const MAX_FILES = 100_000

/**
 * The logs that are there now, each once.
 * @param named paths of logs and of folders with logs in them
 * @param store folder of what was received. Default: none
 */
export function knownFiles(named: readonly string[], store: string | undefined): KnownFile[] {
  const found = new Map<string, KnownFile>()
  const add = (known: KnownFile): void => {
    if (found.size < MAX_FILES && !found.has(known.file)) found.set(known.file, known)
  }
  for (const name of named) {
    const path = resolve(name)
    if (isFolder(path)) for (const file of logsIn(path)) add({ file, source: 'file' })
    else add({ file: path, source: 'file' })
  }
  if (store === undefined) return [...found.values()]
  for (const entry of entriesOf(store)) {
    if (!entry.isDirectory()) continue
    for (const file of logsIn(join(store, entry.name))) {
      add({ file, source: isLogId(stemOf(file)) ? 'copy' : 'events', session: entry.name })
    }
  }
  return [...found.values()]
}

/**
 * The logs of a folder; archived segments, logs apart and those of child processes belong to others. Where the log above
 * a child's is not there (yet), that of the child stands for itself.
 */
function logsIn(folder: string, depth = 0): string[] {
  const names = new Set<string>()
  const archived = new Set<string>()
  const folders: { folder: string; log: string }[] = []
  for (const entry of entriesOf(folder)) {
    const log = childLogOf(entry.name)
    const segment = parseArchiveName(entry.name)
    if (segment !== undefined) archived.add(`${segment.stem}.jsonl`)
    if (log === undefined || isTaken(stemOf(log))) continue
    if (log !== entry.name) folders.push({ folder: entry.name, log })
    else if (!entry.isDirectory()) names.add(log)
  }
  const logs = [...names].sort().map((name) => join(folder, name))
  if (depth >= MAX_ABOVE) return logs
  const left = folders.filter(({ log }) => !names.has(log) && !archived.has(log))
  return [...logs, ...left.flatMap((each) => logsIn(join(folder, each.folder), depth + 1))]
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

/** What a log is called: its file's name; of a copy, that at its origin. */
export const nameOf = (file: string): string => originOf(file) ?? basename(file)
