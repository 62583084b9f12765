/**
 * The logs that a server knows. Each has an id that does not change while the server runs; what is told of it is looked
 * up anew when its file has changed.
 */
import { existsSync, type Stats, statSync } from 'node:fs'
import { systemCodeOf } from '../../disk/errors.js'
import { logsOfHive, sizeOfLogs } from '../../disk/hive-logs.js'
import { archivedSegments } from '../../disk/segments.js'
import { agentsFolder } from '../../format/beside.js'
import { HivelogError } from '../../format/errors.js'
import { spanOf } from '../../read/glance.js'
import { cannotRead, openArchived, openSource } from '../../read/sources.js'
import { identityOf } from '../../ship/segments.js'
import { clean } from '../../text/clean.js'
import { type KnownFile, knownFiles, nameOf } from './log-files.js'
import type { LogEntry, LogList } from './shapes.js'

/** What the catalogue asks of who has hives open. */
export interface OpenHives {
  glance(file: string): OpenGlance | undefined
}

/**
 * Of a hive that is open: how many are pending, how many agents there are, and from when to when its events are, once it
 * was read; why it cannot be read.
 */
export type OpenGlance = Pick<LogEntry, 'pending' | 'agents' | 'error' | 'firstTs' | 'lastTs'>

/** Folders are listed anew after so long. */
const LIST_MS = 1_000
/** A log counts as live for so long after its last change. */
const LIVE_MS = 30_000
/** What is told of a hive that grows is not looked up more often, if it has few logs. */
const LOOK_MS = 500
const FEW_LOGS = 20
/** Said of a file that is not there. */
const GONE = 'gone'
/** A first line is shorter than this in any log. */
const GLANCE = 1024 * 1024
const MAX_PAGE = 1_000

/** A log that has an id. */
export interface Known extends KnownFile {
  id: string
  name: string
}

interface Entry {
  known: Known
  /** Of the live files of its logs; tells whether one changed. */
  stamp: string
  /** What is wrong with its file: it is gone, or the system's word for why it cannot be looked at. */
  trouble: string | undefined
  mtime: number
  /** How many logs it has. */
  logs: number
  lookedAt: number
  /** The stamp when it was looked up. */
  lookedStamp: string
  told: LogEntry | undefined
  /** Whether that is all there is to know while the stamp is the same: its files could be read. */
  isSure: boolean
}

export class Catalogue {
  readonly #named: readonly string[]
  readonly #store: string | undefined
  readonly #open: OpenHives
  readonly #byFile = new Map<string, Entry>()
  readonly #byId = new Map<string, Entry>()
  #listedAt = Number.NEGATIVE_INFINITY
  #listing: Promise<void> | undefined

  /**
   * @param named paths of logs, and of folders with logs in them
   * @param store folder of what was received. Default: none
   */
  constructor(named: readonly string[], store: string | undefined, open: OpenHives) {
    this.#named = named
    this.#store = store
    this.#open = open
  }

  /** The log of an id; `undefined` where there is none. */
  async find(id: string): Promise<Known | undefined> {
    const entry = this.#byId.get(id)
    if (entry !== undefined) return entry.known
    await this.#list()
    return this.#byId.get(id)?.known
  }

  /** The id of a log that is known already, by its absolute path. */
  idOf(file: string): string | undefined {
    return this.#byFile.get(file)?.known.id
  }

  /** What is told of a log now. */
  async entry(id: string): Promise<LogEntry | undefined> {
    const entry = (await this.find(id)) === undefined ? undefined : this.#byId.get(id)
    if (entry === undefined) return undefined
    this.#stat(entry)
    return this.#told(entry)
  }

