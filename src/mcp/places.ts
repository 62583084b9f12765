/** Where something stands, as the commands print it: `hive.jsonl:57 seq 57`. Paths are told from the log's folder on. */
import { dirname, relative, sep } from 'node:path'
import type { Content } from '../serve/api/content.js'
import type { PlacedEvent } from '../serve/api/shapes.js'

/** What a report tells of a place; `line` and `seq` where they are known. */
export interface Standing {
  file?: string | undefined
  line?: number | undefined
  seq?: number | undefined
}

/** Lines that are read at once. */
const BATCH = 1_024

/** Fields of reports that hold paths; what an agent wrote stands in an `event` and is left as it is. */
const PATHS = new Set(['file', 'log', 'byFile', 'config', 'files', 'logs'])
const STRANGERS = new Set(['event', 'names'])

export class Places {
  readonly #folders: readonly string[]

  /** @param files paths of the logs that the answer is of */
  constructor(files: readonly string[]) {
    this.#folders = files.map((file) => dirname(file) + sep)
  }

  /** @returns `undefined` where it is known of no file */
  at({ file, line, seq }: Standing): string | undefined {
    if (file === undefined || file === '') return undefined
    const place = line === undefined ? this.#short(file) : `${this.#short(file)}:${line}`
    return seq === undefined ? place : `${place} seq ${seq}`
  }

  /** Of an event as the API has it. */
  ofEvent({ position, log, file, line, seq }: Omit<PlacedEvent, 'event' | 'text'>): string {
    // A line without a `seq` of its own is counted.
    return this.at({ file, line, seq: seq ?? (log === undefined ? position : line) }) as string
  }

  /** Of an event in a hive of one log. */
  ofSeq({ rows }: Content, seq: number): string | undefined {
    const row = rows.positions.rowOf(seq)
    if (row === -1) return undefined
    const { segment, line } = rows.place(row)
    return this.at({ file: rows.segments.get(segment).file, line, seq })
  }

  /** Of rows of a hive, whose lines are read for it. */
  async ofRows(content: Content, rows: Iterable<number>): Promise<Map<number, string>> {
    const wanted = [...new Set(rows)]
    const places = new Map<number, string>()
    for (let i = 0; i < wanted.length; i += BATCH) {
      const some = wanted.slice(i, i + BATCH)
      const events = await content.placed(some)
      for (const [at, event] of events.entries()) places.set(some[at] as number, this.ofEvent(event))
    }
    return places
  }

  /** A report with short paths. */
  short<T>(value: T): T {
    return this.#shortened(value, false) as T
  }

  #shortened(value: unknown, isPath: boolean): unknown {
    if (typeof value === 'string') return isPath ? this.#short(value) : value
    if (Array.isArray(value)) return value.map((each) => this.#shortened(each, isPath))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        STRANGERS.has(name) ? each : this.#shortened(each, PATHS.has(name)),
      ]),
    )
  }

  #short(path: string): string {
    const folder = this.#folders.find((each) => path.startsWith(each))
    return folder === undefined ? path : relative(folder, path)
  }
}
