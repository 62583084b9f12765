/**
 * Requests that this process sends over HTTP, by whatever client, as Node's own diagnostics channels tell of them:
 * `undici:request:*` (`fetch`, and undici from npm) and `http.client.*` (`node:http` and `node:https`, and what is
 * built on them). No global is replaced, and what the client sends, gets and throws is as without us.
 *
 * Node 24's undici has channels for the bodies. Before that a watched request of undici's is given `onData` and
 * `onBodySent` of its own, which call undici's first. `node:http` has no channel for bodies at all: a watched request
 * is given `write` and `end`, its answer `push`. Node 20 tells of a request when all of it was written; what of it has
 * not left the process is looked at then.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { type Context, context, createContextKey, diag } from '@opentelemetry/api'
import { isList, readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'
import { AnyObject } from '../../record/any-object.js'
import type { Stage } from '../stage.js'

/**
 * Where code that sends telemetry says that it does (`suppressTracing` of `@opentelemetry/core`): all copies of the API
 * have one key by this name. To ask that package would load it, which only who exports needs.
 */
const SUPPRESSED = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/** A request that is about to be sent. */
export interface OutgoingRequest {
  /** In upper case. */
  readonly method: string
  /** Host, and port where it is not the usual one. */
  readonly host: string
  /** Path of the URL, without query. */
  readonly path: string
  /** When it began, epoch milliseconds. */
  readonly startTs: number
  /** The same by `performance.now()`. */
  readonly startedAt: number
  /** In which it is sent. */
  readonly context: Context
}

/** Who follows one request. What it throws is said, and the request is followed no more. */
export interface Follower {
  /** The status has come. */
  answered(status: number, header: (name: string) => string | undefined): void
  /** The request came to nothing, or its answer was cut. */
  failed(error: unknown): void
  /** Wants the bodies, and the end of the answer. Default: not. */
  readonly body?: Body
}

/** Who follows what is sent and answered. */
export interface Body {
  sent(bytes: Uint8Array): void
  received(bytes: Uint8Array): void
  /** The whole answer has come. */
  ended(): void
}

/** Is asked in the context of the code that sends the request; `undefined` when it does not want to follow it. */
export type Watcher = (request: OutgoingRequest) => Follower | undefined

let watchers: readonly Watcher[] = []

/** Holds on a client's request who follows it: it is asked for with each of hundreds of pieces. */
class Held extends AnyObject {
  #following: Following

  constructor(request: object, following: Following) {
    super(request)
    this.#following = following
  }

  static set(request: object, following: Following): void {
    if (#following in request) (request as Held).#following = following
    else if (Object.isExtensible(request)) new Held(request, following)
    else frozen.set(request, following)
  }

  static of(request: object): Following | undefined {
    return #following in request ? (request as Held).#following : frozen.get(request)
  }
}

const frozen = new WeakMap<object, Following>()

let isListening = false

/** Has `watcher` asked about each request from now on, until its hive is over. */
export function watchRequests({ hive }: Stage, watcher: Watcher): void {
  const asked: Watcher = (request) => {
    if (!hive.misses()) return watcher(request)
    watchers = watchers.filter((each) => each !== asked)
    return undefined
  }
  watchers = [...watchers, asked]
  listen()
}

/** What is to be done before the first request is followed. */
let first: (() => void) | undefined

/** Has `begin` called before the first request of this thread that is nobody's telemetry: it may watch that one too. */
export function beforeFirstRequest(begin: () => void): void {
  first = begin
  listen()
}

function listen(): void {
  if (isListening) return
  isListening = true
  for (const [channel, listener] of Object.entries(LISTENERS)) {
    subscribe(channel, (message) => {
      try {
        listener(message as never)
      } catch (error) {
        complain(error)
      }
    })
  }
  subscribe('undici:request:bodyChunkReceived', onReceived)
}

let hasComplained = false

function complain(error: unknown): void {
  if (hasComplained) return
  hasComplained = true
  diag.error(`hivelog: a request over HTTP is not recorded: ${brief(error)}`)
}

class Following {
  #followers: Follower[]
  /** Of those who want it; of a stream there are hundreds of pieces. */
  #bodies: Body[] = []
  /** Of a request whose body came through undici's channels. */
  hasSentByChannel = false
  hasReceivedByChannel = false

  constructor(followers: Follower[]) {
    this.#followers = followers
    for (const { body } of followers) if (body !== undefined) this.#bodies.push(body)
  }

  get wantsBody(): boolean {
    return this.#bodies.length > 0
  }

  answered(status: number, header: (name: string) => string | undefined): void {
    this.#tell((each) => each.answered(status, header))
  }

  failed(error: unknown): void {
    this.#tell((each) => each.failed(error))
    this.#forget()
  }

