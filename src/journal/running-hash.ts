/**
 * SHA-256 over all bytes of a segment, kept up as they are written. After a reopening the bytes that were there
 * before are read in the background, so that opening a large log does not wait for them.
 *
 * A digest vouches for nothing that was not checked: what a good seal says of the bytes before it is compared when the
 * reading has come there, and what is read of the writer's own bytes is compared with what it wrote.
 */
import { createHash, type Hash } from 'node:crypto'
import { read, readSync } from 'node:fs'
import { closeQuietly, openFileSync } from '../disk/open.js'

const BLOCK = 1024 * 1024

/** What the first `bytes` bytes must hash to. */
export interface Expected {
  bytes: number
  sha256: string
}

export class RunningHash {
  #hash: Hash = createHash('sha256')
  #hashed = 0
  #size: number
  #existing: number
  #expected: Expected | undefined
  /** Of the bytes written since, while those before are still being read: as written, and as read back. */
  #written: Hash | undefined
  #readBack: Hash | undefined
  #readFd: number | undefined
  #reading = false
  #failure: Error | undefined
  #falsified: string | undefined

  /**
   * @param existing bytes that are in the file already
   * @param expected what is known of them
   */
  constructor(file: string, existing: number, expected?: Expected) {
    this.#size = existing
    this.#existing = existing
    this.#expected = expected
    if (existing > 0) {
      this.#written = createHash('sha256')
      this.#readBack = createHash('sha256')
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

  /** What is wrong with bytes that were read: they are not those that a seal vouched for, or that were written. */
  get falsified(): string | undefined {
    return this.#falsified
  }

  /** Takes in bytes that are written, or about to be, at the end of the file. */
  update(bytes: Buffer): void {
    if (this.isCurrent) {
      this.#hash.update(bytes)
      this.#hashed += bytes.length
    } else this.#written?.update(bytes)
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

  /** How much to read next: not past a place where something is to be compared. */
  #wanted(): number {
    const at = this.#hashed
    if (this.#size <= at) return 0
    const stops = [this.#expected?.bytes ?? 0, this.#existing, this.#size].filter((stop) => stop > at)
    return Math.min(BLOCK, ...stops.map((stop) => stop - at))
  }

  #take(bytes: Buffer): void {
    this.#hash.update(bytes)
    if (this.#hashed >= this.#existing) this.#readBack?.update(bytes)
    this.#hashed += bytes.length
    const expected = this.#expected
    if (expected !== undefined && this.#hashed === expected.bytes) {
      this.#expected = undefined
      if (this.#hash.copy().digest('hex') !== expected.sha256) {
        this.#falsified = `its first ${expected.bytes} bytes are not those that its last good seal vouches for`
      }
    }
    if (!this.isCurrent || this.#written === undefined || this.#readBack === undefined) return
    if (this.#written.digest('hex') !== this.#readBack.digest('hex')) {
      this.#falsified ??= `its bytes from ${this.#existing} on are not those that were written`
    }
    this.#written = undefined
    this.#readBack = undefined
  }

  #readOn(): void {
    const fd = this.#readFd
    if (fd === undefined) return
    const wanted = this.#wanted()
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
        this.#take(buffer.subarray(0, Math.min(got, this.#wanted())))
      } else if (error !== null || got === 0) {
        this.#failure = error ?? tooShort()
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
      const got = readSync(fd, block, 0, Math.min(block.length, this.#wanted()), this.#hashed)
      if (got === 0) throw tooShort()
      this.#take(block.subarray(0, got))
    }
    if (!this.#reading) this.#closeReadFd()
  }

  #closeReadFd(): void {
    const fd = this.#readFd
    this.#readFd = undefined
    if (fd !== undefined) closeQuietly(fd)
  }
}

const tooShort = (): Error => new Error('the file became shorter than what was written to it')
