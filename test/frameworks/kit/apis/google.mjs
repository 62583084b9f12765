/** Google's generateContent and embeddings. */
import { cut } from './openai.mjs'

const usageOf = (call) => ({
  promptTokenCount: call.inputTokens,
  candidatesTokenCount: call.outputTokens - (call.reasoningTokens ?? 0),
  totalTokenCount: call.inputTokens + call.outputTokens,
  ...(call.cacheReadTokens !== undefined && { cachedContentTokenCount: call.cacheReadTokens }),
  ...(call.reasoningTokens !== undefined && { thoughtsTokenCount: call.reasoningTokens }),
})

const calls = (call) => call.tools.map(({ id, name, args }) => ({ functionCall: { id, name, args } }))

const chunk = (call, parts, more) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
  modelVersion: call.model,
  responseId: call.responseId,
})

const error = (status, message) => ({ error: { code: status, message, status: 'INVALID_ARGUMENT' } })

export const googleGenerate = {
  name: 'generateContent',
  provider: 'gcp.gemini',
  idPrefix: 'gem',
  read: (_body, [model, method]) => ({
    model: decodeURIComponent(model),
    stream: method === 'streamGenerateContent',
  }),
  error,
  answer: (call) => ({
    ...chunk(call, [...(call.text === undefined ? [] : [{ text: call.text }]), ...calls(call)], {
      finishReason: 'STOP',
    }),
    usageMetadata: usageOf(call),
  }),
  pieces(call) {
    const parts = [...cut(call.text ?? '').map((text) => [{ text }]), ...calls(call).map((part) => [part])]
    return parts.map((each, i) => ({
      data:
        i < parts.length - 1
          ? chunk(call, each)
          : { ...chunk(call, each, { finishReason: 'STOP' }), usageMetadata: usageOf(call) },
      isContent: true,
    }))
  },
}

export const googleEmbed = {
  name: 'embedContent',
  provider: 'gcp.gemini',
  idPrefix: '',
  hasIds: false,
  isEmbedding: true,
  read: (_body, [model]) => ({ model: decodeURIComponent(model), stream: false }),
  error,
  answer(_call, turn, body) {
    const values = turn.embedding ?? [0.1, 0.2, 0.3]
    return Array.isArray(body.requests)
      ? { embeddings: body.requests.map(() => ({ values })) }
      : { embedding: { values } }
  },
}
