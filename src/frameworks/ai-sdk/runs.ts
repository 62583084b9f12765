/** What the AI SDK's events mean: each call of `generateText` and the like is a run, known by its `callId`. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { readField } from '../../format/fields.js'
import type { Agent } from '../../hive/agent.js'
import type { ToolInput, UsageInput } from '../../hive/inputs.js'
import { bytesOf, isAbort, itemsIn, messageOf, numberIn, textIn } from '../reading.js'
import type { CallSeen, Stage } from '../stage.js'
import { observeStream } from './observed-stream.js'
import { providerName } from './provider-name.js'

interface Run {
  agent: Agent
  /** Whether the agent is the run's own: it ends with it. */
  isOwn: boolean
  /** Whether the list of integrations tells of this run; else the tracing channel alone does. */
  isListed: boolean
  /** The model call that is under way. */
  call: { model: string | undefined; provider: string | undefined; began: number } | undefined
  /** By tool call id: what tells its end. */
  tools: Map<string, (end: Omit<ToolInput, 'name' | 'ms'>) => void>
}

/** Operations that may be an agent; of the others only the model's call is told. */
const AGENT_OPERATIONS = new Set(['ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject'])

/** What `ToolLoopAgent` adds to the user agent of its calls. */
const AGENT_MARK = 'ai-sdk-agent/'

/** Runs at once. */
const MAX_RUNS = 10_000
/** What becomes of a run whose end nobody tells. */
const LEFT = { status: 'killed', error: 'left unfinished' } as const

