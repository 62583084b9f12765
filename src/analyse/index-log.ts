/** Makes the side index of a log, or goes on with it to the log's end, for who asks later; and takes it away. */
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { draftOf } from '../disk/durable.js'
import { sizeOfLogs } from '../disk/hive-logs.js'
import { kindOf } from '../disk/open.js'
import { archivedSegments } from '../disk/segments.js'
import { indexFolder } from '../format/beside.js'
import type { OnProgress } from '../read/hive.js'
import { IndexFile } from '../read/side-index/file.js'
import { indexKey, isOwnFolder } from '../read/side-index/key.js'
import { cannotRead, missing } from '../read/sources.js'
import { pricer } from './cost/call-cost.js'
import { distanceOf, SPACING } from './side-index/extension.js'
import { type WalkedSegment, walk } from './side-index/walk.js'

/** What the side index of one log is now. */
export interface IndexReport {
  /** Segments of the log, and how many of them have an index. */
  segments: number
  indexed: number
  /** Bytes of log up to the last state that is known, uncompressed. */
  covered: number
  /** Places in the log at which the state is known. */
  states: number
  /** Of the index's files. */
  bytes: number
  /** Milliseconds that it took. */
  ms: number
  /** Why it is not there as far as it could be; `undefined` when all is well. */
  trouble?: string
}

export interface IndexOptions {
  /** Bytes of log between two states of a new index. Default 512 KiB. */
  spacing?: number
  /** Bytes of log that were read, of those that may have to be. */
  onProgress?: OnProgress
}

/**
 * Brings the index of one log, without those of child processes, to its end: what is there already is gone on with. Of
 * a live segment the last 512 KiB are left out, or more where states are big, as they are when anybody asks for a state.
 * @throws {LogReadError} when the log cannot be read
 */
export async function indexLog(file: string, options: IndexOptions = {}): Promise<IndexReport> {
  const { spacing = SPACING, onProgress } = options
  const begun = performance.now()
  const segments = new Map<string, WalkedSegment>()
  const report = (trouble?: string): IndexReport => {
    const { all, behind } = counts([...segments.values()], spacing)
    const why = trouble ?? obstacle(file, spacing) ?? behind
    return { ...all, ms: performance.now() - begun, ...(why !== undefined && { trouble: why }) }
  }
  mustBeFile(file)
  const first = obstacle(file, spacing)
  if (first !== undefined) return report(first)
  await walk(file, {
    price: pricer(),
    index: true,
    spacing,
    until: {},
    onSegment: (segment) => segments.set(segment.file, segment),
    ...(onProgress && { onProgress }),
  })
  return report()
}

/** A pipe or a device would be waited for, and can have no index. @throws {LogReadError} when the log is no file */
function mustBeFile(file: string): void {
  let stats: Stats | undefined
  try {
    stats = statSync(file, { throwIfNoEntry: false })
  } catch (error) {
    throw cannotRead(file, error)
  }
  if (stats === undefined) {
    if (archivedSegments(file).length === 0 && !existsSync(indexFolder(file))) throw missing(file)
  } else if (!stats.isFile()) throw cannotRead(file, new Error(`it is ${kindOf(stats)}, and no log`))
}

/** What keeps an index from being written, where the log is one that would have one. */
function obstacle(file: string, spacing: number): string | undefined {
  if (sizeOfLogs([file]) < spacing && archivedSegments(file).length === 0) return undefined
  const folder = indexFolder(file)
  try {
    const stats = lstatSync(folder, { throwIfNoEntry: false })
    if (stats !== undefined && !isOwnFolder(folder)) return notOwn(folder)
    if (indexKey(true) === undefined) {
      return 'there is no key for it: hivelog/index.key, in $XDG_STATE_HOME or ~/.local/state, cannot be made there, or others than you can read or write it'
    }
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const draft = draftOf(join(folder, 'trial'))
    closeSync(openSync(draft, 'wx', 0o600))
    rmSync(draft)
    return undefined
  } catch (error) {
    return `${folder} cannot be written: ${(error as Error).message}`
  }
}

const notOwn = (folder: string): string =>
  `${folder} is not a folder that is yours and that only you can write to; move it away, or change its owner and mode`

/** What there is now, and whether it is far from what it ought to be. */
function counts(
  segments: readonly WalkedSegment[],
  spacing: number,
): { all: Omit<IndexReport, 'ms' | 'trouble'>; behind: string | undefined } {
  const all = { segments: segments.length, indexed: 0, covered: 0, states: 0, bytes: 0 }
  const key = indexKey(false)
  let behind: string | undefined
  /** Size of the state before the segment. */
  let whole = 0
  for (const { file, size, isLive, index: path } of segments) {
    const index = path === undefined || key === undefined ? undefined : IndexFile.open(path, key)
    index?.close()
    const { blocks, final } = index?.directory ?? {}
    const offset = blocks?.last?.offset ?? 0
    whole = blocks?.last?.whole ?? whole
    if (blocks !== undefined) {
      all.indexed++
      all.covered += offset
      all.states += blocks.length
      all.bytes += statSync(path as string, { throwIfNoEntry: false })?.size ?? 0
    }
    // It is looked whether a state is due now and then only, and news of it may grow a little.
    const isWhole = isLive ? size - offset < 2 * distanceOf(spacing, whole) : final === true
    if (!isWhole) behind ??= `the index of ${file} was not written to its end; is there room on the disk?`
  }
  return { all, behind }
}

/** What an index consists of, and what somebody who was killed leaves of one. */
const INDEX_FILE = /^\d{12,15}\.idx(?:\.[0-9a-f]{8}\.tmp)?$/

export interface IndexRemoval {
  /** Files that are gone now, and their bytes. */
  files: number
  bytes: number
  /** Names in the folder that are no index's, and still there. */
  left: string[]
  /** Why not all of it is gone. */
  trouble?: string
}

/**
 * Removes the side index of one log: the files that are an index's, and the folder where it holds nothing else.
 * @throws {LogReadError} when there is no log of this name, nor an index
 */
export function removeIndex(file: string): IndexRemoval {
  mustBeFile(file)
  const removal: IndexRemoval = { files: 0, bytes: 0, left: [] }
  const folder = indexFolder(file)
  try {
    const stats = lstatSync(folder, { throwIfNoEntry: false })
    if (stats === undefined) return removal
    // Behind a link, or beside files of others, it is somebody else's.
    if (!isOwnFolder(folder)) return { ...removal, trouble: notOwn(folder) }
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name)
      const found: Stats | undefined = lstatSync(path, { throwIfNoEntry: false })
      if (found === undefined) continue
      if (!INDEX_FILE.test(name) || !found.isFile()) {
        removal.left.push(name)
        continue
      }
      rmSync(path, { force: true })
      removal.files++
      removal.bytes += found.size
    }
    if (removal.left.length === 0) rmdirSync(folder)
  } catch (error) {
    removal.trouble = `${folder} cannot be removed: ${(error as Error).message}`
  }
  return removal
}
