/**
 * What is too big for a line, beside the log: `<log>.artifacts/<first 2 hex>/<sha256>`. Content-addressed, so the
 * same content is stored once, and a file that is there is never written again.
 */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ArtifactRef } from '../format/kinds.js'

/** How much may wait in memory to be written before the caller writes it himself. */
const MAX_PENDING_BYTES = 8 * 1024 * 1024

export class ArtifactStore {
  #folder: string
  #sync: boolean
  #onError: (error: Error) => void
  #pending = new Map<string, Buffer>()
  #pendingBytes = 0
  #running: Promise<void> | undefined

  /** @param sync whether an artifact is forced to the disk before it counts as stored */
  constructor(log: string, sync: boolean, onError: (error: Error) => void) {
    this.#folder = `${log}.artifacts`
    this.#sync = sync
    this.#onError = onError
  }

  /** Forces every artifact to the disk from now on. */
  syncFromNow(): void {
    this.#sync = true
  }

  /** Stores `content` soon; its reference can be written to the log at once. */
  put(content: string | Uint8Array): ArtifactRef {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : Buffer.from(content)
    const ref = createHash('sha256').update(bytes).digest('hex')
    if (!this.#pending.has(ref)) {
      this.#pending.set(ref, bytes)
      this.#pendingBytes += bytes.length
      if (this.#pendingBytes > MAX_PENDING_BYTES) this.flushSync()
      else this.#running ??= this.#run()
    }
    return { ref, bytes: bytes.length }
  }

  /** Resolves when everything put before is stored (or reported as failed). */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  flushSync(): void {
    for (const [ref, bytes] of this.#pending) {
      try {
        this.#writeSync(ref, bytes)
      } catch (error) {
        this.#onError(error as Error)
      }
      this.#done(ref)
    }
  }

  async #run(): Promise<void> {
    // Lets the caller go on first, and a burst of the same content meet in the map.
    await new Promise((resolve) => setImmediate(resolve))
    for (const [ref, bytes] of this.#pending) {
      try {
        await this.#write(ref, bytes)
      } catch (error) {
        this.#onError(error as Error)
      }
      this.#done(ref)
    }
    this.#running = undefined
  }

  #done(ref: string): void {
    const bytes = this.#pending.get(ref)
    if (bytes !== undefined && this.#pending.delete(ref)) this.#pendingBytes -= bytes.length
  }

  #path(ref: string): string {
    return join(this.#folder, ref.slice(0, 2), ref)
  }

  async #write(ref: string, bytes: Buffer): Promise<void> {
    const path = this.#path(ref)
    if (existsSync(path)) return
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const draft = draftOf(path)
    const file = await open(draft, 'wx', 0o600)
    try {
      try {
        await file.writeFile(bytes)
        if (this.#sync) await file.sync()
      } finally {
        await file.close()
      }
      await rename(draft, path)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }

  #writeSync(ref: string, bytes: Buffer): void {
    const path = this.#path(ref)
    if (existsSync(path)) return
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const draft = draftOf(path)
    const fd = openSync(draft, 'wx', 0o600)
    try {
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
        if (this.#sync) fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(draft, path)
    } catch (error) {
      rmSync(draft, { force: true })
      throw error
    }
  }
}

const draftOf = (path: string): string => `${path}.${randomBytes(4).toString('hex')}.tmp`