  sent(bytes: Uint8Array): void {
    this.#tell((each) => each.body?.sent(bytes))
  }

  received(bytes: Uint8Array): void {
    const bodies = this.#bodies
    for (let i = 0; i < bodies.length; i++) {
      const body = bodies[i] as Body
      try {
        body.received(bytes)
      } catch (error) {
        this.#bodies = bodies.filter((other) => other !== body)
        this.#followers = this.#followers.filter((other) => other.body !== body)
        complain(error)
      }
    }
  }

  ended(): void {
    this.#tell((each) => each.body?.ended())
    this.#forget()
  }

  #forget(): void {
    this.#followers = []
    this.#bodies = []
  }

  #tell(what: (follower: Follower) => void): void {
    for (const each of this.#followers) {
      try {
        what(each)
      } catch (error) {
        this.#drop(each, error)
      }
    }
  }

  #drop(failed: Follower, error: unknown): void {
    this.#followers = this.#followers.filter((other) => other !== failed)
    this.#bodies = this.#bodies.filter((body) => body !== failed.body)
    complain(error)
  }
}

/** @param agent the `user-agent` that the request bears */
function follow(
  client: object,
  method: unknown,
  host: string | undefined,
  url: unknown,
  agent: unknown,
): Following | undefined {
  if (typeof method !== 'string' || typeof url !== 'string' || host === undefined) return undefined
  // A tunnel to where the requests go; those are told themselves.
  if ((watchers.length === 0 && first === undefined) || method === 'CONNECT') return undefined
  const active = context.active()
  if (isTelemetry(agent, active)) return undefined
  const begin = first
  first = undefined
  begin?.()
  const request: OutgoingRequest = {
    method,
    host,
    path: withoutQuery(url),
    startTs: Date.now(),
    startedAt: performance.now(),
    context: active,
  }
  let followers: Follower[] | undefined
  for (const watcher of watchers) {
    const follower = watcher(request)
    if (follower === undefined) continue
    if (followers === undefined) followers = [follower]
    else followers.push(follower)
  }
  if (followers === undefined) return undefined
  const following = new Following(followers)
  Held.set(client, following)
  return following
}

/**
 * Whether a request belongs to an exporter, ours or somebody's: they send in a context in which tracing is suppressed.
 * Those of OpenTelemetry say who they are too, which counts where no context manager is.
 */
function isTelemetry(agent: unknown, active: Context): boolean {
  return (typeof agent === 'string' && agent.startsWith('OTel-')) || active.getValue(SUPPRESSED) === true
}

function withoutQuery(url: string): string {
  const query = url.indexOf('?')
  const hash = url.indexOf('#')
  const end = hash >= 0 && (query < 0 || hash < query) ? hash : query
  const path = end < 0 ? url : url.slice(0, end)
  // A request through a proxy names the whole URL.
  return path.startsWith('/') || !URL.canParse(path) ? path : new URL(path).pathname
}

/** What undici tells of, of its versions 5 to 8. */
interface UndiciRequest {
  method?: unknown
  origin?: unknown
  path?: unknown
  headers?: unknown
  upgrade?: unknown
  onData?: (chunk: Uint8Array) => unknown
  onBodySent?: (chunk: Uint8Array) => unknown
}

const LISTENERS = {
  'undici:request:create': ({ request }: { request: UndiciRequest }): void => {
    const { method, origin, path, headers } = request
    const following = follow(request, method, hostOfOrigin(origin), path, headerOf(headers, 'user-agent'))
    if (following?.wantsBody) tapUndici(request, following)
  },
  'undici:request:bodyChunkSent': ({ request, chunk }: { request: object; chunk: unknown }): void => {
    const following = Held.of(request)
    if (following === undefined) return
    following.hasSentByChannel = true
    following.sent(bytesOf(chunk))
  },
  'undici:request:headers': ({
    request,
    response,
  }: {
    request: object
    response: { statusCode: number; headers: unknown }
  }): void => {
    Held.of(request)?.answered(response.statusCode, (name) => headerOf(response.headers, name))
  },
  'undici:request:trailers': ({ request }: { request: object }): void => Held.of(request)?.ended(),
  'undici:request:error': ({ request, error }: { request: object; error: unknown }): void =>
    Held.of(request)?.failed(error),

  // Node 22 tells of a request when it is made; Node 20 only when all of it is handed over.
  'http.client.request.created': ({ request }: { request: ClientRequest }): void => {
    const following = followHttp(request)
    if (following?.wantsBody) tapRequest(request, following)
  },
  'http.client.request.start': ({ request }: { request: ClientRequest }): void => {
    if (Held.of(request) !== undefined) return
    const following = followHttp(request)
    if (following?.wantsBody) for (const bytes of waitingBytes(request)) following.sent(bytes)
  },
  'http.client.request.error': ({ request, error }: { request: ClientRequest; error: unknown }): void =>
    Held.of(request)?.failed(error),
  // Despite its name this comes with the headers.
  'http.client.response.finish': ({
    request,
    response,
  }: {
    request: ClientRequest
    response: IncomingMessage
  }): void => {
    const following = Held.of(request)
    if (following === undefined) return
    following.answered(response.statusCode ?? 0, (name) => textOf(response.headers[name]))
    if (following.wantsBody) tapAnswer(response, following)
  },
}

