/** What is read of models' answers on the wire: in any pieces, compressed, long, cut, and not of others' answers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { adapter } from '../../src/frameworks/model-sdks/adapter.js'
import { Answer, MAY_END, NO_MORE } from '../../src/frameworks/model-sdks/answer.js'
import { endpointOf } from '../../src/frameworks/model-sdks/dialects.js'
import { Stage } from '../../src/frameworks/stage.js'
import { captureDiag, eventsOf, listening, tempHive, until } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const dialectOf = (path: string) => {
  const endpoint = endpointOf('POST', 'api.example.com', path)
  assert.ok(endpoint, path)
  return endpoint.dialect
}

const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`

const CHAT = [
  { id: 'c-1', model: 'gpt-x', choices: [{ delta: { role: 'assistant', content: '' } }], usage: null },
  ...['Bees ', 'make “honey” 🍯', ' "usage":{"prompt_tokens":1}'].map((content) => ({
    id: 'c-1',
    model: 'gpt-x',
    choices: [{ delta: { content } }],
    usage: null,
  })),
  {
    id: 'c-1',
    model: 'gpt-x',
    choices: [],
    usage: { prompt_tokens: 40, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 16 } },
  },
  '[DONE]',
]

test('a stream says the same in whatever pieces it comes', () => {
  const bytes = Buffer.from(CHAT.map(event).join(''))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 40 }), (cuts) => {
      const answer = new Answer(dialectOf('/v1/chat/completions'), true)
      const ends = [...cuts, bytes.length].sort((a, b) => a - b)
      let from = 0
      for (const end of ends) {
        answer.add(bytes.subarray(from, end))
        from = end
      }
      answer.end()
      assert.deepEqual(answer.found, {
        isAnswer: true,
        isWhole: true,
        model: 'gpt-x',
        responseId: 'c-1',
        inputTokens: 40,
        outputTokens: 9,
        cacheReadTokens: 16,
      })
      assert.equal(answer.hasContent, true)
    }),
  )
})

/** A stream of each interface with 2,000 events in its middle, all of which look as if they said something. */
const LONG: [path: string, events: unknown[], found: object][] = [
  [
    '/v1/chat/completions',
    [
      { id: 'c-1', model: 'gpt-x', choices: [{ delta: { content: 'a' } }], usage: null },
      ...Array.from({ length: 2_000 }, (_, i) => ({
        id: 'c-1',
        model: 'gpt-x',
        choices: [{ delta: { content: `"usage":{"prompt_tokens":${i}}, "error", [DONE]` } }],
        usage: null,
      })),
      { id: 'c-1', model: 'gpt-x', choices: [], usage: { prompt_tokens: 40, completion_tokens: 9 } },
      '[DONE]',
    ],
    { isAnswer: true, isWhole: true, model: 'gpt-x', responseId: 'c-1', inputTokens: 40, outputTokens: 9 },
  ],
  [
    '/v1/messages',
    [
      {
        type: 'message_start',
        message: { type: 'message', id: 'm', model: 'c', usage: { input_tokens: 10 } },
      },
      ...Array.from({ length: 2_000 }, () => ({
        type: 'content_block_delta',
        delta: { text: '"usage":{"output_tokens":1}, message_stop' },
      })),
      { type: 'message_delta', delta: {}, usage: { output_tokens: 12 } },
      { type: 'message_stop' },
    ],
    { isAnswer: true, isWhole: true, model: 'c', responseId: 'm', inputTokens: 10, outputTokens: 12 },
  ],
  [
    '/v1/responses',
    [
      { type: 'response.created', response: { object: 'response', id: 'r', model: 'g', usage: null } },
      ...Array.from({ length: 2_000 }, () => ({
        type: 'response.output_text.delta',
        delta: 'response.completed "error"',
      })),
      {
        type: 'response.completed',
        response: {
          object: 'response',
          id: 'r',
          model: 'g',
          status: 'completed',
          error: null,
          output: ['x'.repeat(100_000)],
          usage: { input_tokens: 5, output_tokens: 2_000 },
        },
      },
    ],
    { isAnswer: true, isWhole: true, model: 'g', responseId: 'r', inputTokens: 5, outputTokens: 2_000 },
  ],
  [
    '/models/m:streamGenerateContent',
    Array.from({ length: 2_001 }, (_, i) => ({
      candidates: [{ content: { parts: [{ text: 'a' }] }, ...(i === 2_000 && { finishReason: 'STOP' }) }],
      usageMetadata: { promptTokenCount: 7, candidatesTokenCount: i },
      modelVersion: 'g',
      responseId: 'r',
    })),
    { isAnswer: true, isWhole: true, model: 'g', responseId: 'r', inputTokens: 7, outputTokens: 2_000 },
  ],
]