export class Runs {
  #stage: Stage
  #runs = new Map<string, Run>()
  /** The id of the `ToolLoopAgent` whose call code is in. */
  #ids = new AsyncLocalStorage<string>()
  #isSeen = false
  #most: number
  /**
   * Of a stream that is not read to its end the SDK says no more. What it would say the end with lives as long as
   * somebody may read on.
   */
  #open = new FinalizationRegistry<string>((callId) => {
    this.#stage.tell('AI SDK', () => this.#end({ callId }, LEFT))
  })

  /** @param most runs at once; of more the oldest are taken for left */
  constructor(stage: Stage, most = MAX_RUNS) {
    this.#stage = stage
    this.#most = most
  }

  /** Runs the call of a `ToolLoopAgent` that has an id. */
  named(id: string, call: () => unknown): unknown {
    return this.#ids.run(id, call)
  }

  /** @returns the agent in whose run the code is that the channel's event begins */
  entered(message: unknown): Agent | undefined {
    const event = readField(message, 'event')
    const type = readField(message, 'type')
    const isRun = type === 'generateText' || type === 'streamText'
    const run = isRun ? this.#begin(event) : this.#runOf(event)
    if (isRun && run !== undefined) this.#open.register(message as object, textIn(event, 'callId') as string)
    if (run !== undefined && !run.isListed) {
      if (type === 'executeTool') this.#toolStart(run, event)
      else if (type === 'languageModelCall') callStart(run, event)
    }
    return run?.agent ?? this.#stage.running.getStore()
  }

  /** The channel tells that something has ended, of runs that only it tells of. */
  left(message: unknown): void {
    const event = readField(message, 'event')
    const type = readField(message, 'type')
    const run = this.#runOf(event)
    if (run === undefined || run.isListed) return
    const error = readField(message, 'error')
    const result = readField(message, 'result')
    if (type === 'languageModelCall') {
      if (error !== undefined) this.#callFailed(run, error)
      else {
        const usage = readField(result, 'usage')
        if (usage !== undefined) this.#callEnd(run, rawCall(run, result, usage))
        else {
          observeStream(result, run.call?.began ?? Date.now(), (finish, responseId, ttftMs) => {
            this.#callEnd(run, { ...rawCall(run, undefined, readField(finish, 'usage')), responseId, ttftMs })
          })
        }
      }
    } else if (type === 'executeTool') {
      this.#toolEnd(run, event, readField(result, 'output') ?? { type: 'tool-error', error })
    } else if (type === 'generateText' || type === 'streamText') {
      for (const step of itemsIn(result, 'steps')) this.#asked(run, readField(step, 'content'))
      this.#end(event, error === undefined ? {} : { error: messageOf(error) })
    }
  }

  onStart(event: unknown): void {
    const run = this.#begin(event)
    if (run !== undefined) run.isListed = true
  }

  onLanguageModelCallStart(event: unknown): void {
    callStart(this.#runOf(event), event)
  }

  onLanguageModelCallEnd(event: unknown): void {
    const run = this.#runOf(event)
    if (run === undefined) return
    const performance = readField(event, 'performance')
    this.#callEnd(run, {
      ...usageFields(readField(event, 'usage')),
      responseId: textIn(event, 'responseId'),
      ms: numberIn(performance, 'responseTimeMs'),
      ttftMs: numberIn(performance, 'timeToFirstOutputMs'),
    })
  }

  onObjectStepStart(event: unknown): void {
    callStart(this.#runOf(event), event)
  }

  onObjectStepEnd(event: unknown): void {
    const run = this.#runOf(event)
    if (run === undefined) return
    this.#callEnd(run, {
      ...usageFields(readField(event, 'usage')),
      responseId: textIn(readField(event, 'response'), 'id'),
      ttftMs: numberIn(event, 'msToFirstChunk'),
    })
  }

  onEmbedStart(event: unknown): void {
    callStart(this.#runOf(event), event)
  }

  onEmbedEnd(event: unknown): void {
    const run = this.#runOf(event)
    if (run === undefined) return
    const inputTokens = numberIn(readField(event, 'usage'), 'tokens')
    // Several are under way at once; each says with its end what it was.
    callStart(run, event, run.call?.began)
    this.#callEnd(run, { ...(inputTokens !== undefined && { inputTokens, outputTokens: 0 }) })
  }

  onToolExecutionStart(event: unknown): void {
    const run = this.#runOf(event)
    if (run !== undefined) this.#toolStart(run, event)
  }

  onToolExecutionEnd(event: unknown): void {
    const run = this.#runOf(event)
    if (run !== undefined) this.#toolEnd(run, event, readField(event, 'toolOutput'))
  }

  onStepEnd(event: unknown): void {
    const run = this.#runOf(event)
    if (run !== undefined) this.#asked(run, readField(event, 'content'))
  }

  onEnd(event: unknown): void {
    this.#end(event, {})
  }

  onAbort(event: unknown): void {
    this.#end(event, { status: 'killed', error: 'aborted' })
  }

  onError(event: unknown): void {
    const error = readField(event, 'error')
    this.#end(event, isAbort(error) ? { status: 'killed', error: 'aborted' } : { error: messageOf(error) })
  }

  #runOf(event: unknown): Run | undefined {
    const callId = textIn(event, 'callId')
    return callId === undefined ? undefined : this.#runs.get(callId)
  }

  #begin(event: unknown): Run | undefined {
    // Versions before 7 have no such id; their spans tell.
    const callId = textIn(event, 'callId')
    if (callId === undefined) return undefined
    const known = this.#runs.get(callId)
    if (known !== undefined) return known
    if (!this.#isSeen) {
      this.#isSeen = true
      // Those of @ai-sdk/otel, in its present and in its older form.
      this.#stage.covers('gen_ai', 'ai')
    }
    const parent = this.#stage.current()
    const isAgent = AGENT_OPERATIONS.has(textIn(event, 'operationId') ?? '')
    const isToolLoop = textIn(readField(event, 'headers'), 'user-agent')?.includes(AGENT_MARK) === true
    const name = isAgent
      ? (textIn(event, 'functionId') ?? (isToolLoop ? this.#ids.getStore() : undefined))
      : undefined
    // A call without a name and tools is one that the code around it makes.
    const isOwn = isAgent && (name !== undefined || isToolLoop || hasTools(event))
    const model = textIn(event, 'modelId')
    const agent = isOwn
      ? this.#stage.begin({
          parent,
          ...(name !== undefined && { name }),
          ...(model !== undefined && { model }),
        })
      : parent
    const run: Run = { agent, isOwn, isListed: false, call: undefined, tools: new Map() }
    if (this.#runs.size >= this.#most) this.#end({ callId: this.#runs.keys().next().value }, LEFT)
    this.#runs.set(callId, run)
    for (const { id, approved, note } of answersIn(event)) this.#stage.decide(id, approved, { note })
    return run
  }

  #end(event: unknown, how: { status?: 'killed'; error?: string }): void {
    const callId = textIn(event, 'callId')
    const run = this.#runOf(event)
    if (run === undefined || callId === undefined) return
    this.#runs.delete(callId)
    if (run.call !== undefined && how.error !== undefined) this.#callFailed(run, how.error)
    for (const end of run.tools.values()) end({ ok: false, error: how.error ?? 'left unfinished' })
    run.tools.clear()
    if (run.isOwn && !run.agent.ended) run.agent.end(how)
  }

  #toolStart(run: Run, event: unknown): void {
    const toolCall = readField(event, 'toolCall')
    const toolCallId = textIn(toolCall, 'toolCallId')
    if (toolCallId === undefined || run.tools.has(toolCallId)) return
    const argsBytes = bytesOf(readField(toolCall, 'input'))
    const name = textIn(toolCall, 'toolName') ?? 'tool'
    run.tools.set(
      toolCallId,
      this.#stage.tool(run.agent, { name, toolCallId, ...(argsBytes !== undefined && { argsBytes }) }),
    )
  }

  #toolEnd(run: Run, event: unknown, output: unknown): void {
    const toolCallId = textIn(readField(event, 'toolCall'), 'toolCallId') ?? ''
    const end = run.tools.get(toolCallId)
    if (end === undefined) return
    run.tools.delete(toolCallId)
    if (readField(output, 'type') === 'tool-error') {
      end({ ok: false, error: messageOf(readField(output, 'error')) })
      return
    }
    const resultBytes = bytesOf(readField(output, 'output'))
    end({ ok: true, ...(resultBytes !== undefined && { resultBytes }) })
  }

  #callEnd(run: Run, given: Seen): void {
    const { call } = run
    run.call = undefined
    this.#stage.usage(run.agent, {
      model: call?.model,
      provider: call?.provider,
      ...given,
      ms: rounded(given.ms ?? (call === undefined ? undefined : Date.now() - call.began)),
      ttftMs: rounded(given.ttftMs),
      source: 'ai-sdk',
    } as CallSeen)
  }

  #callFailed(run: Run, error: unknown): void {
    if (run.call === undefined) return
    this.#callEnd(run, { error: typeof error === 'string' ? error : messageOf(error) })
  }

  /** A step's content asks a person whether a tool may run. */
  #asked(run: Run, content: unknown): void {
    for (const part of itemsIn({ content }, 'content')) {
      if (readField(part, 'type') !== 'tool-approval-request' || readField(part, 'isAutomatic') === true)
        continue
      const id = textIn(part, 'approvalId')
      if (id === undefined) continue
      const reason = textIn(part, 'reason')
      const tool = textIn(readField(part, 'toolCall'), 'toolName') ?? 'a tool'
      this.#stage.escalate(run.agent, id, `may ${tool} run?${reason === undefined ? '' : ` ${reason}`}`)
    }
  }
}