  /**
   * Those whose name, id, session or path has this text, that which changed last first.
   * @param from how many to skip
   */
  async page(text: string, limit: number, from: number): Promise<LogList> {
    await this.#list()
    const wanted = text.toLowerCase()
    const fits = ({ known }: Entry): boolean =>
      wanted === '' ||
      [known.name, known.id, known.session ?? '', known.file].some((each) =>
        each.toLowerCase().includes(wanted),
      )
    const all = [...this.#byFile.values()].filter(fits)
    all.sort((a, b) => b.mtime - a.mtime || (a.known.file < b.known.file ? -1 : 1))
    const shown = all.slice(from, from + Math.min(limit, MAX_PAGE))
    const logs: LogEntry[] = []
    for (const entry of shown) {
      this.#stat(entry)
      logs.push(await this.#told(entry))
    }
    const next = from + shown.length
    return { logs, total: all.length, ...(next < all.length && { cursor: String(next) }) }
  }

  /**
   * What changed since this was asked last.
   * @param seen by id: how it was then; is brought up to date
   * @param isFirst nothing is told yet, only noted
   */
  async changes(seen: Map<string, string>, isFirst: boolean): Promise<LogEntry[]> {
    await this.#list()
    const changed: LogEntry[] = []
    for (const entry of this.#byFile.values()) {
      const { known, stamp, mtime } = entry
      const isLive = Date.now() - mtime < LIVE_MS
      // What is told may be older than the stamp; then it is told again.
      const isLate = entry.lookedStamp !== stamp && mayWait(entry)
      const now = `${stamp} ${isLate} ${isLive} ${JSON.stringify(this.#open.glance(known.file) ?? '')}`
      if (seen.get(known.id) === now) continue
      seen.set(known.id, now)
      if (!isFirst) changed.push(await this.#told(entry))
    }
    return changed
  }

  async #list(): Promise<void> {
    if (performance.now() - this.#listedAt < LIST_MS) return
    this.#listing ??= this.#lookAround().finally(() => {
      this.#listedAt = performance.now()
      this.#listing = undefined
    })
    await this.#listing
  }

  async #lookAround(): Promise<void> {
    const files = knownFiles(this.#named, this.#store)
    const there = new Set(files.map(({ file }) => file))
    for (const known of files) {
      const entry = this.#byFile.get(known.file) ?? (await this.#enter(known))
      if (entry !== undefined) this.#stat(entry)
    }
    for (const [file, entry] of this.#byFile) {
      const { known } = entry
      if (there.has(file)) continue
      this.#stat(entry)
      // What is in a folder that cannot be looked into now is not gone.
      if (entry.trouble !== undefined && entry.trouble !== GONE) continue
      this.#byFile.delete(file)
      this.#byId.delete(known.id)
    }
  }

  /** Gives a log its id, once it has a first line. */
  async #enter(known: KnownFile): Promise<Entry | undefined> {
    let id: string
    let session = known.session
    try {
      if (!(await hasLine(known.file))) return undefined
      const identity = await identityOf(known.file)
      if (identity === undefined) return undefined
      id = identity.log
      session ??= identity.session
    } catch {
      return undefined
    }
    let own = id
    for (let i = 2; this.#byId.has(own); i++) own = `${id}-${i}`
    const entry: Entry = {
      known: { ...known, id: own, name: nameOf(known.file), ...(session !== undefined && { session }) },
      stamp: '',
      trouble: undefined,
      mtime: 0,
      logs: 1,
      lookedAt: 0,
      lookedStamp: '',
      told: undefined,
      isSure: false,
    }
    this.#byFile.set(known.file, entry)
    this.#byId.set(own, entry)
    return entry
  }

  #stat(entry: Entry): void {
    const { file } = entry.known
    const stats = statsOf(file)
    const below = statBelow(file)
    entry.logs = 1 + below.logs
    if (typeof stats === 'string') {
      entry.trouble = stats
      entry.stamp = stats
      entry.mtime = Math.max(entry.mtime, below.mtime)
      return
    }
    entry.trouble = undefined
    entry.mtime = Math.max(stats.mtimeMs, below.mtime)
    // Who may read it shows in no other time than that of the last change of any kind.
    const own = `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`
    entry.stamp = `${own} ${below.logs} ${below.size} ${below.mtime} ${below.changed} ${below.troubles}`
  }

