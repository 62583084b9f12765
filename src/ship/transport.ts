/** One request after the other to a server, again when it could not be answered, for as long as that makes sense. */
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'

const compress = promisify(gzip)

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
  /** Is told when a server cannot be reached, once, and when it can be again. */
  onTrouble?: (why: string | undefined) => void
}

export interface Answer {
  status: number
  body: Record<string, unknown>
}

const REQUEST_MS = 60_000
const FIRST_PAUSE_MS = 200
const MAX_PAUSE_MS = 30_000
/** Answers after which the same request is sent again. */
const RETRIED = new Set([408, 429, 500, 502, 503, 504, 507])
const MIN_COMPRESSED = 512

export class Transport {
  readonly #base: URL
  readonly #options: TransportOptions
  #isInTrouble = false

  constructor(options: TransportOptions) {
    this.#base = baseOf(options.url)
    this.#options = options
  }

  get(path: string): Promise<Answer> {
    return this.#send(path, { method: 'GET' })
  }

  async post(path: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Answer> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    if (bytes.length < MIN_COMPRESSED) return this.#send(path, { method: 'POST', headers, body: bytes })
    const packed = await compress(bytes, { level: constants.Z_BEST_SPEED })
    return this.#send(path, {
      method: 'POST',
      headers: { ...headers, 'content-encoding': 'gzip' },
      body: packed,
    })
  }

  put(path: string, body: Uint8Array, headers: Record<string, string>): Promise<Answer> {
    return this.#send(path, { method: 'PUT', headers, body })
  }

  /** @throws {ShipError} when it is refused for good; and the reason of `signal` when that ends it */
  async #send(path: string, request: RequestInit): Promise<Answer> {
    const { token, signal } = this.#options
    const headers = {
      ...(request.headers as Record<string, string>),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    for (let tries = 0; ; tries++) {
      signal.throwIfAborted()
      let wait: number | undefined
      try {
        const response = await fetch(new URL(path, this.#base), {
          ...request,
          headers,
          redirect: 'error',
          signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
        })
        const answer = { status: response.status, body: await bodyOf(response) }
        if (!RETRIED.has(answer.status)) {
          this.#trouble(undefined)
          return answer
        }
        wait = retryAfter(response.headers.get('retry-after'))
        this.#trouble(`it answers ${answer.status}: ${String(answer.body.error ?? '').slice(0, 200)}`)
      } catch (error) {
        signal.throwIfAborted()
        this.#trouble(reasonOf(error as Error))
      }
      const growing = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10))
      // Many senders that lost one server must not all come back at once.
      await pause(wait ?? growing * (0.5 + Math.random() / 2), undefined, { signal })
    }
  }

  #trouble(why: string | undefined): void {
    if ((why !== undefined) === this.#isInTrouble) return
    this.#isInTrouble = why !== undefined
    this.#options.onTrouble?.(why)
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

const MAX_ANSWER = 1024 * 1024

async function bodyOf(response: Response): Promise<Record<string, unknown>> {
  const text = (await response.text()).slice(0, MAX_ANSWER)
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Milliseconds that a server asks to wait: seconds, or until a date. */
function retryAfter(given: string | null): number | undefined {
  if (given === null) return undefined
  const ms = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 10 * MAX_PAUSE_MS) : undefined
}

function reasonOf(error: Error): string {
  const { cause } = error as { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? error.message
}
