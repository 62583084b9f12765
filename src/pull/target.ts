/** Where what is pulled goes: names that a stranger gave become paths only if they are such of a hive. */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncFolder, writeDurably } from '../disk/durable.js'
import { archiveName, isTaken, originFile } from '../format/beside.js'
import { PullError } from './asking.js'

const NAME = /^[\p{L}\p{N}_%+@=-](?:[\p{L}\p{N}_%+@=. -]{0,198}[\p{L}\p{N}_%+@=-])?\.jsonl$/u
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i
const MAX_DEPTH = 20

/** A log's path under the folder of its hive; `undefined` when it is none, and never one that leads elsewhere. */
export function safePath(file: string): string | undefined {
  const parts = file.split('/')
  if (parts.length > MAX_DEPTH) return undefined
  const names = parts.map((part, i) => (i < parts.length - 1 ? part.replace(/\.agents$/, '') : part))
  const isSafe = names.every(
    (name, i) =>
      NAME.test(name) &&
      !DEVICE.test(name) &&
      !isTaken(name.replace(/\.jsonl$/, '')) &&
      (i === names.length - 1 || parts[i] === `${name}.agents`),
  )
  return isSafe ? join(...parts) : undefined
}

/** Paths for logs of one hive, no two the same: by their own names where that can be, else by their ids. */
export class Targets {
  readonly #folder: string
  readonly #taken = new Set<string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** @param files its paths in its hive, as somebody says */
  async pathOf(log: string, files: readonly string[]): Promise<string> {
    const own = files.map(safePath).find((path) => path !== undefined)
    const isFree = own !== undefined && !this.#taken.has(own.toLowerCase())
    const path = isFree ? own : `${log}.jsonl`
    this.#taken.add(path.toLowerCase())
    const target = join(this.#folder, path)
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    const name = files[0]?.split('/').at(-1)
    // Seals are signed over the log's own name.
    if (!isFree && name !== undefined && name !== '')
      await writeDurably(originFile(target), `${JSON.stringify({ name })}\n`)
    return target
  }
}

/** Path of a segment of a log. */
export const segmentPath = (target: string, segment: number, isLast: boolean): string =>
  isLast ? target : join(dirname(target), archiveName(target, segment))

/** A file that is there when it is whole. What is there already stays, unless it is the beginning of it. */
export class WholeFile {
  readonly #path: string
  readonly #draft: string
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  size = 0

  private constructor(path: string, draft: string, file: FileHandle) {
    this.#path = path
    this.#draft = draft
    this.#file = file
  }

  static async begin(path: string): Promise<WholeFile> {
    const draft = join(dirname(path), `.${basename(path).slice(0, 200)}.pulling`)
    await rm(draft, { force: true })
    return new WholeFile(path, draft, await open(draft, 'wx+', 0o600))
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes)
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, from, bytes.length - from)
      from += bytesWritten
    }
    this.size += bytes.length
  }

  /** @throws {PullError} when something else is there that is not to be replaced */
  async end(replace: boolean): Promise<void> {
    try {
      if (!replace && !(await this.#continues()))
        throw new PullError(
          `${this.#path} is there with other bytes; pull into another folder, or give --replace`,
        )
      await this.#file.sync()
      await this.#file.close()
      await rename(this.#draft, this.#path)
      await syncFolder(dirname(this.#path))
    } catch (error) {
      await this.abandon()
      throw error
    }
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {})
    await rm(this.#draft, { force: true }).catch(() => {})
  }

  /** Whether what lies at the path is a beginning of this. */
  async #continues(): Promise<boolean> {
    let old: FileHandle
    try {
      old = await open(this.#path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
      throw error
    }
    try {
      const [ours, theirs] = [Buffer.alloc(BLOCK), Buffer.alloc(BLOCK)]
      for (let at = 0; ; ) {
        const { bytesRead } = await old.read(theirs, 0, BLOCK, at)
        if (bytesRead === 0) return true
        const { bytesRead: own } = await this.#file.read(ours, 0, bytesRead, at)
        if (own < bytesRead || !ours.subarray(0, own).equals(theirs.subarray(0, own))) return false
        at += bytesRead
      }
    } finally {
      await old.close()
    }
  }
}

const BLOCK = 256 * 1024
