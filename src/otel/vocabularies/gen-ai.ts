/**
 * OpenTelemetry's own conventions for generative AI, with MCP and A2A.
 *
 * Sources: open-telemetry/semantic-conventions-genai and `@opentelemetry/semantic-conventions` 1.45.0 (`incubating`);
 * names of older versions are read too: `gen_ai.system` and `gen_ai.usage.prompt_tokens` (1.27),
 * `gen_ai.usage.cache_read_input_tokens` (as instrumentations had them before 1.38). Transfer (pull request 447 of
 * semantic-conventions-genai), A2A (195) and approval (issues 95, 239) are proposals that are not accepted: what they
 * name is read only where the user opts in, see `isOptedIn`.
 */
import { fromEnv } from '../sdk.js'
import { type Role, textOf, type Vocabulary } from './vocabulary.js'

/** Whether `OTEL_SEMCONV_STABILITY_OPT_IN` asks for what the conventions have in development. */
export function isOptedIn(): boolean {
  const asked = fromEnv('OTEL_SEMCONV_STABILITY_OPT_IN')?.split(',') ?? []
  return asked.some((word) => word.trim() === 'gen_ai_latest_experimental')
}

/** Operations by name: values of `gen_ai.operation.name`, and first words of span names. */
export const OPERATIONS: Readonly<Record<string, Role>> = {
  invoke_agent: 'agent',
  // Defines an agent at a provider; nobody lives by it.
  create_agent: 'group',
  invoke_workflow: 'group',
  // Of `@ai-sdk/otel`.
  agent_step: 'group',
  execute_tool: 'tool',
  chat: 'model',
  generate_content: 'model',
  text_completion: 'model',
  embeddings: 'model',
}

/** Operations of the proposals. */
const PROPOSED: Readonly<Record<string, Role>> = {
  transfer_to_agent: 'handOff',
  transfer: 'handOff',
  handoff: 'handOff',
}

export const genAi: Vocabulary = {
  name: 'OpenTelemetry GenAI',
  kind: 'gen_ai.operation.name',
  roles: OPERATIONS,
  roleOf({ attributes }, role) {
    if (role !== undefined) return role
    const operation = textOf(attributes['gen_ai.operation.name'])
    if (operation === undefined) return undefined
    if (isOptedIn() && Object.hasOwn(PROPOSED, operation)) return PROPOSED[operation]
    // Another operation of somebody's own: known not to be one of these.
    return 'group'
  },
  texts: {
    agentId: ['gen_ai.agent.id'],
    agentName: ['gen_ai.agent.name'],
    session: ['gen_ai.conversation.id', 'session.id'],
    model: ['gen_ai.response.model', 'gen_ai.request.model'],
    provider: ['gen_ai.provider.name', 'gen_ai.system'],
    responseId: ['gen_ai.response.id'],
    toolName: ['gen_ai.tool.name'],
    toolCallId: ['gen_ai.tool.call.id'],
    error: ['error.message', 'error.type'],
  },
  numbers: {
    inputTokens: ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens'],
    outputTokens: ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens'],
    cacheReadTokens: [
      'gen_ai.usage.cache_read.input_tokens',
      'gen_ai.usage.cache_read_input_tokens',
      'gen_ai.usage.cached_input_tokens',
    ],
    cacheWriteTokens: [
      'gen_ai.usage.cache_creation.input_tokens',
      'gen_ai.usage.cache_write.input_tokens',
      'gen_ai.usage.cache_creation_input_tokens',
    ],
    costUsd: ['hive.costUsd', 'gen_ai.usage.cost'],
  },
  contents: {
    prompt: ['gen_ai.input.messages', 'gen_ai.prompt'],
    answer: ['gen_ai.output.messages', 'gen_ai.completion'],
    arguments: ['gen_ai.tool.call.arguments'],
    result: ['gen_ai.tool.call.result'],
  },
  usage({ attributes }) {
    const seconds =
      attributes['gen_ai.response.time_to_first_chunk'] ??
      attributes['gen_ai.client.operation.time_to_first_chunk']
    return typeof seconds === 'number' ? { ttftMs: Math.round(seconds * 1000) } : {}
  },
}

/** The Model Context Protocol's spans (semantic conventions 1.39): only the call of a tool is one's work. */
export const mcp: Vocabulary = {
  name: 'MCP',
  kind: 'mcp.method.name',
  roles: { 'tools/call': 'tool' },
  roleOf: (_span, role) => role ?? 'group',
}

/** Agent to agent: a task that is given to an agent elsewhere is a query of its host. */
export const a2a: Vocabulary = {
  name: 'A2A',
  kind: 'a2a.method.name',
  roles: {},
  roleOf: ({ attributes }) => (attributes['server.address'] === undefined ? 'group' : 'call'),
}
