import { ownAgents } from '../kit/own-agents.mjs'
import { suite } from '../kit/suite.mjs'

/** What OpenLLMetry's spans say of a call: nothing of embeddings and of refused calls, whose spans never end. */
function told(call) {
  if (call.api === 'embeddings' || call.error !== undefined) return []
  if (call.provider === 'openai') return [{ ...call, cacheReadTokens: undefined }]
  return [call.stream ? { ...call, responseId: undefined } : call]
}

await suite(import.meta.url, {
  framework: 'OpenLLMetry',
  package: '@traceloop/node-server-sdk',
  scenarios: [
    ownAgents('agents around OpenAI and Anthropic', told, {
      tools: [
        { agent: 'lead', name: 'research' },
        { agent: 'researcher', name: 'search' },
        // The span of a tool that throws is never ended.
        { agent: 'lead', name: 'compile', isCut: true },
      ],
    }),
  ],
})
