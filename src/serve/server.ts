/**
 * The server: one process, one port. It shows the logs that are here, receives exact copies and events, and says how it
 * is.
 *
 * On loopback it needs no tokens of its own: it makes one for its lifetime. Elsewhere it does not start without.
 */
import type { KeyObject } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import type { KeepIndexOptions } from '../keep/options.js'
import { Catalogue } from './api/catalogue.js'
import { hiveRoutes } from './api/hive-routes.js'
import { Hives } from './api/hives.js'
import { Live } from './api/live.js'
import { reportRoutes } from './api/reports.js'
import { Sessions, sessionRoutes } from './api/sessions.js'
import { Work } from './api/work.js'
import { BegunSessions } from './begun.js'
import { type HookDesk, hookDesk } from './coding-agents/routes.js'
import { Connections } from './connections.js'
import { CopyStore } from './copies.js'
import { CopyDecisions, decisionRoutes } from './decisions.js'
import { EventStore } from './events.js'
import { ingestRoutes } from './ingest.js'
import { KeptIndexes } from './kept-indexes.js'
import { Limits, type TokenLimits } from './limits.js'
import { Metrics, metricsRoute } from './metrics.js'
import { noStoreRoutes } from './no-store.js'
import { otlpRoutes } from './otlp/routes.js'
import { SpanStore } from './otlp/spans.js'
import { pageRoutes } from './page.js'
import { type Route, Router } from './router.js'
import { ServeError, Tokens } from './tokens.js'

export interface ServeOptions {
  /** Logs that are shown, and folders of such. Default: none but those in the store. */
  logs?: readonly string[]
  /** Folder in which copies and events are kept; made when it is not there. Default: nothing is received. */
  store?: string | undefined
  /** Address to listen on. Default `127.0.0.1`. */
  host?: string
  /** Port; 0 takes a free one. Default 4319. */
  port?: number
  /** Names, beside its own addresses, under which it is asked for: those of a proxy before it. Default: none. */
  hosts?: readonly string[]
  /** File of the tokens. Default: `tokens.json` in the store. */
  tokens?: string | undefined
  /** Ed25519 private key that signs receipts. Default: they are not signed. */
  key?: KeyObject | undefined
  /** Certificate chain and private key, PEM. Default: plain HTTP. */
  tls?: { cert: Buffer; key: Buffer } | undefined
  /** What one token may send. Default: no limit of bytes, 10,000 sessions. */
  limits?: TokenLimits
  /** Connections at a time. Default 4096. */
  maxConnections?: number
  /** Viewers at a time that are sent what happens. Default 64. */
  maxViewers?: number
  /** Further doors on the same port, each made of the server's parts. Default: none. */
  doors?: readonly Door[]
  /**
   * Whether side indexes are kept up, by one process beside this one: those of the logs in the store, and of logs that are
   * shown where their folder is the user's own. Default true.
   */
  index?: boolean | KeepIndexOptions
  /** Is told of what goes wrong inside, a line each. Default: nobody is. */
  onError?: (message: string) => void
}

export type Door = (parts: Parts) => Route[]

export interface RunningServer<Store = string> {
  url: string
  port: number
  /** Made for this run, on loopback without stored tokens. */
  token: string | undefined
  /** Absolute path of the store; `undefined` where nothing is received. */
  store: Store
  /** Takes no new requests, answers those that have begun, within 5 s, and closes the files. */
  close(): Promise<void>
}

const CLOSE_MS = 5_000
const IDLE_MS = 50
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
const HEALTH: Route = { method: 'GET', path: '/healthz', run: () => ({ ok: true }) }