for (const [path, events, expected] of LONG) {
  test(`a long stream of ${path} is read in batches, and its end says what matters`, () => {
    const bytes = Buffer.from(events.map(event).join(''))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200_000 }), (length) => {
        const answer = new Answer(dialectOf(path), true)
        for (let i = 0; i < bytes.length; i += length) {
          // As some readers do with what they have read.
          const piece = Buffer.from(bytes.subarray(i, i + length))
          answer.add(piece)
          piece.fill(0)
        }
        answer.end()
        assert.deepEqual(answer.found, expected)
      }),
      { numRuns: 12, examples: [[1_000_000], [151], [64 * 1024]] },
    )
  })
}

test('names that end as those that matter are passed over, wherever they stand beside them', () => {
  const words = ['message', 'usage', 'mirror', 'error', 'x', 'xx']
  const event = fc.record({
    name: fc.constantFrom(...words),
    isCount: fc.boolean(),
    count: fc.nat(1e6),
    space: fc.constantFrom('', ' '),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.nat(1e6), (events, last) => {
      const answer = new Answer(dialectOf('/v1/chat/completions'), true)
      const said = (fields: string): Buffer => Buffer.from(`data: {"id":"c-1","choices":[]${fields}}\n\n`)
      answer.add(Buffer.from('data: {"model":"m","choices":[{"delta":{"content":"x"}}]}\n\n'))
      let message: string | undefined
      let input: number | undefined
      for (const { name, isCount, count, space } of events) {
        const value = isCount ? `{"prompt_tokens":${count},"message":"m${count}"}` : 'null'
        answer.add(said(`,"${name}":${space}${value}`))
      }
      // The last eight that matter are read.
      const matter = events.filter(({ name, isCount }) =>
        name === 'error' ? isCount : name === 'usage' && isCount,
      )
      for (const { name, count } of matter.slice(-7)) {
        if (name === 'error') message = `m${count}`
        else input = count
      }
      answer.add(said(`,"usage":{"completion_tokens":${last}}`))
      answer.end()
      const { inputTokens, outputTokens, error } = answer.found
      assert.deepEqual(
        { inputTokens, outputTokens, error },
        { inputTokens: input, outputTokens: last, error: message },
      )
    }),
    { numRuns: cases(200, 200) },
  )
})

test('what the last lines of a stream do not say is found in those before', () => {
  const word = event({ id: 'c-1', choices: [{ delta: { content: 'word '.repeat(40) } }], usage: null })
  const usage = event({ id: 'c-1', choices: [], usage: { prompt_tokens: 3, completion_tokens: 9 } })
  const failed = event({ error: { message: 'gone' } })
  const done = 'data: [DONE]\n\n'
  const end = { inputTokens: 3, outputTokens: 9, isWhole: true }
  for (const [lines, expected] of [
    // Longer than what is looked at first, on both sides.
    [[...Array(100).fill(word), usage, done], end],
    [[usage, ...Array(100).fill(word), done], end],
    [[...Array(50).fill(word), usage, ...Array(50).fill(word), failed, done], { ...end, error: 'gone' }],
    [[...Array(100).fill(word), failed, done], { isWhole: true, error: 'gone' }],
    [[...Array(100).fill(word), usage], { inputTokens: 3, outputTokens: 9 }],
  ] as const) {
    const answer = new Answer(dialectOf('/v1/chat/completions'), true)
    answer.add(Buffer.from(event({ id: 'c-1', model: 'm', choices: [{ delta: { content: 'x' } }] })))
    answer.add(Buffer.from(lines.join('')))
    answer.end()
    assert.deepEqual(answer.found, { isAnswer: true, model: 'm', responseId: 'c-1', ...expected })
  }
})

test('that a stream is over shows before its connection ends, where an event comes as a piece', () => {
  for (const [path, events] of LONG.slice(0, 3)) {
    const answer = new Answer(dialectOf(path), true)
    const last = events.length - 1
    for (const [i, each] of events.entries()) {
      const { type } = each as { type?: string }
      const name = path === '/v1/responses' ? `event: ${type}\n` : ''
      const more = answer.add(Buffer.from(name + event(each)))
      if (i === last) assert.equal(more, MAY_END, path)
      if (more !== NO_MORE) answer.read()
      assert.equal(answer.found.isWhole === true, i === last, path)
    }
  }
})

