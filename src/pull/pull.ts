/** Logs back from a store of log records: byte for byte the original files, as far as the store has them. */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeDurably } from '../disk/durable.js'
import { artifactsFolder } from '../format/beside.js'
import { refsIn } from '../format/refs.js'
import type { StoreAddress } from './asking.js'
import { Served } from './served.js'
import { segmentPath, Targets, WholeFile } from './target.js'
import { type StoredSegment, VictoriaLogs } from './victoria-logs.js'
import { type Hole, Holes, Stretch, type WholeLine } from './whole-lines.js'

export interface PullOptions extends StoreAddress {
  /** Whose logs: all of which any line is of this session. */
  session: string
  /** The folder that they are put into. */
  out: string
  /** Replace what is there with other bytes. Default false. */
  replace?: boolean
  /** Is told of the lines so far. */
  onProgress?: (lines: number) => void
}

/** What was pulled of a log. */
export interface PulledLog {
  /** Path of the log. */
  file: string
  /** Its id. */
  log: string
  segments: number
  lines: number
  bytes: number
  artifacts: number
  /** Artifacts that lines name and the store has not, or not whole: their SHA-256. */
  artifactsMissing: string[]
  /** What the store has not. */
  missing: MissingLines[]
  /** Places at which the store has two different lines: that which it told first, or whose file goes further, was taken. */
  conflicts: { segment: number; offset: number }[]
}

/** Lines that are not there. */
export interface MissingLines extends Hole {
  /** `seq` of the first line of the segment in which the hole is, or before which. */
  segment: number
}

/** Bytes of a segment that are asked for at once. */
const STRETCH = 8 * 1024 * 1024
const NEWLINE = Buffer.from('\n')

/**
 * Pulls all logs of a session from VictoriaLogs, or from `hivelog serve`.
 * @returns what was pulled of each; none when the store has none
 * @throws {PullError} when the store cannot be asked, or something else is where a log is to be put
 */
export async function pullSession(options: PullOptions): Promise<PulledLog[]> {
  const served = await Served.at(options)
  if (served !== undefined) return served.pull(options)
  const store = new VictoriaLogs(options)
  const targets = new Targets(options.out)
  const pulled: PulledLog[] = []
  for (const { log, files } of await store.logs(options.session)) {
    const file = await targets.pathOf(log, files)
    pulled.push(await new LogPuller(store, log, file, options).pull())
  }
  return pulled
}

class LogPuller {
  readonly #store: VictoriaLogs
  readonly #log: string
  readonly #options: PullOptions
  readonly #pulled: PulledLog
  readonly #named = new Set<string>()
  /** `seq` of the last event so far. */
  #seq: number | undefined = 0

  constructor(store: VictoriaLogs, log: string, file: string, options: PullOptions) {
    this.#store = store
    this.#log = log
    this.#options = options
    this.#pulled = {
      file,
      log,
      segments: 0,
      lines: 0,
      bytes: 0,
      artifacts: 0,
      artifactsMissing: [],
      missing: [],
      conflicts: [],
    }
  }

  async pull(): Promise<PulledLog> {
    const segments = await this.#store.segments(this.#log)
    for (const [i, segment] of segments.entries()) {
      await this.#segment(segment, i === segments.length - 1)
    }
    await this.#artifacts()
    return this.#pulled
  }

  async #segment(stored: StoredSegment, isLast: boolean): Promise<void> {
    const { segment } = stored
    const pulled = this.#pulled
    if (this.#seq !== undefined && segment > this.#seq + 1) {
      pulled.missing.push({ segment, offset: 0, bytes: 0, after: this.#seq, before: segment })
    }
    const holes = new Holes(this.#seq)
    const file = await WholeFile.begin(segmentPath(pulled.file, segment, isLast))
    try {
      for (let from = 0; from <= stored.last; ) {
        const end = from + STRETCH
        const pieces: Buffer[] = []
        for (const line of await this.#stretch(stored, from, end, holes.expected)) {
          if (!holes.take(line)) continue
          pieces.push(line.bytes, NEWLINE)
          pulled.lines++
        }
        const bytes = Buffer.concat(pieces)
        for (const ref of refsIn(bytes)) this.#named.add(ref)
        await file.write(bytes)
        this.#options.onProgress?.(pulled.lines)
        from = Math.max(end, holes.expected)
      }
    } catch (error) {
      await file.abandon()
      throw error
    }
    await file.end(this.#options.replace === true)
    pulled.missing.push(...holes.found.map((hole) => ({ segment, ...hole })))
    pulled.segments++
    pulled.bytes += file.size
    this.#seq = holes.seq
  }

  /** Asked again where something is missing: an answer can be cut short, and lines can be under way. */
  async #stretch(stored: StoredSegment, from: number, end: number, expected: number): Promise<WholeLine[]> {
    const stretch = new Stretch()
    for (let tries = 0; ; tries++) {
      for await (const part of this.#store.lines(this.#log, stored, from, end)) stretch.add(part)
      const lines = stretch.lines()
      if (tries > 0 || isClosed(lines, expected)) {
        for (const offset of stretch.conflicts)
          this.#pulled.conflicts.push({ segment: stored.segment, offset })
        return lines
      }
    }
  }

  async #artifacts(): Promise<void> {
    const folder = artifactsFolder(this.#pulled.file)
    const there = new Set(this.#named.size === 0 ? [] : await this.#store.artifacts(this.#log))
    for (const ref of this.#named) {
      const content = there.has(ref) ? await this.#artifact(ref) : undefined
      if (content === undefined) {
        this.#pulled.artifactsMissing.push(ref)
        continue
      }
      const path = join(folder, ref.slice(0, 2), ref)
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await writeDurably(path, content)
      this.#pulled.artifacts++
    }
  }

  /** Undefined: not all of it is there. */
  async #artifact(ref: string): Promise<Buffer | undefined> {
    const stretch = new Stretch()
    for await (const part of this.#store.artifact(this.#log, ref)) stretch.add(part)
    const [content] = stretch.lines()
    const isIt = content !== undefined && createHash('sha256').update(content.bytes).digest('hex') === ref
    return isIt ? content.bytes : undefined
  }
}

function isClosed(lines: readonly WholeLine[], expected: number): boolean {
  let at = expected
  for (const { offset, bytes } of lines) {
    if (offset > at) return false
    at = Math.max(at, offset + bytes.length + 1)
  }
  return true
}
