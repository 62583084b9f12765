/** Sends spans over OTLP/HTTP, one request at a time asked for, in a way that can be ended. */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import type { IExportTraceServiceResponse, ISerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { brief } from '../format/quote.js'
import { type Outcome, reasonOf, type SpanSender } from './bounded-processor.js'

/** How a backend is spoken to. */
export interface OtlpSettings {
  url: string
  timeoutMs: number
  isCompressed: boolean
  contentType: string
  headers(): Promise<Record<string, string>>
  agent(protocol: string): Agent | Promise<Agent>
  serializer: ISerializer<ReadableSpan[], IExportTraceServiceResponse>
}

/** Answers after which the same request may go well later (OTLP specification, retryable response codes). */
const RETRYABLE: readonly (number | undefined)[] = [429, 502, 503, 504]
/**
 * A connection that is not there after this long will not be. Until then it holds a process that has nothing else to
 * do, and so has no end at which the last spans could be sent.
 */
const CONNECT_MS = 3_000
/** Bytes of an answer that are kept. */
const MAX_ANSWER = 64 * 1024

export class OtlpSender implements SpanSender<Uint8Array> {
  readonly timeoutMs: number
  #settings: OtlpSettings
  #prepare: (span: ReadableSpan) => ReadableSpan
  #clean: (text: string) => string
  #url: URL
  #agent: Promise<Agent> | undefined
  #open = new Set<ClientRequest>()
  #isClosed = false

  /**
   * @param prepare what is sent in a span's place, asked for once for each
   * @param clean what people may see of the backend's words, which can repeat what was sent
   */
  constructor(
    settings: OtlpSettings,
    prepare: (span: ReadableSpan) => ReadableSpan,
    clean: (text: string) => string,
  ) {
    this.#clean = clean
    this.#settings = settings
    this.#prepare = prepare
    this.#url = new URL(settings.url)
    this.timeoutMs = settings.timeoutMs
  }

  async build(spans: readonly ReadableSpan[]): Promise<Uint8Array> {
    for (const { resource } of spans) {
      if (resource.asyncAttributesPending) await resource.waitForAsyncAttributes?.()
    }
    const body = this.#settings.serializer.serializeRequest(spans.map(this.#prepare))
    if (body === undefined) throw new Error('the spans cannot be written as a request')
    return this.#settings.isCompressed ? compressed(body) : body
  }

  async send(body: Uint8Array): Promise<Outcome> {
    // Loaded here, so that what instruments HTTP has been there before.
    const { request } =
      this.#url.protocol === 'https:' ? await import('node:https') : await import('node:http')
    this.#agent ??= Promise.resolve(this.#settings.agent(this.#url.protocol))
    const agent = await this.#agent
    const headers = await this.#settings.headers()
    if (this.#isClosed) {
      agent.destroy()
      return { status: 'retry', why: 'the end has come' }
    }
    return new Promise((resolve) => {
      const sent = request(this.#url, {
        method: 'POST',
        agent,
        headers: {
          ...headers,
          'Content-Type': this.#settings.contentType,
          'Content-Length': body.byteLength,
          ...(this.#settings.isCompressed && { 'Content-Encoding': 'gzip' }),
        },
      })
      this.#open.add(sent)
      const late = (ms: number, what: string): NodeJS.Timeout =>
        setTimeout(() => sent.destroy(new Error(`${what} within ${ms} ms`)), ms).unref()
      const unanswered = late(this.timeoutMs, 'no answer')
      const unconnected = late(Math.min(CONNECT_MS, this.timeoutMs), 'no connection')
      const end = (outcome: Outcome): void => {
        clearTimeout(unanswered)
        clearTimeout(unconnected)
        this.#open.delete(sent)
        resolve(outcome)
      }
      sent.on('socket', (socket) => {
        // A process that has nothing else to do gets to its end, which sends the last spans and waits for them.
        socket.unref()
        const connected = (): void => clearTimeout(unconnected)
        if (socket.connecting) socket.once('connect', connected)
        else connected()
      })
      sent.on('error', (error) => end({ status: 'retry', why: reasonOf(error) }))
      sent.on('response', (answer) => {
        this.#outcomeOf(answer).then(end, (error) => end({ status: 'retry', why: reasonOf(error) }))
      })
      sent.end(body)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const each of this.#open) each.destroy()
    this.#agent?.then(
      (agent) => agent.destroy(),
      () => {},
    )
  }

  async #outcomeOf(answer: IncomingMessage): Promise<Outcome> {
    const { statusCode = 0, statusMessage = '' } = answer
    const isTaken = statusCode >= 200 && statusCode < 300
    const body = await bodyOf(answer).catch((error: unknown) => {
      // The status has said it already.
      if (statusCode === 0) throw error
      return Buffer.alloc(0)
    })
    if (isTaken) return this.#taken(body, answer.headers['content-type'])
    const why = brief(this.#clean(`${statusCode} ${statusMessage}`.trim()))
    if (!RETRYABLE.includes(statusCode)) {
      const words = body.toString().trim()
      return { status: 'refused', why: words === '' ? why : `${why}: ${brief(this.#clean(words))}` }
    }
    const afterMs = afterMsOf(answer.headers['retry-after'])
    return { status: 'retry', why, ...(afterMs !== undefined && { afterMs }) }
  }

  /** An answer of another form than was asked for says nothing against the spans. */
  #taken(body: Buffer, contentType = ''): Outcome {
    if (body.length === 0 || !contentType.startsWith(this.#settings.contentType)) return { status: 'sent' }
    let partial: IExportTraceServiceResponse['partialSuccess']
    try {
      partial = this.#settings.serializer.deserializeResponse(body).partialSuccess
    } catch {
      return { status: 'sent' }
    }
    const rejected = Number(partial?.rejectedSpans ?? 0)
    const words = partial?.errorMessage
    const why = typeof words === 'string' && words !== '' ? brief(this.#clean(words)) : ''
    if (!(rejected > 0)) return { status: 'sent', ...(why !== '' && { why }) }
    return { status: 'sent', rejected, why: why || 'the backend rejected some' }
  }
}

/** Packed as quickly as it goes. */
export async function compressed(body: Uint8Array): Promise<Uint8Array> {
  const { constants, gzip } = await import('node:zlib')
  // Telemetry repeats itself; what higher levels find more costs more than it saves.
  return promisify(gzip)(body, { level: constants.Z_BEST_SPEED })
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    if (size < MAX_ANSWER) parts.push(part)
    size += part.length
    if (size > MAX_ANSWER) break
  }
  return Buffer.concat(parts)
}

/** `Retry-After` in milliseconds: seconds, or a date. */
function afterMsOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const seconds = Number(given)
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(given) - Date.now()
  return ms > 0 ? ms : undefined
}
