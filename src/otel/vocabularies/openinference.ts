/**
 * OpenInference. Source: `@arizeai/openinference-semantic-conventions` 2.12.0. Everything is set after the start of a
 * span; `metadata` of LangGraph at its end.
 */
import { GRAPH_NAMESPACE } from './langfuse.js'
import { objectOf, type SpanView, textOf, type Vocabulary, wordIn } from './vocabulary.js'

const isOpenAiAgents = ({ instrumentationScope }: SpanView): boolean =>
  instrumentationScope?.name?.includes('openai-agents') === true

/** The id in a provider's answer, which the instrumentations of clients keep whole: among its first fields. */
const ANSWER_ID = /^\{(?:"(?:object|type|role|model)":"[^"\\]{0,200}",)*"id":"([^"\\]{1,200})"/

/** The tool by which OpenAI's Agents SDK has a model hand over. */
const HAND_OFF = /^handoff_to_(.+)$/

export const openinference: Vocabulary = {
  name: 'OpenInference',
  kind: 'openinference.span.kind',
  roles: {
    AGENT: 'agent',
    LLM: 'model',
    EMBEDDING: 'model',
    TOOL: 'tool',
    CHAIN: 'group',
    RETRIEVER: 'group',
    RERANKER: 'group',
    GUARDRAIL: 'group',
    EVALUATOR: 'group',
    PROMPT: 'group',
  },
  roleOf(span, role) {
    // Over OpenAI Agents the root of a trace is an AGENT too, which no agent is.
    if (role === 'agent' && isOpenAiAgents(span)) {
      return span.attributes['graph.node.id'] === undefined ? undefined : role
    }
    return role === 'tool' && HAND_OFF.test(nameOfTool(span)) ? 'handOff' : role
  },
  texts: {
    agentName: ['agent.name', 'graph.node.id'],
    session: ['session.id'],
    model: ['llm.response.model_name', 'llm.model_name', 'llm.request.model_name', 'embedding.model_name'],
    provider: ['llm.provider', 'llm.system'],
    toolName: ['tool.name'],
    toolCallId: ['tool_call.id', 'tool.id', 'message.tool_call_id'],
  },
  numbers: {
    inputTokens: ['llm.token_count.prompt'],
    outputTokens: ['llm.token_count.completion'],
    cacheReadTokens: [
      'llm.token_count.prompt_details.cache_read',
      'llm.token_count.prompt_details.cache_input',
    ],
    cacheWriteTokens: ['llm.token_count.prompt_details.cache_write'],
    costUsd: ['llm.cost.total'],
  },
  contents: {
    prompt: ['input.value'],
    answer: ['output.value'],
    arguments: ['input.value'],
    result: ['output.value'],
  },
  text(span, field) {
    // The name of such a span is that of the agent or the tool.
    if (field === 'agentName' || field === 'toolName') return span.name
    if (field === 'session') return wordIn(objectOf(span.attributes.metadata), 'thread_id')
    if (field === 'responseId') return ANSWER_ID.exec(textOf(span.attributes['output.value']) ?? '')?.[1]
    return undefined
  },
}

const nameOfTool = ({ attributes, name }: SpanView): string => textOf(attributes['tool.name']) ?? name

/** To whom a hand-off's span hands over. */
export function handOffTarget(span: SpanView): string | undefined {
  const { attributes } = span
  const said =
    textOf(attributes['gen_ai.handoff.target.agent.name']) ??
    textOf(attributes['gen_ai.transfer.target.agent.name']) ??
    wordIn(objectOf(attributes['output.value']), 'to_agent')
  return said ?? HAND_OFF.exec(nameOfTool(span))?.[1]
}

/**
 * The names of the graphs' nodes in which a span of LangGraph's lies, the outer first, itself among them: `researcher`
 * and `tools` in `researcher:<uuid>|tools:<uuid>`. The run of a graph is the span above that of its node.
 */
export function graphNodes({ attributes }: SpanView): readonly string[] {
  const { metadata } = attributes
  const isThere = typeof metadata === 'string' && metadata.includes('langgraph_checkpoint_ns')
  const namespace = isThere
    ? wordIn(objectOf(metadata), 'langgraph_checkpoint_ns')
    : textOf(attributes[GRAPH_NAMESPACE])
  const levels = namespace?.split('|') ?? []
  return levels.map((level) => level.split(':', 1)[0] as string)
}

/** LangGraph's name for a graph that was given none. */
const UNNAMED = 'LangGraph'

/** How the agent is called that a graph's run is. @param node the one in which the run lies, if any */
export const graphName = ({ name }: SpanView, node: string | undefined): string =>
  name === UNNAMED ? (node ?? name) : name

/** A tool's answer that sends its graph elsewhere. */
const COMMAND = /^\{(?:"output":\{)?"lg_name":"Command"/
const GOTO = /"goto":(?:\[")?"?([^"\\[\]]{1,256})"\]?[^"]{0,10}(?:"graph":"__parent__"[^"]{0,10})?$/

/** Where a tool of LangGraph's that ended well sends its graph; `undefined` where it does not. */
export function commandTarget({ attributes }: SpanView): string | undefined {
  const answer = textOf(attributes['output.value']) ?? textOf(attributes['langfuse.observation.output'])
  return answer !== undefined && COMMAND.test(answer) ? GOTO.exec(answer.slice(-400))?.[1] : undefined
}
