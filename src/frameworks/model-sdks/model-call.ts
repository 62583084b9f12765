/**
 * One model call, as the wire tells it: followed from its request to the end of its answer. What comes is kept as it is,
 * and read when the turn is over: the client does not wait for that.
 */
import type { Fields } from '../../format/fields.js'
import { whyOf } from '../http/errors.js'
import type { Body, Follower, OutgoingRequest } from '../http/requests.js'
import { Teller, type UsageSeen } from '../http/teller.js'
import type { Stage } from '../stage.js'
import { Answer, MAY_BEGIN, NO_MORE } from './answer.js'
import type { Background, Begun } from './background.js'
import { DecodedBody } from './decoded-body.js'
import type { Endpoint, Found } from './dialects.js'

/** Bytes of a request that are kept, for the model's name in it. */
const MAX_SENT = 256 * 1024
/** A text in JSON has its quotation marks escaped, so this is never within one. */
const MODEL = /"model"\s*:\s*"((?:[^"\\]|\\.){1,256})"/

/** How lines of server-sent events begin, and no JSON does: `data`, `event`, `id`, `retry` or a comment. */
const EVENT_BEGINS: ReadonlySet<number> = new Set(Buffer.from('deir:'))

export class ModelCall implements Follower, Body {
  #request: OutgoingRequest
  #endpoint: Endpoint
  #background: Background
  /** What this request asks for, if that was begun by another one. */
  #begun: Begun | undefined
  #teller: Teller
  #sent: Uint8Array[] = []
  #sentBytes = 0
  /** Of the answer, once there is one. */
  #status = 0
  #isStream = false
  #answer: Answer | undefined
  #decoded: DecodedBody | undefined
  /** How often it is to be looked at when this turn is over whether the model has begun, or said all. */
  #looks = 0
  #isTold = false

  /** @param begun the response that is asked for, of a request that makes none */
  constructor(
    stage: Stage,
    request: OutgoingRequest,
    endpoint: Endpoint,
    background: Background,
    begun?: Begun,
  ) {
    this.#request = request
    this.#endpoint = endpoint
    this.#background = background
    this.#begun = begun
    this.#teller = begun?.teller ?? Teller.of(stage, request)
  }

  answered(status: number, header: (name: string) => string | undefined): void {
    this.#status = status
    this.#isStream = header('content-type')?.includes('text/event-stream') === true
    this.#answer = undefined
    const encoding = header('content-encoding')
    if (encoding !== undefined) this.#decoded = new DecodedBody(encoding, (bytes) => this.#take(bytes))
  }