/** What is known of a model call. Fields that are `undefined` are left out of the line. */
type Seen = { [Name in keyof UsageInput]?: UsageInput[Name] | undefined }

const rounded = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms)

function callStart(run: Run | undefined, event: unknown, began = Date.now()): void {
  if (run === undefined) return
  run.call = {
    model: textIn(event, 'modelId'),
    provider: providerName(textIn(event, 'provider')),
    began,
  }
}

/** Tokens as the SDK has them for applications. */
function usageFields(usage: unknown): Seen {
  const details = readField(usage, 'inputTokenDetails')
  return {
    inputTokens: numberIn(usage, 'inputTokens'),
    outputTokens: numberIn(usage, 'outputTokens'),
    cacheReadTokens: numberIn(details, 'cacheReadTokens'),
    cacheWriteTokens: numberIn(details, 'cacheWriteTokens'),
  }
}

/** A call as a provider's code answers it, with its own form of usage. */
function rawCall(run: Run, result: unknown, usage: unknown): Seen {
  const input = readField(usage, 'inputTokens')
  return {
    inputTokens: numberIn(input, 'total'),
    outputTokens: numberIn(readField(usage, 'outputTokens'), 'total'),
    cacheReadTokens: numberIn(input, 'cacheRead'),
    cacheWriteTokens: numberIn(input, 'cacheWrite'),
    responseId: textIn(readField(result, 'response'), 'id'),
    ms: run.call === undefined ? undefined : Date.now() - run.call.began,
  }
}

function hasTools(event: unknown): boolean {
  const tools = readField(event, 'tools')
  if (tools === null || typeof tools !== 'object') return false
  try {
    return Object.keys(tools).length > 0
  } catch {
    return false
  }
}

interface Answer {
  id: string
  approved: boolean
  note: string | undefined
}

/** What people answered, in the last message: the SDK takes answers from there alone. */
function answersIn(event: unknown): Answer[] {
  const messages = itemsIn(event, 'messages')
  const last = messages.at(-1)
  if (readField(last, 'role') !== 'tool') return []
  const parts = itemsIn(last, 'content').filter(
    (part) => readField(part, 'type') === 'tool-approval-response',
  )
  if (parts.length === 0) return []
  const automatic = new Set(
    messages
      .flatMap((message) => itemsIn(message, 'content'))
      .filter((part) => readField(part, 'isAutomatic') === true)
      .map((part) => readField(part, 'approvalId')),
  )
  return parts.flatMap((part) => {
    const id = textIn(part, 'approvalId')
    if (id === undefined || automatic.has(id)) return []
    return [{ id, approved: readField(part, 'approved') === true, note: textIn(part, 'reason') }]
  })
}
