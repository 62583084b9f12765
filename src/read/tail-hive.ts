/** Gives the last lines of a hive: of all its logs as one story, each read from its end. */
import { logsOfHive, pathsOf, STANDARD_INPUT } from '../disk/hive-logs.js'
import { archivedSegments } from '../disk/segments.js'
import { checkOptions } from '../format/options.js'
import type { HiveItem } from './hive.js'
import { isMalformed } from './items.js'
import { Heap, type Next } from './merge.js'
import { TAIL_HIVE_RULES } from './options.js'
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
      const tail = await lastItems(log, n, options, isFollowed)
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

class TailHead implements Next {
  ts = Number.NEGATIVE_INFINITY
  item: HiveItem | undefined
  readonly place: number
  readonly #log: string
  readonly #items: Tail['items']
  #at = -1

  constructor(log: string, place: number, items: Tail['items']) {
    this.#log = log
    this.place = place
    this.#items = items
    const first = items.find((item) => !isMalformed(item))
    if (first !== undefined && !isMalformed(first)) this.ts = first.event.ts
    this.next()
  }

  next(): boolean {
    const item = this.#items[++this.#at]
    if (item === undefined) return false
    this.item = Object.assign(item, { log: this.#log })
    if (!isMalformed(item)) this.ts = item.event.ts
    return true
  }
}
