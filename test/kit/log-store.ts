/**
 * A store of log records for tests: takes OTLP logs, and answers the queries that `pull` makes in LogsQL, by looking at
 * every record. What the real VictoriaLogs does is for test/backends.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { defer } from './hive-support.js'
import { logsRequestOf } from './otlp-protobuf.js'

/** All that is known of a record, as texts. */
export type Row = Record<string, string>

interface Value {
  stringValue?: string
  intValue?: string
  doubleValue?: number
}
type Attributes = { key: string; value: Value }[]
interface Request {
  resourceLogs: {
    resource: { attributes?: Attributes }
    scopeLogs: {
      logRecords: {
        timeUnixNano?: string
        severityNumber?: number
        body?: Value
        attributes?: Attributes
        traceId?: string
        spanId?: string
        eventName?: string
      }[]
    }[]
  }[]
}

const textOf = ({ stringValue, intValue, doubleValue }: Value): string =>
  stringValue ?? intValue ?? String(doubleValue)

const rowOf = (attributes: Attributes = []): Row =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, textOf(value)]))

export class LogStore {
  rows: Row[] = []
  /** Status of the answers to what is sent, one each; then 200. */
  readonly statuses: number[] = []
  /** What was sent in requests that were taken, in bytes. */
  readonly requests: number[] = []
  readonly headers: IncomingMessage['headers'][] = []
  readonly paths: string[] = []
  /** Rejects records as a partial success. */
  isRejected: (row: Row) => boolean = () => false
  /** Cuts the next answer short after so many rows. */
  cutAfter: number | undefined
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(t: TestContext): Promise<LogStore> {
    const store = new LogStore()
    await new Promise<void>((resolve) => store.#server.listen(0, '127.0.0.1', resolve))
    defer(t, () => store.close())
    return store
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get logsUrl(): string {
    return `${this.url}/v1/logs`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    if (request.method !== 'POST') {
      response.writeHead(400, { 'content-type': 'text/plain' }).end('unsupported path requested')
      return
    }
    this.paths.push(request.url ?? '')
    if (request.url === '/select/logsql/query') {
      this.#query(new URLSearchParams(body.toString()).get('query') ?? '', response)
      return
    }
    this.headers.push(request.headers)
    const status = this.statuses.shift() ?? 200
    if (status !== 200) {
      response.writeHead(status).end()
      return
    }
    const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    this.requests.push(plain.length)
    let rejected = 0
    for (const { resource, scopeLogs } of (logsRequestOf(plain) as Request).resourceLogs) {
      for (const record of scopeLogs.flatMap(({ logRecords }) => logRecords)) {
        const row = {
          ...rowOf(resource.attributes),
          ...rowOf(record.attributes),
          _msg: textOf(record.body ?? {}),
          _time: record.timeUnixNano ?? '0',
          severity_number: String(record.severityNumber),
          event_name: record.eventName ?? '',
          ...(record.traceId !== undefined && { trace_id: record.traceId }),
          ...(record.spanId !== undefined && { span_id: record.spanId }),
        }
        if (this.isRejected(row)) rejected++
        else this.rows.push(row)
      }
    }
    response.writeHead(200, { 'content-type': 'application/x-protobuf' })
    // ExportLogsServiceResponse { partial_success { rejected_log_records } }
    response.end(rejected === 0 ? '' : Buffer.from([0x0a, 0x02, 0x08, rejected]))
  }

  #query(query: string, response: ServerResponse): void {
    const [filters = '', pipe = ''] = query.split(' | ')
    let rows = this.rows.filter((row) => matches(row, filters))
    const quoted = [...pipe.matchAll(/"([^"]+)"/g)].map(([, name]) => name as string)
    if (pipe.startsWith('uniq')) {
      const seen = new Map(
        rows.map((row) => [quoted.map((name) => row[name]).join('\0'), picked(row, quoted)]),
      )
      rows = [...seen.values()]
    } else if (pipe.startsWith('stats')) {
      rows = stats(rows, quoted[0] as string, quoted[1] as string)
    } else if (pipe.startsWith('fields')) {
      // In no order, as a store is free to.
      rows = rows.map((row) => picked(row, [...quoted, '_msg'])).reverse()
    } else throw new Error(`the test store knows no ${pipe}`)
    const { cutAfter } = this
    this.cutAfter = undefined
    response.writeHead(200, { 'content-type': 'application/stream+json' })
    response.end(
      rows
        .slice(0, cutAfter)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    )
  }
}

const picked = (row: Row, names: readonly string[]): Row =>
  Object.fromEntries(names.flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]]])))

function stats(rows: readonly Row[], by: string, most: string): Row[] {
  const groups = grouped(rows, by)
  return [...groups].map(([value, of]) => {
    const times = of.map(({ _time }) => BigInt(_time as string)).sort((a, b) => (a < b ? -1 : 1))
    return {
      [by]: value,
      last: String(Math.max(...of.map((row) => Number(row[most])))),
      from: String(times[0]),
      to: String(times.at(-1)),
    }
  })
}

function grouped(rows: readonly Row[], by: string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const value = row[by] as string
    const group = groups.get(value)
    if (group === undefined) groups.set(value, [row])
    else group.push(row)
  }
  return groups
}

/** The filters that there are: a stream's, a time's, one that is there or not, an exact one, a range. */
function matches(row: Row, filters: string): boolean {
  let left = filters
  const take = (pattern: RegExp, test: (found: RegExpExecArray) => boolean): boolean => {
    const found = pattern.exec(left)
    if (found === null) return true
    left = left.replace(found[0], '')
    return test(found) && take(pattern, test)
  }
  const text = (quoted: string | undefined): string => JSON.parse(quoted as string) as string
  const isMatch =
    take(/\{("[^"]+")=("(?:[^"\\]|\\.)*")\}/, ([, name, value]) => row[text(name)] === text(value)) &&
    take(/_time:\[(\d+), (\d+)\]/, ([, from, to]) => {
      const time = BigInt(row._time as string)
      return time >= BigInt(from as string) && time <= BigInt(to as string)
    }) &&
    take(/("[^"]+"):\*/, ([, name]) => row[text(name)] !== undefined) &&
    take(/("[^"]+"):""/, ([, name]) => row[text(name)] === undefined) &&
    take(/("[^"]+"):range\[(\d+), (\d+)\)/, ([, name, from, to]) => {
      const value = Number(row[text(name)] ?? Number.NaN)
      return value >= Number(from) && value < Number(to)
    }) &&
    take(
      /("[^"]+"):=("[^"]*"|\d+)/,
      ([, name, value]) => row[text(name)] === ((value as string).startsWith('"') ? text(value) : value),
    )
  if (isMatch && left.trim() !== '') throw new Error(`the test store knows no ${left}`)
  return isMatch
}
