/**
 * What is known of a hive's files as they are: of each event where its line is, and the state at any of them. Lines
 * themselves stay in the files.
 */
import { type BrokenChain, brokenChain, MAX_BROKEN } from '../../analyse/reading.js'
import { logsOfHive } from '../../disk/hive-logs.js'
import { ownSeq } from '../../format/decode.js'
import type { Fields } from '../../format/fields.js'
import type { HiveEvent } from '../../format/kinds.js'
import type { HiveListener } from '../../model/listener.js'
import type { HiveEntry, Price } from '../../model/model.js'
import type { HiveItem } from '../../read/hive.js'
import { isBreak, type LogEntry, type MalformedLine } from '../../read/items.js'
import { formatEvent } from '../../text/format-event.js'
import { artifactsIn } from '../../verify/refs.js'
import { FloorPast } from './floor-past.js'
import { FloorTracker, pendingBy, type TrackerParts } from './floor-tracker.js'
import { History } from './history.js'
import { Keyframes } from './keyframes.js'
import { LineReader } from './line-reader.js'
import { Rows } from './rows.js'
import type { Floor, PlacedEvent } from './shapes.js'

/** Columns of an event's text. */
const WIDTH = 400
/** Rows that are read again at once. */
const BATCH = 2048
/** Artifacts that are known to be named. */
const MAX_REFS = 500_000
/** Lines that are no event whose place in the story is known. */
const MAX_MALFORMED = 1_000_000

type PlacedEntry = HiveEntry & { bytes: number }

/** A folder of child logs that cannot be listed is told by who follows the hive. */
function hasSeveral(file: string): boolean {
  try {
    return logsOfHive([file]).length > 1
  } catch {
    return false
  }
}

export class Content {
  readonly rows = new Rows()
  readonly lines = new LineReader(this.rows)
  readonly history: History
  /** Of agents that changed, how many rows there were then. */
  readonly touched = new Map<string, number>()
  /** The last seal of the first log. */
  sealed: { position: number; signed: boolean } | undefined
  /** Path of its first log. */
  readonly file: string
  readonly #price: Price
  #past = new FloorPast()
  #tracker: FloorTracker
  #keyframes = new Keyframes()
  #isSeveral: boolean
  /** Whether the history knows already what the tracker is told. */
  #isQuiet = false
  /** Rows before each line that is no event. */
  readonly #malformed: number[] = []
  readonly #broken: { rows: number; chain: BrokenChain }[] = []
  /** Artifacts that lines name, and the log of the first of them. */
  readonly #refs = new Map<string, string>()
  /** A state between the keyframes that was asked for last. */
  #near: { count: number; tracker: FloorTracker } | undefined
  #asking: Promise<unknown> = Promise.resolve()

  /** @param file path of the log */
  constructor(file: string, price: Price) {
    this.file = file
    this.#price = price
    this.#isSeveral = hasSeveral(file)
    this.history = new History({
      model: () => this.#tracker.model,
      position: () => this.#tracker.position,
      onTaken: (order) => this.rows.take(order - 1, this.rows.count - 1),
    })
    this.#tracker = new FloorTracker(this.#mainParts())
  }

  /** The state after the last row. */
  get now(): FloorTracker {
    return this.#tracker
  }

  /** Whether lines of more than one log came. */
  get isSeveral(): boolean {
    return this.#isSeveral
  }

  /** Whether this event is of a child's log, while only one log was known so far. */
  isOfAnother({ log }: Pick<HiveItem, 'log'>): boolean {
    return !this.#isSeveral && log !== this.file
  }

