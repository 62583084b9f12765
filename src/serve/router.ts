/** What a request is about: routes, who may, hosts and origins, and one way to refuse. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { mustBeFromOwnPage, type Sessions, sessionId } from './api/sessions.js'
import { diskTrouble } from './disk-trouble.js'
import { answer, HttpError, jsonOf, NOT_NOW, sendRefusal } from './http.js'
import type { Limits } from './limits.js'
import type { Metrics } from './metrics.js'
import type { Scope, Token, Tokens } from './tokens.js'

/** One request to one route. */
export interface Asked {
  request: IncomingMessage
  response: ServerResponse
  query: URLSearchParams
  /** What the groups of the route's path matched, decoded. */
  params: readonly string[]
  /** Whose token came with it; none for a route that asks for none. */
  token: Token | undefined
  /**
   * To be called before something of these sessions is stored.
   * @throws {HttpError} 429 when they are too many for the token
   */
  admit(sessions: Iterable<string>): void
}

/**
 * Answers one method on one path.
 *
 * What `run` returns is sent as JSON with status 200; when it returns nothing, it has answered itself. It refuses by
 * throwing an `HttpError`.
 */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** A path, or a pattern for the whole of one. */
  path: string | RegExp
  /** What a token must allow; `any`: it may be any token. Default: anybody may, without one. */
  scope?: Scope | 'any' | undefined
  run(asked: Asked): Promise<object | undefined> | object | undefined
  /** Says in the words of its protocol why a request is refused, also one whose token may not. Default: in JSON. */
  refuse?(request: IncomingMessage, response: ServerResponse, error: Error): Promise<void>
}

export interface RouterOptions {
  routes: readonly Route[]
  tokens: Tokens
  /** Of browsers, which send a cookie in place of a token. */
  sessions: Sessions
  /** What a token may send. */
  limits: Limits
  metrics: Metrics
  /** Names under which this server may be asked for, in lower case. */
  hosts: ReadonlySet<string>
  /** Is told of what goes wrong inside, a line each. */
  onError(message: string): void
}

/** What is not there is said in one tone, whoever asks. */
const NOT_FOUND = 'there is nothing here; see hivelog serve --help'

export class Router {
  readonly #options: RouterOptions

  constructor(options: RouterOptions) {
    this.#options = options
  }

  /** @param isOver whether its connection is one too many */
  handle(request: IncomingMessage, response: ServerResponse, isOver = false): void {
    this.#answer(request, response, isOver).catch((error: Error) => this.#refuse(request, response, error))
  }

