/**
 * Langfuse. Source: `@langfuse/core`, `@langfuse/tracing`, `@langfuse/openai` and `@langfuse/langchain` 5.11.1. Counts are
 * JSON; its `input` and `output` are without the parts that are told beside them, as what came from the cache is.
 */
import { countIn, objectOf, type SpanView, textOf, type Vocabulary } from './vocabulary.js'

const METADATA = 'langfuse.observation.metadata.'
/** What LangChain's handler says of LangGraph's runs, right after the start of a span. */
export const GRAPH_NAMESPACE = `${METADATA}langgraph_checkpoint_ns`

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
  // A plain span of Langfuse's may be something to another vocabulary; a node of LangGraph's is none.
  roleOf: ({ attributes }, role) =>
    attributes['langfuse.observation.type'] === 'span' && attributes[GRAPH_NAMESPACE] === undefined
      ? undefined
      : role,
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
    const first = (...names: string[]) =>
      names.map((each) => countIn(counts, each)).find((n) => n !== undefined)
    const read = first('input_cached_tokens', 'input_cache_read', 'cache_read_input_tokens')
    const written = first('input_cache_creation', 'cache_creation_input_tokens')
    const apart =
      (countIn(counts, 'cache_read_input_tokens') ?? 0) +
      (countIn(counts, 'cache_creation_input_tokens') ?? 0)
    const input = whole(counts, 'input', apart) ?? countIn(counts, 'promptTokens')
    const output = whole(counts, 'output') ?? countIn(counts, 'completionTokens')
    return {
      ...(input !== undefined && { inputTokens: input }),
      ...(output !== undefined && { outputTokens: output }),
      ...(read !== undefined && { cacheReadTokens: read }),
      ...(written !== undefined && { cacheWriteTokens: written }),
      ...(cost !== undefined && { costUsd: cost }),
    }
  },
}

/** A count with what Langfuse takes out of it: `input_cached_tokens`, `output_reasoning_tokens` and the like. */
function whole(counts: Record<string, unknown> | undefined, name: string, apart = 0): number | undefined {
  const rest = countIn(counts, name)
  if (counts === undefined || rest === undefined) return undefined
  const parts = Object.keys(counts).filter((each) => each.startsWith(`${name}_`))
  return parts.reduce((sum, each) => sum + (countIn(counts, each) ?? 0), rest + apart)
}

/** The thread of LangGraph's that a run belongs to. */
export const threadOf = ({ attributes }: SpanView): string | undefined =>
  textOf(attributes[`${METADATA}thread_id`])

/** Whether a span is Langfuse's. */
export const isLangfuse = ({ instrumentationScope }: SpanView): boolean =>
  instrumentationScope?.name === 'langfuse-sdk'

/** Why its work failed, where a span says so; most have no status. */
export const failureSaid = ({ attributes }: SpanView): string | undefined =>
  attributes['langfuse.observation.level'] === 'ERROR'
    ? (textOf(attributes['langfuse.observation.status_message']) ?? 'failed')
    : undefined
