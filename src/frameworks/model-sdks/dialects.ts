/**
 * The HTTP interfaces of model providers: by which paths they are known, and where their answers say what was used.
 * Sources: OpenAI's API reference (chat completions, completions, responses, embeddings), which most other providers
 * and local servers speak too; Anthropic's (messages); Google's (`generateContent` of the Gemini API and Vertex AI).
 */
import { BoundedMap } from '../../format/bounded-map.js'
import { isList, readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'
import { Marks } from './marks.js'

/** What an answer tells of its call. What it does not tell is left out: no number is made up. */
export interface Found {
  /** Whether it is an answer of a model, and not of something else that has such a path. */
  isAnswer?: boolean
  /** Whether nothing more can come that matters. */
  isWhole?: boolean
  /** Whether the model was going on, or was to begin, whether anybody hears it or not: it runs in the background. */
  isPending?: boolean
  model?: string
  responseId?: string
  inputTokens?: number
  outputTokens?: number
  cacheReadTokens?: number
  cacheWriteTokens?: number
  costUsd?: number
  error?: string
}

export interface Dialect {
  /** How paths end that speak it; a group, if any, is the model. */
  readonly path: RegExp
  /** Who is called so if the host is nobody's that is known (`gen_ai.provider.name`). */
  readonly provider: string
  /** Whether others have such paths too. */
  readonly isCommonPath?: boolean
  /**
   * One of these is in each event of a stream that says something, but for how the answer begins. Where an event's text
   * has them too, it is read in vain.
   */
  readonly marks: Marks
  /**
   * Whether a stream may be over with these bytes, by a glance: a caller need not wait for the end of its connection.
   * It may miss an end.
   */
  mayEnd(bytes: Uint8Array): boolean
  /** Takes in a whole answer, or one piece of a stream. */
  read(json: unknown, found: Found): void
  /** Whether a piece of a stream is a part of what the model says. */
  isContent(json: unknown): boolean
}

const at = (from: unknown, ...path: (string | number)[]): unknown => path.reduce(readField, from)

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined

type FoundFields = { [K in keyof Found]?: Found[K] | undefined }

/** Sets what is known, and leaves what was known before. */
function put(found: FoundFields, more: FoundFields): void {
  for (const name in more) {
    const value = more[name as keyof Found]
    if (value !== undefined) (found as Record<string, unknown>)[name] = value
  }
}

/** What an error in an answer says, in the words of any of them. */
export function errorIn(json: unknown): string | undefined {
  const error = readField(isList(json) ? json[0] : json, 'error')
  if (typeof error === 'string' && error !== '') return brief(error)
  const kind = textOf(readField(error, 'type')) ?? textOf(readField(error, 'status'))
  const code = textOf(readField(error, 'code'))
  const message = textOf(readField(error, 'message'))
  const what = kind ?? code
  if (message === undefined) return what === undefined ? undefined : brief(what)
  return brief(what === undefined ? message : `${what}: ${message}`)
}

/** Of answers that are never streams. */
const NO_MARKS = new Marks()
const NEVER = (): boolean => false

/** Where the text of these bytes ends, without the ends of lines. */
function lengthOf(bytes: Uint8Array): number {
  let { length } = bytes
  while (length > 0 && (bytes[length - 1] === 10 || bytes[length - 1] === 13)) length--
  return length
}

const [COMPLETED, INCOMPLETE, FAILED] = ['com', 'inc', 'fai'].map((word) => Buffer.from(word)) as [
  Buffer,
  Buffer,
  Buffer,
]

/** Tokens as OpenAI's older interfaces name them. */
function readChatUsage(usage: unknown, found: Found): void {
  put(found, {
    inputTokens: countOf(readField(usage, 'prompt_tokens')),
    outputTokens: countOf(readField(usage, 'completion_tokens')),
    cacheReadTokens:
      countOf(at(usage, 'prompt_tokens_details', 'cached_tokens')) ??
      countOf(readField(usage, 'prompt_cache_hit_tokens')),
    // OpenRouter alone tells it.
    costUsd: countOf(readField(usage, 'cost')),
  })
}

const CONTENTS = ['content', 'tool_calls', 'refusal', 'reasoning_content', 'reasoning', 'function_call']

const chat: Dialect = {
  // `[DONE]`
  mayEnd: (bytes) => bytes[lengthOf(bytes) - 1] === 93,
  path: /(?:\/deployments\/([^/]+))?\/(?:chat\/)?completions$/,
  provider: 'openai',
  marks: new Marks('"usage":{', '"usage": {', '"usage" ', '"error"', ':[DONE]', ' [DONE]'),
  read(json, found) {
    const isAnswer = isList(readField(json, 'choices'))
    put(found, {
      isAnswer: isAnswer || undefined,
      model: textOf(readField(json, 'model')),
      responseId: textOf(readField(json, 'id')),
      error: errorIn(json),
    })
    readChatUsage(readField(json, 'usage') ?? at(json, 'x_groq', 'usage'), found)
  },
  isContent(json) {
    const choice = readField(readField(json, 'choices'), 0)
    const delta = readField(choice, 'delta')
    return (
      CONTENTS.some((name) => {
        const value = readField(delta, name)
        return value !== undefined && value !== null && value !== ''
      }) || textOf(readField(choice, 'text')) !== undefined
    )
  },
}

const OVER = /^response\.(?:completed|incomplete|failed)$/

const responses: Dialect = {
  mayEnd(bytes) {
    // `event: response.completed`, or `data: {"type":"response.completed"` where events have no names.
    const at = bytes[0] === 101 ? 16 : 22
    return [COMPLETED, INCOMPLETE, FAILED].some(
      (word) => bytes[at] === word[0] && bytes[at + 1] === word[1] && bytes[at + 2] === word[2],
    )
  },
  path: /\/responses$/,
  provider: 'openai',
  isCommonPath: true,
  marks: new Marks('response.completed', 'response.incomplete', 'response.failed', '"error"'),
  read(json, found) {
    const type = textOf(readField(json, 'type'))
    if (type === 'error') {
      put(found, { isAnswer: true, error: textOf(readField(json, 'message')) ?? errorIn(json) ?? type })
      return
    }
    const response = readField(json, 'response') ?? json
    if (readField(response, 'object') !== 'response') {
      put(found, { error: errorIn(json) })
      return
    }
    const status = readField(response, 'status')
    const usage = readField(response, 'usage')
    const isOver = status !== 'queued' && status !== 'in_progress'
    put(found, {
      // One that runs in the background has said nothing yet.
      isAnswer: type !== undefined || isOver || undefined,
      isWhole: (type !== undefined && OVER.test(type)) || undefined,
      // A stream is its answer too while somebody hears it.
      isPending: (!isOver && (type === undefined || readField(response, 'background') === true)) || undefined,
      model: textOf(readField(response, 'model')),
      responseId: textOf(readField(response, 'id')),
      inputTokens: countOf(readField(usage, 'input_tokens')),
      outputTokens: countOf(readField(usage, 'output_tokens')),
      cacheReadTokens: countOf(at(usage, 'input_tokens_details', 'cached_tokens')),
      error:
        status === 'failed'
          ? (errorIn(response) ?? 'failed')
          : status === 'cancelled'
            ? 'cancelled'
            : undefined,
    })
  },
  isContent: (json) => textOf(readField(json, 'type'))?.endsWith('.delta') === true,
}

const embeddings: Dialect = {
  mayEnd: NEVER,
  path: /(?:\/deployments\/([^/]+))?\/embeddings$/,
  provider: 'openai',
  isCommonPath: true,
  marks: NO_MARKS,
  read(json, found) {
    const isAnswer = isList(readField(json, 'data')) && readField(json, 'usage') !== undefined
    // The model makes no tokens.
    if (isAnswer) put(found, { isAnswer, outputTokens: 0 })
    put(found, { model: textOf(readField(json, 'model')), error: errorIn(json) })
    const { inputTokens } = readUsage(json)
    put(found, { inputTokens })
  },
  isContent: () => false,
}

function readUsage(json: unknown): Found {
  const found: Found = {}
  readChatUsage(readField(json, 'usage'), found)
  return found
}

const messages: Dialect = {
  mayEnd(bytes) {
    // `{"type":"message_stop"}`, with any spaces: what the model says ends in two brackets.
    let last = lengthOf(bytes) - 1
    if (bytes[last--] !== 125) return false
    while (bytes[last] === 32) last--
    return bytes[last] === 34
  },
  path: /\/v1\/messages$|\/publishers\/anthropic\/models\/([^/:]+):(?:streamR|r)awPredict$/,
  provider: 'anthropic',
  marks: new Marks('"usage"', '"error"', 'message_stop'),
  read(json, found) {
    const type = readField(json, 'type')
    if (type === 'error') {
      put(found, { error: errorIn(json) ?? 'error' })
      return
    }
    if (type === 'message_stop') put(found, { isWhole: true })
    const message = type === 'message_start' ? readField(json, 'message') : json
    const usage = readField(message, 'usage')
    if (readField(message, 'type') === 'message') {
      put(found, {
        isAnswer: true,
        model: textOf(readField(message, 'model')),
        responseId: textOf(readField(message, 'id')),
      })
    } else if (type !== 'message_delta') return
    const fresh = countOf(readField(usage, 'input_tokens'))
    const cacheReadTokens = countOf(readField(usage, 'cache_read_input_tokens'))
    const cacheWriteTokens = countOf(readField(usage, 'cache_creation_input_tokens'))
    put(found, {
      // It counts the cache's tokens apart.
      inputTokens: fresh === undefined ? undefined : fresh + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0),
      // At the start of a stream it is no more than one, and no sum.
      outputTokens: type === 'message_start' ? undefined : countOf(readField(usage, 'output_tokens')),
      cacheReadTokens,
      cacheWriteTokens,
    })
  },
  isContent(json) {
    const type = readField(json, 'type')
    return (
      type === 'content_block_delta' ||
      (type === 'content_block_start' && at(json, 'content_block', 'type') !== 'text')
    )
  },
}