/** Apart from the others, which share a function that calls them: of a stream there are hundreds, and V8 sees to one. */
function onReceived(message: unknown): void {
  try {
    const { request, chunk } = message as { request: object; chunk: unknown }
    const following = Held.of(request)
    if (following === undefined) return
    following.hasReceivedByChannel = true
    following.received(chunk instanceof Uint8Array ? chunk : bytesOf(chunk))
  } catch (error) {
    complain(error)
  }
}

function followHttp(request: ClientRequest): Following | undefined {
  return follow(
    request,
    request.method,
    hostOfRequest(request),
    request.path,
    request.getHeader('user-agent'),
  )
}

function tapUndici(request: UndiciRequest, following: Following): void {
  const { onData, onBodySent } = request
  if (typeof onData === 'function') {
    request.onData = (chunk) => {
      const result = onData.call(request, chunk)
      if (!following.hasReceivedByChannel) following.received(bytesOf(chunk))
      return result
    }
  }
  if (typeof onBodySent === 'function') {
    request.onBodySent = (chunk) => {
      const result = onBodySent.call(request, chunk)
      if (!following.hasSentByChannel) following.sent(bytesOf(chunk))
      return result
    }
  }
}

function tapRequest(request: ClientRequest, following: Following): void {
  const { write, end } = request
  request.write = (chunk: unknown, ...rest: unknown[]): boolean => {
    following.sent(bytesOf(chunk))
    return Reflect.apply(write, request, [chunk, ...rest])
  }
  request.end = (...given: unknown[]): ClientRequest => {
    following.sent(bytesOf(given[0]))
    return Reflect.apply(end, request, given)
  }
}

/** `push` is how Node's parser hands over each piece of a body, and `null` when it is whole. */
function tapAnswer(response: IncomingMessage, following: Following): void {
  const { push } = response
  response.push = (chunk, encoding) => {
    const result = push.call(response, chunk, encoding)
    if (chunk === null) following.ended()
    else following.received(bytesOf(chunk))
    return result
  }
  response.once('close', () => {
    if (!response.complete) following.failed(readField(response, 'errored') ?? new Error('aborted'))
  })
}

const NOTHING = new Uint8Array(0)

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  return typeof chunk === 'string' ? Buffer.from(chunk) : NOTHING
}

/** What was written of a request and waits for its socket to connect. */
function waitingBytes(request: ClientRequest): Uint8Array[] {
  const socket = readField(readField(request, 'socket'), 'writableBuffer')
  return [readField(request, 'outputData'), socket].flatMap((list) =>
    isList(list) ? list.map((each) => bytesOf(readField(each, 'data') ?? readField(each, 'chunk'))) : [],
  )
}

const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value
  return Array.isArray(value) ? value.join(', ') : undefined
}

const textOfBytes = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)

/**
 * A header, of a list of names and values as undici has them (texts or bytes), or of its older versions' one text.
 * @param name in lower case
 */
function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers === 'string') {
    return new RegExp(`(?:^|\\n)${name}: *([^\\r\\n]*)`, 'i').exec(headers)?.[1]
  }
  if (!Array.isArray(headers)) return undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const each: unknown = headers[i]
    const isText = typeof each === 'string' || each instanceof Uint8Array
    if (isText && each.length === name.length && textOfBytes(each).toLowerCase() === name)
      return textOfBytes(headers[i + 1])
  }
  return undefined
}

/** Origins are few, and asked for with each request. */
const MAX_ORIGINS = 500
const hosts = new Map<string, string>()

function hostOfOrigin(origin: unknown): string | undefined {
  const text = typeof origin === 'string' ? origin : readField(origin, 'origin')
  if (typeof text !== 'string') return undefined
  let host = hosts.get(text)
  if (host === undefined && URL.canParse(text)) {
    host = new URL(text).host
    if (hosts.size >= MAX_ORIGINS) hosts.clear()
    hosts.set(text, host)
  }
  return host
}

/** The `Host` header has the port where it is not the usual one; it may be another host's, set by the application. */
function hostOfRequest(request: ClientRequest): string | undefined {
  const { host } = request
  if (typeof host !== 'string') return undefined
  const said = request.getHeader('host')
  const plain = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return typeof said === 'string' && (said === plain || said.startsWith(`${plain}:`)) ? said : plain
}