test('hostile pieces do no harm, and no number is made up', () => {
  const paths = [
    '/chat/completions',
    '/responses',
    '/embeddings',
    '/v1/messages',
    '/models/m:generateContent',
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...paths),
      fc.boolean(),
      fc.jsonValue(),
      fc.uint8Array(),
      (path, isStream, json, raw) => {
        const answer = new Answer(dialectOf(path), isStream)
        answer.add(Buffer.from(isStream ? event(json) : JSON.stringify(json)))
        answer.add(raw)
        answer.end()
        for (const value of [answer.found.inputTokens, answer.found.outputTokens]) {
          assert.ok(value === undefined || (Number.isFinite(value) && value >= 0))
        }
      },
    ),
  )
})

test('of an answer too long to be kept the ends are read', () => {
  const answer = new Answer(dialectOf('/v1/embeddings'), false)
  const data = Array.from({ length: 40 }, (_, index) => ({ index, embedding: 'A'.repeat(100_000) }))
  const text = JSON.stringify({
    object: 'list',
    data,
    model: 'embed-x',
    usage: { prompt_tokens: 77, total_tokens: 77 },
  })
  assert.ok(text.length > 4_000_000)
  for (let i = 0; i < text.length; i += 65_536) answer.add(Buffer.from(text.slice(i, i + 65_536)))
  answer.end()
  assert.deepEqual(answer.found, { isAnswer: true, outputTokens: 0, model: 'embed-x', inputTokens: 77 })
})

test('Anthropic counts its cache apart, and the first count of the output is none', () => {
  const answer = new Answer(dialectOf('/v1/messages'), true)
  const usage = {
    input_tokens: 10,
    cache_read_input_tokens: 200,
    cache_creation_input_tokens: 30,
    output_tokens: 1,
  }
  answer.add(
    Buffer.from(event({ type: 'message_start', message: { type: 'message', id: 'm', model: 'c', usage } })),
  )
  answer.read()
  assert.equal(answer.found.inputTokens, 240)
  assert.equal(answer.found.outputTokens, undefined)
  answer.add(Buffer.from(event({ type: 'message_delta', delta: {}, usage: { output_tokens: 12 } })))
  answer.read()
  assert.equal(answer.found.outputTokens, 12)
  assert.equal(answer.found.inputTokens, 240)
})

test('providers go by their hosts, models by their paths', () => {
  const of = (host: string, path: string) => {
    const { provider, model } = endpointOf('POST', host, path) ?? {}
    return [provider, model]
  }
  assert.deepEqual(of('api.openai.com', '/v1/chat/completions'), ['openai', undefined])
  assert.deepEqual(of('x.openai.azure.com', '/openai/deployments/my%20gpt/chat/completions'), [
    'azure.ai.openai',
    'my gpt',
  ])
  assert.deepEqual(of('localhost:11434', '/v1/chat/completions'), ['openai', undefined])
  assert.deepEqual(
    of(
      'europe-west1-aiplatform.googleapis.com',
      '/v1/projects/p/publishers/anthropic/models/claude-x:streamRawPredict',
    ),
    ['gcp.vertex_ai', 'claude-x'],
  )
  assert.deepEqual(of('generativelanguage.googleapis.com', '/v1beta/models/gemini-x:streamGenerateContent'), [
    'gcp.gemini',
    'gemini-x',
  ])
  assert.equal(endpointOf('GET', 'api.openai.com', '/v1/chat/completions'), undefined)
  assert.equal(endpointOf('POST', 'api.anthropic.com', '/v1/messages/count_tokens'), undefined)
})

type Reply = (response: http.ServerResponse) => void

async function setUp(t: TestContext, reply: Reply) {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const stage = new Stage(hive)
  adapter.install(stage)
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => reply(response))
  })
  const url = await listening(t, server)
  /** Those that are written, once there are as many: an answer is read beside its reader, and a while after it. */
  const usages = async (count: number) => {
    const written = () => eventsOf(file).filter(({ kind }) => kind === 'usage')
    await until(() => written().length >= count, `${count} model calls`)
    await new Promise((resolve) => setTimeout(resolve, 60))
    await hive.flush()
    return written()
  }
  return { url, usages, hive, stage, said }
}

/** From Node 22.15 on; `@types/node` of Node 20 does not have it. */
const { zstdCompressSync } = zlib as { zstdCompressSync?: (text: string) => Buffer }

