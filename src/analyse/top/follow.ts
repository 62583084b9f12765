/** Follows a hive as it grows: all of its logs, and those of child processes that come later. */
import { setTimeout as pause } from 'node:timers/promises'
import { ownSeq } from '../../format/decode.js'
import { followLog } from '../../read/follow.js'
import { type HiveItem, hiveBatches, logsOfHive } from '../../read/hive.js'
import { isMalformed, type LogItem } from '../../read/items.js'

export interface HiveFollowOptions {
  /** Follow only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Ends it. */
  signal: AbortSignal
  /** Milliseconds between two looks for logs of new child processes. Default 1000. */
  pollMs?: number
  /** Told the logs that are followed, at first and when there are more. */
  onLogs?: (logs: readonly string[]) => void
}

/** Items that may wait to be taken; who reads them waits then. */
const MAX_WAITING = 10_000
/** Lines before the end of a log that are looked at for what came while the story was read. */
const OVERLAP = 1000

/**
 * Gives the story so far, then what is added, a batch at a time. What is added to several logs comes as it is found,
 * each log's lines in their order.
 * @throws as `hiveBatches`; and when a log cannot be read any more
 */
export async function* followHive(
  files: readonly string[],
  { thisFile = false, signal, pollMs = 1000, onLogs }: HiveFollowOptions,
): AsyncGenerator<HiveItem[]> {
  /** Of each log the last event that was given. */
  const given = new Map<string, { seq: number; isForeign: boolean }>()
  onLogs?.(logsOfHive(files, thisFile))
  for await (const items of hiveBatches(files, { thisFile })) {
    for (const item of items) note(given, item)
    yield items
    if (signal.aborted) return
  }
  const queue = new Queue()
  const followed = new Set<string>()
  const ended = new AbortController()
  const end = AbortSignal.any([signal, ended.signal])
  const follow = (): void => {
    const logs = logsOfHive(files, thisFile)
    if (logs.length > followed.size) onLogs?.(logs)
    for (const log of logs) {
      if (followed.has(log) || log === '-') continue
      followed.add(log)
      pump(log, given.get(log), queue, end).catch((error) => queue.fail(error))
    }
  }
  const look = async (): Promise<void> => {
    while (!end.aborted) {
      follow()
      await pause(pollMs, undefined, { signal: end }).catch(() => undefined)
    }
  }
  look().catch((error) => queue.fail(error))
  signal.addEventListener('abort', () => queue.close(), { once: true })
  try {
    for (let items = await queue.take(); items !== undefined; items = await queue.take()) yield items
  } finally {
    ended.abort()
    queue.close()
  }
}

function note(given: Map<string, { seq: number; isForeign: boolean }>, item: HiveItem): void {
  if (isMalformed(item)) return
  const known = given.get(item.log)
  if (known !== undefined) known.seq = item.seq
  else given.set(item.log, { seq: item.seq, isForeign: ownSeq(item.event) === undefined })
}

async function pump(
  log: string,
  given: { seq: number; isForeign: boolean } | undefined,
  queue: Queue,
  signal: AbortSignal,
): Promise<void> {
  const last = given?.seq ?? 0
  // The numbers of a log that has none are counted from its start.
  let from: 'start' | { last: number } = given === undefined || given.isForeign ? 'start' : { last: OVERLAP }
  for (;;) {
    const missed = await pumpFrom(log, from, last, queue, signal)
    if (!missed) return
    from = 'start'
  }
}

/** Returns whether lines between what was given and where it begins are missing: then it has given none. */
async function pumpFrom(
  log: string,
  from: 'start' | { last: number },
  last: number,
  queue: Queue,
  signal: AbortSignal,
): Promise<boolean> {
  let isBegun = from === 'start'
  let isNew = last === 0
  for await (const item of followLog(log, { from, signal })) {
    if (!isMalformed(item)) {
      if (!isBegun && item.seq > last + 1) return true
      isBegun = true
      isNew ||= item.seq > last
    }
    if (isNew) await queue.put(item, log)
  }
  return false
}

class Queue {
  #items: HiveItem[] = []
  #error: unknown
  #isClosed = false
  #wake: (() => void) | undefined
  #taken: (() => void)[] = []

  async put(item: LogItem, log: string): Promise<void> {
    this.#items.push({ ...item, log })
    this.#tell()
    while (this.#items.length >= MAX_WAITING && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#taken.push(resolve))
    }
  }

  fail(error: unknown): void {
    this.#error ??= error
    this.#tell()
  }

  close(): void {
    this.#isClosed = true
    this.#tell()
    this.#release()
  }

  /** Waits for items; `undefined` when no more are wanted. @throws what `fail` was given */
  async take(): Promise<HiveItem[] | undefined> {
    while (this.#items.length === 0) {
      if (this.#error !== undefined) throw this.#error
      if (this.#isClosed) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const items = this.#items
    this.#items = []
    this.#release()
    return items
  }

  #tell(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #release(): void {
    const taken = this.#taken
    this.#taken = []
    for (const resolve of taken) resolve()
  }
}