/** @throws {ServeError} when it cannot listen, or would listen to the world without tokens */
export function serve(options: ServeOptions & { store: string }): Promise<RunningServer>
export function serve(options: ServeOptions): Promise<RunningServer<string | undefined>>
export async function serve(options: ServeOptions): Promise<RunningServer<string | undefined>> {
  const { host = '127.0.0.1', port = 4319, tls } = options
  const store = options.store === undefined ? undefined : resolve(options.store)
  if (store !== undefined) mkdirSync(store, { recursive: true, mode: 0o700 })
  const tokens = new Tokens(options.tokens ?? (store === undefined ? undefined : join(store, 'tokens.json')))
  const isOpen = tokens.stored.length === 0
  if (isOpen && !LOOPBACK.has(host)) throw new ServeError(needsTokens(host, store))
  const token = isOpen ? tokens.addOwn('local', ['ingest', 'read', 'decide']) : undefined
  const parts = await partsOf(options, store, tokens)
  const router = new Router({
    routes: routesOf(parts, tls !== undefined, options.doors),
    tokens,
    sessions: parts.sessions,
    limits: new Limits(options.limits ?? {}, new BegunSessions(store)),
    metrics: parts.metrics,
    hosts: new Set([...LOOPBACK, host, ...(options.hosts ?? [])].map((each) => each.toLowerCase())),
    onError: options.onError ?? (() => {}),
  })
  const server = serverOf(tls)
  const connections = new Connections(server, tls !== undefined, options.maxConnections ?? 4096)
  server.on('request', (request, response) => {
    router.handle(request, response, connections.isOver(request.socket))
  })
  await listening(server, host, port)
  parts.indexes?.start()
  const { port: actual } = server.address() as AddressInfo
  const scheme = tls === undefined ? 'http' : 'https'
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${actual}`
  return { url, port: actual, token, store, close: () => close(server, connections, parts) }
}

const needsTokens = (host: string, store: string | undefined): string =>
  `not on ${host} without tokens: make one with hivelog token add NAME --scope ingest,read --store ${store ?? 'DIR'}, and put TLS before the port, or give --tls-cert and --tls-key`

/** What the routes work with, made once. */
export interface Parts {
  tokens: Tokens
  sessions: Sessions
  catalogue: Catalogue
  hives: Hives
  live: Live
  work: Work
  metrics: Metrics
  decisions: CopyDecisions
  onError(message: string): void
  /** `undefined` where side indexes are not kept up. */
  indexes: KeptIndexes | undefined
  /** Where there is no store, nothing is received. */
  received: Received | undefined
}

/** Makes what the routes work with. */
export async function partsOf(
  options: ServeOptions,
  store: string | undefined,
  tokens: Tokens,
): Promise<Parts> {
  const { logs = [], maxViewers = 64, onError = () => {}, index = true } = options
  const indexes = KeptIndexes.of(index, logs, store, onError)
  const hives = new Hives()
  const live = new Live(maxViewers, onError)
  const metrics = new Metrics(() => live.viewers)
  const parts: Parts = {
    tokens,
    sessions: new Sessions(tokens),
    catalogue: new Catalogue(logs, store, hives),
    hives,
    live,
    work: new Work(),
    metrics,
    decisions: new CopyDecisions(onError),
    onError,
    indexes,
    received: store === undefined ? undefined : await receivedInto(store, options, metrics, indexes),
  }
  return parts
}

async function receivedInto(
  store: string,
  options: ServeOptions,
  metrics: Metrics,
  indexes: KeptIndexes | undefined,
): Promise<Received> {
  const { onError = () => {}, index = true } = options
  const events = new EventStore(store, onError, index)
  events.takeDecisions()
  const spans = await SpanStore.open({ events, onError })
  const copies = new CopyStore(store, { key: options.key, kept: indexes?.keep })
  return { copies, events, spans, hooks: hookDesk({ events, metrics }), onError }
}

/** What a sender sends to. */
export interface Received {
  copies: CopyStore
  events: EventStore
  spans: SpanStore
  hooks: HookDesk
  onError(message: string): void
}

/** All that the server answers. @param isSecure whether it speaks TLS itself */
export function routesOf(parts: Parts, isSecure: boolean, doors: readonly Door[] = []): Route[] {
  const { sessions, tokens, metrics, received, decisions } = parts
  return [
    HEALTH,
    metricsRoute(metrics),
    ...(received === undefined
      ? noStoreRoutes(parts)
      : [
          ...ingestRoutes({ ...received, metrics, decisions }),
          ...otlpRoutes({ ...received, metrics }),
          ...received.hooks.routes,
        ]),
    ...sessionRoutes(sessions, tokens, isSecure),
    ...hiveRoutes(parts),
    ...decisionRoutes(parts),
    ...reportRoutes(parts),
    ...doors.flatMap((door) => door(parts)),
    ...pageRoutes(),
  ]
}

function serverOf(tls: ServeOptions['tls']): Server {
  const options = { requestTimeout: 120_000, headersTimeout: 10_000, keepAliveTimeout: 30_000 }
  try {
    return tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls })
  } catch (error) {
    throw new ServeError(`the certificate and its key do not work: ${(error as Error).message}`)
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

async function close(
  server: Server,
  connections: Connections,
  { live, hives, received, indexes }: Parts,
): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()))
  connections.closeUnused()
  // Streams end only by being told to, and who waits for a person.
  live.close()
  indexes?.close()
  received?.hooks.release()
  // A connection whose answer ends only now would be kept open for the next request.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS)
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await closed
  clearInterval(idle)
  clearTimeout(timer)
  // Spans are told to the logs of events.
  await received?.spans.close()
  await Promise.all([hives.close(), received?.copies.close(), received?.events.close()])
}