const COMPRESS: Record<string, (text: string) => Buffer> = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  'gzip, br': (text) => zlib.brotliCompressSync(zlib.gzipSync(text)),
  'BR,deflate': (text) => zlib.deflateSync(zlib.brotliCompressSync(text)),
  ...(zstdCompressSync !== undefined && { zstd: zstdCompressSync }),
}

for (const [encoding, compress] of Object.entries(COMPRESS)) {
  for (const size of [10, 600_000]) {
    test(`a ${encoding} answer of ${size} characters is read, and its reader gets it as it was`, async (t) => {
      let seed = 1
      const noise = Array.from({ length: size }, () => {
        seed = (seed * 48_271) % 2_147_483_647
        return String.fromCharCode(97 + (seed % 26))
      }).join('')
      const answer = JSON.stringify({
        id: 'c-2',
        model: 'gpt-x-2026',
        choices: [{ message: { content: noise } }],
        usage: { prompt_tokens: 5, completion_tokens: 6 },
      })
      const sent = compress(answer)
      const { url, usages, said } = await setUp(t, (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        response.end(sent)
      })
      const got = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model": "gpt-x"}' })
      const read = Buffer.from(await got.arrayBuffer())
      // The `fetch` of Node 22 leaves that to its reader.
      const isLeft = encoding === 'zstd' && read.equals(sent)
      assert.ok(isLeft || read.toString() === answer)
      const [usage, ...more] = await usages(1)
      assert.deepEqual(more, [])
      assert.deepEqual(
        [usage?.model, usage?.inputTokens, usage?.outputTokens, usage?.responseId],
        ['gpt-x', 5, 6, 'c-2'],
      )
      assert.deepEqual(said, [])
    })
  }
}

test('a long answer that cannot be decompressed is a model call of which no more is known', async (t) => {
  const noise = Buffer.alloc(600_000, 'no gzip')
  const { url, usages } = await setUp(t, (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.write(noise)
    // When that has been looked at.
    setTimeout(() => response.end(), 100)
  })
  // Unlike `fetch` it takes what comes.
  const request = http.request(`${url}/v1/chat/completions`, { method: 'POST' }).end('{"model": "gpt-x"}')
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  await once(response.resume(), 'end')
  assert.deepEqual(
    (await usages(1)).map(({ inputTokens, error }) => [inputTokens, error]),
    [[undefined, undefined]],
  )
})

test('a path of models that is another service’s is no model call', async (t) => {
  const { url, usages } = await setUp(t, (response) => response.end('{"responses": [], "ok": true}'))
  await fetch(`${url}/survey/responses`, { method: 'POST', body: '{"answer": 1}' })
  await fetch(`${url}/embeddings`, { method: 'POST', body: '{"model": "car"}' })
  assert.deepEqual(await usages(0), [])
})

test('who knows whose the call is has the word, if it speaks at once', async (t) => {
  const { url, usages, hive, stage } = await setUp(t, (response) =>
    response.end('{"id":"c-3","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}'),
  )
  const agent = hive.spawn({ agentId: 'writer' })
  await (await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model":"m"}' })).text()
  stage.usage(agent, {
    source: 'a framework',
    model: 'm',
    inputTokens: 5,
    outputTokens: 6,
    responseId: 'c-3',
  })
  assert.deepEqual(
    (await usages(1)).map(({ agentId, responseId }) => [agentId, responseId]),
    [['writer', 'c-3']],
  )
})

test('what a stream says of its failure is the reason, and not that its client left it then', async (t) => {
  const { url, usages } = await setUp(t, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(
      [CHAT[0], CHAT[1], { error: { message: 'overloaded', type: 'server_error' } }].map(event).join(''),
    )
  })
  const leaving = new AbortController()
  const { signal } = leaving
  const got = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model":"m"}', signal })
  let text = ''
  await assert.rejects(async () => {
    for await (const bytes of got.body ?? []) {
      text += Buffer.from(bytes).toString()
      if (text.includes('overloaded')) leaving.abort()
    }
  })
  assert.deepEqual(
    (await usages(1)).map(({ error }) => error),
    ['server_error: overloaded'],
  )
})