const FINISH = Buffer.from('"finishReason"')

const generateContent: Dialect = {
  // Its pieces are few, and the connection may end long after the last one.
  mayEnd: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(FINISH),
  path: /\/models\/([^/:]+):(?:streamG|g)enerateContent$/,
  provider: 'gcp.gemini',
  marks: new Marks('"usageMetadata"', '"error"'),
  read(json, found) {
    // A stream without server-sent events is a list.
    if (isList(json)) {
      for (const each of json) generateContent.read(each, found)
      return
    }
    const usage = readField(json, 'usageMetadata')
    const prompt = countOf(readField(usage, 'promptTokenCount'))
    const total = countOf(readField(usage, 'totalTokenCount'))
    const isAnswer = readField(json, 'candidates') !== undefined || usage !== undefined
    const said = countOf(readField(usage, 'candidatesTokenCount'))
    const thought = countOf(readField(usage, 'thoughtsTokenCount'))
    // Where the model said nothing its tokens are not named, yet the sum is.
    const isTold = said !== undefined || thought !== undefined || (total !== undefined && total === prompt)
    const isLast = usage !== undefined && textOf(at(json, 'candidates', 0, 'finishReason')) !== undefined
    put(found, {
      isAnswer: isAnswer || undefined,
      isWhole: isLast || undefined,
      model: textOf(readField(json, 'modelVersion')),
      responseId: textOf(readField(json, 'responseId')),
      inputTokens:
        prompt === undefined
          ? undefined
          : prompt + (countOf(readField(usage, 'toolUsePromptTokenCount')) ?? 0),
      outputTokens: isTold ? (said ?? 0) + (thought ?? 0) : undefined,
      cacheReadTokens: countOf(readField(usage, 'cachedContentTokenCount')),
      error: errorIn(json),
    })
  },
  isContent: (json) => isList(at(json, 'candidates', 0, 'content', 'parts')),
}

