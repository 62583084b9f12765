/** A server of copies as the wire has it, written apart from `src/serve`: what a shipper sent is in its memory. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import * as zlib from 'node:zlib'
import { defer } from './hive-support.js'

export interface FakeRequest {
  at: number
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: Buffer
}

/** What is answered instead of what would be. */
export interface FakeAnswer {
  status: number
  headers?: Record<string, string>
  body?: unknown
}

export interface FakeIngest {
  url: string
  requests: FakeRequest[]
  /** Segments of each log, by the `seq` with which they begin. */
  copies: Map<string, Map<number, Buffer>>
  /** All bytes of the only log there is. */
  only(): Buffer
  /** Added to what is answered to pieces of copies. */
  more: Record<string, unknown>
  /** Headers of all answers. */
  headers: Record<string, string>
  /** Answers in its place, unless it gives nothing; `hang` never answers. */
  instead: (request: FakeRequest) => FakeAnswer | 'hang' | undefined
}

export async function fakeIngest(t: TestContext): Promise<FakeIngest> {
  const fake: FakeIngest = {
    url: '',
    requests: [],
    copies: new Map(),
    only: () => {
      const [copy] = fake.copies.values()
      return Buffer.concat(
        [...(copy ?? new Map<number, Buffer>())].sort(([a], [b]) => a - b).map(([, bytes]) => bytes),
      )
    },
    more: {},
    headers: {},
    instead: () => undefined,
  }
  const act = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const url = new URL(incoming.url ?? '', 'http://x')
    const request: FakeRequest = {
      at: performance.now(),
      method: incoming.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: unpacked(Buffer.concat(chunks), incoming.headers['content-encoding']),
    }
    fake.requests.push(request)
    const answer = fake.instead(request) ?? ordinary(fake, request)
    if (answer === 'hang') return
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      ...fake.headers,
      ...answer.headers,
    })
    response.end(JSON.stringify(answer.body ?? {}))
  }
  const server = createServer((incoming, response) => {
    act(incoming, response).catch(() => response.destroy())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  defer(t, () => {
    server.close()
    server.closeAllConnections()
  })
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return fake
}

function unpacked(bytes: Buffer, encoding: string | undefined): Buffer {
  if (encoding === 'gzip') return zlib.gunzipSync(bytes)
  if (encoding === 'zstd')
    return (zlib as unknown as { zstdDecompressSync(b: Buffer): Buffer }).zstdDecompressSync(bytes)
  return bytes
}

function ordinary(fake: FakeIngest, { method, path, query, headers, body }: FakeRequest): FakeAnswer {
  if (path === '/v1/artifacts/missing') return { status: 200, body: { missing: [] } }
  if (path !== '/v1/ingest') return { status: 404, body: { error: 'no such thing' } }
  const log = String(headers['hivelog-log'] ?? query.get('log') ?? '')
  const copy = fake.copies.get(log) ?? new Map<number, Buffer>()
  const last = Math.max(0, ...copy.keys())
  const at = { segment: last || 1, offset: copy.get(last)?.length ?? 0 }
  if (method === 'GET') return { status: 200, body: { ...at, seq: 0 } }
  if (log === '') return { status: 200, body: { accepted: linesIn(body), duplicates: 0, rejected: [] } }
  fake.copies.set(log, copy)
  const segment = Number(headers['hivelog-segment'])
  const offset = Number(headers['hivelog-offset'])
  const there = copy.get(segment) ?? Buffer.alloc(0)
  if (offset > there.length) return { status: 409, body: { error: 'a hole', refusal: 'hole', wanted: at } }
  const skipped = Math.min(there.length - offset, body.length)
  if (!there.subarray(offset, offset + skipped).equals(body.subarray(0, skipped)))
    return { status: 409, body: { error: 'other bytes', refusal: 'differs', wanted: at } }
  const now = Buffer.concat([there, body.subarray(skipped)])
  copy.set(segment, now)
  return { status: 200, body: { segment, offset: now.length, seq: 0, skipped, ...fake.more } }
}

const linesIn = (bytes: Buffer): number => bytes.toString('utf8').split('\n').filter(Boolean).length
