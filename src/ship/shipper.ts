/**
 * Sends logs to a server as exact copies, behind their writers: the file is the buffer, so nothing grows in memory
 * while the server is away, and the server knows where to go on, so nothing is remembered here.
 */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { logsOfHive } from '../disk/hive-logs.js'
import { artifactsFolder } from '../format/beside.js'
import { identityOf, isLive, type LogIdentity, linesFrom, openSegment, segmentAfter } from './segments.js'
import { type Answer, ShipError, Transport, type TransportOptions } from './transport.js'

export interface ShipOptions extends Omit<TransportOptions, 'signal'> {
  /** Milliseconds after which what is there is sent. Default 5000. */
  flushMs?: number
  /** Bytes after which it is sent at once, and that one request holds about. Default 1 MiB. */
  maxBytes?: number
  /** Send what is there now, and end. Default false. */
  once?: boolean
  /** Only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Ends it. */
  signal?: AbortSignal
}

/** What was sent of one log. */
export interface Shipped {
  /** Path of the log. */
  file: string
  /** Its id, under which it is stored. */
  log: string
  session: string
  /** Bytes that were sent and acknowledged by this run. */
  bytes: number
  /** The last `seq` that the server has. */
  seq: number
  /** Artifacts that were sent. */
  artifacts: number
}

const FLUSH_MS = 5_000
const MAX_BYTES = 1024 * 1024
/** Between two looks at how long a log has become. */
const LOOK_MS = 100

/**
 * Sends the logs of a hive to `hivelog serve`. Ends when all that is there is acknowledged (`once`), or when the signal
 * comes.
 * @returns what was sent of each log
 * @throws {ShipError} when the server refuses for good: the token is wrong, or it has other bytes of a log
 * @throws {LogReadError} when a named log is missing or must not be read
 */
