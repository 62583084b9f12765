/**
 * The model calls of one run of Claude Code. Each is told in halves: the message of its answer has the answer's id and
 * the tokens of the input, for it is sent before the answer is whole; the tokens of the output are in its logs, in the
 * transcripts that it keeps, or in the pieces of the answer where the application has asked for those. One half waits for
 * the other.
 */
import { readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'
import type { Agent } from '../../hive/agent.js'
import { numberIn, textIn } from '../reading.js'
import type { CallSeen, Stage } from '../stage.js'

const SOURCE = 'Claude Agent SDK'

/** Where the other half of a message comes from. */
export type Other = 'logs' | 'transcripts' | 'nowhere'

/** Milliseconds that a message waits for the transcript which it is in. */
const MAX_WAIT_MS = 1_000
/** Of what is remembered of one session: a bound for one that is hostile. */
const MAX_REMEMBERED = 20_000
/** Halves that wait: a call is told within the second. */
const MAX_HALVES = 100

/** A message of the model, or a log of the call that it came from. */
interface Half {
  readonly agent: Agent
  readonly inputTokens: number | undefined
  readonly call: CallSeen
  /** When it came: `performance.now()`. */
  readonly at: number
}

export class ModelCalls {
  /** From where the tokens of the output come. */
  other: Other = 'nowhere'
  #stage: Stage
  /** Messages of the model that are known. */
  #messages = new Set<string>()
  #waiting: Half[] = []
  #logsWithoutMessage: Half[] = []
  /** Messages that were told before their logs came. */
  #toldEarly: Half[] = []
  /** Tokens of answers that were whole before their message was known, by id. */
  #outputs = new Map<string, number>()
  /** The answer whose pieces come. */
  #streamed = ''

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** Whether some message waits for its other half. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** A message of the model in the pipe, or in a transcript, which may have more of it. */
  message(agent: Agent, inner: unknown, isWhole: boolean): void {
    const responseId = textIn(inner, 'id')
    if (responseId === undefined) return
    const usage = readField(inner, 'usage')
    const outputTokens = isWhole ? numberIn(usage, 'output_tokens') : this.#outputs.get(responseId)
    if (this.#messages.has(responseId)) {
      if (outputTokens !== undefined) this.#whole(responseId, outputTokens)
      return
    }
    if (this.#messages.size >= MAX_REMEMBERED) this.#messages.clear()
    this.#messages.add(responseId)
    this.#outputs.delete(responseId)
    const tokens = tokensOf(
      numberIn(usage, 'input_tokens'),
      numberIn(usage, 'cache_read_input_tokens'),
      numberIn(usage, 'cache_creation_input_tokens'),
    )
    const call = seen({ model: textIn(inner, 'model'), responseId, ...tokens, outputTokens })
    const half: Half = { agent, inputTokens: tokens.inputTokens, call, at: performance.now() }
    // Its log was told when it came.
    if (takeHalf(this.#logsWithoutMessage, half) !== undefined) return
    const waits = this.other === 'logs' || (this.other === 'transcripts' && outputTokens === undefined)
    if (!waits) this.#stage.usage(agent, call)
    else {
      const oldest = keepHalf(this.#waiting, half)
      if (oldest !== undefined) this.#tellAsItIs(oldest)
    }
  }

  /** A piece of an answer: the first has its id, the last how many tokens it has. */
  piece(event: unknown): void {
    const type = textIn(event, 'type')
    if (type === 'message_start') this.#streamed = textIn(readField(event, 'message'), 'id') ?? ''
    const outputTokens = numberIn(readField(event, 'usage'), 'output_tokens')
    const isLast = textIn(readField(event, 'delta'), 'stop_reason') !== undefined
    if (type !== 'message_delta' || !isLast || outputTokens === undefined || this.#streamed === '') return
    if (this.#messages.has(this.#streamed)) this.#whole(this.#streamed, outputTokens)
    else if (this.#outputs.size < MAX_HALVES) this.#outputs.set(this.#streamed, outputTokens)
  }

  /** A log of a call. */
  request(agent: Agent, attributes: Record<string, unknown>): void {
    const tokens = tokensOf(
      numberIn(attributes, 'input_tokens'),
      numberIn(attributes, 'cache_read_tokens'),
      numberIn(attributes, 'cache_creation_tokens'),
    )
    const call = seen({
      model: textIn(attributes, 'model'),
      ...tokens,
      outputTokens: numberIn(attributes, 'output_tokens'),
      costUsd: numberIn(attributes, 'cost_usd'),
      ms: numberIn(attributes, 'duration_ms'),
      ttftMs: numberIn(attributes, 'ttft_ms'),
    })
    const half: Half = { agent, inputTokens: tokens.inputTokens, call, at: performance.now() }
    if (takeHalf(this.#toldEarly, half) !== undefined) return
    const message = takeHalf(this.#waiting, half)
    this.#stage.usage(agent, { ...message?.call, ...call })
    // A message of this call may be on its way in the pipe.
    if (message === undefined) keepHalf(this.#logsWithoutMessage, half)
  }

  /** A log of a call that failed. */
  failure(agent: Agent, attributes: Record<string, unknown>): void {
    const status = attributes.status_code
    const said = textIn(attributes, 'error') ?? 'failed'
    const call = {
      model: textIn(attributes, 'model'),
      ms: numberIn(attributes, 'duration_ms'),
      error: brief(status === undefined ? said : `${status} ${said}`),
    }
    this.#stage.usage(agent, seen(call))
  }

  /** Tells what waits in vain: of that agent, else what has waited too long. */
  giveUp(agent?: Agent): void {
    const now = performance.now()
    const isDue = (half: Half): boolean =>
      agent === undefined ? now - half.at > MAX_WAIT_MS : half.agent === agent
    const due = this.#waiting.filter(isDue)
    this.#waiting = this.#waiting.filter((half) => !isDue(half))
    for (const half of due) this.#tellAsItIs(half)
  }

  /** Tells all that waits: nothing comes any more. */
  flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const half of waiting) this.#tellAsItIs(half)
  }

  #whole(responseId: string, outputTokens: number): void {
    // Its log says more, and comes.
    if (this.other === 'logs') return
    const i = this.#waiting.findIndex(({ call }) => call.responseId === responseId)
    const [half] = i < 0 ? [] : this.#waiting.splice(i, 1)
    if (half !== undefined) this.#stage.usage(half.agent, { ...half.call, outputTokens })
  }

  #tellAsItIs(half: Half): void {
    this.#stage.usage(half.agent, half.call)
    keepHalf(this.#toldEarly, half)
  }
}

/** A call with what is known of it. */
function seen(call: { [K in keyof CallSeen]?: CallSeen[K] | undefined }): CallSeen {
  const known = Object.entries(call).filter(([, value]) => value !== undefined)
  return { source: SOURCE, provider: 'anthropic', ...Object.fromEntries(known) }
}

/** Anthropic counts what was read from and written to its cache apart. */
function tokensOf(fresh: number | undefined, read: number | undefined, written: number | undefined) {
  return {
    inputTokens: fresh === undefined ? undefined : fresh + (read ?? 0) + (written ?? 0),
    cacheReadTokens: read,
    cacheWriteTokens: written,
  }
}

/** @returns the one that has no place any more */
function keepHalf(halves: Half[], half: Half): Half | undefined {
  halves.push(half)
  return halves.length > MAX_HALVES ? halves.shift() : undefined
}

function takeHalf(halves: Half[], { agent, inputTokens }: Half): Half | undefined {
  const i = halves.findIndex((each) => each.agent === agent && each.inputTokens === inputTokens)
  return i < 0 ? undefined : halves.splice(i, 1)[0]
}
