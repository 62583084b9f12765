/**
 * Sends every line of logs as an OTLP log record, behind their writers: the file is the buffer, so nothing grows in
 * memory while the other end is away. At least once: what was sent and not noted goes again after a restart.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { logsOfHive } from '../disk/hive-logs.js'
import { type TellNotOwn, tellingOnce } from '../disk/own-files.js'
import type { OtlpLogsOptions } from '../otel/otlp-logs.js'
import { OtlpLogSender } from '../otel/otlp-logs.js'
import { Memory } from './memory.js'
import { LogLineShipper, type ShippedLines } from './otlp-shipper.js'
import { Slots } from './slots.js'

export type { ShippedLines } from './otlp-shipper.js'

export interface OtlpShipOptions extends OtlpLogsOptions {
  /** Milliseconds after which what is there is sent. Default 1000. */
  flushMs?: number
  /** Bytes after which it is sent at once, and that one request holds about. Default 1 MiB. */
  maxBytes?: number
  /** Send what is there now, and end. Default false. */
  once?: boolean
  /** Only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** `service.name` of the records. Default: `OTEL_SERVICE_NAME`, else `hive`. */
  serviceName?: string
  /**
   * What is there already of a log, by its id: of the whole log only what is not is sent, wherever the last time ended.
   * Default: it goes on from there.
   */
  present?: (log: string) => Promise<Present>
  /** Ends it when what is there by then is sent. */
  drain?: AbortSignal
  /** Ends it at once. */
  signal?: AbortSignal
  /** Whether waiting keeps the process up. Default true. */
  isAwake?: boolean
  /** What people may see of the other end's words. Default: all. */
  clean?: (text: string) => string
  /** Is told when the other end cannot be reached, once, and (without a reason) when it can be again. */
  onTrouble?: (why: string | undefined) => void
  /** Is told of lines that will not be there. */
  onLost?: (what: string) => void
  /** Is told in one line, once, of a link or no regular file beside the logs, which is no part of them: it is not sent. */
  onNotOwn?: TellNotOwn
}

/** What the other end has of a log. */
export interface Present {
  /** Whether it has the line at this place. */
  hasLine(segment: number, offset: number): boolean
  hasArtifact(ref: string): boolean
}

/** Requests that are made or under way at a time, of all logs together: what they hold is what this takes of memory. */
const MAX_OPEN = 4
/** Between two looks for logs of new child processes. */
const LOOK_MS = 1_000

/**
 * Sends the lines of a hive's logs. Ends when all that is there is taken (`once`), or when it is told to.
 * @returns what was sent of each log
 * @throws {OtlpShipError} when the other end refuses for good
 * @throws {LogReadError} when a named log is missing or must not be read
 */
export async function shipOtlpLogs(
  files: readonly string[],
  options: OtlpShipOptions,
): Promise<ShippedLines[]> {
  const { once = false, thisFile = false, isAwake = true } = options
  const sender = new OtlpLogSender(options, options.clean)
  const ended = new AbortController()
  const end = (reason: unknown): void => {
    ended.abort(reason)
    sender.close()
  }
  const stop = (): void => end(options.signal?.reason)
  options.signal?.addEventListener('abort', stop, { once: true })
  if (options.signal?.aborted === true) stop()
  const isOver = (): boolean => once || options.drain?.aborted === true
  const slots = new Slots(MAX_OPEN)
  const memory = new Memory()
  const shippers = new Map<string, LogLineShipper>()
  const running = new Set<Promise<void>>()
  const onNotOwn = tellingOnce(options.onNotOwn)
  let failure: Error | undefined
  const begin = (): void => {
    for (const file of logsOfHive(files, thisFile, onNotOwn)) {
      if (shippers.has(file)) continue
      const shipper = new LogLineShipper(file, sender, {
        ...options,
        onNotOwn,
        slots,
        memory,
        isOver,
        signal: ended.signal,
      })
      shippers.set(file, shipper)
      const run = shipper
        .run()
        .catch((error: Error) => {
          if (ended.signal.aborted) return
          failure ??= error
          end(error)
        })
        .finally(() => running.delete(run))
      running.add(run)
    }
  }
  // The sender's connections keep no process up.
  const awake = isAwake ? setInterval(() => {}, LOOK_MS) : undefined
  begin()
  const signals = [ended.signal, ...(options.drain === undefined ? [] : [options.drain])]
  // Child processes come and go.
  while (!isOver() && !ended.signal.aborted) {
    await pause(LOOK_MS, undefined, { signal: AbortSignal.any(signals), ref: isAwake }).catch(() => {})
    begin()
  }
  await Promise.all(running)
  clearInterval(awake)
  options.signal?.removeEventListener('abort', stop)
  sender.close()
  if (failure !== undefined) throw failure
  return [...shippers.values()].flatMap(({ shipped }) => (shipped === undefined ? [] : [shipped]))
}