  #take(bytes: Uint8Array): void {
    if (this.#status === 0 || this.#isTold || bytes.length === 0) return
    // Some proxies name another type, and clients read the stream all the same.
    this.#answer ??= new Answer(
      this.#endpoint.dialect,
      this.#isStream || EVENT_BEGINS.has(bytes[0] as number),
    )
    const answer = this.#answer
    const more = answer.add(bytes)
    // Next to all pieces of a stream are only kept.
    if (more === NO_MORE || (more === MAY_BEGIN && this.#looks > 0)) return
    this.#looks++
    this.#later(answer.size, (ms) => {
      // The last one reads what came until then, and knows when that was.
      if (--this.#looks > 0) return
      answer.read()
      // Its reader need not wait for the end of the connection, nor does the line.
      if (answer.found.isWhole === true && this.#status < 300) this.#tell(ms)
    })
  }

  get body(): Body {
    return this
  }

  sent(bytes: Uint8Array): void {
    if (this.#sentBytes > MAX_SENT) return
    this.#sent.push(bytes)
    this.#sentBytes += bytes.length
  }

  received(bytes: Uint8Array): void {
    if (this.#isTold) return
    if (this.#decoded === undefined) this.#take(bytes)
    else this.#decoded.add(bytes)
  }

  ended(): void {
    this.#end()
  }

  failed(error: unknown): void {
    this.#end(whyOf(error))
  }

  /** @param why the answer did not come, or not to its end */
  #end(why?: string): void {
    if (this.#isTold) return
    const size = (this.#answer?.size ?? 0) + (this.#decoded?.size ?? 0)
    this.#later(size, (ms) => {
      const over = (): void => {
        this.#answer?.end()
        this.#tell(ms, this.#answer?.found.isWhole === true ? undefined : why)
      }
      if (this.#decoded === undefined) over()
      else this.#decoded.end(over)
    })
  }

  /**
   * Does something when this turn is over, unless the call is told by then.
   * @param size bytes that wait for it
   * @param act gets the milliseconds from the request until now: how long the call took, if the answer ends now
   */
  #later(size: number, act: (ms: number) => void): void {
    const { startTs, startedAt } = this.#request
    const ms = Math.round(performance.now() - startedAt)
    const unlessTold = (): void => {
      if (!this.#isTold) act(ms)
    }
    this.#teller.later(startTs + ms, unlessTold, size)
  }

  /**
   * @param over milliseconds from the request to the end of the answer
   * @param why the answer did not come, or not to its end
   */
  #tell(over: number, why?: string): void {
    if (this.#isTold) return
    const { found = {} } = this.#answer ?? {}
    if (this.#isOpen(found)) return
    const { dialect, provider, isProvider, model: inPath } = this.#endpoint
    const status = this.#status
    const refusal =
      status < 400 ? found.error : `${status}${found.error === undefined ? '' : ` ${found.error}`}`
    // A client that reads an error in a stream leaves that: then it is the reason, and not that it was left.
    const error = found.error === undefined ? (why ?? refusal) : refusal
    // As it was asked for. OpenAI's paths name a deployment of Azure's at most.
    const said = this.#begun?.model ?? this.#asked() ?? found.model
    const model = dialect.provider === 'openai' ? (said ?? inPath) : (inPath ?? said)
    this.#sent = []
    // A path that others have too says little, and so does an answer that is none of a model's: one that runs in the
    // background says its tokens later.
    const isModels =
      found.isAnswer === true ||
      dialect.isCommonPath !== true ||
      (error !== undefined && (isProvider || model !== undefined))
    if (!isModels) return
    this.#isTold = true
    this.#answer?.end()
    const { startTs, startedAt } = this.#begun?.request ?? this.#request
    const { contentAt } = this.#answer ?? {}
    // The rest of a stream does not say when it began.
    const ttftMs =
      contentAt === undefined || this.#begun !== undefined ? undefined : Math.round(contentAt - startedAt)
    const ms = Math.max(over + Math.round(this.#request.startedAt - startedAt), ttftMs ?? 0)
    const { responseId, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd } = found
    // What was told of its tokens before it failed is to be paid all the same.
    const tokens = { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd, responseId }
    const told = known({ model, provider, ...tokens, ms, ttftMs, error })
    this.#teller.usage(told as UsageSeen, { startTs, endTs: startTs + ms })
  }

  /** Whether the model goes on in the background, or it was told already how it ended, by another answer. */
  #isOpen(found: Found): boolean {
    const { responseId, isPending, isAnswer, isWhole } = found
    if (this.#begun !== undefined) {
      // Of a stream any piece is an answer.
      const isOver = isWhole === true || (isAnswer === true && this.#answer?.isStream === false)
      return this.#status >= 300 || !isOver || !this.#background.end(this.#begun)
    }
    if (responseId === undefined || isPending !== true || isWhole === true || this.#status >= 300)
      return false
    this.#background.begin({
      responseId,
      endpoint: this.#endpoint,
      request: this.#request,
      teller: this.#teller,
      model: this.#asked() ?? found.model,
    })
    this.#sent = []
    return true
  }

  /** The model that the request names. */
  #asked(): string | undefined {
    const [first, second] = this.#sent
    if (first === undefined) return undefined
    const sent = second === undefined ? first : Buffer.concat(this.#sent)
    return MODEL.exec(Buffer.from(sent.buffer, sent.byteOffset, sent.length).toString())?.[1]
  }
}

/** What is known of these fields. */
const known = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
