/**
 * Exact copies of logs that lie elsewhere: what a shipper sends is appended byte for byte, and is on the disk before it
 * is acknowledged. The store knows how far each copy has come, so a sender needs no memory of its own.
 *
 *     <store>/<session>/<log id>.jsonl                the live segment
 *     <store>/<session>/<log id>.<first seq>.jsonl    an archived one, never compressed here
 *     <store>/<session>/<log id>.jsonl.agents/        copies of the logs of child processes
 *     <store>/<session>/<log id>.jsonl.origin         the log's own name, over which its seals are signed
 *     <store>/<session>/<log id>.jsonl.receipts       what was acknowledged, and when
 *     <store>/<session>/<log id>.jsonl.artifacts/     contents that lines name
 *
 * Nothing that is stored is ever overwritten: bytes that come again must be the same.
 */
import { createHash, type Hash, type KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder, writeDurably } from '../disk/durable.js'
import { archivedSegments } from '../disk/segments.js'
import { archiveName, artifactsFolder, originFile, receiptsFile } from '../format/beside.js'
import { decodeLine, ownSeq } from '../format/decode.js'
import { type Receipt, receiptLine } from '../format/receipt.js'
import { logIdOf } from '../format/seal.js'
import type { KeptIndex } from '../keep/kept-index.js'
import { type CopyName, CopyPlaces } from './copy-places.js'

/** Where a copy goes on. */
export interface CopyPosition {
  /** `seq` of the first line of the segment. */
  segment: number
  /** Bytes of it that are there: up to the end of a whole line. */
  offset: number
}

/** Whole lines of a log, as they are in its file. */
export interface CopyBatch extends CopyPosition, CopyName {
  /** File name of the log at its origin. */
  name: string
  bytes: Buffer
}

/** What became of a batch. */
export interface Acknowledged extends CopyPosition {
  /** The last `seq` of the copy. */
  seq: number
  /** Over the segment up to `offset`. */
  sha256: string
  /** Bytes that were there already. */
  skipped: number
  /** Lines that were not. */
  lines: number
}

export type CopyRefusal =
  /** There are bytes missing before these. */
  | 'hole'
  /** Other bytes are there. The copy stays as it is, and is marked. */
  | 'differs'
  /** The bytes are no beginning of the log that they are said to be of. */
  | 'other-log'

/** A batch that is not stored; nothing of it is. */
export class CopyError extends Error {
  readonly refusal: CopyRefusal
  /** Where the copy would go on. */
  readonly wanted: CopyPosition

  constructor(refusal: CopyRefusal, wanted: CopyPosition, message: string) {
    super(message)
    this.name = 'CopyError'
    this.refusal = refusal
    this.wanted = wanted
  }
}

const NEWLINE = 10
const BLOCK = 1024 * 1024

export interface CopyStoreOptions {
  /** Ed25519 private key that signs receipts. Default: they are not signed. */
  key?: KeyObject | undefined
  /** Gives what is told how a copy grows, by its path and the bytes of its live segment. Default: nobody is told. */
  kept?: ((path: string, size: number) => KeptIndex) | undefined
}

export class CopyStore {
  readonly root: string
  readonly #options: CopyStoreOptions
  readonly #places: CopyPlaces
  readonly #copies = new Map<string, Copy>()

  constructor(root: string, options: CopyStoreOptions = {}) {
    this.root = root
    this.#places = new CopyPlaces(root)
    this.#options = options
  }

  /** Path of a copy. The names must have been looked at. */
  pathOf(session: string, log: string): string {
    return this.#places.pathOf({ session, log })
  }

  /**
   * Where a copy goes on, and the SHA-256 of the segment up to there; that of one that is not there begins with its
   * first line.
   */
  position(session: string, log: string): Promise<CopyPosition & { seq: number; sha256?: string }> {
    return this.#copyAt(this.pathOf(session, log), log).position()
  }

  /**
   * Stores a batch. Batches of one log wait for each other, those of several are forced to the disk side by side.
   * @throws {CopyError} when the bytes do not follow on those that are there
   * @throws what the disk says; then nothing of the batch is stored
   */
  async append(batch: CopyBatch): Promise<Acknowledged> {
    const path = this.#places.begin(batch)
    try {
      const acknowledged = await this.#copyAt(path, batch.log).append(batch)
      this.#places.settle(batch, path, true)
      return acknowledged
    } catch (error) {
      this.#places.settle(batch, path, await isThere(path))
      throw error
    }
  }

