/** Follows a hive as it grows: its logs and those of its child processes, also those that come later. */
import { dirname } from 'node:path'
import { logsOfHive, pathsOf, STANDARD_INPUT } from '../disk/hive-logs.js'
import { parseArchiveName, stemOf } from '../format/beside.js'
import { checkOptions, OptionsError } from '../format/options.js'
import { CursorKeeper } from './cursor-keeper.js'
import { type FollowOptions, follow, POLL_MS } from './follow.js'
import type { HiveItem } from './hive.js'
import { isMalformed, type LogItem } from './items.js'
import { Heap, LogTime } from './merge.js'
import { FOLLOW_HIVE_RULES } from './options.js'
import { LogSnapshot } from './segments.js'
import { cannotRead } from './sources.js'
import type { Tail } from './tail.js'
import { tailsOf } from './tail-hive.js'
import { type Waiting, Wakeup } from './wakeup.js'

/** What `followHive` takes. */
export interface FollowHiveOptions extends FollowOptions {
  /** Follow only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /**
   * Called when all lines that are there were given, before it waits for more or ends: first after what was there at
   * the start, be that nothing, then each time after newer lines. What it throws, the iteration throws. Default: none.
   */
  onCaughtUp?: () => void
}

/** The lines of a hive as they come. */
export interface HiveFollower extends AsyncGenerator<HiveItem, void, undefined> {
  /**
   * Moves the cursor of each log behind everything that was given so far, the line in hand included, and resolves
   * when that is on the disk. Can be called in the loop, and after it.
   * @throws {OptionsError} when there is no cursor
   * @throws {CursorFileError} when a file of it cannot be written
   */
  commit(): Promise<void>
}

/**
 * Gives the lines of all logs of a hive that are there, as asked, merged by time; then new ones as they come. What is
 * there when the next line is asked for comes in order of time; a line of an earlier time that is written later comes
 * later. Logs of child processes are found while they come; these are given from their first line on, whatever `from`
 * says. Each log is followed as `followLog` does, and a cursor has a file for each log, beside it, of the same name.
 * `from: { last: n }` begins with the last `n` lines of the hive; with a cursor, with those of each log.
 * @param files path of a log, or several of one hive; the first one comes first where times are the same
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is a directory, compressed, standard input, or must not be read; with `stopAtEnd`
 * when a named file is missing and has no child logs
 * @throws {CursorLostError} when the place of a log's cursor is no more
 * @throws {CursorFileError} when its file cannot be read or written
 */
export function followHive(files: string | readonly string[], options: FollowHiveOptions = {}): HiveFollower {
  checkOptions('followHive', options, FOLLOW_HIVE_RULES)
  const logs = new Map<string, FollowedLog>()
  const commit = async (): Promise<void> => {
    if (options.cursor === undefined)
      throw new OptionsError('there is no cursor to commit: give followHive the option cursor')
    for (const log of logs.values()) await log.commit()
  }
  return Object.assign(eachItem(pathsOf(files), options, logs), { commit })
}

/** Bytes that are read of a log at once, and logs for each of which `pollMs` is kept. */
const HELD_BYTES = 8 * 1024 * 1024
const MIN_CHUNK = 16 * 1024
const MAX_CHUNK = 256 * 1024
const FEW_LOGS = 20

async function* eachItem(
  files: readonly string[],
  options: FollowHiveOptions,
  logs: Map<string, FollowedLog>,
): AsyncGenerator<HiveItem, void, undefined> {
  if (files.includes(STANDARD_INPUT)) throw cannotRead('standard input', 'it cannot be followed; name a file')
  const end = new AbortController()
  const stop = (): void => end.abort()
  if (options.signal?.aborted === true) return
  options.signal?.addEventListener('abort', stop, { once: true })
  const hive = new FollowedHive(files, { ...options, signal: end.signal }, logs)
  try {
    await hive.find(true)
    const heap = new Heap<FollowedLog>()
    let isCaughtUp = false
    while (!end.signal.aborted) {
      await hive.lookAround()
      const due = [...logs.values()].filter(({ isDue }) => isDue)
      await Promise.all(due.map((log) => log.ask()))
      for (const log of due) if (log.item !== undefined) heap.add(log)
      if (end.signal.aborted) return
      if (heap.first === undefined) {
        if (!isCaughtUp) options.onCaughtUp?.()
        isCaughtUp = true
        if (!(await hive.wait())) return
      } else {
        isCaughtUp = false
      }
      // Until something may have come elsewhere, only the log that gave a line is asked for its next one.
      for (let first = heap.first; first !== undefined; first = hive.isDue ? undefined : heap.first) {
        if (end.signal.aborted) return
        yield first.take()
        await first.ask()
        if (first.item === undefined) heap.drop()
        else heap.sink()
      }
    }
  } finally {
    options.signal?.removeEventListener('abort', stop)
    stop()
    await hive.close()
  }
}

