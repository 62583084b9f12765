/**
 * What Claude Code tells by log events (`claude_code.*`) and spans.
 *
 * Names as Claude Code 2.1.332 sent them (the command line inside `@anthropic-ai/claude-agent-sdk` 0.3.332, November
 * 2026; test/frameworks/coding-agents runs it), and as its documentation "Monitoring" lists them. Its sources are not
 * public. `input_tokens` are without what was read from and written to the cache. A name of its own is in the body and in
 * `event.name`, there without `claude_code.`; some numbers and truths are texts.
 */
import type { Line } from '../records.js'
import type { AgentTold, Terminal, Told } from '../told.js'
import type { AgentEvent, Values } from './agent-event.js'
import { type Telling, telling } from './telling.js'
import { number, text, truth } from './values.js'

const LOG_NAME = /^claude_code\.[a-z_]+$/
const LOG_SCOPE = 'com.anthropic.claude_code.events'
const SPAN_NAME = /^claude_code\./

/** The name of a log event of Claude Code's, without `claude_code.`. */
export function claudeEventName(name: string | undefined, body: unknown, scope: string): string | undefined {
  for (const each of [name, body]) {
    if (typeof each === 'string' && LOG_NAME.test(each)) return each.slice('claude_code.'.length)
  }
  return scope === LOG_SCOPE ? name : undefined
}

export const isClaudeSpan = (name: string): boolean => SPAN_NAME.test(name)

/** The agent that a person talks to. */
export const CLAUDE: AgentTold = { agentId: 'claude', name: 'claude', isGod: true }

/** Its questions, whether a hook or a log event tells of them. */
export const CLAUDE_TERMINAL: Terminal = 'claude-code'

/**
 * Whose an event is, by `agent_id`. The name of a sub-agent is told by hooks alone: telemetry says `custom` of all that
 * people made.
 */
export function whoseIs(values: Values): { agent: AgentTold; parent?: AgentTold } {
  const agentId = text(values, 'agent_id')
  if (agentId === undefined) return { agent: CLAUDE }
  const name = text(values, 'agent_type') ?? text(values, 'agent.name') ?? 'sub-agent'
  return { agent: { agentId, name }, parent: CLAUDE }
}

/** What a log event tells; `undefined` of those that tell nothing of a hive's: hooks that ran, plugins, settings. */
export function claudeEvent(name: string, event: AgentEvent): Told | undefined {
  const { attributes: values } = event
  const { agent, parent } = whoseIs(values)
  const { agentId } = agent
  const isMain = agentId === CLAUDE.agentId
  const asking = isMain ? { ...agent, model: text(values, 'model') } : agent
  const own = telling(event, CLAUDE_TERMINAL, asking, parent)
  const { line } = own
  const told: Telling['told'] = (key, ...lines) => ({ ...own.told(key, ...lines), signal: 'log' })
  switch (name) {
    case 'user_prompt':
      return told(promptKey(text(values, 'prompt.id')), line('user.prompt', promptFields(agentId, values)))
    case 'api_request':
      return told(
        usageKey(values, agentId, event.spanId),
        line('usage', { ...usageFields(values, agentId), costUsd: number(values, 'cost_usd') }),
      )
    case 'api_error':
      return told(undefined, line('usage', failedFields(values, agentId)))
    case 'tool_result':
      return told(toolKey(text(values, 'tool_use_id')), line('tool', toolFields(values, agentId)))
    case 'tool_decision':
      return told(undefined, ...decisionLines(values, own))
    case 'subagent_completed':
      return told(undefined, line('exit', { agentId, status: 'ok' }))
    default:
      return undefined
  }
}

/** A span, as far as it matters here. */
export interface AgentSpan extends AgentEvent {
  name: string
  parentSpanId: string | undefined
  /** Of a tool's: how its `claude_code.tool.execution` ended; `undefined` when there was none. */
  succeeded: boolean | undefined
}

/**
 * What a span tells. Log events say the same, and more: cost, decisions. A tool that was not allowed has a span as well,
 * but none of its execution, which does not say the tool's name.
 */
