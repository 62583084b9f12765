/**
 * The server of a fleet: one process, one port. It receives exact copies of logs, and says how it is.
 *
 * On loopback it needs no tokens of its own: it makes one for its lifetime. Elsewhere it does not start without.
 */
import type { KeyObject } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { CopyStore } from './copies.js'
import { EventStore } from './events.js'
import { answer, HttpError } from './http.js'
import { ingestArtifact, ingestCopy, ingestEvents, logName, missingArtifacts } from './ingest.js'
import { Metrics } from './metrics.js'
import { type Scope, ServeError, type Token, Tokens } from './tokens.js'

export interface ServeOptions {
  /** Folder in which copies are kept; made when it is not there. */
  store: string
  /** Address to listen on. Default `127.0.0.1`. */
  host?: string
  /** Port; 0 takes a free one. Default 4319. */
  port?: number
  /** Names, beside its own addresses, under which it is asked for: those of a proxy before it. Default: none. */
  hosts?: readonly string[]
  /** File of the tokens. Default: `tokens.json` in the store. */
  tokens?: string
  /** Ed25519 private key that signs receipts. Default: they are not signed. */
  key?: KeyObject | undefined
  /** Connections at a time. Default 4096. */
  maxConnections?: number
  /** Is told of what goes wrong inside, a line each. Default: nobody is. */
  onError?: (message: string) => void
}

export interface RunningServer {
  url: string
  port: number
  /** Made for this run, on loopback without stored tokens. */
  token: string | undefined
  /** Absolute path of the store. */
  store: string
  /** Takes no new requests, answers those that have begun, within 5 s, and closes the files. */
  close(): Promise<void>
}

const CLOSE_MS = 5_000
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
/** What is not there is said in one tone, whoever asks. */
const NOT_FOUND = 'there is nothing here; see hivelog serve --help'

/** @throws {ServeError} when it cannot listen, or would listen to the world without tokens */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 4319 } = options
  const store = resolve(options.store)
  mkdirSync(store, { recursive: true, mode: 0o700 })
  const tokens = new Tokens(options.tokens ?? join(store, 'tokens.json'))
  const isOpen = tokens.stored.length === 0
  if (isOpen && !LOOPBACK.has(host)) {
    throw new ServeError(
      `not on ${host} without tokens: make one with hivelog token add NAME --scope ingest --store ${store}, and put TLS before the port`,
    )
  }
  const token = isOpen ? tokens.addOwn('local', ['ingest', 'read']) : undefined
  const desk = new Desk(new CopyStore(store, { key: options.key }), new EventStore(store), tokens, options)
  const server = createServer({ requestTimeout: 120_000, headersTimeout: 10_000, keepAliveTimeout: 30_000 })
  server.maxConnections = options.maxConnections ?? 4096
  server.on('request', (request, response) => desk.handle(request, response))
  // A broken connection or request is its sender's trouble.
  server.on('clientError', (_, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    else socket.destroy()
  })
  await listening(server, host, port)
  const { port: actual } = server.address() as AddressInfo
  desk.port = actual
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
  return { url, port: actual, token, store, close: () => close(server, desk) }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'another program has it; give --port 0 for a free one' : error.message
      failed(new ServeError(`cannot listen on ${host}:${port}: ${why}`, { cause: error }))
    })
    server.listen(port, host, done)
  })
}

async function close(server: Server, desk: Desk): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await closed
  clearTimeout(timer)
  await Promise.all([desk.store.close(), desk.events.close()])
}

class Desk {
  readonly store: CopyStore
  readonly events: EventStore
  port = 0
  readonly #tokens: Tokens
  readonly #metrics = new Metrics()
  readonly #hosts: ReadonlySet<string>
  readonly #onError: (message: string) => void

