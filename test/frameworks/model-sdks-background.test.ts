/** OpenAI's responses in the background: each is one `usage` of who made it, however often somebody asks for it. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { adapter } from '../../src/frameworks/model-sdks/adapter.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, type Line, listening, tempHive, until } from '../kit/hive-support.js'

const USAGE = { input_tokens: 900, output_tokens: 90, input_tokens_details: { cached_tokens: 64 } }

/** As the API answers. */
const response = (status: string, more: object = {}) => ({
  id: 'resp_1',
  object: 'response',
  background: true,
  status,
  model: 'gpt-x-2026-01-01',
  error: null,
  usage: null,
  ...more,
})
const COMPLETED = response('completed', { usage: USAGE })
const EVENTS = [
  { type: 'response.created', response: response('queued') },
  { type: 'response.in_progress', response: response('in_progress') },
  { type: 'response.output_text.delta', delta: 'Bees' },
]

/** @param answers by method and path; each is given once, the last again and again */
async function setUp(t: TestContext, answers: Record<string, unknown[]>) {
  const { hive, file } = tempHive(t, { serviceName: 'app' })
  adapter.install(new Stage(hive))
  const server = http.createServer((request, reply) => {
    request.resume().on('end', () => {
      const list = answers[`${request.method} ${request.url}`] ?? [404]
      const answer = list.length > 1 ? list.shift() : list[0]
      if (typeof answer === 'number') reply.writeHead(answer).end('{"error":{"message":"no"}}')
      else if (typeof answer === 'string') {
        reply.writeHead(200, { 'content-type': 'text/event-stream' })
        // Its end is a comment; else the model goes on.
        if (answer.endsWith(': end\n\n')) reply.end(answer)
        else reply.write(answer)
      } else reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  const url = await listening(t, server)
  const ask = async (method: string, path: string, signal?: AbortSignal): Promise<string> => {
    const body = method === 'POST' ? '{"model":"gpt-x","background":true}' : undefined
    const got = await fetch(url + path, { method, ...(body && { body }), ...(signal && { signal }) })
    return got.text()
  }
  const usages = () =>
    eventsOf(file)
      .filter(({ kind }) => kind === 'usage')
      .map(({ agentId, model, inputTokens, outputTokens, cacheReadTokens, responseId, error }) => ({
        agentId,
        model,
        responseId,
        tokens: [inputTokens, outputTokens, cacheReadTokens],
        error,
      }))
  return { hive, file, url, ask, usages }
}

const stream = (events: object[], end = ''): string =>
  events.map((data) => `data: ${JSON.stringify(data)}\n\n`).join('') + end
const TOLD = {
  agentId: 'writer',
  model: 'gpt-x',
  responseId: 'resp_1',
  tokens: [900, 90, 64],
  error: undefined,
}

test('one that is asked for until it is completed, and again, is one model call of who made it', async (t) => {
  const { hive, file, ask, usages } = await setUp(t, {
    'POST /v1/responses': [response('queued')],
    'GET /v1/responses/resp_1': [response('queued'), 500, response('in_progress'), COMPLETED],
    'GET /v1/responses/resp_2': [{ ...COMPLETED, id: 'resp_2' }],
  })
  const writer = hive.spawn({ agentId: 'writer' })
  const began = performance.now()
  await writer.run(() => ask('POST', '/v1/responses'))
  for (let n = 0; n < 4; n++) await ask('GET', '/v1/responses/resp_1')
  const took = performance.now() - began
  await Promise.all(Array.from({ length: 5 }, () => ask('GET', '/v1/responses/resp_1')))
  // Nobody here made that one.
  await ask('GET', '/v1/responses/resp_2')
  await ask('GET', '/v1/responses/resp_1/input_items')
  await hive.shutdown()
  assert.deepEqual(usages(), [TOLD])
  const { ms, ttftMs } = eventsOf(file).find(({ kind }) => kind === 'usage') as Line
  assert.ok((ms as number) > 0 && (ms as number) <= took + 50, `${ms}`)
  assert.equal(ttftMs, undefined)
})

test('those who ask at the same time are told of one call', async (t) => {
  const { hive, ask, usages } = await setUp(t, {
    'POST /v1/responses': [response('queued')],
    'GET /v1/responses/resp_1': [COMPLETED],
  })
  await hive.spawn({ agentId: 'writer' }).run(() => ask('POST', '/v1/responses'))
  await Promise.all(Array.from({ length: 5 }, () => ask('GET', '/v1/responses/resp_1')))
  await hive.shutdown()
  assert.deepEqual(usages(), [TOLD])
})

for (const [how, method, path, answer, error, tokens] of [
  [
    'failed',
    'GET',
    '/v1/responses/resp_1',
    response('failed', { error: { code: 'server_error', message: 'bad' }, usage: USAGE }),
    'server_error: bad',
    [900, 90, 64],
  ],
  [
    'was cancelled',
    'POST',
    '/v1/responses/resp_1/cancel',
    response('cancelled'),
    'cancelled',
    [undefined, undefined, undefined],
  ],
] as const) {
  test(`one that ${how} says so`, async (t) => {
    const { hive, ask, usages } = await setUp(t, {
      'POST /v1/responses': [response('queued')],
      [`${method} ${path}`]: [answer],
    })
    await hive.spawn({ agentId: 'writer' }).run(() => ask('POST', '/v1/responses'))
    for (let n = 0; n < 3; n++) await ask(method, path)
    await hive.shutdown()
    assert.deepEqual(usages(), [{ ...TOLD, error, tokens }])
  })
}

test('a stream that was left, and is told on, is one call', async (t) => {
  const { hive, url, ask, usages } = await setUp(t, {
    'POST /v1/responses': [stream(EVENTS)],
    'GET /v1/responses/resp_1?stream=true&starting_after=2': [
      stream([{ type: 'response.output_text.delta', delta: ' make' }], ': end\n\n'),
      stream(
        [
          { type: 'response.output_text.delta', delta: ' honey' },
          { type: 'response.completed', response: COMPLETED },
        ],
        ': end\n\n',
      ),
    ],
  })
  await hive.spawn({ agentId: 'writer' }).run(async () => {
    const leaving = new AbortController()
    const got = await fetch(`${url}/v1/responses`, {
      method: 'POST',
      body: '{"model":"gpt-x"}',
      signal: leaving.signal,
    })
    let text = ''
    await assert.rejects(async () => {
      for await (const bytes of got.body ?? []) {
        text += Buffer.from(bytes).toString()
        if (text.includes('Bees')) leaving.abort()
      }
    })
  })
  for (let n = 0; n < 2; n++) await ask('GET', '/v1/responses/resp_1?stream=true&starting_after=2')
  await hive.shutdown()
  assert.deepEqual(usages(), [TOLD])
})

test('a stream in the background that comes to its end is told at once', async (t) => {
  const { hive, ask, usages } = await setUp(t, {
    'POST /v1/responses': [
      stream([...EVENTS, { type: 'response.completed', response: COMPLETED }], ': end\n\n'),
    ],
    'GET /v1/responses/resp_1': [COMPLETED],
  })
  await hive.spawn({ agentId: 'writer' }).run(() => ask('POST', '/v1/responses'))
  await until(() => usages().length === 1, 'the call is in the log')
  await ask('GET', '/v1/responses/resp_1')
  await hive.shutdown()
  assert.deepEqual(usages(), [TOLD])
})

test('one that nobody asks for is told at the end, without tokens', async (t) => {
  const { hive, ask, usages } = await setUp(t, {
    'POST /v1/responses': [response('queued')],
    'GET /v1/responses/resp_1': [response('in_progress')],
  })
  await hive.spawn({ agentId: 'writer' }).run(() => ask('POST', '/v1/responses'))
  await ask('GET', '/v1/responses/resp_1')
  await hive.shutdown()
  assert.deepEqual(usages(), [{ ...TOLD, tokens: [undefined, undefined, undefined] }])
})
