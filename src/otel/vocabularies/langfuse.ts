/**
 * Langfuse. Source: `@langfuse/core`, `@langfuse/tracing` and `@langfuse/openai` 5.11.1. Counts are JSON, and its `input` is without what
 * came from the cache.
 */
import { countIn, objectOf, type SpanView, type Vocabulary } from './vocabulary.js'

export const langfuse: Vocabulary = {
  name: 'Langfuse',
  kind: 'langfuse.observation.type',
  roles: {
    agent: 'agent',
    generation: 'model',
    embedding: 'model',
    tool: 'tool',
    span: 'group',
    event: 'group',
    chain: 'group',
    retriever: 'group',
    evaluator: 'group',
    guardrail: 'group',
  },
  // A plain span of Langfuse's may be something to another vocabulary.
  roleOf: ({ attributes }, role) => (attributes['langfuse.observation.type'] === 'span' ? undefined : role),
  texts: {
    session: ['session.id', 'langfuse.session.id'],
    model: ['langfuse.observation.model.name'],
    error: ['langfuse.observation.status_message'],
  },
  contents: {
    prompt: ['langfuse.observation.input'],
    answer: ['langfuse.observation.output'],
    arguments: ['langfuse.observation.input'],
    result: ['langfuse.observation.output'],
  },
  text: ({ name }, field) => (field === 'agentName' || field === 'toolName' ? name : undefined),
  usage({ attributes }) {
    const counts = objectOf(attributes['langfuse.observation.usage_details'])
    const cost = countIn(objectOf(attributes['langfuse.observation.cost_details']), 'total')
    const read = countIn(counts, 'input_cached_tokens') ?? countIn(counts, 'cache_read_input_tokens')
    const written = countIn(counts, 'input_cache_creation') ?? countIn(counts, 'cache_creation_input_tokens')
    const uncached = countIn(counts, 'input')
    const all = uncached === undefined ? undefined : uncached + (read ?? 0) + (written ?? 0)
    const input = all ?? countIn(counts, 'promptTokens')
    const output = countIn(counts, 'output') ?? countIn(counts, 'completionTokens')
    return {
      ...(input !== undefined && { inputTokens: input }),
      ...(output !== undefined && { outputTokens: output }),
      ...(read !== undefined && { cacheReadTokens: read }),
      ...(written !== undefined && { cacheWriteTokens: written }),
      ...(cost !== undefined && { costUsd: cost }),
    }
  },
}

/** Whether a span says so that its work failed: most have no status. */
export const saysFailed = ({ attributes }: SpanView): boolean =>
  attributes['langfuse.observation.level'] === 'ERROR'
