/**
 * The side index of one segment: `<log>.index/<first seq, 12 digits>.idx`. It holds the state before certain lines
 * of the segment, 512 KiB of log apart or more, so that the state at any event is a few thousand lines away at most;
 * and what is between them (see `ranges.ts`), so that who looks for a time or a kind need not read all.
 *
 * The file: the states one after the other (see `analyse/side-index/packed.ts`), the ranges, both in Brotli, then a
 * directory (see `directory.ts`, JSON), then a trailer of fixed length that says where the directory is. Nothing in it
 * cannot be made again from the log, so whatever does not check out is thrown away.
 *
 * An index that lies would make hivelog lie of a log that is sound. So the directory carries a MAC by the user's own
 * key (see `key.ts`), the hashes of all states and of the ranges, and tags of the segment's bytes (see `fit.ts`); a
 * file that is a symbolic link, another user's, or one that others can write to is not read, nor is a folder like that.
 */
import { isAscii } from 'node:buffer'
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliCompress, brotliDecompressSync, constants } from 'node:zlib'
import { draftOf } from '../../disk/durable.js'
import { type Directory, readDirectory, type StatePlace } from './directory.js'
import { openOwn } from './key.js'
import { type Range, rangesOf, textOfRanges } from './ranges.js'

/** Changes when the states or the ranges do: an index of another format is made anew. */
const FORMAT = 12
/** The quickest there is: states are written while a log is walked. */
const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 0 }, chunkSize: 64 * 1024 }
const MAGIC = `hivelog-index ${FORMAT}\n`
/** Directory's offset and length, and its MAC, in hexadecimal; then the magic. */
const TRAILER = 12 + 8 + 64 + MAGIC.length

/** Path of the index of the segment that begins with this `seq`. @param folder where the indexes of its log are */
export const indexPath = (folder: string, firstSeq: number): string =>
  join(folder, `${String(firstSeq).padStart(12, '0')}.idx`)

/** An index that is there and sound as a file; whether it fits its segment is another question. */
export class IndexFile {
  readonly directory: Directory
  readonly #fd: number

  private constructor(fd: number, directory: Directory) {
    this.#fd = fd
    this.directory = directory
  }

  /** `undefined` when there is none, or none that is sound and made by who has the key. */
  static open(path: string, key: Buffer): IndexFile | undefined {
    let fd: number
    try {
      fd = openOwn(path)
    } catch {
      return undefined
    }
    try {
      const directory = directoryOf(fd, key)
      if (directory !== undefined) return new IndexFile(fd, directory)
    } catch {
      // Whatever it is, it is no index.
    }
    closeSync(fd)
    return undefined
  }

  /** Whether its states can be read. */
  isOpen = true

  close(): void {
    this.isOpen = false
    closeSync(this.#fd)
  }

  /** What lies between its states, in their order; `undefined` when it is damaged. */
  ranges(): Range[] | undefined {
    try {
      return rangesOf(inflated(this.bytes(this.directory.ranges)))
    } catch {
      return undefined
    }
  }

  /** @throws when they are damaged */
  bytes({ at, size, sha256 }: StatePlace): Buffer {
    const bytes = readExactly(this.#fd, at, size)
    if (hashOf(bytes) !== sha256) throw new Error('the index is damaged')
    return bytes
  }
}

export function inflated(bytes: Buffer): string {
  const raw = brotliDecompressSync(bytes)
  // What is ASCII, as nearly all of it is, is made text in a tenth of the time.
  return raw.toString(isAscii(raw) ? 'latin1' : 'utf8')
}

function directoryOf(fd: number, key: Buffer): Directory | undefined {
  const { size } = fstatSync(fd)
  if (size < TRAILER) return undefined
  const trailer = readExactly(fd, size - TRAILER, TRAILER).toString('latin1')
  if (!trailer.endsWith(MAGIC)) return undefined
  const at = Number.parseInt(trailer.slice(0, 12), 16)
  const length = Number.parseInt(trailer.slice(12, 20), 16)
  if (at + length !== size - TRAILER) return undefined
  const bytes = readExactly(fd, at, length)
  const mac = Buffer.from(trailer.slice(20, 84), 'latin1')
  if (!timingSafeEqual(mac, Buffer.from(macOf(bytes, key)))) return undefined
  return readDirectory(bytes.toString())
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const macOf = (directory: Buffer, key: Buffer): string =>
  createHmac('sha256', key).update(MAGIC).update(directory).digest('hex')

function readExactly(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let got = 0; got < length; ) {
    const n = readSync(fd, bytes, got, length - got, offset + got)
    if (n === 0) throw new Error('the index is cut short')
    got += n
  }
  return bytes
}

/** Compresses in another thread, while the log is read on in this one. */
function compressed(text: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    brotliCompress(text, FAST, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
  })
}

/** Writes an index beside the old one, and puts it in its place when it is whole. */
export class IndexWriter {
  readonly #path: string
  readonly #draft: string
  readonly #key: Buffer
  readonly #fd: number
  #size = 0
  #isClosed = false

  /** @throws when the folder cannot be written */
  constructor(path: string, key: Buffer) {
    const folder = dirname(path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    clearDrafts(folder)
    this.#path = path
    this.#key = key
    this.#draft = draftOf(path)
    this.#fd = openSync(this.#draft, 'wx', 0o600)
  }

  /** Returns where the state is, once it is written. @throws then when it cannot be */
  async add(text: string): Promise<StatePlace> {
    return this.copy(await compressed(text), text.length)
  }

  addRanges(ranges: readonly Range[]): Promise<StatePlace> {
    return this.add(textOfRanges(ranges))
  }

  /** Takes over a state, or the ranges, from another index as they are. */
  copy(bytes: Buffer, raw: number): StatePlace {
    const at = this.#size
    this.#write(bytes)
    return { at, size: bytes.length, sha256: hashOf(bytes), raw }
  }

  finish(directory: Directory): void {
    const at = this.#size
    const bytes = Buffer.from(JSON.stringify(directory))
    this.#write(bytes)
    this.#write(Buffer.from(hex(at, 12) + hex(bytes.length, 8) + macOf(bytes, this.#key) + MAGIC))
    this.#close()
    renameSync(this.#draft, this.#path)
  }

  abort(): void {
    this.#close()
    rmSync(this.#draft, { force: true })
  }

  #close(): void {
    this.#isClosed = true
    closeSync(this.#fd)
  }

  #write(bytes: Buffer): void {
    // Its number may be another file's by now.
    if (this.#isClosed) throw new Error('the index is closed')
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    this.#size += bytes.length
  }
}

/** Drafts of builders that were killed; a younger one may be somebody's who is at it. */
const DRAFT_AGE_MS = 3_600_000

function clearDrafts(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.tmp')) continue
    const draft = join(folder, name)
    const age = Date.now() - (statSync(draft, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > DRAFT_AGE_MS) rmSync(draft, { force: true })
  }
}

const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0')
