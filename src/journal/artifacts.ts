/**
 * What is too big for a line, beside the log: `<log>.artifacts/<first 2 hex>/<sha256>`. Content-addressed, so the
 * same content is stored once, and a file that is there is never written again.
 *
 * A line is durable when all that it refers to is, so the store knows which lines name what it has not stored yet, and
 * tells of those whose artifact cannot be stored.
 */
import { createHash } from 'node:crypto'
import { linkSync, mkdirSync, statSync } from 'node:fs'
import { mkdir, open, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { removeDrafts, syncFolder, syncFolderSync, writeDurably, writeDurablySync } from '../disk/durable.js'
import { artifactsFolder } from '../format/beside.js'
import type { Fields } from '../format/encode.js'
import type { ArtifactRef } from '../format/kinds.js'

/** How much may wait in memory to be written before the caller writes it himself. */
const MAX_PENDING_BYTES = 8 * 1024 * 1024
/** How long is waited before each further try to store an artifact; after the last one it is lost. */
const RETRY_MS = [20, 200, 1_000]
/** Files that are stored and not synced which are remembered; more are synced at once. */
const MAX_UNSYNCED = 256
/** Lost ones that are remembered, so that a line that comes after the loss is told of it. */
const MAX_LOST = 1_000
/** How deep in an event's fields a reference is looked for. */
const MAX_DEPTH = 16

interface Pending {
  bytes: Buffer
  /** Lines that name it. */
  lines: number[]
  tries: number
}

/** Told that lines name an artifact that is not there. */
export type OnLost = (lines: readonly number[], ref: string, error: Error) => void

export class ArtifactStore {
  #folder: string
  #sync: boolean
  #onLost: OnLost
  #pending = new Map<string, Pending>()
  #pendingBytes = 0
  #unsynced = new Set<string>()
  /** Folders whose own name is known to be on disk. */
  #syncedFolders = new Set<string>()
  #lost = new Map<string, Error>()
  #running: Promise<void> | undefined
  #tidied: Promise<void>
  /** The pause before the next try, and how many wait for the end of it all. */
  #retry: NodeJS.Timeout | undefined
  #awaited = 0

  /** @param sync whether an artifact is forced to the disk before it counts as stored */
  constructor(log: string, sync: boolean, onLost: OnLost) {
    this.#folder = artifactsFolder(log)
    this.#sync = sync
    this.#onLost = onLost
    this.#tidied = this.#removeLitter()
  }

  /** Forces every artifact to the disk from now on. */
  syncFromNow(): void {
    this.#sync = true
  }

  /** Stores `content` soon; its reference can be written to the log at once. */
  put(content: string | Uint8Array): ArtifactRef {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : Buffer.from(content)
    const ref = createHash('sha256').update(bytes).digest('hex')
    this.isOpen = true
    this.#lost.delete(ref)
    if (!this.#pending.has(ref)) {
      this.#pending.set(ref, { bytes, lines: [], tries: 0 })
      this.#pendingBytes += bytes.length
      if (this.#pendingBytes > MAX_PENDING_BYTES) this.flushSync()
      else this.#running ??= this.#run()
    }
    return { ref, bytes: bytes.length }
  }

  /** Whether there is, or was of late, anything that a line could name and that is not stored. Asked for each event. */
  isOpen = false

  /** Whether something that was put is not stored yet. */
  get isPending(): boolean {
    return this.#pending.size > 0
  }

  /** Whether all that was put is stored, and forced to the disk if that is asked for. */
  get isDone(): boolean {
    return this.#running === undefined && this.#unsynced.size === 0
  }

  /** Goes on beside another log, whose lines name these artifacts too. */
  moveTo(log: string, refs: Iterable<string>): void {
    const former = this.#folder
    this.#folder = artifactsFolder(log)
    for (const ref of refs) {
      if (this.#pending.has(ref)) continue
      try {
        mkdirSync(dirname(this.#path(ref)), { recursive: true, mode: 0o700 })
        linkSync(join(former, ref.slice(0, 2), ref), this.#path(ref))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') this.#onLost([], ref, error as Error)
      }
    }
  }

  /** Line `seq` has these fields: it depends on the artifacts that they name. */
  claim(seq: number, fields: Fields): void {
    const seen = new Set<string>()
    findRefs(fields, 0, (ref) => {
      if (seen.has(ref)) return
      seen.add(ref)
      this.#pending.get(ref)?.lines.push(seq)
      const error = this.#lost.get(ref)
      if (error !== undefined) this.#onLost([seq], ref, error)
    })
  }

  /** Resolves when everything put before is stored, or told of as lost. */
  async flush(): Promise<void> {
    this.#awaited++
    this.#retry?.ref()
    while (this.#running !== undefined) await this.#running
    this.#awaited--
  }

  /** The same, and forced to the disk whatever the policy. @throws what the disk says */
  async sync(): Promise<void> {
    await this.flush()
    const folders = new Set<string>()
    for (const path of [...this.#unsynced]) {
      const file = await open(path, 'r+')
      try {
        await file.datasync()
      } finally {
        await file.close()
      }
      folders.add(dirname(path))
      this.#unsynced.delete(path)
    }
    for (const folder of folders) {
      for (const each of this.#namesIn(folder)) await syncFolder(each)
      this.#noteSynced(folder)
    }
  }

  /** `flush` on this thread; what cannot be stored now is lost. */
  flushSync(): void {
    for (const [ref, { bytes }] of this.#pending) {
      try {
        this.#writeSync(ref, bytes)
        this.#done(ref)
      } catch (error) {
        this.#lose(ref, error as Error)
      }
    }
  }

  async #run(): Promise<void> {
    // Lets the caller go on first, and a burst of the same content meet in the map.
    await new Promise((resolve) => setImmediate(resolve))
    await this.#tidied
    while (this.#pending.size > 0) {
      let pause = Infinity
      for (const [ref, pending] of this.#pending) {
        try {
          const folder = this.#folder
          await this.#write(ref, pending.bytes)
          // Else the log that names it is another by now.
          if (folder === this.#folder) this.#done(ref)
        } catch (error) {
          const wait = RETRY_MS[pending.tries++]
          if (wait === undefined) this.#lose(ref, error as Error)
          else pause = Math.min(pause, wait)
        }
      }
      if (this.#pending.size > 0 && pause < Infinity) await this.#pause(pause)
    }
    this.#running = undefined
    this.isOpen = this.#lost.size > 0
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#retry = setTimeout(resolve, ms)
      if (this.#awaited === 0) this.#retry.unref()
    })
  }

  #done(ref: string): Pending | undefined {
    const pending = this.#pending.get(ref)
    if (pending !== undefined && this.#pending.delete(ref)) this.#pendingBytes -= pending.bytes.length
    return pending
  }

  #lose(ref: string, error: Error): void {
    const pending = this.#done(ref)
    if (pending === undefined) return
    this.#lost.set(ref, error)
    for (const [oldest] of this.#lost) if (this.#lost.size > MAX_LOST) this.#lost.delete(oldest)
    this.#onLost(pending.lines, ref, error)
  }

  #path(ref: string): string {
    return join(this.#folder, ref.slice(0, 2), ref)
  }

  async #write(ref: string, bytes: Buffer): Promise<void> {
    const path = this.#path(ref)
    const folder = dirname(path)
    const sync = this.#mustSync()
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) this.#syncedFolders.clear()
    if (!isThere(path, bytes.length)) await writeDurably(path, bytes, { sync })
    if (!sync) this.#unsynced.add(path)
    // Whatever a try before this one came to, the names are on disk only when this has been said of each folder.
    else for (const each of this.#namesIn(folder)) await syncFolder(each)
    if (sync) this.#noteSynced(folder)
  }

  #writeSync(ref: string, bytes: Buffer): void {
    const path = this.#path(ref)
    const folder = dirname(path)
    const sync = this.#mustSync()
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) this.#syncedFolders.clear()
    if (!isThere(path, bytes.length)) writeDurablySync(path, bytes, { sync })
    if (!sync) this.#unsynced.add(path)
    else for (const each of this.#namesIn(folder)) syncFolderSync(each)
    if (sync) this.#noteSynced(folder)
  }

  /** The folders that hold a name on the way to an artifact in `folder` that is not known to be on disk. */
  #namesIn(folder: string): string[] {
    const folders = [folder]
    if (!this.#syncedFolders.has(folder)) folders.push(this.#folder)
    if (!this.#syncedFolders.has(this.#folder)) folders.push(dirname(this.#folder))
    return folders
  }

  #noteSynced(folder: string): void {
    this.#syncedFolders.add(folder).add(this.#folder)
  }

  #mustSync(): boolean {
    return this.#sync || this.#unsynced.size >= MAX_UNSYNCED
  }

  /** Drafts of writers that were killed: nobody but the log's one writer makes any, and this one has not begun. */
  async #removeLitter(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue
      removeDrafts(join(this.#folder, name), undefined, 0)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** Whether the artifact is stored; one whose writing was cut off by something else than a draft's end is not. */
function isThere(path: string, bytes: number): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat?.isFile() === true && stat.size === bytes
}

function findRefs(value: unknown, depth: number, found: (ref: string) => void): void {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return
  if (ArrayBuffer.isView(value)) return
  for (const [name, each] of Object.entries(value)) {
    if (name === 'ref' && typeof each === 'string') found(each)
    else findRefs(each, depth + 1, found)
  }
}
