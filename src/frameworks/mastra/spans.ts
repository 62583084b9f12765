/** What Mastra's spans mean: agents, tools and model calls, by their types. */
import { BoundedMap } from '../../format/bounded-map.js'
import { readField } from '../../format/fields.js'
import type { Agent } from '../../hive/agent.js'
import type { ToolInput } from '../../hive/inputs.js'
import { bytesOf, messageOf, numberIn, textIn } from '../reading.js'
import type { CallSeen, Stage } from '../stage.js'

interface Life {
  agent: Agent
  parent: Life | undefined
  /** Whether its parent called it as one of its agents: it returns to it. */
  isDelegated: boolean
  /** Whether it is the second part of a run that waited for an answer. */
  isResumed: boolean
}

interface Span {
  parent: Span | undefined
  type: string
  name: string | undefined
  owner: Life | undefined
  toolEnd: ((end: Omit<ToolInput, 'name' | 'ms'>) => void) | undefined
  /** Takes back that a model is being asked. */
  callOver: (() => boolean) | undefined
  /** When the first tool of a model's answer began: Mastra ends the model's span only after its tools. */
  toolsBegan: number | undefined
}

/** Spans whose children may still come: a resumed run names one that has ended as its parent. */
const MAX_SPANS = 20_000
/** Spans of its own work that Mastra does not tell of, between one and another that it does. */
const MAX_LEVELS = 100
const TOOLS = new Set(['tool_call', 'mcp_tool_call', 'provider_tool_call'])
/** What Mastra calls the tools by which an agent runs another one. */
const AGENT_TOOL = /^agent-./

export class Spans {
  /** Whether anything was told. */
  isSeen = false
  #stage: Stage
  #spans = new BoundedMap<Span>(MAX_SPANS)
  /** By run: the tool call that it waits for. */
  #waits = new BoundedMap<string>(MAX_SPANS)

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** An event of Mastra's observability. */
  told(event: unknown): void {
    const type = readField(event, 'type')
    if (type === 'span_started') this.#started(readField(event, 'exportedSpan'))
    else if (type === 'span_ended') this.#ended(readField(event, 'exportedSpan'))
  }

  /** The living agent in whose run the code of a span is, which Mastra may keep to itself. */
  ownerOf(given: unknown): Agent | undefined {
    let at = given
    for (let level = 0; at !== undefined && level < MAX_LEVELS; level++) {
      const owner = this.#spans.get(textIn(at, 'id') ?? '')?.owner
      if (owner !== undefined) return living(owner)
      at = readField(at, 'parent')
    }
    return undefined
  }

  /** A run goes on with an answer. */
  resumed(answer: unknown, options: unknown): void {
    const runId = textIn(options, 'runId')
    const toolCallId = textIn(options, 'toolCallId') ?? this.#waits.get(runId ?? '')
    if (runId === undefined || toolCallId === undefined) return
    const said = readField(answer, 'approved')
    this.#stage.decide(waitId(runId, toolCallId), said !== false, { note: textIn(answer, 'reason') })
  }

