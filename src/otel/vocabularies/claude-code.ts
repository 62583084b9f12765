/**
 * Claude Code's own spans, which its command line sends with `CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1`. The names are
 * as observed of it in November 2026; its sources are not public, so none can be looked up there. Its plain `input_tokens` are without what came from the cache; the
 * conventions' counts, where it has them, are with.
 */
import { numberOf, type Role, type SpanView, textOf, type Usage, type Vocabulary } from './vocabulary.js'

/** Names of its spans. */
const ROLES: Readonly<Record<string, Role>> = {
  'claude_code.interaction': 'agent',
  'claude_code.llm_request': 'model',
  'claude_code.tool': 'tool',
  'claude_code.tool.blocked_on_user': 'pause',
  'claude_code.tool.execution': 'group',
}

export const claudeCodeRole = ({ name }: SpanView): Role | undefined =>
  name.startsWith('claude_code.') ? (ROLES[name] ?? 'group') : undefined

export const claudeCode: Vocabulary = {
  name: 'Claude Code',
  kind: 'span.type',
  roles: {},
  roleOf: claudeCodeRole,
  texts: {
    agentId: ['agent_id'],
    session: ['session.id'],
    model: ['model'],
    toolName: ['tool_name'],
    toolCallId: ['tool_use_id'],
    error: ['error'],
    responseId: ['request_id'],
  },
  numbers: { outputTokens: ['output_tokens'], ttftMs: ['ttft_ms'] },
  text: (_span, field) => (field === 'agentName' ? 'claude' : field === 'provider' ? 'anthropic' : undefined),
  usage({ attributes }): Usage {
    const input = numberOf(attributes.input_tokens)
    const read = numberOf(attributes.cache_read_tokens)
    const written = numberOf(attributes.cache_creation_tokens)
    return {
      ...(input !== undefined && { inputTokens: input + (read ?? 0) + (written ?? 0) }),
      ...(read !== undefined && { cacheReadTokens: read }),
      ...(written !== undefined && { cacheWriteTokens: written }),
    }
  },
}

/** The part of a tool's span in which it runs: a tool that was not allowed has none. */
export const isExecution = ({ name }: SpanView): boolean => name === 'claude_code.tool.execution'

/** How a tool's run ended, as its own part says. */
export const executionOf = ({ attributes }: SpanView): { ok: boolean; error: string | undefined } => ({
  ok: attributes.success !== false && attributes.success !== 'false',
  error: textOf(attributes.error),
})

/** What a person answered whom a tool waited for; `undefined` where no person was asked: a rule or a hook decided. */
export function decisionOf({ attributes }: SpanView): boolean | undefined {
  if (textOf(attributes.source)?.startsWith('user') !== true) return undefined
  return attributes.decision === 'accept' || attributes.decision === 'allow'
}
