/**
 * The server of a fleet: one process, one port. It receives exact copies of logs, and says how it is.
 *
 * On loopback it needs no tokens of its own: it makes one for its lifetime. Elsewhere it does not start without.
 */
import type { KeyObject } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { hookDesk } from './coding-agents/routes.js'
import { CopyStore } from './copies.js'
import { EventStore } from './events.js'
import { ingestRoutes } from './ingest.js'
import { Metrics, metricsRoute } from './metrics.js'
import { otlpRoutes } from './otlp/routes.js'
import { SpanStore } from './otlp/spans.js'
import { type Route, Router } from './router.js'
import { ServeError, Tokens } from './tokens.js'

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
const HEALTH: Route = { method: 'GET', path: '/healthz', run: () => ({ ok: true }) }

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
  const copies = new CopyStore(store, { key: options.key })
  const onError = options.onError ?? (() => {})
  const events = new EventStore(store, onError)
  events.takeDecisions()
  const metrics = new Metrics()
  const spans = await SpanStore.open({ events, onError })
  const hooks = hookDesk({ events, metrics })
  const router = new Router({
    routes: [
      HEALTH,
      metricsRoute(metrics),
      ...ingestRoutes({ copies, events, metrics }),
      ...otlpRoutes({ events, spans, metrics, onError }),
      ...hooks.routes,
    ],
    tokens,
    metrics,
    hosts: new Set([...LOOPBACK, host, ...(options.hosts ?? [])].map((each) => each.toLowerCase())),
    onError,
  })
  const server = createServer({ requestTimeout: 120_000, headersTimeout: 10_000, keepAliveTimeout: 30_000 })
  server.maxConnections = options.maxConnections ?? 4096
  server.on('request', (request, response) => router.handle(request, response))
  // A broken connection or request is its sender's trouble.
  server.on('clientError', (_, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    else socket.destroy()
  })
  await listening(server, host, port)
  const { port: actual } = server.address() as AddressInfo
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
  return {
    url,
    port: actual,
    token,
    store,
    close: () => close(server, hooks.release, [copies, spans, events]),
  }
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

interface Closable {
  close(): Promise<void>
}

/** @param release lets go who waits for a person */
async function close(server: Server, release: () => void, stores: readonly Closable[]): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()))
  release()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await closed
  clearTimeout(timer)
  for (const store of stores) await store.close()
}
