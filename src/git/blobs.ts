/**
 * Stores a log's files in git, byte for byte: no line-ending conversion, which would break the log's seals. Only a
 * `filter` that the user set up for a file (`filter=lfs`) is honoured, since it gives the bytes back at checkout.
 */
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { openFile } from '../disk/open.js'
import { CommitError } from './errors.js'
import { type LineNumber, lineNumberAt, wholeLinesEnd } from './log-lines.js'
import type { Git } from './run.js'

export interface LogBlob {
  oid: string
  /** Bytes of the file that it holds: a prefix that ends with a line. */
  bytes: number
  last: LineNumber | undefined
  inode: number
  /** The file, still open, so that its inode is not given to another one. Whoever gets the blob closes it. */
  handle: FileHandle
}

/** Artifacts that one git command stores. */
const BATCH = 1_000

export class Blobs {
  #git: Git
  #stored = new Map<string, string>()

  constructor(git: Git) {
    this.#git = git
  }

  /**
   * Stores the whole lines of a file that may be written to meanwhile, and leaves it open; `undefined` when there is
   * none.
   * @param filtered whether git's filter for `path` is to be applied
   */
  async live(path: string, filtered: boolean): Promise<LogBlob | undefined> {
    let handle: FileHandle
    try {
      handle = await openFile(join(this.#git.context.cwd, path))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTFILE') return undefined
      throw new CommitError('failed', `cannot read ${path}: ${(error as Error).message}`)
    }
    let blob: LogBlob | undefined
    try {
      blob = await this.#liveIn(handle, path, filtered)
    } finally {
      if (blob === undefined) await handle.close()
    }
    return blob
  }

  async #liveIn(handle: FileHandle, path: string, filtered: boolean): Promise<LogBlob | undefined> {
    const stat = await handle.stat()
    const end = await wholeLinesEnd(handle, stat.size)
    if (end === 0) return undefined
    const found =
      (end === stat.size && !filtered ? await this.#asItIs(handle) : undefined) ??
      (await this.#piped(path, end, filtered))
    return { ...found, last: await lineNumberAt(handle, found.bytes), inode: stat.ino, handle }
  }

  /**
   * Git itself reads the file, mapped, to the size that it finds: nothing passes through this process, and a log of
   * any size needs no memory. Only when that is in the middle of a line is there no blob.
   */
  async #asItIs(handle: FileHandle): Promise<{ oid: string; bytes: number } | undefined> {
    const { text: oid } = await this.#git.run(['hash-object', '-w', '--stdin', '--no-filters'], {
      fd: handle.fd,
    })
    const bytes = Number((await this.#git.run(['cat-file', '-s', oid])).text)
    return (await wholeLinesEnd(handle, bytes)) === bytes ? { oid, bytes } : undefined
  }

  async #piped(path: string, end: number, filtered: boolean): Promise<{ oid: string; bytes: number }> {
    const how = filtered ? [`--path=${path}`] : ['--no-filters']
    const input = createReadStream(join(this.#git.context.cwd, path), { end: end - 1 })
    const { text: oid } = await this.#git.run(['hash-object', '-w', '--stdin', ...how], { input })
    return { oid, bytes: end }
  }

  /**
   * Stores files that never change. Resolves to their object ids; one that is gone is left out.
   * @param filtered those that git's filter is to be applied to
   */
  async settled(paths: readonly string[], filtered: ReadonlySet<string>): Promise<Map<string, string>> {
    const open = paths.filter((path) => !this.#stored.has(path))
    const asTheyAre = open.filter((path) => !filtered.has(path))
    for (const path of open.filter((each) => filtered.has(each))) {
      const { text } = await this.#git.run(['hash-object', '-w', '--', path])
      this.#stored.set(path, text)
    }
    for (let at = 0; at < asTheyAre.length; at += BATCH) {
      const batch = asTheyAre.slice(at, at + BATCH)
      const input = batch.map((path) => `${lineOf(join(this.#git.context.cwd, path))}\n`).join('')
      const { text } = await this.#git.run(['hash-object', '-w', '--no-filters', '--stdin-paths'], { input })
      const oids = text.split('\n')
      batch.forEach((path, i) => {
        this.#stored.set(path, oids[i] as string)
      })
    }
    return new Map(paths.map((path) => [path, this.#stored.get(path) as string]))
  }
}

/** A path as git reads it from a line of its own. */
const lineOf = (path: string): string =>
  path.includes('\n') ? `"${path.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"` : path
