/**
 * Mastra over its OpenTelemetry bridge. Source: `@mastra/otel-bridge` 1.5.4 and `@mastra/otel-exporter` 1.4.0
 * (`gen-ai-semantics`). At its start a span has a name only; at its end the attributes and the name of the conventions.
 * A generation is a sum of inferences; older versions have no inferences, and call the generation `chat`.
 */
import type { Role, SpanView, Vocabulary } from './vocabulary.js'

export const mastra: Vocabulary = {
  name: 'Mastra',
  kind: 'mastra.span.type',
  roles: {
    agent_run: 'agent',
    model_generation: 'group',
    model_inference: 'model',
    model_step: 'group',
    model_chunk: 'group',
    tool_call: 'tool',
    mcp_tool_call: 'tool',
    provider_tool_call: 'tool',
    rag_embedding: 'model',
    llm_generation: 'model',
  },
  roleOf({ attributes }, role) {
    // Where there are no inferences.
    if (attributes['mastra.span.type'] === 'model_generation') {
      return attributes['gen_ai.operation.name'] === 'chat' ? 'model' : 'group'
    }
    return role ?? 'group'
  },
}

const SCOPE = '@mastra/otel-bridge'
const NAME = /^(agent run|tool|mcp_tool|llm): '([^']*)'/

const BY_NAME: Readonly<Record<string, Role | undefined>> = {
  'agent run': 'agent',
  tool: 'tool',
  mcp_tool: 'tool',
  // Which of the spans around a model's call is the call shows at the end.
  llm: undefined,
}

/** What the name of a span of Mastra's bridge says at the start, which is all there is. */
export function mastraStart({
  name,
  instrumentationScope,
}: SpanView): { role: Role; name: string } | undefined {
  if (instrumentationScope?.name !== SCOPE) return undefined
  const said = NAME.exec(name)
  const role = said && BY_NAME[said[1] as string]
  return role ? { role, name: said?.[2] as string } : undefined
}
