/** Asks VictoriaLogs, a node or a cluster's select, what it has of a log's lines. */
import { LOGGED } from '../format/logged-line.js'
import { LineSplitter } from '../read/lines.js'
import { Asking, PullError, reasonOf, type StoreAddress } from './asking.js'

type Row = Record<string, string>

/** A log of which a store has lines. */
export interface StoredLog {
  log: string
  /** Paths under which it was sent, in its hive. */
  files: string[]
}

/** What a store has of a segment. */
export interface StoredSegment {
  /** `seq` of its first line. */
  segment: number
  /** Offset of the last line that is there. */
  last: number
  /** When its first and last lines are from, as the store tells times. */
  from: string
  to: string
}

/** A line, or a piece of one. */
export interface StoredPart {
  offset: number
  bytes: number
  seq: number | undefined
  part: number
  parts: number
  encoding: string | undefined
  body: string
}

export class VictoriaLogs {
  readonly #asking: Asking

  constructor(address: StoreAddress) {
    this.#asking = new Asking(address)
  }

  /** The logs that have lines of a session, ordered by their paths. */
  async logs(session: string): Promise<StoredLog[]> {
    const by = `${quoted(LOGGED.log)}, ${quoted(LOGGED.file)}`
    const found = new Map<string, StoredLog>()
    for await (const row of this.#query(`${stream(LOGGED.session, session)} | uniq by (${by})`)) {
      const { [LOGGED.log]: log = '', [LOGGED.file]: file = '' } = row
      if (!/^[0-9a-f]{16}$/.test(log)) continue
      const known = found.get(log)
      if (known === undefined) found.set(log, { log, files: [file] })
      else known.files.push(file)
    }
    for (const { files } of found.values()) files.sort()
    return [...found.values()].sort((a, b) => ((a.files[0] as string) < (b.files[0] as string) ? -1 : 1))
  }

  /** What it has of a log, in order. */
  async segments(log: string): Promise<StoredSegment[]> {
    const query =
      `${stream(LOGGED.log, log)} ${quoted(LOGGED.bytes)}:* ${quoted(LOGGED.segment)}:*` +
      ` | stats by (${quoted(LOGGED.segment)}) max(${quoted(LOGGED.offset)}) as last, min(_time) as from, max(_time) as to`
    const found: StoredSegment[] = []
    for await (const { [LOGGED.segment]: segment, last, from = '', to = '' } of this.#query(query)) {
      found.push({ segment: whole(segment), last: whole(last), from, to })
    }
    return found.sort((a, b) => a.segment - b.segment)
  }

  /** What begins in a stretch of a segment, in any order, and perhaps more than once. @param end exclusive */
  async *lines(
    log: string,
    { segment, from, to }: StoredSegment,
    offset: number,
    end: number,
  ): AsyncGenerator<StoredPart> {
    const wanted = [LOGGED.offset, LOGGED.bytes, LOGGED.seq, LOGGED.part, LOGGED.parts, LOGGED.encoding]
    const query =
      `_time:[${from}, ${to}] ${stream(LOGGED.log, log)} ${quoted(LOGGED.segment)}:=${segment}` +
      ` ${quoted(LOGGED.offset)}:range[${offset}, ${end})` +
      ` | fields ${wanted.map(quoted).join(', ')}, _msg`
    for await (const row of this.#query(query)) yield partOf(row)
  }

  /** Where lines of a log begin that are there in one piece: of segments, the offsets. */
  async places(log: string): Promise<Map<number, Set<number>>> {
    const places = new Map<number, Set<number>>()
    const query =
      `${stream(LOGGED.log, log)} ${quoted(LOGGED.segment)}:* ${quoted(LOGGED.parts)}:""` +
      ` | fields ${quoted(LOGGED.segment)}, ${quoted(LOGGED.offset)}`
    for await (const row of this.#query(query)) {
      const segment = whole(row[LOGGED.segment])
      let offsets = places.get(segment)
      if (offsets === undefined) {
        offsets = new Set()
        places.set(segment, offsets)
      }
      offsets.add(whole(row[LOGGED.offset]))
    }
    return places
  }

  /** The artifacts that were sent with a log. */
  async artifacts(log: string): Promise<string[]> {
    const name = quoted(LOGGED.artifact)
    const refs: string[] = []
    for await (const row of this.#query(`${stream(LOGGED.log, log)} ${name}:* | uniq by (${name})`)) {
      const ref = row[LOGGED.artifact] ?? ''
      if (/^[0-9a-f]{64}$/.test(ref)) refs.push(ref)
    }
    return refs.sort()
  }

  /** The pieces of an artifact. */
  async *artifact(log: string, ref: string): AsyncGenerator<StoredPart> {
    const wanted = [LOGGED.bytes, LOGGED.part, LOGGED.parts, LOGGED.encoding].map(quoted).join(', ')
    const query = `${stream(LOGGED.log, log)} ${quoted(LOGGED.artifact)}:=${quoted(ref)} | fields ${wanted}, _msg`
    for await (const row of this.#query(query)) yield partOf({ ...row, [LOGGED.offset]: '0' })
  }

  /** @throws {PullError} */
  async *#query(query: string): AsyncGenerator<Row> {
    const { where } = this.#asking
    const response = await this.#asking.ask('select/logsql/query', new URLSearchParams({ query }))
    await this.#asking.refuse(response)
    let rows: Row[] = []
    const splitter = new LineSplitter((buffer, start, end) =>
      rows.push(rowOf(buffer.subarray(start, end), where)),
    )
    try {
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        splitter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
        yield* rows
        rows = []
      }
    } catch (error) {
      this.#asking.throwIfAborted()
      if (error instanceof PullError) throw error
      throw new PullError(`${where} stopped answering: ${reasonOf(error)}`, error)
    }
    if (splitter.isWithinLine) throw new PullError(`${where} stopped in the middle of an answer`)
  }
}

/** LogsQL has the strings of Go, which JSON's are. */
const quoted = (text: string): string => JSON.stringify(text)

const stream = (name: string, value: string): string => `{${quoted(name)}=${quoted(value)}}`

function rowOf(bytes: Buffer, where: string): Row {
  try {
    const row: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof row === 'object' && row !== null) return row as Row
  } catch {
    // Said below.
  }
  throw new PullError(`${where} answers with something that is no row of VictoriaLogs`)
}

function partOf(row: Row): StoredPart {
  const optional = (text: string | undefined): string | undefined => (text === '' ? undefined : text)
  const [seq, parts] = [optional(row[LOGGED.seq]), optional(row[LOGGED.parts])]
  return {
    offset: whole(row[LOGGED.offset]),
    bytes: whole(row[LOGGED.bytes]),
    seq: seq === undefined ? undefined : whole(seq),
    part: parts === undefined ? 0 : whole(row[LOGGED.part]),
    parts: parts === undefined ? 1 : whole(parts),
    encoding: optional(row[LOGGED.encoding]),
    body: row._msg ?? '',
  }
}

function whole(text: string | undefined): number {
  const number = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(number)) return number
  throw new PullError(
    `the store has a record of a hive that says no number where it should, but '${text ?? ''}'`,
  )
}
