/**
 * Walks a log to an event: from its start, or from the last place before it where the side index knows the state.
 * What is walked anyway is added to the index, so that the next walk is short.
 */
import { lstatSync } from 'node:fs'
import { sizeOfLogs } from '../../disk/hive-logs.js'
import { indexFolder } from '../../format/beside.js'
import { ownSeq } from '../../format/decode.js'
import type { StoredState } from '../../model/model.js'
import { ChainWatch } from '../../read/chain.js'
import { FlatReader, flatThread } from '../../read/flat.js'
import { isMalformed, type LogItem, type MalformedLine } from '../../read/items.js'
import { ItemReader } from '../../read/lines.js'
import { itemsOf } from '../../read/read.js'
import { LogSnapshot } from '../../read/segments.js'
import type { Blocks } from '../../read/side-index/directory.js'
import { IndexFile, indexPath } from '../../read/side-index/file.js'
import { fits } from '../../read/side-index/fit.js'
import { indexKey, isOwnFolder } from '../../read/side-index/key.js'
import { RangeReader } from '../../read/side-index/ranges.js'
import { CHUNK, firstSeqOf, missing, type Source } from '../../read/sources.js'
import type { Pricer } from '../cost/call-cost.js'
import { type BrokenChain, brokenChain, MAX_BROKEN } from '../reading.js'
import type { OnChange } from '../state/changes.js'
import { StateReducer } from '../state/reducer.js'
import { distanceOf, Extension, keyOf, type Position, SPACING } from './extension.js'
import { pack } from './packed.js'
import { stateIn } from './states.js'

/** Before the first event that lies beyond either of these. */
export interface Target {
  /** `seq` of the last event that counts. Default: none. */
  seq?: number
  /** Epoch milliseconds. Default: none. */
  time?: number
}

export interface WalkOptions {
  /** What calls cost; an index whose sums were made by other prices is not used. */
  price: Pricer
  /** Whether the side index is used and kept. */
  index: boolean
  /** Bytes of log between two states of the index. Default 512 KiB. */
  spacing?: number
  /** Where the walk ends. */
  until: Target
  /** How far the walk may begin into the log; what comes before is not visited. Default: as far as it goes. */
  skipTo?: Target
  /** Called for each item after it was applied; `false` ends the walk. The index is not added to then. */
  visit?: (item: LogItem) => Promise<boolean>
  onChange?: OnChange
  /** Bytes of log that were read, of those that may have to be. */
  onProgress?: (read: number, total: number) => void
  /** Told of each segment that is come to, before it is gone through; of one again where the walk begins anew. */
  onSegment?: (segment: WalkedSegment) => void
}

/** A segment, and where its index is. */
export interface WalkedSegment {
  /** Path of the segment. */
  file: string
  /** As it lies on the disk. */
  size: number
  /** Whether the log goes on in it. */
  isLive: boolean
  /** Path of its index, whether that is there or not; `undefined` where it can have none. */
  index: string | undefined
}

/** Bytes that are decoded at once where the end is near: what lies behind it is decoded in vain. */
const NEAR_PIECE = 32 * 1024
/** Bytes that are read at once where an index is made: fewer reads for a long way. */
const BUILDING_CHUNK = 2 * CHUNK
/** Pieces of the spacing after which it is looked whether a state is due. */
const PIECES = 8

/** Before any event: no `ts` that an event can have is smaller. */
const NEVER = Number.MIN_SAFE_INTEGER

/** An index turned out to be damaged when a state was taken from it. */
class DamagedIndex extends Error {
  readonly path: string

  constructor(path: string) {
    super(`${path} is damaged`)
    this.path = path
  }
}

/** A state that is known, and taken from the index only if the walk goes on from it. */
interface Known {
  position: Position
  load: () => StateReducer
  /** Tells the state apart. */
  key: () => string
}

export interface Walked {
  reducer: StateReducer
  /** Where a segment up to there does not follow on the one before it. */
  broken: BrokenChain[]
}

/** @throws when the log cannot be read */
export async function walk(file: string, options: WalkOptions): Promise<Walked> {
  const damaged = new Set<string>()
  for (;;) {
    try {
      return await new Walk(file, options, damaged).run()
    } catch (error) {
      if (!(error instanceof DamagedIndex) || damaged.has(error.path)) throw error
      damaged.add(error.path)
    }
  }
}

class Walk {
  readonly #file: string
  readonly #options: WalkOptions
  readonly #damaged: ReadonlySet<string>
  readonly #until: Required<Target>
  readonly #skipTo: Required<Target>
  readonly #spacing: number
  readonly #folder: string
  readonly #isIndexed: boolean
  /** Tells the prices apart by which the sums in an index were made. */
  readonly #prices: string
  /** With which the index is authenticated; `undefined` where none can have been made. */
  readonly #key: Buffer | undefined
  readonly #broken: BrokenChain[] = []
  /** What is wrong where the segment begins that is walked. */
  #notice: MalformedLine | undefined
  /** Whether any of its lines counts. */
  #isReached = false
  #read = 0
  #total = 0