  #started(given: unknown): void {
    this.isSeen = true
    const id = textIn(given, 'id')
    const type = textIn(given, 'type')
    if (id === undefined || type === undefined || type === 'model_chunk') return
    const parent = this.#spans.get(textIn(given, 'parentSpanId') ?? '')
    const span: Span = {
      parent,
      type,
      name: textIn(given, 'entityName') ?? textIn(given, 'entityId'),
      owner: parent?.owner,
      toolEnd: undefined,
      callOver: undefined,
      toolsBegan: undefined,
    }
    this.#spans.set(id, span)
    if (type === 'agent_run') this.#agentStarted(span, given)
    else if (TOOLS.has(type)) this.#toolStarted(span, given)
    else if (type === 'model_inference') {
      const model = textIn(readField(given, 'attributes'), 'model')
      span.callOver = this.#stage.announce(this.#agentOf(span), model)
    }
  }

  #agentStarted(span: Span, given: unknown): void {
    // A resumed run lies under a span of the life that was suspended, which was the same agent's.
    const isResumed = readField(readField(given, 'metadata'), 'resumed') === true
    const parent = isResumed ? span.owner?.parent : span.owner
    const id = textIn(given, 'entityId')
    const agent = this.#stage.begin({
      ...(span.name !== undefined && { name: span.name }),
      ...(id !== undefined && { id }),
      ...(parent !== undefined && !parent.agent.ended && { parent: parent.agent }),
    })
    const tool = span.parent
    const isDelegated =
      parent !== undefined &&
      !parent.agent.ended &&
      AGENT_TOOL.test((TOOLS.has(tool?.type ?? '') && tool?.name) || '')
    span.owner = { agent, parent, isDelegated, isResumed }
    if (isDelegated) this.#stage.handOff(parent.agent, agent.agentId, 'delegate', `asks ${span.name ?? id}`)
  }

  #toolStarted(span: Span, given: unknown): void {
    if (span.parent !== undefined) span.parent.toolsBegan ??= timeIn(given, 'startTime')
    const toolCallId = textIn(readField(given, 'attributes'), 'toolCallId')
    const argsBytes = bytesOf(readField(given, 'input'))
    span.toolEnd = this.#stage.tool(this.#agentOf(span), {
      name: span.name ?? 'tool',
      ...(toolCallId !== undefined && { toolCallId }),
      ...(argsBytes !== undefined && { argsBytes }),
    })
  }

  #ended(given: unknown): void {
    const span = this.#spans.get(textIn(given, 'id') ?? '')
    if (span === undefined) return
    const error = errorOf(given)
    const isUnseen = span.callOver?.() === true
    if (span.type === 'model_inference') {
      // The call before the wait, told again: its request was seen then.
      const isAgain = isUnseen && span.owner?.isResumed === true && this.#stage.seesRequests
      if (!isAgain) this.#callEnded(span, given, error)
    } else if (span.toolEnd !== undefined) {
      const hasFailed = error !== undefined || readField(readField(given, 'attributes'), 'success') === false
      const resultBytes = hasFailed ? undefined : bytesOf(readField(given, 'output'))
      span.toolEnd({
        ok: !hasFailed,
        ...(hasFailed && { error: error ?? 'failed' }),
        ...(resultBytes !== undefined && { resultBytes }),
      })
    } else if (span.type === 'agent_run' && span.owner !== undefined)
      this.#agentEnded(span.owner, given, error)
  }

  #agentEnded({ agent, parent, isDelegated }: Life, given: unknown, error: string | undefined): void {
    const output = readField(given, 'output')
    const status = readField(output, 'status')
    const isAborted = error === undefined && status === 'aborted'
    if (status === 'suspended') this.#asked(agent, given, output)
    else if (isDelegated && parent !== undefined) {
      const how = isAborted ? 'was aborted' : error === undefined ? 'is done' : 'failed'
      this.#stage.handOff(agent, parent.agent.agentId, 'return', how)
    }
    if (isAborted) agent.end({ status: 'killed', error: 'aborted' })
    else agent.end(error === undefined ? {} : { error })
  }

  /** A run stopped until a person allows a tool, or until a tool gets what it waits for. */
  #asked(agent: Agent, given: unknown, output: unknown): void {
    const runId = textIn(readField(given, 'metadata'), 'runId')
    const toolCallId = textIn(output, 'toolCallId')
    if (runId === undefined || toolCallId === undefined) return
    this.#waits.set(runId, toolCallId)
    const tool = textIn(output, 'toolName') ?? 'a tool'
    const isApproval = readField(output, 'reason') === 'tool-call-approval'
    this.#stage.escalate(agent, waitId(runId, toolCallId), isApproval ? `may ${tool} run?` : `${tool} waits`)
  }

  #callEnded(span: Span, given: unknown, error: string | undefined): void {
    const attributes = readField(given, 'attributes')
    const usage = readField(attributes, 'usage')
    // A run that is suspended ends the span of its call without the tokens, and tells the call again when it is resumed.
    if (usage === undefined && error === undefined) return
    const details = readField(usage, 'inputDetails')
    const began = timeIn(given, 'startTime')
    const ended = span.parent?.toolsBegan ?? timeIn(given, 'endTime')
    const first = timeIn(attributes, 'completionStartTime')
    const isStreamed = readField(attributes, 'streaming') === true && error === undefined
    this.#stage.usage(this.#agentOf(span), {
      ...(error !== undefined && { error }),
      model: textIn(attributes, 'model'),
      provider: textIn(attributes, 'provider')?.split('.', 1)[0],
      responseId: textIn(attributes, 'responseId'),
      inputTokens: numberIn(usage, 'inputTokens'),
      outputTokens: numberIn(usage, 'outputTokens'),
      cacheReadTokens: numberIn(details, 'cacheRead'),
      cacheWriteTokens: numberIn(details, 'cacheWrite'),
      ms: between(began, ended),
      ttftMs: isStreamed ? between(began, first) : undefined,
      endTs: ended,
      source: 'mastra',
    } as CallSeen)
  }

  #agentOf(span: Span): Agent {
    return living(span.owner) ?? this.#stage.current()
  }
}

/** The nearest that has not ended. */
function living(owner: Life | undefined): Agent | undefined {
  let life = owner
  while (life?.agent.ended === true) life = life.parent
  return life?.agent
}

const waitId = (runId: string, toolCallId: string): string => `${runId}/${toolCallId}`

/** A `Date`, or what is left of one in JSON. */
function timeIn(from: unknown, name: string): number | undefined {
  const value = readField(from, name)
  const ms = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : value
  return typeof ms === 'number' && Number.isFinite(ms) ? ms : undefined
}

const between = (from: number | undefined, to: number | undefined): number | undefined =>
  from === undefined || to === undefined ? undefined : Math.max(0, Math.round(to - from))

function errorOf(given: unknown): string | undefined {
  const info = readField(given, 'errorInfo')
  return info === undefined || info === null ? undefined : messageOf(info)
}