  async #told(entry: Entry): Promise<LogEntry> {
    const { known, stamp } = entry
    const now = Date.now()
    const isFresh = entry.isSure && entry.lookedStamp === stamp
    if (!isFresh && !mayWait(entry)) {
      entry.lookedAt = now
      entry.lookedStamp = stamp
      const { told, isSure } = await lookUp(known)
      entry.told = told
      entry.isSure = isSure
    }
    const { error, ...rest } = entry.told as LogEntry
    const seen = this.#open.glance(known.file)
    const why = seen?.error ?? error
    return {
      ...rest,
      live: now - entry.mtime < LIVE_MS,
      ...(seen?.pending !== undefined && { pending: seen.pending }),
      ...(seen?.agents !== undefined && { agents: seen.agents }),
      // The files were only glanced at: clocks that were set back show when all was read.
      ...(seen?.firstTs !== undefined && { firstTs: seen.firstTs, lastTs: seen.lastTs as number }),
      ...(why !== undefined && { error: why }),
    }
  }
}

/** Of the logs of child processes, which often write while their parent waits: how they are together. */
function statBelow(file: string) {
  const found = { logs: 0, size: 0, mtime: 0, changed: 0, troubles: '' }
  // Most logs have none, and are spared a look into the folder that they share.
  if (!existsSync(agentsFolder(file))) return found
  try {
    for (const log of logsOfHive([file]).slice(1)) {
      const stats = statsOf(log)
      if (stats === GONE) continue
      found.logs++
      if (typeof stats === 'string') {
        found.troubles += stats
        continue
      }
      found.size += stats.size
      found.mtime = Math.max(found.mtime, stats.mtimeMs)
      found.changed = Math.max(found.changed, stats.ctimeMs)
    }
  } catch (error) {
    // Told by who reads the hive.
    found.troubles += systemCodeOf(error)
  }
  return found
}

/** What the system says of a file; one word where it says nothing but why. Never throws: it is one log of many. */
function statsOf(file: string): Stats | string {
  try {
    return statSync(file, { throwIfNoEntry: false }) ?? GONE
  } catch (error) {
    const code = systemCodeOf(error) ?? 'unreadable'
    return code === 'ENOTDIR' ? GONE : code
  }
}

/** Whether what was told last still does: a hive that grows is not looked up all the time. */
function mayWait({ told, trouble, logs, lookedAt }: Entry): boolean {
  const lookMs = LOOK_MS * Math.max(1, logs / FEW_LOGS)
  return told !== undefined && trouble === undefined && Date.now() - lookedAt < lookMs
}

/** Reads what a log's files tell: never throws. */
async function lookUp({
  id,
  session,
  name,
  file,
  source,
}: Known): Promise<{ told: LogEntry; isSure: boolean }> {
  const told: LogEntry = {
    id,
    ...(session !== undefined && { session }),
    name,
    file,
    source,
    bytes: 0,
    live: false,
  }
  try {
    told.bytes = sizeOfLogs(logsOfHive([file]))
    const span = await spanOf(file)
    if (span === undefined) {
      const isThere = existsSync(file)
      const error = isThere ? 'none of its lines is an event' : 'the file is not there any more'
      return { told: { ...told, error }, isSure: true }
    }
    return { told: { ...told, firstTs: span.from, lastTs: span.to }, isSure: true }
  } catch (error) {
    const why = error instanceof HivelogError ? error : cannotRead(file, error)
    return { told: { ...told, error: clean(why.message) }, isSure: false }
  }
}

/** Whether the log has a whole line, of a length that lines of logs have. */
async function hasLine(file: string): Promise<boolean> {
  const [archived] = archivedSegments(file)
  const source = archived === undefined ? await openSource(file, true) : await openArchived(archived)
  if (source === undefined) return false
  try {
    if (!source.stats.isFile()) return false
    if (source.gzip) return true
    const head = Buffer.allocUnsafe(Math.min(GLANCE, Number(source.stats.size)))
    const { bytesRead } = await source.handle.read(head, 0, head.length, 0)
    return head.subarray(0, bytesRead).includes(10)
  } finally {
    await source.handle.close()
  }
}
