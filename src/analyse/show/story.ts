/** Reads a hive's story for reports that look at single events, and says how far it has come. */

import { RecentMap } from '../../format/recent-map.js'
import type { Message } from '../../model/inbox.js'
import type { HiveEntry, OnProgress } from '../../read/hive.js'
import { type LogTally, tallyLogs } from '../reading.js'
import type { PlacedEvent, TimedPlace } from './places.js'

export interface StoryOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: OnProgress
}

/** A hive that is read once, or several times. */
export class Story {
  readonly #files: readonly string[]
  readonly #thisFile: boolean
  readonly #times: number
  readonly #onProgress: StoryOptions['onProgress']
  #readings = 0

  /** @param times how often it is going to be read */
  constructor(files: readonly string[], times: number, { thisFile = false, onProgress }: StoryOptions) {
    this.#files = files
    this.#thisFile = thisFile
    this.#times = times
    this.#onProgress = onProgress
  }

  /**
   * @param isDone whether no more is needed. Default: all is read
   * @throws when a file is missing, a directory, or must not be read; never because of a line
   */
  async read(take: (entry: HiveEntry) => void, isDone?: () => boolean): Promise<LogTally> {
    const before = this.#readings++
    const times = Math.max(this.#times, this.#readings)
    const tell = this.#onProgress
    const onProgress: OnProgress = (read, total) => tell?.(before * total + read, times * total)
    return tallyLogs(
      this.#files,
      { add: take, ...(isDone !== undefined && { isDone }) },
      { thisFile: this.#thisFile, ...(tell !== undefined && { onProgress }) },
    )
  }
}

/** Drains whose messages are still to come that are remembered. */
const MAX_EARLY = 10_000

/** Which drain took a message that came after it in the merged story, as the clock of another process was behind. */
export class EarlyDrains<T> {
  readonly #drains = new RecentMap<string, T>(MAX_EARLY)

  /** @param ids that it names, of which `taken` were there */
  note(drain: T, agent: string, ids: readonly unknown[], taken: readonly Message[]): void {
    if (ids.length === taken.length) return
    const known = new Set(taken.map(({ id }) => id))
    for (const id of ids) {
      if (typeof id !== 'string' || known.has(id)) continue
      this.#drains.set(`${agent}\n${id}`, drain)
    }
  }

  /** Those that are remembered. */
  all(): Iterable<T> {
    return this.#drains.values()
  }

  /** Gives it once: it is taken then. */
  take(agent: string, id: string | undefined): T | undefined {
    const key = `${agent}\n${id}`
    const drain = this.#drains.get(key)
    if (drain !== undefined) this.#drains.delete(key)
    return drain
  }
}

/** A message as the model holds it, for people. */
export function messageEvent(message: Message, to: string): PlacedEvent {
  const { seq, ts, id, from, act, subject, log = '', file = log, line } = message
  const place: TimedPlace = { log, file, ...(line !== undefined && { line }), seq, ts }
  const fields = { from, to, act, subject, id }
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  return { place, event: { ts, kind: 'message', ...given } }
}
