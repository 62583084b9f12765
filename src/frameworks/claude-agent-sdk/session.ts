/**
 * One run of Claude Code, as what it says over its pipes, and in its logs, tells it. Its messages are those of the SDK
 * (`SDKMessage` in its sdk.d.ts): `assistant` asks for tools, `user` brings their results, `system` begins and ends
 * sub-agents, `control_request` asks for permission.
 */
import { readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'
import type { Agent } from '../../hive/agent.js'
import type { EndInput } from '../../hive/inputs.js'
import { bytesOf, itemsIn, numberIn, textIn } from '../reading.js'
import type { CallSeen, Stage } from '../stage.js'

const SOURCE = 'Claude Agent SDK'
/** The scope of spans that say the same. */
const COVERED = '@arizeai/openinference-instrumentation-claude-agent-sdk'

/** Milliseconds that the logs of a sub-agent that has ended may be late. */
const LATE_MS = 150
/** Milliseconds after which a tool that nobody has decided on counts as running. */
const START_MS = 150
/** Of what is remembered of one session: a bound for one that is hostile. */
const MAX_REMEMBERED = 20_000

interface ToolCall {
  readonly agent: Agent
  readonly name: string
  readonly toolCallId: string
  readonly argsBytes: number | undefined
  /** The kind of sub-agent that it runs, if it runs one. */
  readonly agentType: string | undefined
  /** Whether a permission is waited for. */
  isAsked: boolean
  timer: NodeJS.Timeout | undefined
  end: ReturnType<Stage['tool']> | undefined
}

/** A message of the model, or a log of the call that it came from: one waits for the other. */
interface Half {
  readonly agent: Agent
  readonly inputTokens: number | undefined
  readonly call: CallSeen
}

interface SubAgent {
  readonly agent: Agent
  readonly parent: Agent
  /** Whether it goes on when its tool has returned. */
  readonly isInBackground: boolean
  /** How it ended, once it has. */
  ending: EndInput | undefined
}

export class Session {
  /** Whether its logs are received. */
  hasLogs = false
  #stage: Stage
  #parent: Agent | undefined
  #main: Agent | undefined
  #id = ''
  #subs = new Map<string, SubAgent>()
  /** The same by the tool call that began them. */
  #subsByTool = new Map<string, SubAgent>()
  #tools = new Map<string, ToolCall>()
  /** Tool calls by the request that asks for permission. */
  #asked = new Map<string, string>()
  /** Messages of the model that are known. */
  #messages = new Set<string>()
  #messagesWithoutLog: Half[] = []
  #logsWithoutMessage: Half[] = []
  /** How the last turn ended; `undefined` while one goes on. */
  #result: { error: string | undefined } | undefined

  constructor(stage: Stage) {
    this.#stage = stage
    this.#parent = stage.running.getStore()
    stage.covers(COVERED)
  }

  /** What Claude Code says. */
  output(message: unknown): void {
    switch (textIn(message, 'type')) {
      case 'system':
        this.#system(message)
        break
      case 'assistant':
        this.#assistant(message)
        break
      case 'user':
        this.#results(message)
        break
      case 'result':
        this.#result = { error: failureOf(message) }
        break
      case 'control_request':
        this.#ask(message)
        break
    }
  }

  /** What the SDK says to it. */
  input(message: unknown): void {
    const type = textIn(message, 'type')
    if (type === 'user') this.#result = undefined
    if (type !== 'control_response') return
    const response = readField(message, 'response')
    const id = textIn(response, 'request_id')
    const toolCallId = id === undefined ? undefined : this.#asked.get(id)
    if (id === undefined || toolCallId === undefined) return
    this.#asked.delete(id)
    const isAllowed = textIn(readField(response, 'response'), 'behavior') === 'allow'
    this.#stage.decide(this.#escalationOf(toolCallId), isAllowed, { via: 'code' })
    const tool = this.#tools.get(toolCallId)
    if (tool === undefined) return
    tool.isAsked = false
    if (isAllowed) this.#start(tool)
  }

  /** A log record of Claude Code's telemetry. */
  log(name: string, attributes: Record<string, unknown>): void {
    const agentId = textIn(attributes, 'agent_id')
    const agent = (agentId === undefined ? undefined : this.#subs.get(agentId)?.agent) ?? this.#main
    if (agent === undefined) return
    if (name === 'claude_code.api_request') this.#request(agent, attributes)
    else if (name === 'claude_code.api_error') this.#failure(agent, attributes)
    else if (name === 'claude_code.tool_decision') {
      const tool = this.#tools.get(textIn(attributes, 'tool_use_id') ?? '')
      if (tool !== undefined && textIn(attributes, 'decision') === 'accept') this.#start(tool)
    }
  }

  /** Claude Code has ended. */
  end(code: number | null, signal: string | null): void {
    for (const tool of this.#tools.values()) {
      clearTimeout(tool.timer)
      tool.end?.({ ok: false, error: 'Claude Code ended while it ran' })
    }
    this.#tools.clear()
    for (const { agent, call } of this.#messagesWithoutLog) this.#stage.usage(agent, call)
    this.#messagesWithoutLog = []
    for (const { agent, ending } of [...new Set(this.#subs.values())].reverse()) {
      if (!agent.ended) agent.end(ending ?? { status: 'killed' })
    }
    const main = this.#main
    if (main === undefined || main.ended) return
    const result = this.#result
    if (result !== undefined)
      main.end(result.error === undefined ? {} : { status: 'error', error: result.error })
    else if (signal !== null) main.end({ status: 'killed', error: signal })
    else main.end(code === 0 ? {} : { status: 'error', error: `exit code ${code}` })
  }

  #system(message: unknown): void {
    const subtype = textIn(message, 'subtype')
    if (subtype === 'init') this.#begin(message)
    else if (subtype === 'task_started') {
      const id = textIn(message, 'task_id')
      const type = textIn(message, 'task_type')
      if (id === undefined || (type !== undefined && type !== 'local_agent')) return
      const isInBackground = readField(message, 'is_backgrounded') === true
      this.#beginSub(id, textIn(message, 'tool_use_id'), textIn(message, 'subagent_type'), isInBackground)
    } else if (subtype === 'task_notification') {
      const sub = this.#subs.get(textIn(message, 'task_id') ?? '')
      if (sub !== undefined) this.#endSub(sub, textIn(message, 'status'))
    }
  }

  /** The run's own agent; Claude Code says so at each turn. */
  #begin(message: unknown): Agent {
    this.#id ||= textIn(message, 'session_id') ?? ''
    if (this.#main === undefined) {
      const parent = this.#parent
      const model = textIn(message, 'model')
      this.#main = this.#stage.begin({
        name: 'claude',
        ...(parent !== undefined && !parent.ended && { parent }),
        ...(model !== undefined && { model }),
      })
      this.#parent = undefined
    }
    return this.#main
  }

  #beginSub(
    id: string | undefined,
    toolCallId: string | undefined,
    type: string | undefined,
    isInBackground: boolean,
  ): SubAgent | undefined {
    const known = (id !== undefined && this.#subs.get(id)) || this.#subsByTool.get(toolCallId ?? '')
    if (known || this.#subs.size >= MAX_REMEMBERED) {
      if (known && id !== undefined) this.#subs.set(id, known)
      return known || undefined
    }
    const tool = this.#tools.get(toolCallId ?? '')
    if (tool !== undefined) this.#start(tool)
    const parent = tool?.agent ?? this.#begin(undefined)
    const name = type ?? tool?.agentType ?? 'agent'
    const agent = this.#stage.begin({ name, parent })
    this.#stage.handOff(parent, agent.agentId, 'delegate', name)
    const sub: SubAgent = { agent, parent, isInBackground, ending: undefined }
    this.#subs.set(id ?? toolCallId ?? name, sub)
    if (toolCallId !== undefined) this.#subsByTool.set(toolCallId, sub)
    return sub
  }

  #endSub(sub: SubAgent, status = 'completed'): void {
    if (sub.ending !== undefined) return
    const { agent, parent } = sub
    sub.ending =
      status === 'completed' ? {} : { status: status === 'stopped' ? 'killed' : 'error', error: status }
    if (!parent.ended) this.#stage.handOff(agent, parent.agentId, 'return', status)
    const end = (): void => {
      if (!agent.ended) agent.end(sub.ending)
    }
    if (this.hasLogs) setTimeout(end, LATE_MS).unref()
    else end()
  }

  /** Whose message it is. */
  #agentOf(message: unknown): Agent {
    const toolCallId = textIn(message, 'parent_tool_use_id')
    const id = textIn(message, 'agent_id')
    if (toolCallId === undefined && id === undefined) return this.#begin(message)
    return (
      this.#beginSub(id, toolCallId, textIn(message, 'subagent_type'), false)?.agent ?? this.#begin(message)
    )
  }

  #assistant(message: unknown): void {
    const agent = this.#agentOf(message)
    const inner = readField(message, 'message')
    const model = textIn(inner, 'model')
    // Claude Code's own words, of which there was no call.
    if (model === '<synthetic>') return
    this.#answer(agent, inner, model)
    for (const block of itemsIn(inner, 'content')) {
      const toolCallId = textIn(block, 'id')
      const name = textIn(block, 'name')
      if (textIn(block, 'type') !== 'tool_use' || toolCallId === undefined || name === undefined) continue
      if (this.#tools.has(toolCallId) || this.#tools.size >= MAX_REMEMBERED) continue
      const input = readField(block, 'input')
      const tool: ToolCall = {
        agent,
        name,
        toolCallId,
        argsBytes: bytesOf(input),
        agentType: textIn(input, 'subagent_type'),
        isAsked: false,
        timer: undefined,
        end: undefined,
      }
      this.#tools.set(toolCallId, tool)
      tool.timer = setTimeout(() => {
        if (!tool.isAsked) this.#start(tool)
      }, START_MS).unref()
    }
  }

  #start(tool: ToolCall): void {
    if (tool.end !== undefined) return
    clearTimeout(tool.timer)
    const { agent, name, toolCallId, argsBytes } = tool
    tool.end = this.#stage.tool(agent, { name, toolCallId, ...(argsBytes !== undefined && { argsBytes }) })
  }

  #results(message: unknown): void {
    const denied = new Set(
      itemsIn(message, 'tool_result_meta').flatMap((meta) =>
        textIn(readField(meta, 'permission_decision'), 'decision') === 'reject' ? [textIn(meta, 'id')] : [],
      ),
    )
    for (const block of itemsIn(readField(message, 'message'), 'content')) {
      const id = textIn(block, 'tool_use_id')
      const tool = id === undefined ? undefined : this.#tools.get(id)
      if (textIn(block, 'type') !== 'tool_result' || id === undefined || tool === undefined) continue
      this.#tools.delete(id)
      clearTimeout(tool.timer)
      const hasFailed = readField(block, 'is_error') === true
      const wasDenied = denied.has(id) || (tool.isAsked && hasFailed)
      // One that was not allowed has not run.
      if (wasDenied && tool.end === undefined) continue
      const sub = this.#subsByTool.get(id)
      if (sub !== undefined && !sub.isInBackground) this.#endSub(sub, hasFailed ? 'failed' : 'completed')
      this.#start(tool)
      const resultBytes = bytesOf(readField(block, 'content'))
      tool.end?.({
        ok: !hasFailed,
        ...(hasFailed && { error: wasDenied ? 'not allowed' : 'failed' }),
        ...(resultBytes !== undefined && { resultBytes }),
      })
    }
  }

  #ask(message: unknown): void {
    const request = readField(message, 'request')
    const id = textIn(message, 'request_id')
    const toolCallId = textIn(request, 'tool_use_id')
    if (textIn(request, 'subtype') !== 'can_use_tool' || id === undefined || toolCallId === undefined) return
    const tool = this.#tools.get(toolCallId)
    const agentId = textIn(request, 'agent_id')
    const agent = tool?.agent ?? (agentId && this.#subs.get(agentId)?.agent) ?? this.#begin(message)
    if (tool !== undefined) tool.isAsked = true
    if (this.#asked.size < MAX_REMEMBERED) this.#asked.set(id, toolCallId)
    this.#stage.escalate(
      agent || this.#begin(message),
      this.#escalationOf(toolCallId),
      `may ${textIn(request, 'tool_name') ?? 'a tool'} run?`,
    )
  }

  #escalationOf(toolCallId: string): string {
    return `${this.#id}:${toolCallId}`
  }

  /** A message of the model: it has the answer's id, and the tokens of the input; those of the output come later. */
  #answer(agent: Agent, inner: unknown, model: string | undefined): void {
    const responseId = textIn(inner, 'id')
    if (responseId === undefined || this.#messages.has(responseId)) return
    if (this.#messages.size >= MAX_REMEMBERED) this.#messages.clear()
    this.#messages.add(responseId)
    const usage = readField(inner, 'usage')
    const tokens = tokensOf(
      numberIn(usage, 'input_tokens'),
      numberIn(usage, 'cache_read_input_tokens'),
      numberIn(usage, 'cache_creation_input_tokens'),
    )
    const call = seen({ model, responseId, ...tokens })
    const half: Half = { agent, inputTokens: tokens.inputTokens, call }
    // Its log was told when it came.
    if (takeHalf(this.#logsWithoutMessage, half) !== undefined) return
    if (this.hasLogs) keepHalf(this.#messagesWithoutLog, half)
    else this.#stage.usage(agent, call)
  }

  #request(agent: Agent, attributes: Record<string, unknown>): void {
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
    const half: Half = { agent, inputTokens: tokens.inputTokens, call }
    const message = takeHalf(this.#messagesWithoutLog, half)
    this.#stage.usage(agent, { ...message?.call, ...call })
    // A message of this call may be on its way in the pipe.
    if (message === undefined) keepHalf(this.#logsWithoutMessage, half)
  }

  #failure(agent: Agent, attributes: Record<string, unknown>): void {
    const status = attributes.status_code
    const said = textIn(attributes, 'error') ?? 'failed'
    const call = {
      model: textIn(attributes, 'model'),
      ms: numberIn(attributes, 'duration_ms'),
      error: brief(status === undefined ? said : `${status} ${said}`),
    }
    this.#stage.usage(agent, seen(call))
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

/** Halves that wait: a call is told within the second. */
const MAX_HALVES = 100

function keepHalf(halves: Half[], half: Half): void {
  halves.push(half)
  if (halves.length > MAX_HALVES) halves.shift()
}

function takeHalf(halves: Half[], { agent, inputTokens }: Half): Half | undefined {
  const i = halves.findIndex((each) => each.agent === agent && each.inputTokens === inputTokens)
  return i < 0 ? undefined : halves.splice(i, 1)[0]
}

/** Why a turn failed; its words may be the model's, and stay out. */
function failureOf(message: unknown): string | undefined {
  const subtype = textIn(message, 'subtype') ?? 'success'
  if (subtype !== 'success') return subtype
  return readField(message, 'is_error') === true ? 'the last turn failed' : undefined
}
