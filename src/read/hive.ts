/**
 * A hive is its log and the logs of its child processes, read as one story: merged by time, and each log's own lines
 * always in the order in which they stand in it.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArchiveName } from '../disk/segments.js'
import { isMalformed, type LineOptions, type LogItem } from './items.js'
import { logBatches, type ReadOptions } from './read.js'
import { BIG_CHUNK, CHUNK } from './sources.js'

/** An item of a hive's story. */
export type HiveItem = LogItem & {
  /** Path of the log that it is from: that of the live file, whatever segment it is in. */
  log: string
}

export interface HiveReadOptions extends LineOptions, Pick<ReadOptions, 'select' | 'passed'> {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
}

/** The logs of a hive: those that are named, each once, and those of their child processes, and of theirs. */
export function logsOfHive(files: readonly string[], thisFile = false): string[] {
  const logs = new Set(files)
  if (thisFile) return [...logs]
  for (const log of logs) for (const child of childLogs(log)) logs.add(child)
  return [...logs]
}

function childLogs(log: string): string[] {
  const folder = `${log}.agents`
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
  const logs = new Set<string>()
  for (const name of names) {
    const child = /^(.*\.jsonl)(?:\.agents)?$/s.exec(name)?.[1]
    if (child !== undefined && parseArchiveName(child) === undefined) logs.add(child)
  }
  return [...logs].sort().map((name) => join(folder, name))
}

/**
 * The lines of all logs of a hive, a batch at a time. Of the lines that come next in their logs the earliest is
 * given first, of those of one time that of the log that is named first.
 * @throws when a named file is missing, a directory, or must not be read
 */
export async function* hiveBatches(
  files: readonly string[],
  options: HiveReadOptions = {},
): AsyncGenerator<HiveItem[]> {
  const logs = logsOfHive(files, options.thisFile)
  if (logs.length === 1) {
    const [log] = logs as [string]
    const size = options.select === undefined ? CHUNK : BIG_CHUNK
    for await (const items of logBatches(log, options, size)) yield items.map((item) => ({ ...item, log }))
    return
  }
  const heads: Head[] = []
  for (const log of logs) {
    const head = new Head(log, logBatches(log, options))
    if (await head.fill()) heads.push(head)
  }
  let batch: HiveItem[] = []
  while (heads.length > 0) {
    let first = heads[0] as Head
    for (const head of heads) if (head.ts < first.ts) first = head
    batch.push(first.take())
    if (first.isEmpty && !(await first.fill())) heads.splice(heads.indexOf(first), 1)
    if (batch.length >= 1000) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

class Head {
  /**
   * The greatest one up to the next line. Of a line that has an earlier one than some line before it this says the
   * same as its own would: it is given right after that one, as all other logs' next lines are later. But it says so
   * too where the line with the later time is not there, because a selection passed it over.
   */
  ts = Number.NEGATIVE_INFINITY
  readonly #log: string
  readonly #batches: AsyncGenerator<LogItem[]>
  #items: LogItem[] = []
  #at = 0

  constructor(log: string, batches: AsyncGenerator<LogItem[]>) {
    this.#log = log
    this.#batches = batches
  }

  get isEmpty(): boolean {
    return this.#at >= this.#items.length
  }

  async fill(): Promise<boolean> {
    while (this.isEmpty) {
      const next = await this.#batches.next()
      if (next.done === true) return false
      this.#items = next.value
      this.#at = 0
    }
    this.#look()
    return true
  }

  take(): HiveItem {
    const item = { ...(this.#items[this.#at++] as LogItem), log: this.#log }
    if (!this.isEmpty) this.#look()
    return item
  }

  #look(): void {
    const item = this.#items[this.#at] as LogItem
    if (!isMalformed(item)) this.ts = Math.max(this.ts, item.latest ?? item.event.ts)
  }
}
