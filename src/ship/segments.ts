/** What a log is called where it is sent to, and where its segments lie: its own files, and no links beside it. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { archivedSegments } from '../disk/segments.js'
import { isStorable, logsAbove, MAX_ABOVE } from '../format/beside.js'
import { decodeLine } from '../format/decode.js'
import { logIdOf } from '../format/seal.js'
import { MAX_LINE_BYTES } from '../read/items.js'
import { cannotRead, chunksOf, firstSeqOf, openArchived, openSource, type Source } from '../read/sources.js'

const NEWLINE = 10

/** What a log is called where it is sent to. */
export interface LogIdentity {
  log: string
  session: string
  /** `seq` of the first line of the first segment that is there. */
  first: number
}

/** A session's id as the name of a folder; one that cannot be one is named by its hash. */
export function folderOf(session: unknown, log: string): string {
  if (typeof session !== 'string' || session === '') return `log_${log}`
  if (isStorable(session)) return session
  return `sess_${createHash('sha256').update(session).digest('hex').slice(0, 16)}`
}

/** @returns `undefined` while the log has no whole line. @throws when it cannot be read */
export async function identityOf(file: string): Promise<LogIdentity | undefined> {
  const [archived] = archivedSegments(file)
  const source =
    archived === undefined ? await openSource(file, false, file) : await openArchived(archived, file)
  if (source === undefined) return undefined
  try {
    const line = await firstLine(source)
    if (line === undefined) return undefined
    const decoded = decodeLine(line)
    const event = 'event' in decoded ? (decoded.event as Record<string, unknown>) : {}
    const first = source.firstSeq ?? (archived === undefined ? await firstOfLive(source) : 1)
    const own = logIdOf(line)
    const log = first > 1 && typeof event.log === 'string' ? event.log : own
    return { log, session: folderOf(event.session, log), first }
  } finally {
    await source.handle.close()
  }
}

/** How long a log above is waited for that is there and has no line, and between two looks. */
const FIRST_LINE_MS = 2_000
const LOOK_MS = 50

/**
 * Ids of the logs above that of a child process, the hive's own first: those of its session, as far as there are such.
 * A log above of which only the folder is there is passed over.
 */
export async function idsAbove(file: string, session: string): Promise<string[]> {
  const ids: string[] = []
  for (const log of logsAbove(file)) {
    const identity = await identitySoon(log)
    if (identity === undefined) continue
    if (identity.session !== session) break
    ids.unshift(identity.log)
  }
  return ids.length > MAX_ABOVE ? [] : ids
}

/** A process whose child runs already may not have written its own first line yet. */
async function identitySoon(log: string): Promise<LogIdentity | undefined> {
  for (const end = Date.now() + FIRST_LINE_MS; ; await pause(LOOK_MS)) {
    let isOwn = true
    const identity = await identityOf(log).catch((error: NodeJS.ErrnoException) => {
      isOwn = error.code !== 'ENOTFILE'
      return undefined
    })
    if (identity !== undefined || !isOwn || Date.now() >= end || !existsSync(log)) return identity
  }
}

/** A log of another writer has no `seq`, and one segment. */
const firstOfLive = async (source: Source): Promise<number> => Math.max(1, (await firstSeqOf(source)) ?? 1)

/** @throws {LogReadError} when it is longer than a line may be, before more than that is held */
async function firstLine(source: Source): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const chunk of chunksOf(source)) {
    const newline = chunk.indexOf(NEWLINE)
    size += newline === -1 ? chunk.length : newline
    if (size > MAX_LINE_BYTES) {
      throw cannotRead(source.file, new Error('its first line does not end within 64 MiB, so it is no log'))
    }
    pieces.push(Buffer.from(newline === -1 ? chunk : chunk.subarray(0, newline)))
    if (newline !== -1) return Buffer.concat(pieces)
  }
  return undefined
}

/** Where a log goes on. */
export interface Position {
  /** `seq` of the first line of the segment. */
  segment: number
  /** Bytes of it, uncompressed, up to the end of a whole line. */
  offset: number
}

/** A segment that is read from. */
export interface OpenSegment {
  source: Source
  /** `seq` of its first line. */
  segment: number
}

/**
 * Opens the segment that begins with a certain line, wherever it lies by now. Of a log whose segments cannot be told
 * apart, the live one. `undefined` when there is none.
 */
export async function openSegment(file: string, segment: number): Promise<OpenSegment | undefined> {
  // Twice, since a segment that is archived in between is in neither place for whoever looks in the wrong order.
  for (let i = 0; i < 2; i++) {
    const archived = archivedSegments(file).find(({ firstSeq }) => firstSeq === segment)
    const source = archived === undefined ? undefined : await openArchived(archived, file)
    if (source !== undefined) return { source, segment }
    const live = await openSource(file, false, file)
    if (live === undefined) continue
    if ((await firstOfLive(live)) === segment) return { source: live, segment }
    await live.handle.close()
  }
  return undefined
}

/** `seq` with which the segment after this one begins, if there is one. */
export async function segmentAfter(file: string, segment: number): Promise<number | undefined> {
  // The live one first: whatever was archived before it began is in the folder then.
  const live = await openSource(file, false, file)
  let last: number | undefined
  if (live !== undefined) {
    last = await firstOfLive(live)
    await live.handle.close()
  }
  const archived = archivedSegments(file).find(({ firstSeq }) => (firstSeq as number) > segment)
  return archived?.firstSeq ?? (last !== undefined && last > segment ? last : undefined)
}

/**
 * The whole lines from `offset` on, about `maxBytes` of them, but one line at least; empty when none is there yet. What
 * is compressed is unpacked from its start.
 */
export async function linesFrom({ source }: OpenSegment, offset: number, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  let end = 0
  for await (const chunk of chunksOf(source, offset, Math.min(maxBytes, 1024 * 1024))) {
    const newline = chunk.lastIndexOf(NEWLINE)
    if (newline !== -1) end = size + newline + 1
    pieces.push(Buffer.from(chunk))
    size += chunk.length
    if (size >= maxBytes && end > 0) break
  }
  const bytes = Buffer.concat(pieces, size)
  if (end <= maxBytes) return bytes.subarray(0, end)
  // The last newline within what is wanted, or the first one there is.
  const last = bytes.lastIndexOf(NEWLINE, maxBytes - 1) + 1
  return bytes.subarray(0, last > 0 ? last : bytes.indexOf(NEWLINE) + 1)
}
