/**
 * Files that are whole or not there. A draft beside the place is written, forced to the disk and renamed into it, and
 * then the folder is forced too: without that a power cut can bring back the folder as it was before the rename. Where
 * a step fails the draft goes and the place keeps what it had.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
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
      if (sync) fsyncSync(fd)
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

/** Codes of systems that cannot open a folder or force it to the disk; there the rename is all that can be done. */
const CANNOT_SYNC_FOLDERS = new Set(['EINVAL', 'EISDIR', 'ENOTSUP', 'ENOSYS', 'EPERM', 'EACCES', 'EBADF'])

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

/** `syncFolder` on this thread. */
export function syncFolderSync(folder: string): void {
  try {
    const fd = openSync(folder, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (!isNoFailure(error)) throw error
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