  /** Which of these artifacts of a log are not there. */
  async missing(name: CopyName, refs: readonly string[]): Promise<string[]> {
    const folder = artifactsFolder(this.#places.pathOf(name))
    const found = await Promise.all(refs.map((ref) => isThere(artifactPath(folder, ref))))
    return refs.filter((_, i) => !found[i])
  }

  /** Stores an artifact. @returns false when the content is not the one that its name says */
  async putArtifact(name: CopyName, ref: string, bytes: Buffer): Promise<boolean> {
    if (createHash('sha256').update(bytes).digest('hex') !== ref) return false
    const path = artifactPath(artifactsFolder(this.#places.pathOf(name)), ref)
    if (await isThere(path)) return true
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeDurably(path, bytes)
    return true
  }

  /** Closes the files that are open. */
  async close(): Promise<void> {
    await Promise.all([...this.#copies.values()].map((copy) => copy.close()))
    this.#copies.clear()
  }

  #copyAt(path: string, log: string): Copy {
    let copy = this.#copies.get(path)
    if (copy === undefined) {
      copy = new Copy(path, log, this.#options)
      this.#copies.set(path, copy)
      this.#forgetIdle()
    }
    return copy
  }

  /** A copy that nobody writes to now is looked at anew when it goes on. */
  #forgetIdle(): void {
    for (const [path, copy] of this.#copies) {
      if (this.#copies.size <= MAX_OPEN) return
      if (copy.isIdle) {
        this.#copies.delete(path)
        // What was acknowledged is on the disk; that a file does not close well must not end the server.
        copy.close().catch(() => {})
      }
    }
  }
}

/** Copies whose files are kept open. */
const MAX_OPEN = 2000

const artifactPath = (folder: string, ref: string): string => join(folder, ref.slice(0, 2), ref)

/** The segment that is written to. */
interface Live {
  file: FileHandle
  segment: number
  size: number
  hash: Hash
  seq: number
}

class Copy {
  readonly #path: string
  readonly #log: string
  readonly #options: CopyStoreOptions
  #index: KeptIndex | undefined
  #live: Live | undefined
  #receipts: FileHandle | undefined
  #isLoaded = false
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(path: string, log: string, options: CopyStoreOptions) {
    this.#path = path
    this.#log = log
    this.#options = options
  }

  get isIdle(): boolean {
    return this.#waiting === 0
  }

  position(): Promise<CopyPosition & { seq: number; sha256?: string }> {
    return this.#inTurn(async () => {
      await this.#load()
      const live = this.#live
      return {
        ...this.#wanted(),
        seq: live?.seq ?? 0,
        ...(live !== undefined && { sha256: live.hash.copy().digest('hex') }),
      }
    })
  }

  append(batch: CopyBatch): Promise<Acknowledged> {
    return this.#inTurn(async () => {
      await this.#load()
      return this.#store(batch)
    })
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#live?.file.close()
      await this.#receipts?.close()
      this.#live = undefined
      this.#receipts = undefined
      this.#isLoaded = false
    })
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    this.#waiting++
    const result = this.#last.then(act)
    this.#last = result.catch(() => {}).finally(() => this.#waiting--)
    return result
  }

  #wanted(): CopyPosition {
    const live = this.#live
    if (live !== undefined) return { segment: live.segment, offset: live.size }
    return { segment: 1, offset: 0 }
  }

  async #store(batch: CopyBatch): Promise<Acknowledged> {
    const live = this.#live
    if (live === undefined) {
      if (batch.offset > 0) throw new CopyError('hole', this.#wanted(), 'the log begins before these bytes')
      return this.#write(await this.#begin(batch), batch, 0)
    }
    if (batch.segment < live.segment) return this.#compareArchived(batch, live)
    if (batch.segment > live.segment) return this.#write(await this.#rotate(live, batch), batch, 0)
    if (batch.offset > live.size) {
      throw new CopyError('hole', this.#wanted(), `bytes ${live.size} to ${batch.offset} are missing`)
    }
    const overlap = Math.min(live.size - batch.offset, batch.bytes.length)
    await this.#mustBeSame(live.file, batch, overlap)
    return this.#write(live, batch, overlap)
  }

  /** @param skipped bytes at its start that are there already */
  async #write(live: Live, { bytes }: CopyBatch, skipped: number): Promise<Acknowledged> {
    const fresh = bytes.subarray(skipped)
    const lastSeq = live.seq
    if (fresh.length > 0) {
      const before = live.size
      try {
        for (let at = 0; at < fresh.length; ) {
          at += (await live.file.write(fresh, at, fresh.length - at)).bytesWritten
        }
        await live.file.datasync()
      } catch (error) {
        // Nobody was told of these bytes, and half a batch would have to be compared with what comes next.
        await live.file.truncate(before).catch(() => {})
        await this.#forget()
        throw error
      }
      live.hash.update(fresh)
      live.size += fresh.length
      live.seq = lastSeqIn(fresh, live.seq)
      this.#index?.grew(live.size)
    }
    const sha256 = live.hash.copy().digest('hex')
    const { segment, size, seq } = live
    await this.#receipt({ ts: Date.now(), log: this.#log, segment, bytes: size, sha256, seq })
    // A log of another writer may count otherwise than by lines.
    return { segment, offset: size, seq, sha256, skipped, lines: Math.max(0, seq - lastSeq) }
  }

  async #receipt(receipt: Omit<Receipt, 'sig'>): Promise<void> {
    this.#receipts ??= await this.#openReceipts()
    try {
      await this.#receipts.write(receiptLine(receipt, this.#options.key))
      await this.#receipts.datasync()
    } catch (error) {
      // Half a receipt may be there.
      await this.#receipts.close().catch(() => {})
      this.#receipts = undefined
      throw error
    }
  }

  /** A kill or a full disk can leave half a line, which nobody was told of: the next one must not go on with it. */
  async #openReceipts(): Promise<FileHandle> {
    const flags = constants.O_APPEND | constants.O_CREAT | constants.O_RDWR
    const file = await open(receiptsFile(this.#path), flags, 0o600)
    const { size } = await file.stat()
    const last = Buffer.alloc(1)
    if (size > 0) await file.read(last, 0, 1, size - 1)
    if (size > 0 && last[0] !== NEWLINE) await file.write('\n')
    return file
  }

  async #begin(batch: CopyBatch): Promise<Live> {
    const newline = batch.bytes.indexOf(NEWLINE)
    const first = batch.bytes.subarray(0, newline)
    const decoded = decodeLine(first)
    const named = 'event' in decoded ? (decoded.event as Record<string, unknown>).log : undefined
    // A log whose first segments were removed names itself in the first line of those that are left.
    const isOfLog = batch.segment === 1 ? logIdOf(first) === this.#log : named === this.#log
    if (!isOfLog) {
      throw new CopyError('other-log', this.#wanted(), `these bytes do not begin the log ${this.#log}`)
    }
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await writeDurably(originFile(this.#path), `${JSON.stringify({ name: batch.name })}\n`)
    return this.#open(batch.segment)
  }

  async #open(segment: number): Promise<Live> {
    const file = await open(this.#path, 'ax+', 0o600)
    await syncFolder(dirname(this.#path))
    const live = { file, segment, size: 0, hash: createHash('sha256'), seq: segment - 1 }
    this.#live = live
    return live
  }

  /** A later segment begins: the one before it must be whole, as the first line of the later one says. */
  async #rotate(live: Live, batch: CopyBatch): Promise<Live> {
    const decoded = decodeLine(batch.bytes.subarray(0, batch.bytes.indexOf(NEWLINE)))
    const { prev } = ('event' in decoded ? decoded.event : {}) as { prev?: { sha256?: unknown } }
    const sha256 = live.hash.copy().digest('hex')
    const isWhole = prev?.sha256 === undefined || prev.sha256 === sha256
    if (batch.offset > 0 || !isWhole) {
      throw new CopyError(
        'hole',
        this.#wanted(),
        `the segment that begins at seq ${live.segment} is not whole`,
      )
    }
    await live.file.close()
    this.#live = undefined
    await rename(this.#path, join(dirname(this.#path), archiveName(this.#path, live.segment)))
    const begun = await this.#open(batch.segment)
    this.#index?.rotated()
    return begun
  }

  async #compareArchived(batch: CopyBatch, live: Live): Promise<Acknowledged> {
    const archived = archivedSegments(this.#path).find(({ firstSeq }) => firstSeq === batch.segment)
    if (archived === undefined) {
      throw new CopyError('differs', this.#wanted(), `no segment begins at seq ${batch.segment}`)
    }
    const file = await open(archived.file, 'r')
    try {
      const { size } = await file.stat()
      if (batch.offset + batch.bytes.length > size)
        await this.#mark(batch, 'it is longer than the stored segment')
      await this.#mustBeSame(file, batch, batch.bytes.length)
    } finally {
      await file.close()
    }
    const sha256 = live.hash.copy().digest('hex')
    const { segment, size: offset, seq } = live
    return { segment, offset, seq, sha256, skipped: batch.bytes.length, lines: 0 }
  }

  async #mustBeSame(file: FileHandle, batch: CopyBatch, length: number): Promise<void> {
    const there = Buffer.allocUnsafe(length)
    let got = 0
    while (got < length) {
      const { bytesRead } = await file.read(there, got, length - got, batch.offset + got)
      if (bytesRead === 0) break
      got += bytesRead
    }
    if (got < length || !there.equals(batch.bytes.subarray(0, length))) {
      await this.#mark(batch, 'other bytes are stored there')
    }
  }

  /** Notes beside the copy that its origin says otherwise. @throws {CopyError} */
  async #mark({ segment, offset, bytes }: CopyBatch, why: string): Promise<never> {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const line = JSON.stringify({
      ts: Date.now(),
      log: this.#log,
      segment,
      offset,
      bytes: bytes.length,
      sha256,
      differs: why,
    })
    await this.#note(`${line}\n`)
    throw new CopyError(
      'differs',
      this.#wanted(),
      `the segment that begins at seq ${segment}, from byte ${offset} on: ${why}`,
    )
  }

  async #note(line: string): Promise<void> {
    const file = await this.#openReceipts()
    try {
      await file.write(line)
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  /** Looks at what is there, once: after a crash there may be bytes that nobody was told of. */
  async #load(): Promise<void> {
    if (this.#isLoaded) return
    const segments = archivedSegments(this.#path)
    if (await isThere(this.#path)) {
      const live = await loadLive(this.#path, segments.at(-1)?.firstSeq)
      if (live.size > 0) this.#live = live
      else {
        // Not a line of it was whole: it was never begun.
        await live.file.close()
        await rm(this.#path)
      }
    }
    const last = segments.at(-1)
    // Between the two steps of a rotation: the segment goes back, so that the next one can be asked for.
    if (this.#live === undefined && last !== undefined && !last.gzip) {
      await rename(last.file, this.#path)
      this.#live = await loadLive(this.#path, undefined, last.firstSeq)
    }
    this.#index = this.#options.kept?.(this.#path, this.#live?.size ?? 0)
    this.#isLoaded = true
  }

  async #forget(): Promise<void> {
    await this.#live?.file.close().catch(() => {})
    this.#live = undefined
    this.#isLoaded = false
  }
}

/**
 * What a killed server left of a batch that nobody was told of goes, if it ends within a line; the rest is forced to the
 * disk before anybody is told of it.
 * @param after `seq` with which an earlier segment begins
 */
async function loadLive(path: string, after: number | undefined, known?: number): Promise<Live> {
  const file = await open(path, 'a+')
  try {
    const hash = createHash('sha256')
    const block = Buffer.allocUnsafe(BLOCK)
    let size = 0
    let first: number | undefined
    let rest = Buffer.alloc(0)
    let seq = 0
    for (;;) {
      const { bytesRead } = await file.read(block, 0, BLOCK, size + rest.length)
      if (bytesRead === 0) break
      const bytes = Buffer.concat([rest, block.subarray(0, bytesRead)])
      const end = bytes.lastIndexOf(NEWLINE) + 1
      if (end > 0) {
        const lines = bytes.subarray(0, end)
        first ??= firstSeqIn(lines)
        seq = lastSeqIn(lines, seq)
        hash.update(lines)
        size += end
      }
      rest = bytes.subarray(end)
    }
    if (rest.length > 0) await file.truncate(size)
    await file.datasync()
    const segment = known ?? (after === undefined ? Math.max(1, first ?? 1) : (first ?? after + 1))
    return { file, segment, size, hash, seq }
  } catch (error) {
    await file.close()
    throw error
  }
}

function firstSeqIn(bytes: Buffer): number | undefined {
  const decoded = decodeLine(bytes.subarray(0, bytes.indexOf(NEWLINE)))
  return 'event' in decoded ? ownSeq(decoded.event) : undefined
}

/** `seq` of the last line, or as many lines after `before` as there are. */
function lastSeqIn(lines: Buffer, before: number): number {
  const from = lines.lastIndexOf(NEWLINE, lines.length - 2) + 1
  const decoded = decodeLine(lines.subarray(from, lines.length - 1))
  const own = 'event' in decoded ? ownSeq(decoded.event) : undefined
  if (own !== undefined) return own
  let count = before
  for (let at = lines.indexOf(NEWLINE); at !== -1; at = lines.indexOf(NEWLINE, at + 1)) count++
  return count
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )

/** The receipts of a copy, as text. */
export const receiptsOf = (path: string): Promise<string> => readFile(receiptsFile(path), 'utf8')