  constructor(file: string, options: WalkOptions, damaged: ReadonlySet<string>) {
    this.#file = file
    this.#options = options
    this.#damaged = damaged
    this.#spacing = options.spacing ?? SPACING
    this.#folder = indexFolder(file)
    this.#isIndexed = options.index && isUsable(this.#folder)
    this.#prices = options.price.version
    this.#key = this.#isIndexed ? indexKey(false) : undefined
    this.#until = bounds(options.until)
    this.#skipTo = bounds(options.skipTo ?? options.until)
  }

  async run(): Promise<Walked> {
    if (this.#options.onProgress !== undefined) this.#total = sizeOfLogs([this.#file])
    const nothing = this.#reducer()
    const known = walked(nothing, { offset: 0, line: 0, count: 0, maxSeq: 0, maxTs: NEVER, lastSeq: 0 })
    const chain = new ChainWatch()
    const snapshot = await LogSnapshot.of(this.#file)
    try {
      return await this.#walk(snapshot, known, chain)
    } finally {
      await snapshot.close()
    }
  }

  async #walk(snapshot: LogSnapshot, begin: Known, chain: ChainWatch): Promise<Walked> {
    let known = begin
    for (let isFirst = true; ; isFirst = false) {
      const source = await snapshot.next()
      if (source === undefined) {
        if (isFirst) throw missing(this.#file)
        return this.#result(known)
      }
      try {
        const firstSeq = source.firstSeq ?? (await firstSeqOf(source)) ?? (isFirst ? 1 : undefined)
        const count = isFirst ? (source.firstSeq ?? 1) - 1 : known.position.count
        known.position = { ...known.position, offset: 0, line: 0, count }
        this.#notice = source.stats.isFile() ? await chain.head(source) : undefined
        this.#isReached = false
        const { isDone, end } = await this.#segment(source, firstSeq, known)
        if (this.#isReached && this.#notice !== undefined && this.#broken.length < MAX_BROKEN) {
          this.#broken.push(brokenChain(this.#notice))
        }
        if (isDone || source.live) return this.#result(end)
        known = end
        chain.end(end.position.lastSeq)
      } finally {
        await source.handle.close()
      }
    }
  }

  #result(end: Known): Walked {
    return { reducer: end.load(), broken: this.#broken }
  }

  /** Goes through a segment from the state before it; done is the walk that met its end there. */
  async #segment(
    source: Source,
    firstSeq: number | undefined,
    before: Known,
  ): Promise<{ isDone: boolean; end: Known }> {
    const { visit, onSegment } = this.#options
    const key = this.#key
    const isPossible = this.#isIndexed && firstSeq !== undefined && source.stats.isFile()
    const path = isPossible ? indexPath(this.#folder, firstSeq) : undefined
    onSegment?.({ file: source.file, size: Number(source.stats.size), isLive: source.live, index: path })
    if (path === undefined) return this.#through(source, before)
    const index = key === undefined || this.#damaged.has(path) ? undefined : IndexFile.open(path, key)
    try {
      const isOurs = index?.directory.prices === this.#prices && index.directory.start === before.key()
      const fit = isOurs && key !== undefined ? await fits(source, index.directory, key) : 'no'
      if (key === undefined || index === undefined || fit === 'no') {
        if (visit !== undefined) return await this.#through(source, before)
        return await this.#extended(source, before, this.#extension(path, source, undefined))
      }
      const { blocks, final } = index.directory
      const at = blocks.lastBefore((maxSeq, maxTs) => isBefore(this.#skipTo, maxSeq, maxTs))
      // The walk begins before this segment, so that the state before it is at hand.
      if (at === -1) return await this.#through(source, before)
      const isLast = at === blocks.length - 1
      const from = this.#indexed(path, key, index, at)
      if (from.position.offset > 0) this.#isReached = true
      this.#progress(isLast && final ? Number(source.stats.size) : from.position.offset)
      const isExtended = isLast && !final && visit === undefined && this.#isWorthMore(source, blocks)
      // One that is extended is written anew in any case.
      if (fit === 'fits' && visit === undefined && !isExtended) Extension.renew(path, key, source, index)
      if (isLast && final) return { isDone: false, end: from }
      if (isExtended) return await this.#extended(source, from, this.#extension(path, source, index))
      // It ends before the next state, most often.
      return await this.#through(source, from, undefined, NEAR_PIECE)
    } finally {
      index?.close()
    }
  }

  /** Whether the segment goes on far enough for more states: the index is written anew for them. */
  #isWorthMore({ stats, live }: Source, blocks: Blocks): boolean {
    const offset = blocks.last?.offset ?? 0
    const whole = blocks.last?.whole ?? 0
    return !live || Number(stats.size) - offset >= distanceOf(this.#spacing, whole)
  }

  #extension(path: string, source: Source, old: IndexFile | undefined): Extension {
    return new Extension(path, source, old, this.#spacing, this.#prices)
  }

  #reducer(from?: StoredState): StateReducer {
    const { onChange, price } = this.#options
    return new StateReducer(from, onChange, { price })
  }

  #indexed(path: string, key: Buffer, index: IndexFile, number: number): Known {
    const { blocks, end } = index.directory
    const { offset, line, count, maxSeq, maxTs, lastSeq, sha256 } = blocks.at(number)
    const load = (): StateReducer => {
      // Where it is taken later, somebody may have put another index there.
      const now = index.isOpen ? index : IndexFile.open(path, key)
      const isSame =
        now !== undefined &&
        now.directory.blocks.length > number &&
        now.directory.blocks.at(number).sha256 === sha256
      const state = isSame ? stateIn(now, number) : undefined
      if (now !== index) now?.close()
      if (state === undefined) throw new DamagedIndex(path)
      return this.#reducer(state)
    }
    return { position: { offset, line, count, maxSeq, maxTs, lastSeq }, load, key: () => end }
  }

  #extended(source: Source, from: Known, extension: Extension): Promise<{ isDone: boolean; end: Known }> {
    return this.#through(source, from, extension, Math.ceil(this.#spacing / PIECES))
  }

  async #through(
    source: Source,
    from: Known,
    extension?: Extension,
    piece?: number,
  ): Promise<{ isDone: boolean; end: Known }> {
    const { offset, line, count } = from.position
    const start = { offset, line, count }
    const { visit } = this.#options
    // Whoever is visited may look at whole events.
    const isForModel = visit === undefined
    const flat = { isForModel }
    const thread = extension === undefined ? undefined : flatThread(source, offset, isForModel)
    const ranges =
      extension === undefined ? undefined : new RangeReader(source.file, start, {}, { ...flat, thread })
    const plain = (): ItemReader =>
      visit === undefined
        ? new FlatReader(source.file, start, {}, flat)
        : new ItemReader(source.file, start, {})
    const reader = ranges ?? plain()
    const reducer = from.load()
    extension?.begin(from.position, reducer.model)
    let { maxSeq, maxTs, lastSeq } = from.position
    const position = (): Position => {
      const lines = { line: line + reader.count - count, count: reader.count }
      return { offset: reader.offset, ...lines, maxSeq, maxTs, lastSeq }
    }
    const onChunk = (chunk: Buffer): void => {
      extension?.chunk(chunk, reader.offset)
      this.#progress(chunk.length)
    }
    const block = async (isLast: boolean): Promise<void> => {
      if (ranges !== undefined)
        await extension?.block(position(), reducer.model, ranges.takeRange(isLast), isLast)
    }
    let isDone = false
    try {
      if (this.#notice !== undefined && offset === 0 && visit !== undefined && !(await visit(this.#notice))) {
        return { isDone: true, end: walked(reducer, position()) }
      }
      walking: for await (const items of itemsOf(
        source,
        reader,
        onChunk,
        Math.min(extension === undefined ? CHUNK : BUILDING_CHUNK, this.#spacing),
        piece,
      )) {
        for (const item of items) {
          if (isMalformed(item)) reducer.malformed()
          else {
            const { event, seq } = item
            const { ts } = event
            if (!isBefore(this.#until, seq, ts)) {
              isDone = true
              break walking
            }
            if (seq > maxSeq) maxSeq = seq
            if (ts > maxTs) maxTs = ts
            lastSeq = ownSeq(event) ?? lastSeq
            reducer.add(item)
            this.#isReached = true
          }
          if (visit !== undefined && !(await visit(item))) {
            isDone = true
            break walking
          }
        }
        if (extension?.isDue(reader.offset)) await block(false)
      }
      const isFinal = !isDone && !source.live
      if (isFinal) await block(true)
      await extension?.finish(isFinal)
    } catch (error) {
      extension?.abort()
      throw error
    }
    return { isDone, end: walked(reducer, position()) }
  }

  #progress(bytes: number): void {
    this.#read += bytes
    this.#options.onProgress?.(this.#read, Math.max(this.#total, this.#read))
  }
}

/** A folder that others can write to is left alone; one that is not there yet is made. */
const isUsable = (folder: string): boolean =>
  lstatSync(folder, { throwIfNoEntry: false }) === undefined || isOwnFolder(folder)

const bounds = ({ seq = Number.POSITIVE_INFINITY, time = Number.POSITIVE_INFINITY }: Target) => ({
  seq,
  time,
})

const isBefore = (target: Required<Target>, seq: number, ts: number): boolean =>
  seq <= target.seq && ts <= target.time

function walked(reducer: StateReducer, position: Position): Known {
  return { position, load: () => reducer, key: () => keyOf(pack(reducer.model)) }
}
