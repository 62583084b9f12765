/** OpenAI's interfaces: chat completions, responses, embeddings. */

/** A text in pieces, as a stream sends it. */
export function cut(text, pieces = 3) {
  const size = Math.max(1, Math.ceil(text.length / pieces))
  return text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
}

const error = (status, message) => ({
  error: { message, type: 'fake_error', param: null, code: String(status) },
})

const chatUsage = (call) => ({
  prompt_tokens: call.inputTokens,
  completion_tokens: call.outputTokens,
  total_tokens: call.inputTokens + call.outputTokens,
  ...(call.cacheReadTokens !== undefined && {
    prompt_tokens_details: { cached_tokens: call.cacheReadTokens },
  }),
  ...(call.reasoningTokens !== undefined && {
    completion_tokens_details: { reasoning_tokens: call.reasoningTokens },
  }),
})

const seconds = (call) => Math.floor(call.startedAt / 1000)

export const openaiChat = {
  name: 'chat.completions',
  provider: 'openai',
  idPrefix: 'chatcmpl-',
  read: (body) => ({
    model: body.model,
    stream: body.stream === true,
  }),
  error,
  answer: (call) => ({
    id: call.responseId,
    object: 'chat.completion',
    created: seconds(call),
    model: call.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: call.text ?? null,
          ...(call.tools.length > 0 && {
            tool_calls: call.tools.map(({ id, name, args }) => ({
              id,
              type: 'function',
              function: { name, arguments: JSON.stringify(args) },
            })),
          }),
        },
        finish_reason: call.tools.length > 0 ? 'tool_calls' : 'stop',
      },
    ],
    usage: chatUsage(call),
  }),
  pieces(call) {
    const chunk = (choices, more = {}) => ({
      data: {
        id: call.responseId,
        object: 'chat.completion.chunk',
        created: seconds(call),
        model: call.model,
        choices,
        ...more,
      },
    })
    const delta = (fields) => ({
      ...chunk([{ index: 0, delta: fields, finish_reason: null }]),
      isContent: fields.role === undefined,
    })
    const pieces = [delta({ role: 'assistant', content: '' })]
    if (call.text !== undefined) pieces.push(...cut(call.text).map((content) => delta({ content })))
    for (const [index, { id, name, args }] of call.tools.entries()) {
      pieces.push(delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }))
      for (const part of cut(JSON.stringify(args))) {
        pieces.push(delta({ tool_calls: [{ index, function: { arguments: part } }] }))
      }
    }
    pieces.push(
      chunk([{ index: 0, delta: {}, finish_reason: call.tools.length > 0 ? 'tool_calls' : 'stop' }]),
    )
    // Only who asks gets a stream's tokens.
    if (call.request.stream_options?.include_usage) pieces.push(chunk([], { usage: chatUsage(call) }))
    pieces.push({ data: '[DONE]' })
    return pieces
  },
}

const responseOf = (call, status, output, usage) => ({
  id: call.responseId,
  object: 'response',
  created_at: seconds(call),
  status,
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model: call.model,
  output,
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  usage,
})

const responseUsage = (call) => ({
  input_tokens: call.inputTokens,
  input_tokens_details: { cached_tokens: call.cacheReadTokens ?? 0 },
  output_tokens: call.outputTokens,
  output_tokens_details: { reasoning_tokens: call.reasoningTokens ?? 0 },
  total_tokens: call.inputTokens + call.outputTokens,
})

function outputOf(call) {
  const output = []
  if (call.text !== undefined) {
    output.push({
      id: `msg_${call.number}`,
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text: call.text, annotations: [], logprobs: [] }],
    })
  }
  for (const [i, { id, name, args }] of call.tools.entries()) {
    output.push({
      id: `fc_${call.number}_${i + 1}`,
      type: 'function_call',
      status: 'completed',
      call_id: id,
      name,
      arguments: JSON.stringify(args),
    })
  }
  return output
}

export const openaiResponses = {
  name: 'responses',
  provider: 'openai',
  idPrefix: 'resp_',
  read: (body) => ({ model: body.model, stream: body.stream === true }),
  error,
  answer: (call) => responseOf(call, 'completed', outputOf(call), responseUsage(call)),
  pieces(call) {
    const pieces = []
    const send = (type, fields, isContent = false) => {
      pieces.push({ event: type, data: { type, sequence_number: pieces.length, ...fields }, isContent })
    }
    send('response.created', { response: responseOf(call, 'in_progress', [], null) })
    send('response.in_progress', { response: responseOf(call, 'in_progress', [], null) })
    for (const [output_index, item] of outputOf(call).entries()) {
      const at = { output_index, item_id: item.id }
      const open = { ...item, status: 'in_progress' }
      if (item.type === 'message') {
        const part = { type: 'output_text', text: '', annotations: [], logprobs: [] }
        const [done] = item.content
        send('response.output_item.added', { output_index, item: { ...open, content: [] } })
        send('response.content_part.added', { ...at, content_index: 0, part })
        for (const delta of cut(done.text)) {
          send('response.output_text.delta', { ...at, content_index: 0, delta, logprobs: [] }, true)
        }
        send('response.output_text.done', { ...at, content_index: 0, text: done.text, logprobs: [] })
        send('response.content_part.done', { ...at, content_index: 0, part: done })
      } else {
        send('response.output_item.added', { output_index, item: { ...open, arguments: '' } }, true)
        for (const delta of cut(item.arguments))
          send('response.function_call_arguments.delta', { ...at, delta }, true)
        send('response.function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments })
      }
      send('response.output_item.done', { output_index, item })
    }
    send('response.completed', {
      response: responseOf(call, 'completed', outputOf(call), responseUsage(call)),
    })
    return pieces
  },
}

export const openaiEmbeddings = {
  name: 'embeddings',
  provider: 'openai',
  idPrefix: '',
  hasIds: false,
  isEmbedding: true,
  read: (body) => ({ model: body.model, stream: false }),
  error,
  answer(call, turn, body) {
    const numbers = turn.embedding ?? [0.1, 0.2, 0.3]
    // Clients ask for base64 of 32-bit floats unless they are told otherwise.
    const embedding =
      body.encoding_format === 'base64'
        ? Buffer.from(new Float32Array(numbers).buffer).toString('base64')
        : numbers
    const inputs = Array.isArray(body.input) ? body.input : [body.input]
    return {
      object: 'list',
      data: inputs.map((_, index) => ({ object: 'embedding', index, embedding })),
      model: call.model,
      usage: { prompt_tokens: call.inputTokens, total_tokens: call.inputTokens },
    }
  },
}
