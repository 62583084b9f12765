/** Reads a hive's story for reports that look at single events, and says how far it has come. */

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

/** A message as the model holds it, for people. */
export function messageEvent(message: Message, to: string): PlacedEvent {
  const { seq, ts, id, from, act, subject, log = '', file = log, line } = message
  const place: TimedPlace = { log, file, ...(line !== undefined && { line }), seq, ts }
  const fields = { from, to, act, subject, id }
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  return { place, event: { ts, kind: 'message', ...given } }
}
