/** One request after the other to a server, again when it could not be answered, for as long as that makes sense. */

import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, request as send } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { addressOf } from '../format/options.js'
import { VERSION } from '../version.js'
import { Encoding } from './encoding.js'

/** A server refuses for good what is sent. */
export class ShipError extends Error {
  /** HTTP status of the answer. */
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.name = 'ShipError'
    this.status = status
  }
}

export interface TransportOptions {
  /** Of the server, `http://127.0.0.1:4319` say, or of its `/v1/ingest`. */
  url: string
  token?: string | undefined
  /** Ends the waiting for a server that does not answer. */
  signal: AbortSignal
  /** Milliseconds after which a server that does not answer is given up. Default: never. */
  patienceMs?: number | undefined
  /** Whether the process goes on for what is under way. Default true. */
  holds?: boolean | undefined
  /** Is told when a server cannot be reached, once, and when it can be again. */
  onTrouble?: ((why: string | undefined) => void) | undefined
}

export interface Answer {
  status: number
  body: Record<string, unknown>
}

interface Request {
  method: 'GET' | 'POST' | 'PUT'
  headers?: Record<string, string>
  body?: Uint8Array
  /** Milliseconds for which the server may keep the request waiting. */
  waitMs?: number
  /** Ends this request alone. */
  signal?: AbortSignal
}

interface Client {
  request: typeof send
  agent: Agent
  /** For requests that wait, which must not keep the others from their turn. */
  waiting: Agent
}

const REQUEST_MS = 60_000
/** A connection that is not there after this long will not be; while it is asked for it holds the process. */
const CONNECT_MS = 3_000
const FIRST_PAUSE_MS = 200
const MAX_PAUSE_MS = 30_000
/** Answers after which the same request is sent again. */
const RETRIED = new Set([408, 429, 500, 502, 503, 504, 507])
/** Connections to the server at a time, however many logs there are. */
const MAX_SOCKETS = 8
const MAX_WAITING = 256
const MAX_ANSWER = 1024 * 1024
/** What watches requests leaves those alone whose sender is called so, as they are no work of the application's. */
const USER_AGENT = `OTel-hivelog-ship/${VERSION}`

export class Transport {
  /** Address of the server, for people. */
  readonly url: string
  readonly #base: URL
  readonly #options: TransportOptions
  readonly #encoding = new Encoding()
  readonly #sockets = new Set<Socket>()
  #client: Promise<Client> | undefined
  #holds: boolean
  #trouble: string | undefined

