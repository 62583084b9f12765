/**
 * What Gemini CLI tells by log events (`gemini_cli.*`).
 *
 * Names from its own sources: google-gemini/gemini-cli, `packages/core/src/telemetry/types.ts` (0.56, commit 5411f113,
 * August 2026), and as 0.61.0 sends them (test/frameworks/coding-agents runs it). `input_token_count` holds what was read from the cache; what the model thought is counted apart from
 * `output_token_count`, and so is what tools added to the prompt. Its `gen_ai.client.inference.operation.details` says
 * the same of each call once more. Tools and calls of a sub-agent do not name it.
 */
import type { Line } from '../records.js'
import type { AgentTold, Told } from '../told.js'
import type { AgentEvent } from './agent-event.js'
import { bytes, known, number, text, truth } from './values.js'

export const isGeminiEvent = (name: string): boolean => name.startsWith('gemini_cli.')

/** Sub-agents that came to what they were there for. Source: `AgentTerminateMode` in `packages/core/src/agents/types.ts`. */
const REACHED = 'GOAL'

/** What a log event tells; `undefined` of those that tell nothing of a hive's: extensions, start-up, the editor. */
export function geminiEvent(name: string, event: AgentEvent): Told | undefined {
  const { attributes: values } = event
  const model = text(values, 'model')
  const main: AgentTold = { agentId: 'gemini', name: 'gemini', isGod: true, model }
  const { agentId } = main
  const told = (...lines: Line[]): Told => ({
    session: event.session,
    ts: event.ts,
    key: event.contentKey,
    agent: main,
    lines,
  })
  const line = (kind: string, fields: Line['fields']): Line => ({
    ts: event.ts,
    kind,
    fields: known(fields),
    ...event.ids,
  })
  switch (name) {
    case 'gemini_cli.config':
      return told()
    case 'gemini_cli.user_prompt': {
      const chars = number(values, 'prompt_length')
      return told(line('user.prompt', { agentId, chars, prompt: text(values, 'prompt_id') }))
    }
    case 'gemini_cli.api_response':
      return told(
        line('usage', {
          agentId,
          model,
          provider: 'google',
          inputTokens: (number(values, 'input_token_count') ?? 0) + (number(values, 'tool_token_count') ?? 0),
          outputTokens:
            (number(values, 'output_token_count') ?? 0) + (number(values, 'thoughts_token_count') ?? 0),
          cacheReadTokens: number(values, 'cached_content_token_count'),
          ms: number(values, 'duration_ms'),
        }),
      )
    case 'gemini_cli.api_error':
      return told(
        line('usage', {
          agentId,
          model,
          provider: 'google',
          ms: number(values, 'duration_ms'),
          error: text(values, 'error.message') ?? text(values, 'error') ?? 'failed',
        }),
      )
    case 'gemini_cli.tool_call':
      return told(...toolLines(event, agentId, line))
    case 'gemini_cli.agent.start':
    case 'gemini_cli.agent.finish': {
      const id = text(values, 'agent_id')
      if (id === undefined) return undefined
      const status = text(values, 'terminate_reason') === REACHED ? 'ok' : 'error'
      const error = status === 'ok' ? undefined : text(values, 'terminate_reason')
      return {
        ...told(),
        agent: { agentId: id, name: text(values, 'agent_name') ?? id },
        parent: { agentId, name: agentId, isGod: true },
        begins: name === 'gemini_cli.agent.start',
        lines: name === 'gemini_cli.agent.start' ? [] : [line('exit', known({ agentId: id, status, error }))],
      }
    }
    default:
      return undefined
  }
}

/**
 * What a person said whom the tool waited for. `accept` and `auto_accept` may be a rule's answer: all tools have one of
 * them that nobody was asked about.
 */
const DECISIONS: Readonly<Record<string, boolean | undefined>> = { modify: true, reject: false }

function toolLines(
  { attributes: values, contentKey }: AgentEvent,
  agentId: string,
  line: (kind: string, fields: Line['fields']) => Line,
): Line[] {
  const name = text(values, 'function_name') ?? 'unknown'
  const ok = truth(values, 'success') === true
  const tool = line('tool', {
    agentId,
    name,
    ok,
    ms: number(values, 'duration_ms'),
    error: ok ? undefined : (text(values, 'error.type') ?? text(values, 'error.message')),
    argsBytes: bytes(values, 'function_args'),
    resultBytes: number(values, 'content_length'),
  })
  const decision = text(values, 'decision') ?? ''
  const approve = Object.hasOwn(DECISIONS, decision) ? DECISIONS[decision] : undefined
  // Without a terminal nobody can be asked.
  if (approve === undefined || truth(values, 'interactive') === false) return [tool]
  // No id of theirs says which run it is.
  const id = `gemini.${contentKey}`
  const asked = line('escalate', { from: agentId, to: 'human', subject: name, id })
  const decided = line('approval', { id, approve, via: 'cli' })
  return approve ? [asked, decided, tool] : [asked, decided]
}