export function claudeSpan(span: AgentSpan): Told | undefined {
  const { attributes: values, name } = span
  const { agent, parent } = whoseIs(values)
  const { agentId } = agent
  const own = telling(span, CLAUDE_TERMINAL, agent, parent)
  const told = (key: string | undefined, kind: string, fields: Line['fields']): Told => ({
    ...own.told(key, own.line(kind, fields)),
    signal: 'span',
  })
  if (name === 'claude_code.llm_request') {
    const key = usageKey(values, agentId, span.parentSpanId)
    if (truth(values, 'success') === false) return told(key, 'usage', failedFields(values, agentId))
    return told(key, 'usage', usageFields(values, agentId))
  }
  if (name !== 'claude_code.tool' || span.succeeded === undefined) return undefined
  const fields = toolFields({ ...values, success: span.succeeded }, agentId)
  return told(toolKey(text(values, 'tool_use_id')), 'tool', fields)
}

/** How a tool's run ended, if the span is that of the run: it lies under the tool's. */
export const executionOf = ({
  name,
  attributes,
}: {
  name: string
  attributes: Values
}): boolean | undefined =>
  name === 'claude_code.tool.execution' ? truth(attributes, 'success') !== false : undefined

/** By which a prompt is known that a hook and a log event tell. */
export const promptKey = (id: string | undefined): string | undefined =>
  id === undefined ? undefined : `prompt:${id}`

/** By which the run of a tool is known that hook, log event and span tell. */
export const toolKey = (id: string | undefined): string | undefined =>
  id === undefined ? undefined : `tool:${id}`

/** A call is known by the provider's id of the request; else, where spans are told too, by where and how much. */
function usageKey(values: Values, agentId: string, within: string | undefined): string | undefined {
  const id = text(values, 'request_id')
  if (id !== undefined) return `usage:${id}`
  if (within === undefined) return undefined
  const counts = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens']
  return `usage:${agentId}:${within}:${counts.map((each) => number(values, each) ?? '').join(':')}`
}

const promptFields = (agentId: string, values: Values): Line['fields'] => ({
  agentId,
  chars: number(values, 'prompt_length'),
  prompt: text(values, 'prompt.id'),
})

function usageFields(values: Values, agentId: string): Line['fields'] {
  const read = number(values, 'cache_read_tokens')
  const written = number(values, 'cache_creation_tokens')
  return {
    agentId,
    model: text(values, 'model'),
    provider: 'anthropic',
    inputTokens: (number(values, 'input_tokens') ?? 0) + (read ?? 0) + (written ?? 0),
    outputTokens: number(values, 'output_tokens') ?? 0,
    cacheReadTokens: read,
    cacheWriteTokens: written,
    ms: number(values, 'duration_ms'),
    ttftMs: number(values, 'ttft_ms'),
    responseId: text(values, 'request_id'),
  }
}

const failedFields = (values: Values, agentId: string): Line['fields'] => ({
  agentId,
  model: text(values, 'model'),
  provider: 'anthropic',
  ms: number(values, 'duration_ms'),
  error: text(values, 'error') ?? text(values, 'status_code') ?? 'failed',
})

function toolFields(values: Values, agentId: string): Line['fields'] {
  const ok = truth(values, 'success') === true
  return {
    agentId,
    name: text(values, 'tool_name') ?? 'unknown',
    ok,
    ms: number(values, 'duration_ms'),
    error: ok ? undefined : (text(values, 'error') ?? text(values, 'error_type')),
    toolCallId: text(values, 'tool_use_id'),
    argsBytes: number(values, 'tool_input_size_bytes'),
    resultBytes: number(values, 'tool_result_size_bytes'),
  }
}

/** A person decided where `source` says so; settings and hooks decide too, of which nothing is told here. */
function decisionLines(values: Values, { answered }: Telling): Line[] {
  const id = text(values, 'tool_use_id')
  if (text(values, 'source')?.startsWith('user') !== true || id === undefined) return []
  const decision = text(values, 'decision')
  return answered(id, text(values, 'tool_name') ?? 'a tool', decision === 'accept' || decision === 'allow')
}