  constructor(
    store: CopyStore,
    events: EventStore,
    tokens: Tokens,
    { host = '127.0.0.1', hosts = [], onError }: ServeOptions,
  ) {
    this.store = store
    this.events = events
    this.#tokens = tokens
    this.#hosts = new Set([...LOOPBACK, host, ...hosts].map((each) => each.toLowerCase()))
    this.#onError = onError ?? (() => {})
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: Error) => this.#refuse(response, error))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#checkOrigin(request)
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const method = request.method ?? ''
    if (pathname === '/healthz') return answer(response, 200, { ok: true })
    const [route, ref] = routeOf(pathname)
    if (route === undefined) throw new HttpError(404, NOT_FOUND)
    const act = route.methods[method]
    if (act === undefined) {
      const allow = Object.keys(route.methods).join(', ')
      throw new HttpError(405, `${method} is not for ${pathname}; use ${allow}`, {}, { allow })
    }
    const { scopes } = this.#mustMay(request, route.scope)
    if (act === 'metrics') {
      const text = this.#metrics.text()
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4', 'cache-control': 'no-store' })
      response.end(text)
      return
    }
    answer(response, 200, await this.#act(act, request, searchParams, ref, scopes))
  }

  #act(
    act: Act,
    request: IncomingMessage,
    query: URLSearchParams,
    ref: string,
    scopes: readonly Scope[],
  ): Promise<object> {
    const { store } = this
    if (act === 'copy') {
      return request.headers['hivelog-log'] === undefined
        ? ingestEvents(request, this.events, scopes.includes('decide'), (received) =>
            this.#metrics.received(received),
          )
        : ingestCopy(request, store, (received) => this.#metrics.received(received))
    }
    if (act === 'missing') return missingArtifacts(request, store)
    if (act === 'artifact') return ingestArtifact(request, store, ref)
    const { session, log } = logName(query.get('session'), query.get('log'))
    return store.position(session, log)
  }

  /** A page of another site, under whatever name it has this machine known, may not ask here. */
  #checkOrigin({ headers }: IncomingMessage): void {
    const host = headers.host?.toLowerCase() ?? ''
    const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
    if (!this.#hosts.has(name)) throw new HttpError(421, 'this server is not known under that host name')
    const { origin } = headers
    if (origin !== undefined && origin.toLowerCase() !== `http://${host}`) {
      throw new HttpError(403, 'requests of other origins are not answered')
    }
  }

  #mustMay(request: IncomingMessage, scope: Scope): Token {
    const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1]
    const token = given === undefined ? undefined : this.#tokens.find(given)
    if (token === undefined) {
      const message = 'a token is needed: authorization: Bearer TOKEN'
      throw new HttpError(401, message, {}, { 'www-authenticate': 'Bearer' })
    }
    if (token.scopes.includes(scope)) return token
    throw new HttpError(403, `the token ${token.name} may not ${scope}`)
  }

  #refuse(response: ServerResponse, error: Error): void {
    const refused = error instanceof HttpError ? error : this.#broken(error)
    this.#metrics.refused(refused.status)
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return
    }
    // What is left of a body that is not read would be taken for the next request.
    const headers = { connection: 'close', ...refused.headers }
    answer(response, refused.status, { error: refused.message, ...refused.more }, headers)
  }

  #broken(error: NodeJS.ErrnoException): HttpError {
    this.#onError(`${error.message}`)
    if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
      return new HttpError(
        507,
        'the disk is full; nothing of this request is stored',
        {},
        { 'retry-after': '30' },
      )
    }
    if (error.code === 'ERR_HIVELOG_NOT_DURABLE') {
      const message = 'the disk does not take it now; what is not acknowledged may be sent again'
      return new HttpError(503, message, {}, { 'retry-after': '5' })
    }
    return new HttpError(500, 'something went wrong here; nothing of this request is stored')
  }
}

type Act = 'copy' | 'position' | 'missing' | 'artifact' | 'metrics'

interface Route {
  scope: Scope
  methods: Record<string, Act>
}

const ROUTES: Record<string, Route> = {
  '/v1/ingest': { scope: 'ingest', methods: { POST: 'copy', GET: 'position' } },
  '/v1/artifacts/missing': { scope: 'ingest', methods: { POST: 'missing' } },
  '/metrics': { scope: 'read', methods: { GET: 'metrics' } },
}
const ARTIFACT: Route = { scope: 'ingest', methods: { PUT: 'artifact' } }

function routeOf(path: string): [Route | undefined, string] {
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined
  const ref = /^\/v1\/artifacts\/([^/]{1,128})$/.exec(path)?.[1]
  return route === undefined && ref !== undefined ? [ARTIFACT, ref] : [route, '']
}
