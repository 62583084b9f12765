/** What a request is about: routes, who may, hosts and origins, and one way to refuse. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answer, HttpError } from './http.js'
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
  /** What a token must allow. Default: anybody may. */
  scope?: Scope
  run(asked: Asked): Promise<object | undefined> | object | undefined
}

export interface RouterOptions {
  routes: readonly Route[]
  tokens: Tokens
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

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: Error) => this.#refuse(response, error))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#checkOrigin(request)
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost')
    const [route, params] = this.#routeOf(request.method ?? '', pathname)
    const token = route.scope === undefined ? undefined : this.#mustMay(request, route.scope)
    const value = await route.run({ request, response, query, params, token })
    if (value !== undefined) answer(response, 200, value)
  }

  #routeOf(method: string, pathname: string): [Route, string[]] {
    const allowed: string[] = []
    for (const route of this.#options.routes) {
      const params = paramsOf(route.path, pathname)
      if (params === undefined) continue
      if (route.method === method) return [route, params]
      allowed.push(route.method)
    }
    if (allowed.length === 0) throw new HttpError(404, NOT_FOUND)
    const allow = allowed.join(', ')
    throw new HttpError(405, `${method} is not for ${pathname}; use ${allow}`, {}, { allow })
  }

  /** A page of another site, under whatever name it has this machine known, may not ask here. */
  #checkOrigin({ headers }: IncomingMessage): void {
    const host = headers.host?.toLowerCase() ?? ''
    const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
    if (!this.#options.hosts.has(name))
      throw new HttpError(421, 'this server is not known under that host name')
    const { origin } = headers
    if (origin !== undefined && origin.toLowerCase() !== `http://${host}`) {
      throw new HttpError(403, 'requests of other origins are not answered')
    }
  }

  #mustMay(request: IncomingMessage, scope: Scope): Token {
    const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1]
    const token = given === undefined ? undefined : this.#options.tokens.find(given)
    if (token === undefined) {
      const message = 'a token is needed: authorization: Bearer TOKEN'
      throw new HttpError(401, message, {}, { 'www-authenticate': 'Bearer' })
    }
    if (token.scopes.includes(scope)) return token
    throw new HttpError(403, `the token ${token.name} may not ${scope}`)
  }

  #refuse(response: ServerResponse, error: Error): void {
    const refused = error instanceof HttpError ? error : this.#broken(error)
    this.#options.metrics.refused(refused.status)
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return
    }
    // What is left of a body that is not read would be taken for the next request.
    const headers = { connection: 'close', ...refused.headers }
    answer(response, refused.status, { error: refused.message, ...refused.more }, headers)
  }

  #broken(error: NodeJS.ErrnoException): HttpError {
    this.#options.onError(`${error.message}`)
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
