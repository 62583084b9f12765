/** Questions that need a whole log: few at a time, and an answer is kept as long as the log is the same. */
import { type BigIntStats, statSync } from 'node:fs'
import { systemCodeOf } from '../../disk/errors.js'
import { logsOfHive } from '../../disk/hive-logs.js'
import { archivedSegments } from '../../disk/segments.js'
import { HttpError } from '../http.js'

/** Questions that are worked on at a time, and that wait. */
const AT_ONCE = 2
const MAX_WAITING = 64
/** Answers that are kept, and characters of all of them. */
const MAX_KEPT = 64
const MAX_CHARS = 32 * 1024 * 1024

interface Kept {
  stamp: string
  json: string
}

export class Work {
  readonly #kept = new Map<string, Kept>()
  readonly #asked = new Map<string, Promise<string>>()
  readonly #waiting: (() => void)[] = []
  #chars = 0
  #running = 0

  /**
   * The answer as JSON: the one that is kept, when the files are as they were; else what `make` makes.
   * @param files whose change makes another answer
   * @param question tells questions about them apart
   * @throws {HttpError} 503 when too many wait
   */
  async answer(files: readonly string[], question: string, make: () => Promise<object>): Promise<string> {
    const key = `${files.join('\n')}\n${question}`
    const stamp = stampOf(files)
    const kept = this.#kept.get(key)
    if (kept?.stamp === stamp) return kept.json
    // Whoever asks the same meanwhile gets the same.
    const same = `${key}\n${stamp}`
    let asked = this.#asked.get(same)
    if (asked === undefined) {
      asked = this.#inTurn(async () => JSON.stringify(await make())).finally(() => this.#asked.delete(same))
      this.#asked.set(same, asked)
    }
    const json = await asked
    this.#keep(key, { stamp, json })
    return json
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= MAX_WAITING) {
      const message = 'too many reports are asked for; try again later'
      throw new HttpError(503, message, {}, { 'retry-after': '5' })
    }
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await act()
    } finally {
      // The place is handed on, or given up.
      const next = this.#waiting.shift()
      if (next !== undefined) next()
      else this.#running--
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#drop(key)
    if (kept.json.length > MAX_CHARS / 4) return
    this.#kept.set(key, kept)
    this.#chars += kept.json.length
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT && this.#chars <= MAX_CHARS) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    this.#chars -= this.#kept.get(key)?.json.length ?? 0
    this.#kept.delete(key)
  }
}

/** Changes whenever a file of the hive does. */
function stampOf(files: readonly string[]): string {
  const segments = logsOfHive(files).flatMap((log) => [log, ...archivedSegments(log).map(({ file }) => file)])
  return segments
    .map((file) => {
      try {
        return stampLine(file, statSync(file, { throwIfNoEntry: false, bigint: true }))
      } catch (error) {
        // Told by who reads it.
        return `${file} ${systemCodeOf(error)}`
      }
    })
    .join('\n')
}

const stampLine = (file: string, stats: BigIntStats | undefined): string =>
  `${file} ${stats?.ino} ${stats?.size} ${stats?.mtimeNs} ${stats?.ctimeNs}`
