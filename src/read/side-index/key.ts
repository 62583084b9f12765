/**
 * The user's own key, with which side indexes are authenticated: 32 random bytes in `hivelog/index.key` of the user's
 * state folder (`XDG_STATE_HOME`, else `~/.local/state`), made when the first index is.
 *
 * It defends against somebody who can write files beside a log, but not in the user's home: an index of his making,
 * or one that was changed or brought from elsewhere, is not taken for the user's own. Against the user himself, or
 * root, nothing is defended.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { draftOf } from '../../disk/durable.js'
import { openFileSync } from '../../disk/open.js'

const KEY_BYTES = 32
/** Not there on Windows, where rights are another matter. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

/**
 * The key; `undefined` where there is none that nobody else can know. Never throws.
 * @param isMade whether one is made where there is none
 */
export function indexKey(isMade: boolean): Buffer | undefined {
  try {
    const folder = stateFolder()
    const path = join(folder, 'index.key')
    if (isMade && lstatSync(path, { throwIfNoEntry: false }) === undefined) make(folder, path)
    return isOwnFolder(folder) ? read(path) : undefined
  } catch {
    return undefined
  }
}

/** Whether a folder is the user's, and nobody else can put files there. False where there is none. */
export function isOwnFolder(folder: string): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false })
  return stats?.isDirectory() === true && isOwn(stats, 0o022)
}

/** Opens a file of the user's that nobody else can change; not through a symbolic link. @throws when it is none */
export function openOwn(path: string, forbidden = 0o022): number {
  const fd = openFileSync(path, constants.O_RDONLY | NO_FOLLOW)
  if (isOwn(fstatSync(fd), forbidden)) return fd
  closeSync(fd)
  throw new Error(`${path} is not the user's own`)
}

function isOwn({ uid, mode }: Stats, forbidden: number): boolean {
  const user = process.getuid?.()
  return user === undefined || (uid === user && (mode & forbidden) === 0)
}

function stateFolder(): string {
  const { XDG_STATE_HOME: given = '' } = process.env
  return join(isAbsolute(given) ? given : join(homedir(), '.local', 'state'), 'hivelog')
}

/** Puts a whole key there, or leaves the one that another process was first with. */
function make(folder: string, path: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const draft = draftOf(path)
  try {
    writeFileSync(draft, randomBytes(KEY_BYTES), { flag: 'wx', mode: 0o600 })
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function read(path: string): Buffer | undefined {
  const fd = openOwn(path, 0o077)
  try {
    const key = Buffer.alloc(KEY_BYTES + 1)
    return readSync(fd, key, 0, key.length, 0) === KEY_BYTES ? key.subarray(0, KEY_BYTES) : undefined
  } finally {
    closeSync(fd)
  }
}
