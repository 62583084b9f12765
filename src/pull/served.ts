/** Logs back from `hivelog serve`: its files, or its exact copies, as they are. */
import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeDurably } from '../disk/durable.js'
import { artifactsFolder, pathInHive } from '../format/beside.js'
import { refsIn } from '../format/refs.js'
import { Asking, PullError, type StoreAddress } from './asking.js'
import type { PulledLog, PullOptions } from './pull.js'
import { segmentPath, Targets, WholeFile } from './target.js'

const NEWLINE = 10
const MAX_PAGE = 1000

interface Segment {
  segment: number
  bytes: number
  sha256?: string
}

/** A log of the server, and how it is asked for. */
interface ServedLog {
  log: string
  file: string
  /** Path of what is asked for, and what says which log of the hive. */
  path: string
  query: string
  segments: Segment[]
}

/** A log that the server has, in one file or more: the one that it was given, say, and a copy that it received. */
interface WholeLog {
  log: string
  file: string
  files: ServedLog[]
  /** Each segment from the file that goes furthest. */
  segments: { from: ServedLog; segment: Segment; others: { from: ServedLog; segment: Segment }[] }[]
}

export class Served {
  readonly #asking: Asking

  private constructor(asking: Asking) {
    this.#asking = asking
  }

  /** Undefined: at this address is another store. @throws {PullError} when there is none, or it lets nobody in */
  static async at(address: StoreAddress): Promise<Served | undefined> {
    const asking = new Asking(address)
    const response = await asking.ask('api/logs?limit=1')
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    if (isJson && (response.status === 401 || response.status === 403)) {
      await response.body?.cancel()
      throw new PullError(`${asking.where} answers ${response.status}: give --token, with the scope read`)
    }
    if (!response.ok || !isJson) {
      await response.body?.cancel()
      return undefined
    }
    const { logs } = (await response.json().catch(() => ({}))) as { logs?: unknown }
    return Array.isArray(logs) ? new Served(asking) : undefined
  }

  async pull({ session, out, replace = false, onProgress }: PullOptions): Promise<PulledLog[]> {
    const targets = new Targets(out)
    const pulled: PulledLog[] = []
    for (const log of eachOnce(await this.#logs(session))) {
      const file = await targets.pathOf(log.log, [log.file])
      pulled.push(await this.#pull(log, file, replace, onProgress))
    }
    return pulled
  }

  async #logs(session: string): Promise<ServedLog[]> {
    const found: ServedLog[] = []
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page = await this.#json(`api/logs?limit=${MAX_PAGE}${more}`)
      for (const entry of listOf(page.logs)) {
        if (entry.session === session) found.push(...(await this.#hive(textOf(entry.id))))
      }
      cursor = page.cursor === undefined ? undefined : String(page.cursor)
    }
    return found
  }

  /** The log of that id, and those of its child processes. */
  async #hive(id: string): Promise<ServedLog[]> {
    const path = `api/logs/${encodeURIComponent(id)}`
    const own = await this.#segments(path, '')
    const found = [own]
    const known = new Set([own.log])
    for (const { log } of listOf((await this.#json(path)).logs)) {
      const inHive = pathInHive(textOf(log))
      const under = inHive.indexOf('.jsonl.agents/')
      if (under === -1) continue
      // Where a server does not say, its folder is called as the hive's own log is at its origin.
      const file = own.file + inHive.slice(under + '.jsonl'.length)
      const child = await this.#segments(path, `log=${encodeURIComponent(textOf(log))}`, file)
      if (!known.has(child.log)) found.push(child)
      known.add(child.log)
    }
    return found
  }

  /** @param file its path in its hive, where the server does not say it */
  async #segments(path: string, query: string, file?: string): Promise<ServedLog> {
    const { log, name, path: inHive, segments } = await this.#json(`${path}/segments?${query}`)
    if (typeof log !== 'string' || !/^[0-9a-f]{16}$/.test(log)) throw this.#nonsense()
    return {
      log,
      file: typeof inHive === 'string' ? inHive : (file ?? textOf(name)),
      path,
      query,
      segments: listOf(segments)
        .map(({ segment, bytes, sha256 }) => ({
          segment: wholeOf(segment),
          bytes: wholeOf(bytes),
          ...(typeof sha256 === 'string' && { sha256 }),
        }))
        .sort((a, b) => a.segment - b.segment),
    }
  }

  async #pull(
    log: WholeLog,
    target: string,
    replace: boolean,
    onProgress: PullOptions['onProgress'],
  ): Promise<PulledLog> {
    const pulled: PulledLog = {
      ...{ file: target, log: log.log, segments: 0, lines: 0, bytes: 0, artifacts: 0 },
      ...{ artifactsMissing: [], missing: [], conflicts: [] },
    }
    const named = new Set<string>()
    for (const [i, { from, segment, others }] of log.segments.entries()) {
      const path = segmentPath(target, segment.segment, i === log.segments.length - 1)
      const file = await WholeFile.begin(path)
      const hash = createHash('sha256')
      try {
        for (;;) {
          const piece = await this.#piece(from, segment, file.size)
          if (piece.length === 0) break
          await file.write(piece)
          hash.update(piece)
          pulled.lines += linesIn(piece)
          for (const ref of refsIn(piece)) named.add(ref)
          onProgress?.(pulled.lines)
        }
        if (segment.sha256 !== undefined && hash.digest('hex') !== segment.sha256)
          throw new PullError(`${this.#asking.where} sent other bytes of ${log.log} than it says that it has`)
      } catch (error) {
        await file.abandon()
        throw error
      }
      await file.end(replace)
      pulled.segments++
      pulled.bytes += file.size
      for (const other of others) {
        const offset = await this.#parting(path, other.from, other.segment, segment)
        if (offset !== undefined) pulled.conflicts.push({ segment: segment.segment, offset })
      }
    }
    for (const ref of named) await this.#artifact(log, ref, pulled)
    return pulled
  }

  /** Offset of the first line at which another file of the server has something else than was pulled. */
  async #parting(
    path: string,
    from: ServedLog,
    other: Segment,
    { sha256, bytes }: Segment,
  ): Promise<number | undefined> {
    if (sha256 !== undefined && sha256 === other.sha256 && bytes === other.bytes) return undefined
    const handle = await open(path)
    try {
      for (let offset = 0; ; ) {
        const piece = await this.#piece(from, other, offset)
        if (piece.length === 0) return undefined
        const own = Buffer.alloc(piece.length)
        const { bytesRead } = await handle.read(own, 0, own.length, offset)
        // What was written since this segment was pulled is no other line.
        if (!own.subarray(0, bytesRead).equals(piece.subarray(0, bytesRead)))
          return offset + lineThatParts(own, piece)
        if (bytesRead < piece.length) return undefined
        offset += piece.length
      }
    } finally {
      await handle.close()
    }
  }

