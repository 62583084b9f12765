/**
 * Files that are whole or not there. A draft beside the place is written, forced to the disk and renamed into it, and
 * then the folder is forced too: without that a power cut can bring back the folder as it was before the rename. Where
 * a step fails the draft goes and the place keeps what it had.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { NO_WAIT } from './open.js'

export interface DurableOptions {
  /** Permissions of the file. Default 0600. */
  mode?: number
  /** Whether file and folder are forced to the disk. Default true. */
  sync?: boolean
}

/** Age at which a draft is taken for one whose writer was killed. */
const LITTER_MS = 60_000

/** A name beside `path` that no other writer uses. */
export const draftOf = (path: string): string => `${path}.${randomBytes(4).toString('hex')}.tmp`

/** Puts a file with `bytes` at `path`, or replaces the one there. @throws what the file system says */
export async function writeDurably(
  path: string,
  bytes: string | Uint8Array,
  { mode = 0o600, sync = true }: DurableOptions = {},
): Promise<void> {
  const draft = draftOf(path)
  try {
    const file = await open(draft, 'wx', mode)
    try {
      await file.writeFile(bytes)
      if (sync) await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
  if (sync) await syncFolder(dirname(path))
}

/** `writeDurably` on this thread. */
export function writeDurablySync(
  path: string,
  bytes: string | Uint8Array,
  { mode = 0o600, sync = true }: DurableOptions = {},
): void {
  const draft = draftOf(path)
  try {
    const fd = openSync(draft, 'wx', mode)
    try {
      writeFileSync(fd, bytes)
      if (sync) syncFileSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(draft, path)
  } catch (error) {
    try {
      rmSync(draft, { force: true })
    } catch {
      // The first error tells more.
    }
    throw error
  }
  if (sync) syncFolderSync(dirname(path))
}

/**
 * Whether an error is that of Node's permission model, which lets nobody force a file to the disk by its descriptor
 * (Node 20, 22 and 24); by a `FileHandle` it does.
 */
export const isForbidden = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED'

/**
 * Forces a file to the disk on this thread. False where Node forbids it, and it stays with the system.
 * @throws when the disk refuses
 */
export function syncFileSync(fd: number, sync: (fd: number) => void = fsyncSync): boolean {
  try {
    sync(fd)
    return true
  } catch (error) {
    if (isForbidden(error)) return false
    throw error
  }
}

/**
 * Forces the content of the file of this descriptor to the disk by a handle of its own, where Node forbids it else.
 * @param path where the file lies
 * @throws when another file lies there, or the disk refuses
 */
export async function syncByPath(fd: number, path: string): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | NO_WAIT)
  try {
    const [there, own] = [await handle.stat({ bigint: true }), fstatSync(fd, { bigint: true })]
    if (there.ino !== own.ino || there.dev !== own.dev) throw new Error(`${path} is another file by now`)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

/** Codes of systems that cannot open a folder or force it to the disk; there the rename is all that can be done. */
const CANNOT_SYNC_FOLDERS = new Set([
  ...['EINVAL', 'EISDIR', 'ENOTSUP', 'ENOSYS', 'EPERM', 'EACCES', 'EBADF'],
  // Node's permission model, of a folder that may not be read.
  'ERR_ACCESS_DENIED',
])

const isNoFailure = (error: unknown): boolean =>
  CANNOT_SYNC_FOLDERS.has((error as NodeJS.ErrnoException).code ?? '')

/** Makes names that were created, replaced or removed in `folder` survive a power cut. @throws when the disk refuses */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!isNoFailure(error)) throw error
  }
}

/** `syncFolder` on this thread. False where Node forbids it, though `syncFolder` could. @throws when the disk refuses */
export function syncFolderSync(folder: string): boolean {
  try {
    const fd = openSync(folder, 'r')
    try {
      return syncFileSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (isForbidden(error)) return false
    if (!isNoFailure(error)) throw error
    return true
  }
}

/**
 * Removes drafts in `folder`, left there by writers that were killed.
 * @param isDraft tells by the name
 * @param olderThanMs age below which a draft may still be somebody's; default a minute
 */
export function removeDrafts(
  folder: string,
  isDraft: (name: string) => boolean = (name) => /\.[0-9a-f]{8}\.tmp$/.test(name),
  olderThanMs = LITTER_MS,
): void {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return
  }
  for (const name of names.filter(isDraft)) {
    const draft = join(folder, name)
    try {
      if (olderThanMs === 0 || Date.now() - statSync(draft).mtimeMs > olderThanMs)
        rmSync(draft, { force: true })
    } catch {
      // Gone meanwhile, or not ours to remove: it is in nobody's way.
    }
  }
}
