/**
 * OpenLLMetry (Traceloop). Source: `@traceloop/ai-semantic-conventions` 0.27.0, with `instrumentation-openai` and
 * `instrumentation-anthropic` of the same version. Model calls are `gen_ai.*`; a workflow,
 * a task, an agent and a tool are told by a kind of its own.
 */
import { type SpanView, textOf, type Vocabulary } from './vocabulary.js'

export const openllmetry: Vocabulary = {
  name: 'OpenLLMetry',
  kind: 'traceloop.span.kind',
  roles: {
    agent: 'agent',
    tool: 'tool',
    workflow: 'group',
    task: 'group',
    session: 'group',
    unknown: 'group',
  },
  texts: {
    agentName: ['traceloop.entity.name'],
    toolName: ['traceloop.entity.name'],
    session: ['traceloop.association.properties.session_id', 'traceloop.association.properties.thread_id'],
  },
  contents: {
    prompt: ['traceloop.entity.input'],
    answer: ['traceloop.entity.output'],
    arguments: ['traceloop.entity.input'],
    result: ['traceloop.entity.output'],
  },
}

/** A model call, as its instrumentations of clients told it before they took up `gen_ai.operation.name`. */
export const openllmetryCalls: Vocabulary = {
  name: 'OpenLLMetry, calls',
  kind: 'llm.request.type',
  roles: { chat: 'model', completion: 'model', rerank: 'group', unknown: 'group' },
  roleOf({ attributes }, role) {
    // An embedding has the kind `unknown`, and tokens.
    const hasTokens = textOf(attributes['gen_ai.request.model']) !== undefined
    return role === 'group' && hasTokens && 'gen_ai.usage.input_tokens' in attributes ? 'model' : role
  },
}

/** What a run of LangChain's or LangGraph's was given, as its instrumentation of those tells it, beside `gen_ai.*`. */
export const runInput = ({ instrumentationScope, attributes }: SpanView): string | undefined =>
  instrumentationScope?.name === '@traceloop/instrumentation-langchain'
    ? textOf(attributes['traceloop.entity.input'])
    : undefined

/** Whether a span's input is without what came from the cache and went there, as Anthropic's interface counts. */
export const countsUncached = ({ instrumentationScope }: SpanView): boolean =>
  instrumentationScope?.name === '@traceloop/instrumentation-anthropic'
