/**
 * SHA-256 over all bytes of a segment, kept up as they are written. After a reopening the bytes that were there
 * before are read in the background, so that opening a large log does not wait for them.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, read, readSync } from 'node:fs'
import { openFileSync } from '../disk/open.js'

const BLOCK = 1024 * 1024

export class RunningHash {
  #hash: Hash = createHash('sha256')
  #hashed = 0
  #size: number
  #readFd: number | undefined
  #reading = false
  #failure: Error | undefined

  /** @param existing bytes that are in the file already */
  constructor(file: string, existing: number) {
    this.#size = existing
    if (existing > 0) {
      this.#readFd = openFileSync(file)
      this.#readOn()
    }
  }

  /** Bytes of the segment so far. */
  get size(): number {
    return this.#size
  }

  /** Whether a digest can be had without reading the file first. */
  get isCurrent(): boolean {
    return this.#hashed === this.#size
  }

  /** Takes in bytes that are written, or about to be, at the end of the file. */
  update(bytes: Buffer): void {
    if (this.isCurrent) {
      this.#hash.update(bytes)
      this.#hashed += bytes.length
    }
    this.#size += bytes.length
  }

  /** SHA-256 of the bytes so far, lower-case hex; reads what is missing first. @throws when that fails */
  digest(): string {
    this.#catchUp()
    return this.#hash.copy().digest('hex')
  }

  /** Releases what the background reading holds. The digest cannot be asked for any more. */
  close(): void {
    this.#size = this.#hashed
    if (!this.#reading) this.#closeReadFd()
  }

  #readOn(): void {
    const fd = this.#readFd
    if (fd === undefined) return
    const wanted = Math.min(BLOCK, this.#size - this.#hashed)
    if (wanted <= 0) {
      this.#closeReadFd()
      return
    }
    const position = this.#hashed
    this.#reading = true
    read(fd, Buffer.allocUnsafe(wanted), 0, wanted, position, (error, got, buffer) => {
      this.#reading = false
      // A synchronous catch-up may have been past here meanwhile.
      if (error === null && got > 0 && this.#hashed === position && position < this.#size) {
        this.#hash.update(buffer.subarray(0, got))
        this.#hashed += got
      } else if (error !== null || got === 0) {
        this.#failure = error ?? new Error('the file became shorter than what was written to it')
        this.#closeReadFd()
        return
      }
      this.#readOn()
    })
  }

  #catchUp(): void {
    if (this.isCurrent) return
    if (this.#failure !== undefined) throw this.#failure
    const fd = this.#readFd as number
    const block = Buffer.allocUnsafe(Math.min(BLOCK, this.#size - this.#hashed))
    while (this.#hashed < this.#size) {
      const got = readSync(fd, block, 0, Math.min(block.length, this.#size - this.#hashed), this.#hashed)
      if (got === 0) throw new Error('the file became shorter than what was written to it')
      this.#hash.update(block.subarray(0, got))
      this.#hashed += got
    }
    if (!this.#reading) this.#closeReadFd()
  }

  #closeReadFd(): void {
    const fd = this.#readFd
    this.#readFd = undefined
    if (fd !== undefined) closeSync(fd)
  }
}
