/** Opens files without ever waiting for the other end of a pipe, and tells what is no file. */
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** Makes no difference to a file; a pipe without another end is opened, or refused, at once. */
export const NO_WAIT: number = constants.O_NONBLOCK ?? 0

type Kind = Pick<
  Stats,
  'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket' | 'isCharacterDevice' | 'isBlockDevice'
>

/** What lies at a path, where a file should. */
export function kindOf(stats: Kind): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a pipe'
  if (stats.isSocket()) return 'a socket'
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device'
  return stats.isFile() ? 'a file' : 'no file'
}

/** @throws what opening throws, and an error with code `ENOTFILE` when a directory, pipe, socket or device is there */
export function openFileSync(path: string, flags: number = constants.O_RDONLY, mode?: number): number {
  let fd: number
  try {
    fd = openSync(path, flags | NO_WAIT, mode)
  } catch (error) {
    throw understood(error, path)
  }
  try {
    const stats = fstatSync(fd)
    if (stats.isFile()) return fd
    throw notFile(path, kindOf(stats))
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** As `openFileSync`, for reading. */
export async function openFile(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | NO_WAIT).catch((error) => {
    throw understood(error, path)
  })
  try {
    const stats = await handle.stat()
    if (stats.isFile()) return handle
    throw notFile(path, kindOf(stats))
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** What the system says of a socket, or of a pipe that nobody reads, in words. */
function understood(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENXIO' || code === 'ENODEV' ? notFile(path, 'a socket, pipe or device') : error
}

function notFile(path: string, kind: string): Error {
  return Object.assign(new Error(`${path} is ${kind} and no file`), { code: 'ENOTFILE' })
}

/** Closes a file of which it matters no more what the system says: it was read, or it was synced before. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // The number is free all the same, and what was to be on disk was asked for with a sync.
  }
}
