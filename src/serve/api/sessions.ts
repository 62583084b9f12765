/**
 * Sessions of browsers: a page that has a token asks for a cookie, which page and stream then send by themselves. A
 * session holds only as long as its token, and no longer than this process.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { answer, HttpError, readBody } from '../http.js'
import type { Route } from '../router.js'
import type { Token, Tokens } from '../tokens.js'
import type { Me } from './shapes.js'

const NAME = 'hivelog'
const MAX_SESSIONS = 1_000
const MAX_AGE_S = 12 * 3600
const LIMITS = { sent: 4096, unpacked: 4096, ms: 10_000 }

interface Session {
  sha256: string
  until: number
}

export class Sessions {
  readonly #tokens: Tokens
  readonly #sessions = new Map<string, Session>()

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  /** @returns the session's id */
  begin({ sha256 }: Token): string {
    const id = randomBytes(32).toString('base64url')
    this.#sessions.set(id, { sha256, until: Date.now() + MAX_AGE_S * 1000 })
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size > MAX_SESSIONS) this.#sessions.delete(oldest as string)
    return id
  }

  end(id: string): void {
    this.#sessions.delete(id)
  }

  /** Whose session it is; `undefined` when it is over, or its token was revoked. */
  find(id: string): Token | undefined {
    const session = this.#sessions.get(id)
    if (session === undefined) return undefined
    const token = session.until < Date.now() ? undefined : this.#tokens.named(session.sha256)
    if (token === undefined) this.#sessions.delete(id)
    return token
  }
}

/** The id in the cookies of a request. */
export function sessionId(cookie: string | undefined): string | undefined {
  for (const each of cookie?.split(';') ?? []) {
    const [name, value] = each.trim().split('=')
    if (name === NAME && value !== undefined && /^[\w-]{43}$/.test(value)) return value
  }
  return undefined
}

/**
 * A browser sends the cookie whoever asks it to; what changes something must come from our own page. That an `Origin`
 * which is there is our own was looked at before.
 * @throws {HttpError} 403
 */
export function mustBeFromOwnPage({ headers }: IncomingMessage): void {
  if (headers.origin !== undefined || headers['sec-fetch-site'] === 'same-origin') return
  throw new HttpError(403, 'with a cookie this must come from the own page: an Origin header is needed')
}

/** @param isSecure whether it is only to be sent over TLS */
export function sessionRoutes(sessions: Sessions, tokens: Tokens, isSecure: boolean): Route[] {
  const cookie = (value: string, age: number): string =>
    `${NAME}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${age}${isSecure ? '; Secure' : ''}`
  return [
    {
      method: 'POST',
      path: '/api/session',
      async run({ request, response }) {
        const given = tokenIn((await readBody(request, LIMITS)).toString('utf8'))
        const token = tokens.find(given)
        if (token === undefined)
          throw new HttpError(401, 'the token is not known; take the one that hivelog serve printed')
        response.writeHead(204, {
          'set-cookie': cookie(sessions.begin(token), MAX_AGE_S),
          'cache-control': 'no-store',
        })
        response.end()
        return undefined
      },
    },
    {
      method: 'DELETE',
      path: '/api/session',
      run({ request, response }) {
        const id = sessionId(request.headers.cookie)
        if (id !== undefined) {
          mustBeFromOwnPage(request)
          sessions.end(id)
        }
        response.writeHead(204, { 'set-cookie': cookie('', 0), 'cache-control': 'no-store' })
        response.end()
        return undefined
      },
    },
    {
      method: 'GET',
      path: '/api/me',
      scope: 'any',
      run: ({ response, token }) => {
        const { name, scopes } = token as Token
        const me: Me = { name, scopes: [...scopes] }
        answer(response, 200, me)
        return undefined
      },
    },
  ]
}

function tokenIn(text: string): string {
  try {
    const { token } = JSON.parse(text) as { token?: unknown }
    if (typeof token === 'string' && token.length <= 512) return token
  } catch {
    // Told below.
  }
  throw new HttpError(400, 'the body must be {"token": "…"}')
}
