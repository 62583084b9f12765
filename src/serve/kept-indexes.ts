/**
 * Which of a server's logs have their side index kept up, so that whoever opens one sees its floor at once: the copies
 * and the logs of events in its store, and of the logs that it only shows those in folders of the user's own.
 */
import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sizeOfLogs } from '../disk/hive-logs.js'
import { indexFolder } from '../format/beside.js'
import { indexKeeper, type Tell } from '../keep/index-keeper.js'
import { KeptIndex } from '../keep/kept-index.js'
import { type KeepIndexOptions, keptEvery } from '../keep/options.js'
import { knownFiles } from './api/log-files.js'

/** A log of fewer bytes is read soon enough. */
const BIG = 32 * 1024 * 1024
/** How often it is looked how logs grow that others write, milliseconds. */
const LOOK_MS = 30_000
/** Logs that are looked at before others have their turn. */
const AT_ONCE = 50

export class KeptIndexes {
  readonly #named: readonly string[]
  readonly #store: string | undefined
  readonly #every: number
  readonly #tell: Tell
  /** Logs that others write. */
  readonly #shown = new Map<string, KeptIndex>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** `undefined` where none are to be kept up. */
  static of(
    option: boolean | KeepIndexOptions,
    named: readonly string[],
    store: string | undefined,
    tell: Tell,
  ): KeptIndexes | undefined {
    const every = keptEvery(option)
    return every === undefined ? undefined : new KeptIndexes(every, named, store, tell)
  }

  private constructor(every: number, named: readonly string[], store: string | undefined, tell: Tell) {
    this.#every = every
    this.#named = named
    this.#store = store
    // Its own, by which what it asks for is known.
    this.#tell = (message) => tell(message)
  }

  /** That of a log which the server writes itself. @param size bytes that its live segment has */
  readonly keep = (file: string, size: number): KeptIndex =>
    new KeptIndex(file, this.#every, size, this.#tell)

  /** Looks at what is there, and from now on at how the logs grow that others write. */
  start(): void {
    this.#later(0, true)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    indexKeeper.forgetAllOf(this.#tell)
  }

  #later(ms: number, isFirst: boolean): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#look(isFirst)
        .catch((error: Error) => this.#tell(`side indexes are not looked after: ${error.message}`))
        .finally(() => {
          if (this.#named.length > 0) this.#later(LOOK_MS, false)
        })
    }, ms).unref()
  }

  /** @param isFirst also in the store, which tells later by itself what comes */
  async #look(isFirst: boolean): Promise<void> {
    const gone = new Set(this.#shown.keys())
    for (const [i, { file, source }] of knownFiles(
      this.#named,
      isFirst ? this.#store : undefined,
    ).entries()) {
      if (i % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve))
      if (this.#isClosed) return
      gone.delete(file)
      const size = sizeOf(file)
      const known = this.#shown.get(file)
      if (known !== undefined) known.grew(size)
      else {
        if (source === 'file' && !isOwn(dirname(file))) continue
        // What this server does not write may have grown while it was not there.
        if (size >= Math.min(BIG, this.#every) && !isIndexed(file)) indexKeeper.want(file, this.#tell)
        if (source === 'file') this.#shown.set(file, this.keep(file, size))
      }
    }
    for (const file of gone) this.#shown.delete(file)
  }
}

function sizeOf(file: string): number {
  try {
    return sizeOfLogs([file])
  } catch {
    // Told by who reads the log.
    return 0
  }
}

/** Nobody finds files of another user's in his folder because somebody looked at a log there. */
function isOwn(folder: string): boolean {
  try {
    const user = process.getuid?.()
    if (user !== undefined && statSync(folder).uid !== user) return false
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Whether an index was made after the log was last written to: then it goes up to its end. */
function isIndexed(file: string): boolean {
  const folder = indexFolder(file)
  try {
    const written = statSync(file).mtimeMs
    const indexes = readdirSync(folder).filter((name) => name.endsWith('.idx'))
    return indexes.some((name) => statSync(join(folder, name)).mtimeMs > written)
  } catch {
    return false
  }
}
