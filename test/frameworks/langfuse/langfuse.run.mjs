import { ownAgents } from '../kit/own-agents.mjs'
import { suite } from '../kit/suite.mjs'

/** What Langfuse's spans say of a call: no answer has an id, an embedding no tokens. */
function told(call) {
  const isEmbedding = call.api === 'embeddings'
  return [
    {
      ...call,
      responseId: undefined,
      ...(isEmbedding && { inputTokens: undefined, outputTokens: undefined }),
    },
  ]
}

await suite(import.meta.url, {
  framework: 'Langfuse',
  package: '@langfuse/tracing',
  scenarios: [ownAgents('agents around OpenAI', told)],
})