for (const type of ['application/octet-stream', 'text/plain', undefined]) {
  test(`a stream is one also where its type is ${type}`, async (t) => {
    const { url, usages } = await setUp(t, (response) => {
      response.writeHead(200, type === undefined ? {} : { 'content-type': type })
      response.end(CHAT.map(event).join(''))
    })
    await (await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model":"m"}' })).text()
    const [usage, ...more] = await usages(1)
    assert.deepEqual(more, [])
    const { inputTokens, outputTokens, error }: Record<string, unknown> = usage ?? {}
    assert.deepEqual([inputTokens, outputTokens, error], [40, 9, undefined])
  })
}

test('tokens are found whatever blanks there are around the colon', () => {
  for (const colon of [':', ': ', ' : ', ' :']) {
    const answer = new Answer(dialectOf('/v1/chat/completions'), true)
    const said = (usage: string): string =>
      `data: {"id":"c-1","choices":[{"delta":{"content":"a"}}],"usage"${colon}${usage}}\n\n`
    answer.add(Buffer.from(said('null')))
    answer.read()
    answer.add(Buffer.from(said('{"prompt_tokens":40,"completion_tokens":9}')))
    // So many that those before are not read for being near the end.
    answer.add(Buffer.from(said('null').repeat(50)))
    answer.add(Buffer.from('data: [DONE]\n\n'))
    answer.end()
    assert.deepEqual([answer.found.inputTokens, answer.found.outputTokens], [40, 9], JSON.stringify(colon))
  }
})

const FAILED = {
  id: 'resp_1',
  object: 'response',
  status: 'failed',
  model: 'gpt-x',
  error: { code: 'server_error', message: 'bad' },
  usage: { input_tokens: 100, output_tokens: 5, input_tokens_details: { cached_tokens: 64 } },
}

for (const [how, type, body] of [
  ['an answer', 'application/json', JSON.stringify(FAILED)],
  [
    'a stream',
    'text/event-stream',
    [
      { type: 'response.created', response: { ...FAILED, status: 'in_progress', error: null, usage: null } },
      { type: 'response.failed', response: FAILED },
    ]
      .map(event)
      .join(''),
  ],
] as const) {
  test(`${how} that says that the model failed says what is to be paid for that`, async (t) => {
    const { url, usages } = await setUp(t, (response) => {
      response.writeHead(200, { 'content-type': type }).end(body)
    })
    await (await fetch(`${url}/v1/responses`, { method: 'POST', body: '{"model":"gpt-x"}' })).text()
    const [usage] = await usages(1)
    const { inputTokens, outputTokens, cacheReadTokens, responseId, error }: Record<string, unknown> =
      usage ?? {}
    assert.deepEqual(
      { inputTokens, outputTokens, cacheReadTokens, responseId, error },
      {
        inputTokens: 100,
        outputTokens: 5,
        cacheReadTokens: 64,
        responseId: 'resp_1',
        error: 'server_error: bad',
      },
    )
  })
}

test('of a stream that was left the tokens are known that it told before', async (t) => {
  const { url, usages } = await setUp(t, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const usage = { input_tokens: 2_000, cache_read_input_tokens: 1_000, cache_creation_input_tokens: 2_000 }
    const message = { type: 'message', id: 'msg_1', model: 'claude-x', usage: { ...usage, output_tokens: 1 } }
    response.write(event({ type: 'message_start', message }))
    response.write(
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Bees' } }),
    )
  })
  const leaving = new AbortController()
  const got = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    body: '{"model":"claude-x"}',
    signal: leaving.signal,
  })
  let text = ''
  await assert.rejects(async () => {
    for await (const bytes of got.body ?? []) {
      text += Buffer.from(bytes).toString()
      if (text.includes('Bees')) leaving.abort()
    }
  })
  const [usage, ...more] = await usages(1)
  assert.deepEqual(more, [])
  assert.match(String(usage?.error), /abort/)
  const {
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWriteTokens,
    responseId,
  }: Record<string, unknown> = usage ?? {}
  // All of the input, with what is read from the cache and written to it; of the output nobody told a sum.
  assert.deepEqual(
    { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, responseId },
    {
      inputTokens: 5_000,
      outputTokens: undefined,
      cacheReadTokens: 1_000,
      cacheWriteTokens: 2_000,
      responseId: 'msg_1',
    },
  )
})

test('a stream whose tokens nobody asked for is a call without tokens', async (t) => {
  const { url, usages, said } = await setUp(t, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end([CHAT[0], CHAT[1], '[DONE]'].map(event).join(''))
  })
  await (await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model":"m"}' })).text()
  const [usage] = await usages(1)
  assert.equal(usage?.responseId, 'c-1')
  assert.ok(
    usage !== undefined && !('inputTokens' in usage) && !('outputTokens' in usage) && !('error' in usage),
  )
  assert.deepEqual(said, [])
})
