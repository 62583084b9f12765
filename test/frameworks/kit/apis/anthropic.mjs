/** Anthropic's messages. */
import { cut } from './openai.mjs'

const usageOf = (call) => ({
  // Anthropic counts what was read from and written to a cache apart.
  input_tokens: call.inputTokens - (call.cacheReadTokens ?? 0) - (call.cacheWriteTokens ?? 0),
  output_tokens: call.outputTokens,
  cache_read_input_tokens: call.cacheReadTokens ?? 0,
  cache_creation_input_tokens: call.cacheWriteTokens ?? 0,
  service_tier: 'standard',
})

const contentOf = (call) => [
  ...(call.text === undefined ? [] : [{ type: 'text', text: call.text }]),
  ...call.tools.map(({ id, name, args }) => ({ type: 'tool_use', id, name, input: args })),
]

const stopReason = (call) => (call.tools.length > 0 ? 'tool_use' : 'end_turn')

const messageOf = (call, content, stop_reason, usage) => ({
  id: call.responseId,
  type: 'message',
  role: 'assistant',
  model: call.model,
  content,
  stop_reason,
  stop_sequence: null,
  usage,
})

export const anthropicMessages = {
  name: 'messages',
  provider: 'anthropic',
  idPrefix: 'msg_',
  read: (body) => ({ model: body.model, stream: body.stream === true }),
  error: (status, message) => ({
    type: 'error',
    error: { type: status === 400 ? 'invalid_request_error' : 'api_error', message },
  }),
  answer: (call) => messageOf(call, contentOf(call), stopReason(call), usageOf(call)),
  pieces(call) {
    const pieces = []
    const send = (type, fields = {}, isContent = false) => {
      pieces.push({ event: type, data: { type, ...fields }, isContent })
    }
    send('message_start', { message: messageOf(call, [], null, { ...usageOf(call), output_tokens: 1 }) })
    for (const [index, block] of contentOf(call).entries()) {
      if (block.type === 'text') {
        send('content_block_start', { index, content_block: { type: 'text', text: '' } })
        for (const text of cut(block.text)) {
          send('content_block_delta', { index, delta: { type: 'text_delta', text } }, true)
        }
      } else {
        send('content_block_start', { index, content_block: { ...block, input: {} } }, true)
        for (const partial_json of cut(JSON.stringify(block.input))) {
          send('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } }, true)
        }
      }
      send('content_block_stop', { index })
    }
    send('message_delta', {
      delta: { stop_reason: stopReason(call), stop_sequence: null },
      usage: { output_tokens: call.outputTokens },
    })
    send('message_stop')
    return pieces
  },
}