const embedContent: Dialect = {
  mayEnd: NEVER,
  path: /\/models\/([^/:]+):(?:batchE|e)mbedContents?$/,
  provider: 'gcp.gemini',
  marks: NO_MARKS,
  read(json, found) {
    const isAnswer = readField(json, 'embedding') !== undefined || readField(json, 'embeddings') !== undefined
    if (isAnswer) put(found, { isAnswer, outputTokens: 0 })
    put(found, {
      inputTokens: countOf(at(json, 'usageMetadata', 'promptTokenCount')),
      error: errorIn(json),
    })
  },
  isContent: () => false,
}

const DIALECTS = [chat, responses, messages, generateContent, embeddings, embedContent]

/** Providers by how their hosts end, as the conventions name them (`gen_ai.provider.name`). */
const HOSTS: readonly (readonly [string, string])[] = [
  ['api.openai.com', 'openai'],
  ['.openai.azure.com', 'azure.ai.openai'],
  ['.cognitiveservices.azure.com', 'azure.ai.openai'],
  ['.services.ai.azure.com', 'azure.ai.inference'],
  ['api.anthropic.com', 'anthropic'],
  ['generativelanguage.googleapis.com', 'gcp.gemini'],
  ['aiplatform.googleapis.com', 'gcp.vertex_ai'],
  ['api.mistral.ai', 'mistral_ai'],
  ['api.groq.com', 'groq'],
  ['api.deepseek.com', 'deepseek'],
  ['api.x.ai', 'x_ai'],
  ['api.perplexity.ai', 'perplexity'],
  ['api.cohere.com', 'cohere'],
  ['api.cohere.ai', 'cohere'],
  ['api.moonshot.ai', 'moonshot_ai'],
  ['openrouter.ai', 'openrouter'],
]

