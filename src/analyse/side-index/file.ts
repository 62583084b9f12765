/**
 * The side index of one segment: `<log>.index/<first seq, 12 digits>.idx`. It holds the state before certain lines
 * of the segment, a few MiB of log apart, so that the state at any event is a few thousand lines away.
 *
 * The file: the states one after the other (JSON, raw deflate), then a directory (JSON), then a trailer of fixed
 * length that says where the directory is. Nothing in it cannot be made again from the log, so whatever does not
 * check out is thrown away: lengths and CRC-32s guard states and directory.
 */
import { randomBytes } from 'node:crypto'
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
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { openFileSync } from '../../disk/open.js'
import type { HiveState } from '../state/state.js'

/** A line of the segment before which the state is known. */
export interface Block {
  /** Offset of the line in the (uncompressed) segment. */
  offset: number
  /** Lines before it: in the segment, and in the whole log. */
  line: number
  count: number
  /** Greatest `seq` and `ts` (epoch milliseconds) before it. */
  maxSeq: number
  maxTs: number
  /** Where its state is in this file: offset, bytes, CRC-32. */
  at: number
  size: number
  crc: number
}

export interface Directory {
  /** Tells the state before the segment: that of the segment's first block. */
  start: string
  /** Tells the state before the last block; that after the segment, if `final`. */
  end: string
  /** Whether the segment is archived and the last block is its end. */
  final: boolean
  /** Size and modification time (nanoseconds, as text) of the segment's file when this was made. */
  size: number
  mtimeNs: string
  /** CRC-32 of the segment's bytes up to the last block. */
  crc: number
  /** CRC-32 of the segment's first and of the last bytes before the last block: at most `EDGE` of each. */
  head: number
  tail: number
  /** By offset; the first one is the segment's start. */
  blocks: Block[]
}

/** Changes when the states do: an index of another format is made anew. */
const FORMAT = 1
const MAGIC = `hivelog-index ${FORMAT}\n`
/** Directory's offset and length, and its CRC-32, in hexadecimal; then the magic. */
const TRAILER = 12 + 8 + 8 + MAGIC.length

export const EDGE = 1024

/** An index that is there and sound as a file; whether it fits its segment is another question. */
export class IndexFile {
  readonly directory: Directory
  readonly #fd: number

  private constructor(fd: number, directory: Directory) {
    this.#fd = fd
    this.directory = directory
  }

  /** `undefined` when there is none, or none that is sound. */
  static open(path: string): IndexFile | undefined {
    let fd: number
    try {
      fd = openFileSync(path)
    } catch {
      return undefined
    }
    try {
      const directory = readDirectory(fd)
      if (directory !== undefined) return new IndexFile(fd, directory)
    } catch {
      // Whatever it is, it is no index.
    }
    closeSync(fd)
    return undefined
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** The state before a block, as it was written; `undefined` when it is damaged. */
  state(block: Block): HiveState | undefined {
    try {
      return JSON.parse(inflateRawSync(this.bytes(block)).toString()) as HiveState
    } catch {
      return undefined
    }
  }

  /** @throws when they are damaged */
  bytes({ at, size, crc }: Block): Buffer {
    const bytes = readExactly(this.#fd, at, size)
    if (crc32(bytes) !== crc) throw new Error('a state in the index is damaged')
    return bytes
  }
}

function readDirectory(fd: number): Directory | undefined {
  const { size } = fstatSync(fd)
  if (size < TRAILER) return undefined
  const trailer = readExactly(fd, size - TRAILER, TRAILER).toString('latin1')
  if (!trailer.endsWith(MAGIC)) return undefined
  const [at, length, crc] = [trailer.slice(0, 12), trailer.slice(12, 20), trailer.slice(20, 28)].map((hex) =>
    Number.parseInt(hex, 16),
  ) as [number, number, number]
  if (at + length !== size - TRAILER) return undefined
  const bytes = readExactly(fd, at, length)
  return crc32(bytes) === crc ? (JSON.parse(bytes.toString()) as Directory) : undefined
}

function readExactly(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let got = 0; got < length; ) {
    const n = readSync(fd, bytes, got, length - got, offset + got)
    if (n === 0) throw new Error('the index is cut short')
    got += n
  }
  return bytes
}

/** Writes an index beside the old one, and puts it in its place when it is whole. */
export class IndexWriter {
  readonly #path: string
  readonly #draft: string
  readonly #fd: number
  #size = 0

  /** @throws when the folder cannot be written */
  constructor(path: string) {
    const folder = dirname(path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    clearDrafts(folder)
    this.#path = path
    this.#draft = `${path}.${randomBytes(4).toString('hex')}.tmp`
    this.#fd = openSync(this.#draft, 'wx', 0o600)
  }

  /** Returns where the state is; `raw` is its JSON. */
  add(raw: string): Pick<Block, 'at' | 'size' | 'crc'> {
    return this.copy(deflateRawSync(raw, { level: 1 }))
  }

  /** Takes over a state from another index as it is. */
  copy(bytes: Buffer): Pick<Block, 'at' | 'size' | 'crc'> {
    const at = this.#size
    this.#write(bytes)
    return { at, size: bytes.length, crc: crc32(bytes) }
  }

  finish(directory: Directory): void {
    const at = this.#size
    const bytes = Buffer.from(JSON.stringify(directory))
    this.#write(bytes)
    this.#write(Buffer.from(hex(at, 12) + hex(bytes.length, 8) + hex(crc32(bytes), 8) + MAGIC))
    closeSync(this.#fd)
    renameSync(this.#draft, this.#path)
  }

  abort(): void {
    closeSync(this.#fd)
    rmSync(this.#draft, { force: true })
  }

  #write(bytes: Buffer): void {
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