  constructor(options: TransportOptions) {
    this.#base = baseOf(options.url)
    this.url = addressOf(this.#base.href)
    this.#options = options
    this.#holds = options.holds ?? true
  }

  /** Why the server cannot be reached at present; `undefined` while it can be. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** From now on the process waits for what is under way. */
  hold(): void {
    this.#holds = true
    for (const socket of this.#sockets) socket.ref()
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    client?.agent.destroy()
    client?.waiting.destroy()
  }

  get(path: string, more: Pick<Request, 'waitMs' | 'signal'> = {}): Promise<Answer> {
    return this.#send(path, { method: 'GET', ...more })
  }

  async post(path: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Answer> {
    const given = typeof body === 'string' ? Buffer.from(body) : body
    for (;;) {
      const { bytes, encoding } = await this.#encoding.pack(given)
      const coded = encoding === undefined ? headers : { ...headers, 'content-encoding': encoding }
      const answer = await this.#send(path, { method: 'POST', headers: coded, body: bytes })
      if (answer.status !== 415 || !this.#encoding.refused(encoding)) return answer
    }
  }

  put(path: string, body: Uint8Array, headers: Record<string, string>): Promise<Answer> {
    return this.#send(path, { method: 'PUT', headers, body })
  }

  /** @throws {ShipError} when it is refused for good; and the reason of `signal` when that ends it */
  async #send(path: string, request: Request): Promise<Answer> {
    const { signal, patienceMs = Infinity } = this.#options
    const began = Date.now()
    for (let tries = 0; ; tries++) {
      signal.throwIfAborted()
      request.signal?.throwIfAborted()
      let asked: number | undefined
      try {
        const { status, headers, body } = await this.#try(path, request)
        if (!RETRIED.has(status)) {
          this.#encoding.learn(headers['accept-encoding'])
          this.#tell(undefined)
          return { status, body }
        }
        asked = retryAfter(headers['retry-after'])
        this.#tell(`it answers ${status}: ${String(body.error ?? '').slice(0, 200)}`)
      } catch (error) {
        signal.throwIfAborted()
        request.signal?.throwIfAborted()
        this.#tell((error as NodeJS.ErrnoException).code ?? (error as Error).message)
      }
      if (Date.now() - began >= patienceMs) {
        throw new ShipError(`cannot reach ${this.url}: ${this.#trouble}`, 503)
      }
      const growing = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10))
      // Many senders that lost one server must not all come back at once. Nobody is asked again and again without pause.
      const wait =
        asked !== undefined && (asked > 0 || tries === 0)
          ? asked * (1 + Math.random() / 5)
          : growing * (0.5 + Math.random() / 2)
      await pause(wait, undefined, { signal, ref: this.#holds })
    }
  }

  async #try(
    path: string,
    { method, headers = {}, body, waitMs, signal }: Request,
  ): Promise<Answer & { headers: IncomingHttpHeaders }> {
    const { request, agent, waiting } = await this.#clientOf()
    const { token } = this.#options
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#base), {
        method,
        agent: waitMs === undefined ? agent : waiting,
        headers: {
          'user-agent': USER_AGENT,
          ...headers,
          ...(body !== undefined && { 'content-length': String(body.length) }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
      })
      const end = this.#watch(sent, REQUEST_MS + (waitMs ?? 0), signal)
      const fail = (error: Error): void => {
        end()
        reject(error)
      }
      sent.once('error', fail)
      sent.once('response', (response) => {
        bodyOf(response).then((read) => {
          end()
          resolve({ status: response.statusCode as number, headers: response.headers, body: read })
        }, fail)
      })
      sent.end(body)
    })
  }

  /** Ends a request that takes too long, or that nobody waits for any more. @returns what ends the watching */
  #watch(sent: ClientRequest, ms: number, own: AbortSignal | undefined): () => void {
    const late = setTimeout(() => sent.destroy(new Error(`no answer within ${ms} ms`)), ms).unref()
    const unconnected = setTimeout(
      () => sent.destroy(new Error(`no connection within ${CONNECT_MS} ms`)),
      CONNECT_MS,
    ).unref()
    const signals = [this.#options.signal, ...(own === undefined ? [] : [own])]
    const abort = (): void => void sent.destroy(new Error('aborted'))
    for (const signal of signals) signal.addEventListener('abort', abort, { once: true })
    sent.once('socket', (socket: Socket) => {
      if (socket.connecting) socket.once('connect', () => clearTimeout(unconnected))
      else clearTimeout(unconnected)
      this.#keep(socket)
    })
    return () => {
      clearTimeout(late)
      clearTimeout(unconnected)
      for (const signal of signals) signal.removeEventListener('abort', abort)
    }
  }

  #keep(socket: Socket): void {
    if (!this.#holds) socket.unref()
    if (this.#sockets.has(socket)) return
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Loaded at the first request, so that what instruments HTTP has been there before. */
  #clientOf(): Promise<Client> {
    this.#client ??= (async () => {
      const { request, Agent } =
        this.#base.protocol === 'https:' ? await import('node:https') : await import('node:http')
      const options = { keepAlive: true, maxSockets: MAX_SOCKETS }
      return {
        request,
        agent: new Agent(options),
        waiting: new Agent({ ...options, maxSockets: MAX_WAITING }),
      }
    })()
    return this.#client
  }

  #tell(why: string | undefined): void {
    const isNew = (why !== undefined) !== (this.#trouble !== undefined)
    this.#trouble = why
    if (isNew) this.#options.onTrouble?.(why)
  }
}

/** The server's address, also from that of its `/v1/ingest`. */
function baseOf(given: string): URL {
  const url = new URL(given)
  const path = url.pathname.replace(/\/v1\/ingest\/?$/, '')
  url.pathname = path.endsWith('/') ? path : `${path}/`
  url.search = ''
  return url
}

async function bodyOf(response: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_ANSWER) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Milliseconds that a server asks to wait: seconds, or until a date. */
function retryAfter(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const ms = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 10 * MAX_PAUSE_MS) : undefined
}