/** Who is asked for a model, in which words. */
export interface Endpoint {
  dialect: Dialect
  provider: string
  /** Whether the host is a provider's that is known. */
  isProvider: boolean
  /** As the path names it. */
  model: string | undefined
}

/** Endpoints that are remembered at least: a process asks few, again and again. */
const MAX_ENDPOINTS = 100
const endpoints = new BoundedMap<Endpoint>(MAX_ENDPOINTS)
/** That which was asked for last, mostly for the next request too. */
let last: { host: string; path: string; endpoint: Endpoint } | undefined

/** What a request asks for, if it asks a model. */
export function endpointOf(method: string, host: string, path: string): Endpoint | undefined {
  if (method !== 'POST') return undefined
  if (last !== undefined && last.path === path && last.host === host) return last.endpoint
  const url = `${host} ${path}`
  const endpoint = endpoints.get(url) ?? newEndpoint(host, path)
  if (endpoint === undefined) return undefined
  endpoints.set(url, endpoint)
  last = { host, path, endpoint }
  return endpoint
}

function newEndpoint(host: string, path: string): Endpoint | undefined {
  for (const dialect of DIALECTS) {
    const match = dialect.path.exec(path)
    if (match === null) continue
    const name = host.replace(/:\d+$/, '')
    const known = HOSTS.find(([end]) => (end.startsWith('.') ? name.endsWith(end) : isOf(name, end)))
    return {
      dialect,
      provider: known?.[1] ?? dialect.provider,
      isProvider: known !== undefined,
      model: decoded(match[1]),
    }
  }
  return undefined
}

/** Vertex AI has a host for each region: `europe-west1-aiplatform.googleapis.com`. */
const isOf = (host: string, end: string): boolean =>
  host === end || host.endsWith(`.${end}`) || host.endsWith(`-${end}`)

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return text
  }
}
