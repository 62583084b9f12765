/**
 * Stores a log's files in git, byte for byte: no line-ending conversion, which would break the log's seals. Only a
 * `filter` that the user set up for a file (`filter=lfs`) is honoured, since it gives the bytes back at checkout.
 */
import { createHash } from 'node:crypto'
import { lstatSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openOwnFile, openUnder, type TellNotOwn, tellNotOwn } from '../disk/own-files.js'
import { CommitError } from './errors.js'
import { isArtifact } from './log-files.js'
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

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

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
   * none of the log's own.
   * @param filtered whether git's filter for `path` is to be applied
   */
  async live(path: string, filtered: boolean, onNotOwn: TellNotOwn): Promise<LogBlob | undefined> {
    const handle = await this.#opened(path, onNotOwn)
    if (handle === undefined) return undefined
    let blob: LogBlob | undefined
    try {
      blob = await this.#liveIn(handle, path, filtered)
    } finally {
      if (blob === undefined) await handle.close()
    }
    return blob
  }

  /** @throws {CommitError} when it is there and cannot be read */
  async #opened(path: string, onNotOwn: TellNotOwn): Promise<FileHandle | undefined> {
    const { cwd } = this.#git.context
    const whole = join(cwd, path)
    try {
      return await openOwnFile(openUnder(cwd, whole), whole, onNotOwn)
    } catch (error) {
      throw new CommitError('failed', `cannot read ${path}: ${(error as Error).message}`)
    }
  }

  async #liveIn(handle: FileHandle, path: string, filtered: boolean): Promise<LogBlob | undefined> {
    const stat = await handle.stat()
    const end = await wholeLinesEnd(handle, stat.size)
    if (end === 0) return undefined
    const found =
      (end === stat.size && !filtered ? await this.#asItIs(handle) : undefined) ??
      (await this.#piped(handle, path, end, filtered))
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

  async #piped(
    handle: FileHandle,
    path: string,
    end: number,
    filtered: boolean,
  ): Promise<{ oid: string; bytes: number }> {
    const how = filtered ? [`--path=${path}`] : ['--no-filters']
    // Of what is empty nothing can be read up to its last byte.
    const input = end === 0 ? '' : handle.createReadStream({ start: 0, end: end - 1, autoClose: false })
    const { text: oid } = await this.#git.run(['hash-object', '-w', '--stdin', ...how], { input })
    return { oid, bytes: end }
  }

  /**
   * Stores files that never change. Resolves to their object ids; one that is none of the log's own is left out, and an
   * artifact whose content is not that of its name.
   * @param filtered those that git's filter is to be applied to
   * @throws {CommitError} `moved`, when one of them is there no more: its lines are elsewhere by now
   */
  async settled(
    paths: readonly string[],
    filtered: ReadonlySet<string>,
    onNotOwn: TellNotOwn,
  ): Promise<Map<string, string>> {
    const artifacts = new Map<string, ReadonlySet<string>>()
    for (const path of paths) {
      if (this.#stored.has(path)) continue
      const handle = await this.#opened(path, onNotOwn)
      if (handle === undefined) {
        if (isThere(join(this.#git.context.cwd, path))) continue
        throw new CommitError('moved', `${path} was compressed or removed meanwhile`)
      }
      try {
        const ids = isArtifact(path) ? await this.#idsOfArtifact(handle, path, onNotOwn) : undefined
        if (ids !== undefined && !filtered.has(path)) artifacts.set(path, ids)
        else if (ids !== undefined || !isArtifact(path))
          this.#stored.set(path, await this.#whole(handle, path, filtered))
      } finally {
        await handle.close()
      }
    }
    await this.#storeArtifacts(artifacts)
    return new Map(
      paths.flatMap((path) => {
        const oid = this.#stored.get(path)
        return oid === undefined ? [] : [[path, oid] as const]
      }),
    )
  }

  async #whole(handle: FileHandle, path: string, filtered: ReadonlySet<string>): Promise<string> {
    if (filtered.has(path)) {
      return (await this.#piped(handle, path, (await handle.stat()).size, true)).oid
    }
    const how = ['hash-object', '-w', '--stdin', '--no-filters']
    return (await this.#git.run(how, { fd: handle.fd })).text
  }

  /** The object ids that an artifact's content can have; `undefined` when it is not that of its name. */
  async #idsOfArtifact(
    handle: FileHandle,
    path: string,
    onNotOwn: TellNotOwn,
  ): Promise<ReadonlySet<string> | undefined> {
    const { size } = await handle.stat()
    const content = createHash('sha256')
    const objects = ['sha1', 'sha256'].map((format) => createHash(format).update(`blob ${size}\0`))
    for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
      for (const hash of [content, ...objects]) hash.update(chunk as Buffer)
    }
    if (content.digest('hex') === basename(path)) return new Set(objects.map((hash) => hash.digest('hex')))
    tellNotOwn(onNotOwn, join(this.#git.context.cwd, path), 'not what its name says')
    return undefined
  }

  /** Many at once: git opens them itself, by their paths, and so tells by its ids whether they are what was looked at. */
  async #storeArtifacts(artifacts: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
    const paths = [...artifacts.keys()]
    for (let at = 0; at < paths.length; at += BATCH) {
      const batch = paths.slice(at, at + BATCH)
      const input = batch.map((path) => `${lineOf(join(this.#git.context.cwd, path))}\n`).join('')
      const { text } = await this.#git.run(['hash-object', '-w', '--no-filters', '--stdin-paths'], { input })
      const oids = text.split('\n')
      for (const [i, path] of batch.entries()) {
        const oid = oids[i] as string
        if (artifacts.get(path)?.has(oid) !== true)
          throw new CommitError('moved', `${path} was changed meanwhile`)
        this.#stored.set(path, oid)
      }
    }
  }
}

/** A path as git reads it from a line of its own. */
const lineOf = (path: string): string =>
  path.includes('\n') ? `"${path.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"` : path
