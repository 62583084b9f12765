/** Questions that need a whole log: few at a time, and an answer is kept as long as the log is the same. */
import { createHash } from 'node:crypto'
import { type BigIntStats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { systemCodeOf } from '../../disk/errors.js'
import { logsOfHive } from '../../disk/hive-logs.js'
import { archivedSegments } from '../../disk/segments.js'
import { HttpError } from '../http.js'
import type { Beside } from './beside.js'

/** Questions that are worked on at a time, and that wait. */
const AT_ONCE = 2
const MAX_WAITING = 64
/** Answers that are kept, and characters of all of them. */
const MAX_KEPT = 64
const MAX_CHARS = 32 * 1024 * 1024

/** Files of which the state is asked for at a time. */
const STATS = 32
/** Times of files are as coarse as this, milliseconds, on some file systems. */
const COARSE_MS = 2_000

interface Made {
  json: string
  /** Whether what lies beside is as it was; left out where the answer tells of no such. */
  isSame?: () => Promise<boolean>
  /** Whether the answer holds for what lies beside now. */
  mayKeep: boolean
}

interface Kept extends Pick<Made, 'json' | 'isSame'> {
  stamp: string
}

export class Work {
  readonly #kept = new Map<string, Kept>()
  readonly #asked = new Map<string, Promise<Made>>()
  readonly #waiting: (() => void)[] = []
  #chars = 0
  #running = 0

  /**
   * The answer as JSON: the one that is kept, when the files are as they were; else what `make` makes.
   * @param files whose change makes another answer
   * @param question tells questions about them apart
   * @param beside what else an answer tells of, whose change makes another one. Default: nothing
   * @throws {HttpError} 503 when too many wait
   */
  async answer<T extends object>(
    files: readonly string[],
    question: string,
    make: () => Promise<T>,
    beside: (answer: T) => Beside = () => undefined,
  ): Promise<string> {
    const key = `${files.join('\n')}\n${question}`
    const stamp = stampOf(files)
    const kept = this.#kept.get(key)
    if (kept?.stamp === stamp && (kept.isSame === undefined || (await kept.isSame()))) return kept.json
    // Whoever asks the same meanwhile gets the same.
    const same = `${key}\n${stamp}`
    let asked = this.#asked.get(same)
    if (asked === undefined) {
      asked = this.#inTurn(() => made(make, beside)).finally(() => this.#asked.delete(same))
      this.#asked.set(same, asked)
    }
    const { json, isSame, mayKeep } = await asked
    if (mayKeep) this.#keep(key, { stamp, json, ...(isSame !== undefined && { isSame }) })
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

async function made<T extends object>(make: () => Promise<T>, beside: (answer: T) => Beside): Promise<Made> {
  const startedAt = Date.now()
  const answer = await make()
  const json = JSON.stringify(answer)
  const list = beside(answer)
  if (list === undefined) return { json, mayKeep: true }
  const before = await besideNow(list)
  return {
    json,
    isSame: async () => (await besideNow(list))?.stamp === before?.stamp,
    // What changed while it was looked at may have been looked at before it changed.
    mayKeep: before !== undefined && before.changedAt < startedAt - COARSE_MS,
  }
}

/** How the files are, and when one changed last; `undefined` where they cannot be listed. */
async function besideNow(
  list: NonNullable<Beside>,
): Promise<{ stamp: string; changedAt: number } | undefined> {
  const lines: string[] = []
  let changedAt = 0
  try {
    const files = await list()
    for (let from = 0; from < files.length; from += STATS) {
      const some = files.slice(from, from + STATS)
      const stats = await Promise.all(some.map((file) => stat(file, { bigint: true }).catch(() => undefined)))
      for (const [i, each] of stats.entries()) {
        lines.push(stampLine(some[i] as string, each))
        changedAt = Math.max(changedAt, Number(each?.ctimeMs ?? 0))
      }
    }
  } catch {
    return undefined
  }
  return { stamp: createHash('sha256').update(lines.join('\n')).digest('hex'), changedAt }
}

/** Changes whenever a file of the hive does. */
function stampOf(files: readonly string[]): string {
  const segments = logsOfHive(files).flatMap((log) => [
    log,
    ...archivedSegments(log).flatMap(({ file, twin }) => (twin === undefined ? [file] : [file, twin])),
  ])
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
