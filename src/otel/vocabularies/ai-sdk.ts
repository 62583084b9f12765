/**
 * The AI SDK's own telemetry (scope `ai`). Source: `ai` 6.0.326 and `legacy-open-telemetry.ts` of `@ai-sdk/otel`
 * 1.0.173. Spans of `doGenerate`, `doStream` and `doEmbed` are calls; those above carry sums.
 */
import { textOf, type Vocabulary } from './vocabulary.js'

/** Operations in which a model runs until it needs no more tools. */
const RUNS = new Set(['ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject'])

export const aiSdk: Vocabulary = {
  name: 'AI SDK',
  kind: 'ai.operationId',
  roles: {
    'ai.generateText.doGenerate': 'model',
    'ai.streamText.doStream': 'model',
    'ai.generateObject.doGenerate': 'model',
    'ai.streamObject.doStream': 'model',
    'ai.embed.doEmbed': 'model',
    'ai.embedMany.doEmbed': 'model',
    'ai.toolCall': 'tool',
  },
  roleOf({ attributes }, role) {
    if (role !== undefined) return role
    const operation = textOf(attributes['ai.operationId']) as string
    // A run that the user gave a name is an agent's.
    return RUNS.has(operation) && textOf(attributes['ai.telemetry.functionId']) !== undefined
      ? 'agent'
      : 'group'
  },
  texts: {
    agentName: ['ai.telemetry.functionId'],
    session: ['ai.telemetry.metadata.sessionId'],
    model: ['ai.response.model', 'ai.model.id'],
    provider: ['ai.model.provider'],
    responseId: ['ai.response.id'],
    toolName: ['ai.toolCall.name'],
    toolCallId: ['ai.toolCall.id'],
  },
  numbers: {
    inputTokens: ['ai.usage.inputTokens', 'ai.usage.promptTokens', 'ai.usage.tokens'],
    outputTokens: ['ai.usage.outputTokens', 'ai.usage.completionTokens'],
    cacheReadTokens: ['ai.usage.cachedInputTokens', 'ai.usage.inputTokenDetails.cacheReadTokens'],
    cacheWriteTokens: ['ai.usage.inputTokenDetails.cacheWriteTokens'],
    ttftMs: ['ai.response.msToFirstChunk', 'ai.stream.msToFirstChunk'],
  },
  contents: {
    prompt: ['ai.prompt.messages', 'ai.prompt'],
    answer: ['ai.response.text', 'ai.response.object', 'ai.response.toolCalls'],
    arguments: ['ai.toolCall.args'],
    result: ['ai.toolCall.result'],
  },
}
