/** Gives the last lines of a hive: of all its logs as one story, each read from its end. */
import { logsOfHive, pathsOf, STANDARD_INPUT } from '../disk/hive-logs.js'
import { archivedSegments } from '../disk/segments.js'
import { checkOptions } from '../format/options.js'
import type { HiveItem } from './hive.js'
import { isMalformed } from './items.js'
import { Heap, LogTime } from './merge.js'
import { TAIL_HIVE_RULES } from './options.js'
import { timesOfLines } from './selecting-reader.js'
import { cannotRead, missing } from './sources.js'
import { lastItems, type Tail, type TailOptions } from './tail.js'

/** What `tailHive` takes. */
export interface TailHiveOptions extends TailOptions {
  /** Only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
}

/**
 * Gives the last `n` items of a hive, oldest first. Holds as many of each of its logs in memory.
 * @param files path of a log, or several of one hive
 * @param n lines to give
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a named file is missing and has no child logs, is a directory, or must not be read; for
 * `-`, as standard input has no end to read from
 */
export function tailHive(
  files: string | readonly string[],
  n: number,
  options: TailHiveOptions = {},
): AsyncGenerator<HiveItem> {
  checkOptions('tailHive', options, TAIL_HIVE_RULES)
  return eachItem(pathsOf(files), n, options)
}

async function* eachItem(
  files: readonly string[],
  n: number,
  { thisFile, ...options }: TailHiveOptions,
): AsyncGenerator<HiveItem> {
  if (files.includes(STANDARD_INPUT))
    throw cannotRead('standard input', 'it has no end to read from; name a file')
  const logs = logsOfHive(files, thisFile)
  const tails = await tailsOf(logs, n, options, false)
  const named = logsOfHive(files, true)
  const isThere = (log: string): boolean =>
    tails.get(log)?.live !== undefined || archivedSegments(log).length > 0
  const gone = named.find((log) => !isThere(log))
  if (gone !== undefined && !logs.slice(named.length).some(isThere)) throw missing(gone)
  yield* merged(tails)
}

/** Lines of each log, before those that are given, in which its clock may have been ahead. */
const LOOK_BACK = 4_096

/**
 * How each of some logs ends, with those of its items that are among the last `n` of them all.
 * @param isFollowed whether only whole lines count, and the live files stay open
 */
export async function tailsOf(
  logs: readonly string[],
  n: number,
  options: TailOptions,
  isFollowed: boolean,
): Promise<Map<string, Tail>> {
  const tails = new Map<string, Tail>()
  try {
    for (const log of logs) {
      const tail = await lastItems(log, n, options, isFollowed, logs.length > 1 ? LOOK_BACK : 0)
      tails.set(log, tail)
      if (!isFollowed) await tail.live?.source.handle.close()
    }
  } catch (error) {
    if (isFollowed) for (const { live } of tails.values()) await live?.source.handle.close()
    throw error
  }
  const last = new Map<string, number>()
  const all = merged(tails)
  for (const { log } of all.slice(Math.max(0, all.length - n))) {
    last.set(log, (last.get(log) ?? 0) + 1)
  }
  for (const [log, tail] of tails) tail.items = tail.items.slice(tail.items.length - (last.get(log) ?? 0))
  return tails
}

/** The items of all, in the order of their time. */
function merged(tails: ReadonlyMap<string, Tail>): HiveItem[] {
  const heads = [...tails].map(([log, { items }], place) => new TailHead(log, place, items))
  const heap = new Heap(heads.filter(({ item }) => item !== undefined))
  const all: HiveItem[] = []
  for (let first = heap.first; first !== undefined; first = heap.first) {
    all.push(first.item as HiveItem)
    if (first.next()) heap.sink()
    else heap.drop()
  }
  return all
}

/** The last lines of a log, and the one that comes next. */
class TailHead extends LogTime {
  item: HiveItem | undefined
  readonly #log: string
  readonly #items: Tail['items']
  #at = -1

  constructor(log: string, place: number, items: Tail['items']) {
    super(place)
    this.#log = log
    this.#items = items
    const [start] = items
    // An event before them may be known.
    if (start !== undefined && !(isMalformed(start) && timesOfLines.has(start))) this.begin(items)
    this.next()
  }

  next(): boolean {
    const item = this.#items[++this.#at]
    if (item === undefined) return false
    this.item = Object.assign(item, { log: this.#log })
    this.pass(item)
    // Those before it may be left out.
    if (!isMalformed(item)) {
      if (this.ts > item.event.ts) item.latest = this.ts
    } else if (this.ts > Number.NEGATIVE_INFINITY) timesOfLines.set(item, { ts: this.ts, latest: this.ts })
    return true
  }
}