export async function shipLogs(files: readonly string[], options: ShipOptions): Promise<Shipped[]> {
  const { once = false, thisFile = false, signal } = options
  const ended = new AbortController()
  signal?.addEventListener('abort', () => ended.abort(signal.reason), { once: true })
  if (signal?.aborted === true) ended.abort(signal.reason)
  const transport = new Transport({ ...options, signal: ended.signal })
  const shippers = new Map<string, LogShipper>()
  const running = new Set<Promise<void>>()
  let failure: Error | undefined
  const begin = (): void => {
    for (const file of logsOfHive(files, thisFile)) {
      if (shippers.has(file)) continue
      const shipper = new LogShipper(file, transport, options)
      shippers.set(file, shipper)
      const run = shipper
        .run(ended.signal)
        .catch((error: Error) => {
          if (ended.signal.aborted) return
          failure ??= error
          ended.abort(error)
        })
        .finally(() => running.delete(run))
      running.add(run)
    }
  }
  begin()
  // Child processes come and go.
  while (!once && !ended.signal.aborted) {
    await pause(LOOK_MS * 10, undefined, { signal: ended.signal }).catch(() => {})
    begin()
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure
  return [...shippers.values()].flatMap(({ shipped }) => (shipped === undefined ? [] : [shipped]))
}

class LogShipper {
  shipped: Shipped | undefined
  readonly #file: string
  readonly #transport: Transport
  readonly #flushMs: number
  readonly #maxBytes: number
  readonly #once: boolean
  readonly #artifacts = new RecentRefs()

  constructor(
    file: string,
    transport: Transport,
    { flushMs = FLUSH_MS, maxBytes = MAX_BYTES, once = false }: ShipOptions,
  ) {
    this.#file = file
    this.#transport = transport
    this.#flushMs = flushMs
    this.#maxBytes = maxBytes
    this.#once = once
  }

  async run(signal: AbortSignal): Promise<void> {
    const identity = await this.#identity(signal)
    if (identity === undefined) return
    const { log, session } = identity
    this.shipped = { file: this.#file, log, session, bytes: 0, seq: 0, artifacts: 0 }
    let at = await this.#position(identity)
    for (;;) {
      signal.throwIfAborted()
      const next = await this.#shipFrom(at, identity, signal)
      if (next === undefined) return
      at = next
    }
  }

  /** A log that is not there yet, or empty, is waited for. */
  async #identity(signal: AbortSignal): Promise<LogIdentity | undefined> {
    for (;;) {
      const identity = await identityOf(this.#file)
      if (identity !== undefined || this.#once) return identity
      await pause(LOOK_MS, undefined, { signal })
    }
  }

  async #position({ session, log, first }: LogIdentity): Promise<Position> {
    const query = new URLSearchParams({ session, log })
    const { status, body } = await this.#transport.get(`v1/ingest?${query}`)
    if (status !== 200) throw refused(status, body)
    const { segment, offset } = body as unknown as Position
    ;(this.shipped as Shipped).seq = Number(body.seq)
    return offset === 0 && segment < first ? { segment: first, offset: 0 } : { segment, offset }
  }

  /** @returns where to go on; `undefined` at the end of what is there now, when that is all that is asked for */
  async #shipFrom(at: Position, identity: LogIdentity, signal: AbortSignal): Promise<Position | undefined> {
    const open = await openSegment(this.#file, at.segment)
    if (open === undefined) {
      const message = `the segment of ${this.#file} that begins at seq ${at.segment} is gone, and the server has not all of it`
      throw new ShipError(message, 409)
    }
    try {
      const live = await isLive(this.#file, open)
      if (live && !this.#once) await this.#enough(at.offset, signal)
      const bytes = await linesFrom(open, at.offset, this.#maxBytes)
      if (bytes.length > 0) return await this.#send(bytes, at, identity)
      const next = await segmentAfter(this.#file, at.segment)
      // The last lines may have come between the two looks.
      if (next !== undefined && (await linesFrom(open, at.offset, 1)).length === 0)
        return { segment: next, offset: 0 }
      return this.#once && next === undefined ? undefined : at
    } finally {
      await open.source.handle.close()
    }
  }

  /** Waits until there is enough to send, or long enough. */
  async #enough(offset: number, signal: AbortSignal): Promise<void> {
    const due = Date.now() + this.#flushMs
    while (Date.now() < due) {
      const size = await stat(this.#file).then(
        (stats) => stats.size,
        () => undefined,
      )
      // Shorter: it was rotated.
      if (size === undefined || size < offset || size - offset >= this.#maxBytes) return
      await pause(Math.min(LOOK_MS, Math.max(1, due - Date.now())), undefined, { signal })
    }
  }

  async #send(bytes: Buffer, at: Position, identity: LogIdentity): Promise<Position> {
    const { log, session } = identity
    await this.#sendArtifacts(bytes, identity)
    const { status, body } = await this.#transport.post('v1/ingest', bytes, {
      'content-type': 'application/x-ndjson',
      'hivelog-session': session,
      'hivelog-log': log,
      'hivelog-name': encodeURIComponent(basename(this.#file)),
      'hivelog-segment': String(at.segment),
      'hivelog-offset': String(at.offset),
    })
    const shipped = this.shipped as Shipped
    if (status === 200) {
      shipped.bytes += bytes.length - Number(body.skipped ?? 0)
      shipped.seq = Number(body.seq)
      return { segment: Number(body.segment), offset: Number(body.offset) }
    }
    const wanted = body.wanted as Position
    if (status === 409 && body.refusal === 'hole' && (await this.#hasMore(wanted))) return wanted
    throw refused(status, body, this.#file)
  }

  /** Whether there is anything to send from there on: else the server has other bytes, and would ask for ever. */
  async #hasMore({ segment, offset }: Position): Promise<boolean> {
    const open = await openSegment(this.#file, segment)
    if (open === undefined) return false
    try {
      return (await linesFrom(open, offset, 1)).length > 0
    } finally {
      await open.source.handle.close()
    }
  }

  /** What lines name is there before them, so that a copy is never without. */
  async #sendArtifacts(bytes: Buffer, { session, log }: LogIdentity): Promise<void> {
    const refs = this.#artifacts.fresh(refsIn(bytes))
    if (refs.length === 0) return
    const asked = await this.#transport.post('v1/artifacts/missing', JSON.stringify({ session, log, refs }))
    if (asked.status !== 200) throw refused(asked.status, asked.body, this.#file)
    for (const ref of asked.body.missing as string[]) {
      const content = await readFile(join(artifactsFolder(this.#file), ref.slice(0, 2), ref)).catch(
        () => undefined,
      )
      // Not there, or not what it should be: that the copy lacks it too is what `verify` says of both.
      if (content === undefined || createHash('sha256').update(content).digest('hex') !== ref) continue
      const headers = { 'hivelog-session': session, 'hivelog-log': log }
      const { status, body } = await this.#transport.put(`v1/artifacts/${ref}`, content, headers)
      if (status !== 200 && status !== 413) throw refused(status, body, this.#file)
      if (status === 200) (this.shipped as Shipped).artifacts++
    }
    this.#artifacts.add(refs)
  }
}

interface Position {
  segment: number
  offset: number
}

function refused(status: number, body: Answer['body'], file?: string): ShipError {
  const why = typeof body.error === 'string' ? body.error : 'without a reason'
  return new ShipError(
    `the server refuses${file === undefined ? '' : ` ${file}`} (${status}): ${why}`,
    status,
  )
}

const REF = /"ref":"([0-9a-f]{64})"/g

const refsIn = (bytes: Buffer): string[] => [
  ...new Set([...bytes.toString('latin1').matchAll(REF)].map(([, ref]) => ref as string)),
]

/** Artifacts that the server is known to have. */
class RecentRefs {
  #refs = new Set<string>()

  fresh(refs: readonly string[]): string[] {
    return refs.filter((ref) => !this.#refs.has(ref))
  }

  add(refs: readonly string[]): void {
    if (this.#refs.size > MAX_RECENT) this.#refs.clear()
    for (const ref of refs) this.#refs.add(ref)
  }
}

const MAX_RECENT = 100_000
