/** Bytes of a hive's files: contents that lines name, and segments as they are. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { logsOfHive } from '../../disk/hive-logs.js'
import { openFile } from '../../disk/open.js'
import { archivedSegments } from '../../disk/segments.js'
import { logsAbove } from '../../format/beside.js'
import { chunksOf, firstSeqOf, openArchived, openSource, type Source } from '../../read/sources.js'
import { identityOf, linesFrom, openSegment } from '../../ship/segments.js'
import { artifactFolder } from '../../verify/artifacts.js'
import { HttpError } from '../http.js'
import type { HiveAsked } from './hive-routes.js'
import { nameOf } from './log-files.js'
import { numberIn, textIn } from './query.js'
import type { Segments } from './shapes.js'

/** Bytes of a segment that are sent at once, about: whole lines. */
const PIECE = 8 * 1024 * 1024
/** Segments whose size and hash are known without reading them again. */
const MAX_KNOWN = 10_000
const SHA256 = /^[0-9a-f]{64}$/

/** What archived segments hold, by what tells their files apart. */
const sizes = new Map<string, { bytes: number; sha256: string }>()

/** Sends the content of an artifact that a line names, if its bytes are those that the name says. */
export async function sendArtifact({ view, rest, response }: HiveAsked): Promise<undefined> {
  const [ref = ''] = rest
  if (!SHA256.test(ref)) throw new HttpError(400, 'an artifact is named by its SHA-256, 64 hex digits')
  const log = (await view.content()).logOfArtifact(ref)
  if (log === undefined) throw new HttpError(404, 'no line of this hive names that artifact')
  const path = join(artifactFolder(log), ref.slice(0, 2), ref)
  const handle = await openFile(path).catch(() => {
    throw new HttpError(404, 'the artifact is not there')
  })
  try {
    const hash = createHash('sha256')
    let size = 0
    for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
      hash.update(chunk as Buffer)
      size += (chunk as Buffer).length
    }
    if (hash.digest('hex') !== ref)
      throw new HttpError(410, 'the content of the artifact is not that of its name: somebody changed it')
    sendBytes(response, {
      'content-disposition': `attachment; filename="${ref}"`,
      'content-length': String(size),
    })
    if (size === 0) response.end()
    else await pipeline(handle.createReadStream({ start: 0, end: size - 1, autoClose: false }), response)
  } finally {
    await handle.close()
  }
  return undefined
}

function sendBytes(response: HiveAsked['response'], headers: Record<string, string>): void {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
}

/** Sends whole lines of a segment from a byte on; none where there are no more for now. */
export async function sendRaw(asked: HiveAsked): Promise<undefined> {
  const { query, response } = asked
  const segment = numberIn(query, 'segment', { min: 1 })
  if (segment === undefined) throw new HttpError(400, 'raw needs segment, the seq of its first line')
  const offset = numberIn(query, 'offset') ?? 0
  const open = await openSegment(logAsked(asked), segment)
  if (open === undefined) throw new HttpError(404, `no segment begins at seq ${segment}`)
  try {
    const { bytes } = await measured(open.source)
    const lines = offset >= bytes ? Buffer.alloc(0) : await linesFrom(open, offset, PIECE)
    sendBytes(response, { 'hivelog-bytes': String(bytes), 'content-length': String(lines.length) })
    response.end(lines)
  } finally {
    await open.source.handle.close()
  }
  return undefined
}

/** Which segments a log has. */
export async function segmentsOf(asked: HiveAsked): Promise<Segments> {
  const { known } = asked
  const file = logAsked(asked)
  const identity = await identityOf(file)
  if (identity === undefined) throw new HttpError(404, 'there is no line in that log')
  const segments: Segments['segments'] = []
  for (const segment of archivedSegments(file)) {
    const source = await openArchived(segment, file)
    if (source === undefined) continue
    try {
      segments.push({ segment: segment.firstSeq as number, ...(await measured(source)), live: false })
    } finally {
      await source.handle.close()
    }
  }
  const live = await openSegmentOfLive(file, identity.first, segments)
  if (live !== undefined) segments.push(live)
  const session = known.session ?? identity.session
  return { session, log: identity.log, name: nameOf(file), path: pathAtOrigin(file, known.file), segments }
}

/** Path of a log in its hive, as its files are called where they are written. @param root the hive's own log */
function pathAtOrigin(file: string, root: string): string {
  const above = logsAbove(file)
  const own = above.slice(0, above.indexOf(root) + 1)
  return [file, ...own].map(nameOf).reverse().join('.agents/')
}

/** The log that is meant: that of the hive itself, or another one of it. @throws {HttpError} where it has no such */
function logAsked({ known, query }: HiveAsked): string {
  const log = textIn(query, 'log')
  if (log === undefined) return known.file
  const found = logsOfHive([known.file], false, () => {}).find((each) => each === log)
  if (found === undefined) throw new HttpError(404, 'this hive has no log of that path')
  return found
}

async function openSegmentOfLive(
  file: string,
  first: number,
  archived: Segments['segments'],
): Promise<Segments['segments'][number] | undefined> {
  const source = await openSource(file, true, file)
  if (source === undefined) return undefined
  try {
    const last = archived.at(-1)
    const segment = archived.length === 0 ? first : Math.max(1, (await firstSeqOf(source)) ?? 1)
    // It was archived meanwhile.
    if (last !== undefined && segment <= last.segment) return undefined
    return { segment, bytes: Number(source.stats.size), live: true }
  } finally {
    await source.handle.close()
  }
}

/** Bytes of a segment, uncompressed; of an archived one also their hash, which is made once. */
async function measured(source: Source): Promise<{ bytes: number; sha256?: string }> {
  const { file, stats, live } = source
  if (live) return { bytes: Number(stats.size) }
  const key = `${file} ${stats.ino} ${stats.size} ${stats.mtimeNs}`
  let found = sizes.get(key)
  if (found === undefined) {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of chunksOf(source)) {
      hash.update(chunk)
      bytes += chunk.length
    }
    found = { bytes, sha256: hash.digest('hex') }
    sizes.set(key, found)
    const [oldest] = sizes.keys()
    if (sizes.size > MAX_KNOWN) sizes.delete(oldest as string)
  }
  return found
}