  async #answer(request: IncomingMessage, response: ServerResponse, isOver: boolean): Promise<void> {
    const [route, params, query] = this.#wanted(request)
    try {
      if (isOver) throw new HttpError(503, 'too many connections', {}, { 'retry-after': '5' })
      await this.#run(route, { request, response, query, params })
    } catch (error) {
      if (route.refuse === undefined) throw error
      await route.refuse(request, response, error as Error)
    }
  }

  async #run(route: Route, given: Omit<Asked, 'token' | 'admit'>): Promise<void> {
    const { request, response } = given
    this.#checkOrigin(request)
    const token = route.scope === undefined ? undefined : this.#mustMay(request, route.scope)
    const asked = { ...given, token, admit: () => {} }
    const value = await (route.scope === 'ingest' && request.method !== 'GET'
      ? this.#limited(route, asked)
      : route.run(asked))
    if (value !== undefined) answer(response, 200, value)
  }

  async #limited(route: Route, asked: Asked): Promise<object | undefined> {
    const { limits } = this.#options
    const token = asked.token as Token
    const { headers, socket } = asked.request
    const { 'content-length': length } = headers
    limits.mustHaveBytes(token)
    const before = socket.bytesRead
    const fresh: string[] = []
    const admit = (sessions: Iterable<string>): void => {
      fresh.push(...limits.mustHaveSessions(token, sessions))
    }
    try {
      const value = await route.run({ ...asked, admit })
      limits.keepSessions(token, fresh)
      return value
    } catch (error) {
      limits.releaseSessions(token, fresh)
      throw error
    } finally {
      limits.spend(token, length === undefined ? socket.bytesRead - before : Number(length))
    }
  }

  /** What leads nowhere is a route that says so: whoever may not ask here is told that first. */
  #wanted(request: IncomingMessage): [Route, string[], URLSearchParams] {
    try {
      const { pathname, searchParams } = urlOf(request)
      return [...this.#routeOf(request.method ?? '', pathname), searchParams]
    } catch (error) {
      const run = (): never => {
        throw error
      }
      return [{ method: 'GET', path: '/', run }, [], new URLSearchParams()]
    }
  }

  /** @throws {HttpError} 404 */
  #routeOf(method: string, pathname: string): [Route, string[]] {
    const others: Route[] = []
    for (const route of this.#options.routes) {
      const params = paramsOf(route.path, pathname)
      if (params === undefined) continue
      if (route.method === method) return [route, params]
      others.push(route)
    }
    const [first] = others
    if (first === undefined) throw new HttpError(404, NOT_FOUND)
    const allow = others.map((route) => route.method).join(', ')
    const run = (): never => {
      throw new HttpError(405, `${method} is not for ${pathname}; use ${allow}`, {}, { allow })
    }
    // In the words of the path's protocol, whoever asks.
    return [{ ...first, scope: undefined, run }, []]
  }

  /** A page of another site, under whatever name it has this machine known, may not ask here. */
  #checkOrigin({ headers }: IncomingMessage): void {
    const host = headers.host?.toLowerCase() ?? ''
    const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
    if (!this.#options.hosts.has(name))
      throw new HttpError(421, 'this server is not known under that host name')
    const { origin } = headers
    if (origin !== undefined && !isOwnOrigin(origin, host)) {
      throw new HttpError(403, 'requests of other origins are not answered')
    }
  }

  #mustMay(request: IncomingMessage, scope: Scope | 'any'): Token {
    const token = this.#tokenOf(request)
    if (token === undefined) {
      const message = 'a token is needed: authorization: Bearer TOKEN'
      throw new HttpError(401, message, {}, { 'www-authenticate': 'Bearer' })
    }
    if (scope === 'any' || token.scopes.includes(scope)) return token
    throw new HttpError(403, `the token ${token.name} may not ${scope}`)
  }

  #tokenOf(request: IncomingMessage): Token | undefined {
    const { authorization, cookie } = request.headers
    if (authorization !== undefined) {
      const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization)?.[1]
      return given === undefined ? undefined : this.#options.tokens.find(given)
    }
    const session = sessionId(cookie)
    if (session === undefined) return undefined
    if (request.method !== 'GET') mustBeFromOwnPage(request)
    return this.#options.sessions.find(session)
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: Error): void {
    const { status, message, more, headers } = error instanceof HttpError ? error : this.#broken(error)
    this.#options.metrics.refused(status)
    const json = { 'content-type': 'application/json', ...headers }
    sendRefusal(request, response, status, jsonOf({ error: message, ...more }), json)
  }

  #broken(error: Error): HttpError {
    this.#options.onError(`${error.message}`)
    const trouble = diskTrouble(error)
    if (trouble !== undefined) {
      const headers = { 'retry-after': String(trouble.retryAfter) }
      return trouble.isFull
        ? new HttpError(507, 'the disk is full; nothing of this request is stored', {}, headers)
        : new HttpError(503, NOT_NOW, {}, headers)
    }
    return new HttpError(500, 'something went wrong here; nothing of this request is stored')
  }
}

/** @throws {HttpError} when it is none */
function urlOf({ url = '/' }: IncomingMessage): URL {
  if (url.startsWith('/') && !url.startsWith('//')) return new URL(url, 'http://localhost')
  throw new HttpError(400, 'the address must be a path that begins with one /')
}

/** TLS may be a proxy's, so that this server does not know under which scheme it is asked for. */
const isOwnOrigin = (origin: string, host: string): boolean =>
  [`http://${host}`, `https://${host}`].includes(origin.toLowerCase())

function paramsOf(path: string | RegExp, pathname: string): string[] | undefined {
  if (typeof path === 'string') return path === pathname ? [] : undefined
  const match = path.exec(pathname)
  if (match === null || match[0] !== pathname) return undefined
  try {
    return match.slice(1).map(decodeURIComponent)
  } catch {
    throw new HttpError(400, 'the path is not well encoded')
  }
}