  /** Whole lines from there on; none at the end. */
  async #piece({ path, query }: ServedLog, { segment }: Segment, offset: number): Promise<Buffer> {
    const more = query === '' ? '' : `&${query}`
    const response = await this.#asking.ask(`${path}/raw?segment=${segment}&offset=${offset}${more}`)
    await this.#asking.refuse(response)
    return Buffer.from(await response.arrayBuffer())
  }

  async #artifact({ files }: WholeLog, ref: string, pulled: PulledLog): Promise<void> {
    let content: Buffer | undefined
    for (const { path } of files) content ??= await this.#content(path, ref)
    if (content === undefined) {
      pulled.artifactsMissing.push(ref)
      return
    }
    const target = join(artifactsFolder(pulled.file), ref.slice(0, 2), ref)
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    await writeDurably(target, content)
    pulled.artifacts++
  }

  /** Undefined: it is not there, or not that of its name. */
  async #content(path: string, ref: string): Promise<Buffer | undefined> {
    const response = await this.#asking.ask(`${path}/artifact/${ref}`)
    if (response.ok) {
      const content = Buffer.from(await response.arrayBuffer())
      return createHash('sha256').update(content).digest('hex') === ref ? content : undefined
    }
    await response.body?.cancel().catch(() => {})
    return undefined
  }

  async #json(path: string): Promise<Record<string, unknown>> {
    const response = await this.#asking.ask(path)
    await this.#asking.refuse(response)
    const value: unknown = await response.json().catch(() => undefined)
    if (typeof value !== 'object' || value === null) throw this.#nonsense()
    return value as Record<string, unknown>
  }

  #nonsense(): PullError {
    return new PullError(`${this.#asking.where} answers with something that is no answer of hivelog serve`)
  }
}

/** Files with the same log id are one log: a server may have it as it is written, and as a copy that was sent to it. */
function eachOnce(served: readonly ServedLog[]): WholeLog[] {
  const all = new Map<string, ServedLog[]>()
  for (const each of served) all.set(each.log, [...(all.get(each.log) ?? []), each])
  return [...all].map(([log, files]) => {
    // A copy of a child's log that came without the log above it does not know where it belongs.
    const { file } = files.find((each) => each.file.includes('.agents/')) ?? (files[0] as ServedLog)
    const segments = new Map<number, WholeLog['segments'][number]['others']>()
    for (const from of files)
      for (const segment of from.segments)
        segments.set(segment.segment, [...(segments.get(segment.segment) ?? []), { from, segment }])
    const parts = [...segments]
      .sort(([a], [b]) => a - b)
      .map(([, each]) => {
        const [first, ...others] = each.sort((a, b) => b.segment.bytes - a.segment.bytes)
        return { ...(first as (typeof each)[number]), others }
      })
    return { log, file, files, segments: parts }
  })
}

/** Where the first line begins that is not the same in both; they differ. */
function lineThatParts(a: Buffer, b: Buffer): number {
  let at = 0
  while (a[at] === b[at]) at++
  return at === 0 ? 0 : a.lastIndexOf(NEWLINE, at - 1) + 1
}

const listOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

function wholeOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new PullError('a server says no number where one should be')
}

function linesIn(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) lines++
  return lines
}