/** Which logs there are, and when they are to be looked at. */
class FollowedHive {
  readonly #files: readonly string[]
  readonly #options: FollowHiveOptions
  readonly #logs: Map<string, FollowedLog>
  readonly #named: readonly string[]
  readonly #byName = new Map<string, FollowedLog>()
  readonly #wakeup: Wakeup
  readonly #pollMs: number
  /** When all are looked at, whatever the system tells. */
  #pollAt = 0
  #hasNews = false

  constructor(files: readonly string[], options: FollowHiveOptions, logs: Map<string, FollowedLog>) {
    this.#files = files
    this.#options = options
    this.#logs = logs
    this.#named = logsOfHive(files, true)
    this.#pollMs = options.pollMs ?? POLL_MS
    this.#wakeup = new Wakeup(this.#pollMs, options.signal, (folder, name) => this.#tell(folder, name))
  }

  /** Looks for logs that are not followed yet. */
  async find(isStart: boolean): Promise<void> {
    const { thisFile, from } = this.#options
    const found = logsOfHive(this.#files, thisFile).filter((file) => !this.#logs.has(file))
    const size = Math.floor(HELD_BYTES / (this.#logs.size + found.length))
    const chunkBytes = Math.max(MIN_CHUNK, Math.min(MAX_CHUNK, size))
    const tails = isStart ? await startOf(found, this.#options) : undefined
    const own = { ...this.#options, ...(from !== undefined && { from: isStart ? from : ('start' as const) }) }
    for (const file of found) {
      const mayBeGone = !this.#named.includes(file) || found.length > this.#named.length
      const log = new FollowedLog(file, this.#logs.size, own, {
        tail: tails?.get(file),
        chunkBytes,
        mayBeGone,
      })
      this.#logs.set(file, log)
      this.#byName.set(nameOf(dirname(file), stemOf(file)), log)
      this.#wakeup.watch(dirname(file))
    }
    this.#wakeup.pollMs = this.#pollMs * Math.max(1, Math.floor(this.#logs.size / FEW_LOGS))
    const isEnding = this.#options.stopAtEnd === true
    this.#pollAt = isEnding ? Number.POSITIVE_INFINITY : performance.now() + this.#wakeup.pollMs
  }

  /** Whether there may be something new. */
  get isDue(): boolean {
    return this.#hasNews || performance.now() >= this.#pollAt
  }

  /** Marks the logs that are to be looked at. */
  async lookAround(): Promise<void> {
    this.#hasNews = false
    if (performance.now() < this.#pollAt) return
    await this.find(false)
    for (const log of this.#logs.values()) log.hasNews = true
  }

  /** Returns false when nothing will come any more. */
  async wait(): Promise<boolean> {
    if ([...this.#logs.values()].every(({ isOver }) => isOver)) return false
    await this.#wakeup.wait()
    return true
  }

  async close(): Promise<void> {
    this.#wakeup.close()
    const closed = await Promise.allSettled([...this.#logs.values()].map((log) => log.close()))
    const failed = closed.find(({ status }) => status === 'rejected')
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
  }

  #tell(folder: string, name: string): boolean {
    if (this.#options.stopAtEnd === true) return false
    const log = this.#byName.get(
      nameOf(folder, parseArchiveName(name)?.stem ?? name.replace(/\.jsonl.*$/s, '')),
    )
    if (log !== undefined) log.hasNews = true
    // Perhaps a log that is new, or the folder of one's child logs.
    if (log === undefined || name.endsWith('.agents')) this.#pollAt = 0
    else if (log.isResting) this.#hasNews = true
    return true
  }
}

const nameOf = (folder: string, stem: string): string => `${folder}\0${stem}`

/** The last lines of the hive, as the logs that they are from; `undefined` where each log begins for itself. */
async function startOf(
  files: readonly string[],
  { from, cursor, ...options }: FollowHiveOptions,
): Promise<Map<string, Tail> | undefined> {
  if (cursor !== undefined || from === undefined || from === 'start') return undefined
  return tailsOf(files, from === 'end' ? 0 : from.last, options, true)
}

interface FollowedParts {
  tail: Tail | undefined
  chunkBytes: number
  mayBeGone: boolean
}

/** A log that is followed, with the line that it gives next. */
class FollowedLog extends LogTime {
  /** The next line, once it was asked for and is there. */
  item: HiveItem | undefined
  /** Whether there may be something to read, though there was not when it was looked at last. */
  hasNews = false
  isOver = false
  readonly #file: string
  readonly #mayBeGone: boolean
  readonly #keeper: CursorKeeper | undefined
  readonly #items: AsyncGenerator<LogItem, void, undefined>
  /** Settled when the line is there that was asked for. */
  #asked: Promise<void> | undefined
  #error: { reason: unknown } | undefined
  #told: (() => void) | undefined
  /** Lets the follower look again, which has nothing left to read. */
  #goOn: (() => void) | undefined
  readonly #signal: AbortSignal | undefined
  readonly #tail: Tail | undefined
  #isBegun = false

  constructor(file: string, place: number, options: FollowOptions, parts: FollowedParts) {
    super(place)
    this.#file = file
    this.#signal = options.signal
    this.#mayBeGone = parts.mayBeGone
    if (options.cursor !== undefined) this.#keeper = new CursorKeeper(file, options.cursor)
    const { tail, chunkBytes } = parts
    this.#tail = tail
    const waiting: Waiting = { wait: () => this.#rest(), close: () => {} }
    const own = { keeper: this.#keeper, waiting, chunkBytes }
    this.#items = follow(file, this.#timed(options), tail === undefined ? own : { ...own, tail })
  }

  /** Whether it should be asked for its next line: it gave none yet, or had none. */
  get isDue(): boolean {
    return this.item === undefined && !this.isOver && (this.#asked === undefined || this.hasNews)
  }

  /** Resolves when the next line is there, or there is none for now. @throws what following the log throws */
  async ask(): Promise<void> {
    this.hasNews = false
    const told = new Promise<void>((resolve) => {
      this.#told = resolve
    })
    this.#asked ??= this.#next()
    this.#look()
    await told
    this.#throwError()
  }

  /** Whether its follower has nothing left to read. */
  get isResting(): boolean {
    return this.#goOn !== undefined
  }

  take(): HiveItem {
    const { item } = this
    this.item = undefined
    return item as HiveItem
  }

  async commit(): Promise<void> {
    await this.#keeper?.commit(this.item === undefined)
  }

  /** The signal must have been aborted: the follower then ends where it waits. */
  async close(): Promise<void> {
    this.#look()
    await this.#asked
    await this.#items.return()
    // A generator that was not begun does not close what it was given.
    if (!this.#isBegun) await this.#tail?.live?.source.handle.close()
    this.#throwError()
  }

  async #next(): Promise<void> {
    this.#isBegun = true
    try {
      const { value } = await this.#items.next()
      if (value instanceof Object) {
        this.item = Object.assign(value, { log: this.#file })
        if (isMalformed(value) && this.ts === Number.NEGATIVE_INFINITY) await this.#lookAhead()
        this.pass(value)
      } else {
        this.isOver = true
      }
    } catch (reason) {
      this.isOver = true
      if ((reason as NodeJS.ErrnoException).code !== 'ENOENT' || !this.#mayBeGone) this.#error = { reason }
    }
    this.#asked = undefined
    this.#tell()
  }

  /** What is filtered out counts for the time of what comes after it. */
  #timed(options: FollowOptions): FollowOptions {
    const { filter } = options
    if (filter === undefined) return options
    const given = (item: LogItem): boolean => {
      this.pass(item)
      return filter(item)
    }
    return { ...options, filter: given }
  }

  /** The log's first lines are no events, and stand with the first one. */
  async #lookAhead(): Promise<void> {
    const snapshot = await LogSnapshot.of(this.#file).catch(() => undefined)
    if (snapshot === undefined) return
    try {
      this.begin(await snapshot.head())
    } finally {
      await snapshot.close()
    }
  }

  /** The follower has read all that is there. */
  #rest(): Promise<void> {
    this.#tell()
    if (this.#signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      this.#goOn = resolve
    })
  }

  #look(): void {
    const goOn = this.#goOn
    this.#goOn = undefined
    goOn?.()
  }

  #tell(): void {
    const told = this.#told
    this.#told = undefined
    told?.()
  }

  #throwError(): void {
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error.reason
  }
}
