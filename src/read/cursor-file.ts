/**
 * The file of a cursor. It is replaced whole: a new one is written beside it, synced, and renamed over it, so that
 * whoever reads it, and whenever the writer dies, there is a valid one. A writer that dies in between leaves a draft,
 * `<name>.json.<8 hex>.tmp`, which the next writer of that name takes away.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { removeDrafts, syncFolder, writeDurably } from '../disk/durable.js'
import { cursorPath, decodeCursor, encodeCursor } from './cursor.js'
import { CursorFileError } from './cursor-lost.js'
import type { CursorPosition } from './cursor-position.js'

const DRAFT = /^\.[0-9a-f]{8}\.tmp$/
const ATTEMPTS = 10

export class CursorFile {
  readonly path: string
  readonly #name: string
  #isTidy = false

  /** @throws when that is no name for a cursor */
  constructor(log: string, name: string) {
    this.path = cursorPath(log, name)
    this.#name = name
  }

  /** The position that was saved last; `undefined` if none ever was. @throws {CursorFileError} */
  async read(): Promise<CursorPosition | undefined> {
    let text: string
    try {
      text = await readFile(this.path, 'utf8')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw new CursorFileError(`cannot read the cursor file ${this.path}: ${reasonOf(error)}`, error)
    }
    const decoded = decodeCursor(this.#name, text)
    if ('position' in decoded) return decoded.position
    throw new CursorFileError(
      `the cursor file ${this.path} is damaged: ${decoded.reason}; delete it to begin anew`,
    )
  }

  /** Resolves when the position is on the disk. @throws {CursorFileError} */
  async write(position: CursorPosition): Promise<void> {
    const text = encodeCursor(this.#name, position)
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#replace(text)
        return
      } catch (error) {
        // Another consumer of the same name has tidied up our draft, or somebody the whole folder.
        if (codeOf(error) === 'ENOENT' && attempt < ATTEMPTS) continue
        throw new CursorFileError(`cannot write the cursor file ${this.path}: ${reasonOf(error)}`, error)
      }
    }
  }

  async #replace(text: string): Promise<void> {
    const folder = dirname(this.path)
    const isNew = await mkdir(folder, { mode: 0o700 }).then(
      () => true,
      (error) => {
        if (codeOf(error) !== 'EEXIST') throw error
        return false
      },
    )
    if (isNew) await syncFolder(dirname(folder))
    if (!this.#isTidy) removeDrafts(folder, (name) => this.#isDraft(name), 0)
    this.#isTidy = true
    await writeDurably(this.path, text)
  }

  #isDraft(name: string): boolean {
    const file = basename(this.path)
    return name.startsWith(file) && DRAFT.test(name.slice(file.length))
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

function reasonOf(error: unknown): string {
  const reasons: Record<string, string> = {
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EISDIR: 'it is a directory; delete it to begin anew',
    ENOTDIR: 'there is a file where its folder should be',
    ENOENT: 'the folder of the log is gone',
  }
  return reasons[codeOf(error) ?? ''] ?? (error instanceof Error ? error.message : String(error))
}