  add(item: LogEntry & { log: string }): void {
    const { rows } = this
    rows.add(item, this.#isSeveral ? rows.positions.last + 1 : item.seq)
    const position = rows.positions.last
    this.#tracker.add(item, position)
    const { event } = item
    this.#past.add(rows.count - 1, event, this.#tracker)
    if (event.kind === 'log.seal' && item.log === this.file)
      this.sealed = { position, signed: 'sig' in event && event.sig !== undefined }
    if (mayName(event) && this.#refs.size < MAX_REFS) {
      for (const { ref } of artifactsIn(event)) if (!this.#refs.has(ref)) this.#refs.set(ref, item.log)
    }
    if (this.#keyframes.isDue(rows.count)) this.#keep(rows.count, this.#tracker)
  }

  /** Path of the log that names an artifact; `undefined` where none does. */
  logOfArtifact(ref: string): string | undefined {
    return this.#refs.get(ref)
  }

  malformed(item: MalformedLine): void {
    const { count } = this.rows
    if (isBreak(item)) {
      if (this.#broken.length < MAX_BROKEN) this.#broken.push({ rows: count, chain: brokenChain(item) })
      return
    }
    if (this.#malformed.length < MAX_MALFORMED) this.#malformed.push(count)
    this.#tracker.model.malformed()
  }

  /** Segments that do not follow on the one before them, as far as the state after so many rows knows. */
  brokenUpTo(count: number): BrokenChain[] {
    return this.#broken.filter(({ rows }) => rows <= count).map(({ chain }) => chain)
  }

  /** Goes on as a hive of several logs: all that came is taken in again, since places are told otherwise there. */
  async becomeSeveral(): Promise<void> {
    this.#isSeveral = true
    this.#isQuiet = true
    this.#keyframes = new Keyframes()
    this.#near = undefined
    this.#past = new FloorPast()
    const tracker = new FloorTracker(this.#mainParts())
    for await (const { entry, row } of this.entries(0, this.rows.count)) {
      tracker.add(entry, this.rows.positions.of(row))
      this.#past.add(row, entry.event, tracker)
      if (this.#keyframes.isDue(row + 1)) this.#keep(row + 1, tracker)
    }
    tracker.model.malformedLines = this.#tracker.model.malformedLines
    this.#tracker = tracker
    this.#isQuiet = false
  }

  /** The floor after so many rows, without what agents did last; `undefined` where it must be made from a state. */
  briefFloor(count: number): Floor | undefined {
    if (count === 0) return undefined
    const row = Math.min(count, this.rows.count) - 1
    return this.#past.floor(row, { position: this.rows.positions.of(row), ts: this.rows.ts(row) })
  }

  /**
   * Does something with the state after so many rows; one at a time, and whoever does it must not keep it.
   * @throws {HttpError} when lines cannot be read any more
   */
  at<T>(count: number, act: (tracker: FloorTracker) => T): Promise<T> {
    const done = this.#asking.then(async () => {
      if (count >= this.rows.count) return act(this.#tracker)
      return act(await this.#trackerAt(count))
    })
    this.#asking = done.catch(() => {})
    return done
  }

  /**
   * The floors after so many rows each, one after the other: the first whole, as that of now, the others with the
   * agents only that may have changed since the one before.
   * @param counts in rising order
   * @throws {HttpError} when lines cannot be read any more
   */
  async *floors(counts: readonly number[]): AsyncGenerator<Floor> {
    const [first = 0] = counts
    const frame = this.#keyframes.upTo(first)
    const touched = new Set<string>()
    const parts = { ...this.#parts(), onTouched: (id: string) => touched.add(id) }
    const tracker =
      frame === undefined ? new FloorTracker(parts) : FloorTracker.thaw(frame.texts(), frame.position, parts)
    let at = frame?.count ?? 0
    let asking: ReadonlyMap<string, number> = new Map()
    for (const [i, count] of counts.entries()) {
      if (count >= this.rows.count) {
        yield this.#tracker.floor()
        continue
      }
      for await (const { entry, row } of this.entries(at, count))
        tracker.add(entry, this.rows.positions.of(row))
      at = count
      // Of too many questions the oldest is held no more, which changes how many its agent waits for.
      const waiting = pendingBy(tracker.pending())
      for (const id of new Set([...asking.keys(), ...waiting.keys()])) {
        if (asking.get(id) !== waiting.get(id)) touched.add(id)
      }
      asking = waiting
      yield tracker.floor(false, i === 0 ? undefined : touched)
      touched.clear()
    }
  }

  async #trackerAt(count: number): Promise<FloorTracker> {
    const frame = this.#keyframes.upTo(count)
    const near = this.#near
    this.#near = undefined
    let from = frame?.count ?? 0
    let tracker: FloorTracker
    if (near !== undefined && near.count <= count && near.count >= from) {
      from = near.count
      tracker = near.tracker
    } else if (frame === undefined) tracker = new FloorTracker(this.#parts())
    else tracker = FloorTracker.thaw(frame.texts(), frame.position, this.#parts())
    for await (const { entry, row } of this.entries(from, count))
      tracker.add(entry, this.rows.positions.of(row))
    // A line that is no event belongs to the event before it.
    tracker.model.malformedLines = this.#malformed.findLastIndex((rows) => rows <= count) + 1
    this.#near = { count, tracker }
    return tracker
  }

  /** The events of rows again, in their order. @param to the row after the last */
  async *entries(from: number, to: number): AsyncGenerator<{ row: number; entry: PlacedEntry }> {
    for (let at = from; at < to; at += BATCH) {
      const wanted = Array.from({ length: Math.min(BATCH, to - at) }, (_, i) => at + i)
      const lines = await this.lines.read(wanted)
      for (const [i, { event, file }] of lines.entries()) {
        const row = at + i
        const { segment, line, bytes, offset } = this.rows.place(row)
        const { log } = this.rows.segments.get(segment)
        // A log without `seq` has one segment.
        const seq = ownSeq(event) ?? (this.#isSeveral ? line : this.rows.positions.of(row))
        yield { row, entry: { event, seq, log, file, line, bytes, offset } }
      }
    }
  }

  /** Rows as they are shown. @throws {HttpError} when lines cannot be read any more */
  async placed(rows: readonly number[]): Promise<PlacedEvent[]> {
    const lines = await this.lines.read(rows)
    return lines.map(({ event, file }, i) => {
      const row = rows[i] as number
      const { segment, line } = this.rows.place(row)
      const seq = ownSeq(event)
      return {
        position: this.rows.positions.of(row),
        ...(this.#isSeveral && { log: this.rows.segments.get(segment).log }),
        file,
        line,
        ...(seq !== undefined && { seq }),
        event,
        text: formatEvent(event, { width: WIDTH }),
      }
    })
  }

  #keep(count: number, tracker: FloorTracker): void {
    this.#keyframes.add({ count, position: tracker.position, texts: tracker.freeze() })
  }

  #parts(): TrackerParts {
    return { price: this.#price, firstLog: this.#isSeveral ? this.file : undefined }
  }

  #mainParts(): TrackerParts {
    const past = this.#past
    const history = unless(() => this.#isQuiet, this.history.listener)
    return {
      ...this.#parts(),
      listener: both(past.listener, history),
      onTouched: (id, isLastOnly) => {
        if (!isLastOnly) past.onTouched(id)
        this.touched.set(id, this.rows.count)
      },
    }
  }
}

/** Whether an event can name an artifact: few can, and looking closely takes longer. */
function mayName(event: HiveEvent): boolean {
  if (event.kind === 'snapshot') return true
  for (const name in event) {
    const value = (event as Fields)[name]
    if (typeof value === 'object' && value !== null && 'ref' in value) return true
  }
  return false
}

/** One that tells two. */
function both(first: HiveListener, second: HiveListener): HiveListener {
  const all: Record<string, (...told: unknown[]) => void> = { ...(second as object) }
  for (const [name, hear] of Object.entries(first) as [string, (...told: unknown[]) => void][]) {
    const other = all[name]
    all[name] = (...told) => {
      hear(...told)
      other?.(...told)
    }
  }
  return all as HiveListener
}

/** A listener that hears nothing while it is told not to. */
function unless(isQuiet: () => boolean, listener: HiveListener): HiveListener {
  const entries = Object.entries(listener).map(([name, hear]) => [
    name,
    (...told: unknown[]) => {
      if (!isQuiet()) (hear as (...told: unknown[]) => void)(...told)
    },
  ])
  return Object.fromEntries(entries) as HiveListener
}
