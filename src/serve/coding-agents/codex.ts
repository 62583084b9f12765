/**
 * What Codex CLI tells by log events (`codex.*`).
 *
 * Names from its own sources: openai/codex, `codex-rs/otel/src/events/session_telemetry.rs` and `shared/log.rs`
 * (commit 0136a731, mid 2026), and as 0.171.0 sends them (test/frameworks/coding-agents runs it). `input_token_count` holds what was read from the cache. Numbers and truths are texts. A
 * session is a conversation; its sub-agents are conversations of their own.
 */
import type { AgentTold, Told } from '../told.js'
import type { AgentEvent } from './agent-event.js'
import { telling } from './telling.js'
import { bytes, number, text, truth } from './values.js'

export const isCodexEvent = (name: string): boolean => name.startsWith('codex.')

/** What a log event tells; `undefined` of those that tell nothing of a hive's: connections, pieces of a stream. */
export function codexEvent(name: string, event: AgentEvent): Told | undefined {
  const { attributes: values } = event
  const model = text(values, 'model')
  const agent: AgentTold = { agentId: 'codex', name: 'codex', isGod: true, model }
  const { agentId } = agent
  const { line, told, answered } = telling(event, 'codex', agent)
  const call = text(values, 'call_id')
  const failed = text(values, 'error.message')
  switch (name) {
    case 'codex.conversation_starts':
      return told(undefined)
    case 'codex.user_prompt':
      return told(undefined, line('user.prompt', { agentId, chars: number(values, 'prompt_length') }))
    case 'codex.sse_event': {
      const input = number(values, 'input_token_count')
      if (failed !== undefined) return told(undefined, line('usage', { agentId, model, error: failed }))
      // The end of a stream is told twice; once with its tokens.
      if (text(values, 'event.kind') !== 'response.completed' || input === undefined) return undefined
      return told(
        undefined,
        line('usage', {
          agentId,
          model,
          inputTokens: input,
          outputTokens: number(values, 'output_token_count') ?? 0,
          cacheReadTokens: number(values, 'cached_token_count'),
          cacheWriteTokens: number(values, 'cache_write_token_count'),
          ttftMs: number(values, 'ttft_ms'),
        }),
      )
    }
    case 'codex.api_request': {
      const status = number(values, 'http.response.status_code')
      // Of one that was answered, the stream tells.
      if (failed === undefined && (status === undefined || status < 400)) return told(undefined)
      const error = failed ?? `status ${status}`
      return told(undefined, line('usage', { agentId, model, ms: number(values, 'duration_ms'), error }))
    }
    case 'codex.tool_result':
      return told(
        call === undefined ? undefined : `tool:${call}`,
        line('tool', {
          agentId,
          name: text(values, 'tool_name') ?? 'unknown',
          ok: truth(values, 'success') === true,
          ms: number(values, 'duration_ms'),
          toolCallId: call,
          argsBytes: bytes(values, 'arguments'),
          resultBytes: bytes(values, 'output'),
        }),
      )
    case 'codex.tool_decision': {
      const decision = text(values, 'decision') ?? ''
      // Settings and a reviewing model decide too.
      if (text(values, 'source')?.toLowerCase() !== 'user' || call === undefined) return told(undefined)
      const subject = text(values, 'tool_name') ?? 'a tool'
      return told(undefined, ...answered(call, subject, decision.startsWith('approved')))
    }
    default:
      return undefined
  }
}
