/** One open segment: append whole buffers, know its size and hash. */
import { constants, fstatSync, write, writeSync } from 'node:fs'
import { closeQuietly, openFileSync } from '../disk/open.js'
import { type Expected, RunningHash } from './running-hash.js'

/** A write that ended early: `written` bytes of the buffer are in the file. */
export class WriteError extends Error {
  readonly written: number
  override readonly cause: NodeJS.ErrnoException

  constructor(written: number, cause: NodeJS.ErrnoException) {
    super(cause.message)
    this.name = 'WriteError'
    this.written = written
    this.cause = cause
  }
}

/** What a segment writes through; a test puts a failing disk here. */
export interface WriteCalls {
  writeSync(fd: number, buffer: Buffer, offset: number, length: number): number
  /** The same on the thread pool. */
  write?(
    fd: number,
    buffer: Buffer,
    offset: number,
    length: number,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ): void
  fdatasync?(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void
}

const APPEND_ONLY = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY
/** How often an interrupted write is tried again before it counts as failed. */
const MAX_TRANSIENT = 16

export class SegmentFile {
  readonly file: string
  readonly fd: number
  readonly hash: RunningHash
  readonly inode: number
  readonly device: number
  #calls: WriteCalls

  /**
   * Opens `file` for appending, creating it with mode 0600.
   * @param expectedOf tells what is known of the bytes that are there, of which there are `size`
   */
  constructor(
    file: string,
    calls: WriteCalls = { writeSync },
    expectedOf: (size: number) => Expected | undefined = () => undefined,
  ) {
    this.file = file
    this.#calls = calls
    this.fd = openFileSync(file, APPEND_ONLY, 0o600)
    try {
      const stat = fstatSync(this.fd)
      this.inode = stat.ino
      this.device = stat.dev
      this.hash = new RunningHash(file, stat.size, stat.size > 0 ? expectedOf(stat.size) : undefined)
    } catch (error) {
      closeQuietly(this.fd)
      throw error
    }
  }

  get size(): number {
    return this.hash.size
  }

  /** Appends all of `bytes`. @throws {WriteError} when the file took only a part */
  append(bytes: Buffer): void {
    let written = 0
    let transient = 0
    try {
      while (written < bytes.length) {
        try {
          const n = this.#calls.writeSync(this.fd, bytes, written, bytes.length - written)
          written += n
          transient = n > 0 ? 0 : transient + 1
        } catch (error) {
          if (!isTransient(error)) throw error
          transient++
        }
        if (transient > MAX_TRANSIENT)
          throw Object.assign(new Error('EAGAIN: the file takes no bytes'), { code: 'EAGAIN' })
      }
    } catch (error) {
      this.hash.update(bytes.subarray(0, written))
      throw new WriteError(written, error as NodeJS.ErrnoException)
    }
    this.hash.update(bytes)
  }

  /**
   * Begins to append `bytes` on the thread pool; it may be a part only that gets written. Until `done` was called,
   * or `noteAppended` was, nothing else may be appended.
   */
  beginAppend(bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void {
    if (this.#calls.write !== undefined) this.#calls.write(this.fd, bytes, 0, bytes.length, done)
    else write(this.fd, bytes, 0, bytes.length, null, done)
  }

  /** These bytes were appended by what `beginAppend` began. */
  noteAppended(bytes: Buffer): void {
    this.hash.update(bytes)
  }

  /** Size of the file as it is now, whatever was noted. */
  sizeOnDisk(): number {
    return fstatSync(this.fd).size
  }

  /** Whether the file still has a name somewhere: bytes in one without are gone when it is closed. */
  get isNamed(): boolean {
    return fstatSync(this.fd).nlink > 0
  }

  close(): void {
    this.hash.close()
    closeQuietly(this.fd)
  }
}

function isTransient(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'EAGAIN' || code === 'EINTR'
}
