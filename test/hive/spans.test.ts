/** What a hive is in OpenTelemetry: the spans of its agents, of their tools and calls, and where they come from. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { test } from 'node:test'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Hive } from '../../src/index.js'
import { assertLine, ENVELOPE } from '../kit/hive-lines.js'
import { captureDiag, eventsOf, type Line, oneEvent, tempHive, tempReceiver } from '../kit/hive-support.js'

const SESSION = 'sess_mapping'

test('spawn and exit are the span of an agent: its beginning, its end, its names', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sessionId: SESSION })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder', role: 'reviewer', model: 'm-1', pid: 4242 })
  coder.end()
  await hive.shutdown()

  const [leadLine, coderLine] = eventsOf(file).filter(({ kind }) => kind === 'spawn') as [Line, Line]
  assertLine(leadLine, { agentId: 'lead', name: 'Lead', isGod: true }, ENVELOPE)
  const coderFields = { agentId: 'coder', name: 'Coder', isGod: false, parent: 'lead' }
  assertLine(coderLine, { ...coderFields, role: 'reviewer', model: 'm-1', pid: 4242 }, ENVELOPE)
  assert.equal(coderLine.checkpoint, 0)

  const [leadSpan, coderSpan] = [receiver.one('invoke_agent Lead'), receiver.one('invoke_agent Coder')]
  assert.equal(leadSpan.parentSpanId, undefined)
  assert.equal(coderSpan.parentSpanId, leadSpan.spanId)
  assert.equal(coderSpan.traceId, leadSpan.traceId)
  assert.equal(coderSpan.kind, 1)
  assert.equal(coderSpan.startMs, coderLine.ts)
  assert.deepEqual(coderSpan.attributes, {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.id': 'coder',
    'gen_ai.agent.name': 'Coder',
    'gen_ai.conversation.id': SESSION,
    'session.id': SESSION,
    'hive.agent.is_god': false,
    'gen_ai.request.model': 'm-1',
    'hive.agent.parent_id': 'lead',
    'hive.agent.role': 'reviewer',
    'process.pid': 4242,
    'hive.agent.exit_status': 'ok',
  })

  const [coderExit, leadExit] = eventsOf(file).filter(({ kind }) => kind === 'exit') as [Line, Line]
  assertLine(coderExit, { agentId: 'coder', status: 'ok' }, ENVELOPE)
  assert.equal(coderSpan.endMs, coderExit.ts)
  assert.deepEqual(coderSpan.status.code ?? 0, 0)
  assertLine(leadExit, { agentId: 'lead', status: 'killed' }, ENVELOPE)
  assert.equal(leadSpan.attributes['hive.agent.exit_status'], 'killed')
})

test('at the shutdown the agents that still live end before those that spawned them', async (t) => {
  const { hive, file } = tempHive(t)
  const lead = hive.spawn({ agentId: 'lead' })
  const coder = lead.spawn({ agentId: 'coder' })
  coder.spawn({ agentId: 'tester' })
  await hive.shutdown()
  const exits = eventsOf(file).filter(({ kind }) => kind === 'exit')
  assert.deepEqual(
    exits.map(({ agentId, status }) => [agentId, status]),
    [
      ['tester', 'killed'],
      ['coder', 'killed'],
      ['lead', 'killed'],
    ],
  )
})

for (const [input, status, error, errorType] of [
  [{ error: new RangeError('out of tokens') }, 'error', 'out of tokens', 'RangeError'],
  [{ status: 'error', error: 'gave up' }, 'error', 'gave up', 'error'],
  [{ status: 'lost' }, 'lost', undefined, 'lost'],
] as const) {
  test(`exit with ${status}${error ? ` (${error})` : ''} is an error of the span`, async (t) => {
    const receiver = await tempReceiver(t)
    const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
    hive.spawn({ agentId: 'coder' }).end(input)
    await hive.shutdown()

    const line = oneEvent(file, 'exit')
    assertLine(line, { agentId: 'coder', status, ...(error && { error }) }, ENVELOPE)
    const span = receiver.one('invoke_agent coder')
    assert.equal(span.status.code, 2)
    assert.equal(span.status.message, error)
    assert.equal(span.attributes['error.type'], errorType)
  })
}

test('a list of texts, of numbers or of booleans is such a list on the span, and any other is JSON', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const lists = { texts: ['a', 'b'], numbers: [1, 2.5], flags: [true, false] }
  hive.spawn({ agentId: 'coder' }).log('lists', { ...lists, mixed: [1, 'a', true], nested: [[1]] })
  await hive.shutdown()
  const event = receiver.one('invoke_agent coder').events.find(({ name }) => name === 'hive.lists')
  const {
    'hive.texts': texts,
    'hive.numbers': numbers,
    'hive.flags': flags,
    ...more
  } = event?.attributes ?? {}
  assert.deepEqual({ texts, numbers, flags }, lists)
  assert.equal(more['hive.mixed'], '[1,"a",true]')
  assert.equal(more['hive.nested'], '[[1]]')
})

test('a killed agent is no error', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  hive.spawn({ agentId: 'coder' }).end({ status: 'killed', error: 'SIGTERM' })
  await hive.shutdown()
  assertLine(oneEvent(file, 'exit'), { agentId: 'coder', status: 'killed', error: 'SIGTERM' }, ENVELOPE)
  assert.equal(receiver.one('invoke_agent coder').status.code ?? 0, 0)
})

test('a tool is a child span that took its time, and a line at its end', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sessionId: SESSION })
  const coder = hive.spawn({ agentId: 'coder' })
  coder.tool({ name: 'grep', ok: true, ms: 12 })
  coder.tool({ name: 'rm', ok: false, ms: 3, error: 'no such file' })
  await hive.shutdown()

  const [good, bad] = eventsOf(file).filter(({ kind }) => kind === 'tool') as [Line, Line]
  assertLine(good, { agentId: 'coder', name: 'grep', ok: true, ms: 12 }, ENVELOPE)
  assertLine(bad, { agentId: 'coder', name: 'rm', ok: false, ms: 3, error: 'no such file' }, ENVELOPE)
  assert.deepEqual([good.checkpoint, bad.checkpoint], [1, 2])

  const agent = receiver.one('invoke_agent coder')
  assert.deepEqual(agent.events, [])
  const span = receiver.one('execute_tool grep')
  assert.equal(span.kind, 1)
  assert.equal(span.parentSpanId, agent.spanId)
  assert.deepEqual([good.trace, good.span], [span.traceId, span.spanId])
  assert.deepEqual([span.startMs, span.endMs], [good.ts - 12, good.ts])
  assert.deepEqual(span.attributes, {
    'gen_ai.agent.id': 'coder',
    'gen_ai.conversation.id': SESSION,
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'grep',
  })
  const failed = receiver.one('execute_tool rm')
  assert.deepEqual(failed.status, { code: 2, message: 'no such file' })
  assert.equal(failed.attributes['error.type'], 'error')
})

test('a call is a client span with HTTP attributes, and a line at its end', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sessionId: SESSION })
  const coder = hive.spawn({ agentId: 'coder' })
  coder.call({ host: 'api.github.com', method: 'GET', path: '/repos', status: 200, ms: 80 })
  coder.call({ host: 'db.local', status: 503, error: 'busy' })
  await hive.shutdown()

  const [good, bad] = eventsOf(file).filter(({ kind }) => kind === 'call') as [Line, Line]
  const fields = { host: 'api.github.com', method: 'GET', path: '/repos', status: 200, ms: 80 }
  assertLine(good, { agentId: 'coder', ...fields }, ENVELOPE)
  assertLine(bad, { agentId: 'coder', host: 'db.local', status: 503, error: 'busy' }, ENVELOPE)

  const span = receiver.one('GET')
  assert.equal(span.kind, 3)
  assert.equal(span.parentSpanId, receiver.one('invoke_agent coder').spanId)
  assert.deepEqual([span.startMs, span.endMs], [good.ts - 80, good.ts])
  assert.deepEqual(span.attributes, {
    'hive.agent.id': 'coder',
    'session.id': SESSION,
    'http.request.method': 'GET',
    'server.address': 'api.github.com',
    'url.path': '/repos',
    'http.response.status_code': 200,
  })
  const failed = receiver.one('db.local')
  assert.deepEqual(failed.status, { code: 2, message: 'busy' })
  assert.equal(failed.attributes['error.type'], '503')
})

test('a model call is a client span by the GenAI conventions, and a line at its end', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sessionId: SESSION })
  const coder = hive.spawn({ agentId: 'coder' })
  const fields = {
    model: 'claude-sonnet-4-5',
    provider: 'anthropic',
    inputTokens: 1200,
    outputTokens: 300,
    cacheReadTokens: 10,
    cacheWriteTokens: 20,
    costUsd: 0.0125,
    task: 'review',
    decision: 'approve',
    ms: 900,
    ttftMs: 250,
    responseId: 'msg_01',
  }
  coder.usage(fields)
  coder.usage({ model: 'm', error: 'overloaded' })
  coder.usage({ inputTokens: 1, outputTokens: 2 })
  await hive.shutdown()

  const [good, bad, bare] = eventsOf(file).filter(({ kind }) => kind === 'usage') as [Line, Line, Line]
  assertLine(good, { agentId: 'coder', ...fields }, ENVELOPE)
  assertLine(bad, { agentId: 'coder', model: 'm', error: 'overloaded' }, ENVELOPE)
  assert.deepEqual([good.checkpoint, bad.checkpoint, bare.checkpoint], [1, 2, 3])

  const agent = receiver.one('invoke_agent coder')
  assert.deepEqual(agent.events, [])
  const span = receiver.one('chat claude-sonnet-4-5')
  assert.equal(span.kind, 3)
  assert.equal(span.parentSpanId, agent.spanId)
  assert.deepEqual([good.trace, good.span], [span.traceId, span.spanId])
  assert.deepEqual([span.startMs, span.endMs], [good.ts - 900, good.ts])
  assert.deepEqual(span.attributes, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.agent.id': 'coder',
    'gen_ai.conversation.id': SESSION,
    'gen_ai.request.model': 'claude-sonnet-4-5',
    'gen_ai.response.model': 'claude-sonnet-4-5',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.usage.input_tokens': 1200,
    'gen_ai.usage.output_tokens': 300,
    'gen_ai.usage.cache_read.input_tokens': 10,
    'gen_ai.usage.cache_creation.input_tokens': 20,
    'gen_ai.response.id': 'msg_01',
    'gen_ai.response.time_to_first_chunk': 0.25,
    'hive.costUsd': 0.0125,
    'hive.task': 'review',
    'hive.decision': 'approve',
  })
  assert.equal(span.status.code ?? 0, 0)
  const failed = receiver.one('chat m')
  assert.deepEqual(failed.status, { code: 2, message: 'overloaded' })
  assert.equal(failed.attributes['error.type'], 'error')
  assert.ok(!('gen_ai.usage.input_tokens' in failed.attributes), 'nobody knows the tokens')
  assert.equal(receiver.one('chat').spanId, bare.span)
})

test('a tool’s span names the call that a model made of it', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  hive.spawn({ agentId: 'coder' }).tool({ name: 'grep', ok: true, toolCallId: 'call_7' })
  await hive.shutdown()
  assert.equal(receiver.one('execute_tool grep').attributes['gen_ai.tool.call.id'], 'call_7')
})

test('agents without a parent are one trace; an active span of the application is a parent', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  hive.spawn({ agentId: 'a' })
  hive.spawn({ agentId: 'b' })
  await hive.tracerProvider.getTracer('app').startActiveSpan('request', async (span) => {
    hive.spawn({ agentId: 'c' })
    span.end()
  })
  await hive.shutdown()

  assert.equal(receiver.one('invoke_agent a').traceId, receiver.one('invoke_agent b').traceId)
  const request = receiver.one('request')
  assert.equal(receiver.one('invoke_agent c').parentSpanId, request.spanId)
  assert.equal(receiver.one('invoke_agent c').traceId, request.traceId)
})

test('spans of code that runs in an agent nest under it', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const coder = hive.spawn({ agentId: 'coder' })
  const tracer = hive.tracerProvider.getTracer('app')
  const result = await coder.run(async () => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    tracer.startSpan('after a wait').end()
    return 'result'
  })
  await hive.shutdown()
  assert.equal(result, 'result')
  assert.equal(receiver.one('after a wait').parentSpanId, receiver.one('invoke_agent coder').spanId)
})

test('the resource tells the service, the host and the process, and no secret of its command line', async (t) => {
  const argv = process.argv
  process.argv = [...argv, '--password', 'hunter2hunter2', '--verbose']
  t.after(() => {
    process.argv = argv
  })
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, {
    otlp: { url: receiver.url },
    serviceName: 'my-hive',
    resourceAttributes: { 'deployment.environment.name': 'test' },
  })
  hive.spawn({ agentId: 'coder' })
  await hive.shutdown()

  const { resource } = receiver.one('invoke_agent coder')
  assert.equal(resource['service.name'], 'my-hive')
  assert.equal(resource['deployment.environment.name'], 'test')
  assert.equal(resource['host.name'], hostname())
  assert.equal(resource['process.pid'], process.pid)
  assert.equal(resource['process.runtime.name'], 'nodejs')
  const args = resource['process.command_args'] as string[]
  assert.deepEqual(args.slice(-3), ['--password', '[redacted:key]', '--verbose'])
})

test('a secret reaches neither the file nor the trace backend', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, {
    otlp: { url: receiver.url },
    redact: { patterns: [/PROJECT-\d+/], keys: ['nickname'] },
  })
  const key = `sk-ant-api03-${'aB3dE6gH9jK2mN5p'.repeat(4)}`
  const agent = hive.spawn({ agentId: 'coder', name: `with ${key}` })
  agent.message({ to: 'lead', act: 'inform', subject: `use ${key}` })
  agent.log('plan', { nickname: 'Bo', deep: [{ note: `PROJECT-77 ${key}` }] })
  agent.tool({ name: 'curl', ok: false, error: `401 for ${key}` })
  agent.call({ host: 'h', path: `/PROJECT-77` })
  agent.usage({ model: `m ${key}`, responseId: 'PROJECT-77', error: `401 for ${key}` })
  agent.end({ error: `PROJECT-77 failed with ${key}` })
  await hive.shutdown()

  const everything = readFileSync(file, 'utf8') + JSON.stringify(receiver.spans)
  assert.ok(!everything.includes(key))
  assert.ok(!everything.includes('PROJECT-77'))
  assert.ok(!everything.includes('"Bo"'))
  assert.equal(receiver.spans.length, 4)
})

/** Resolves when all spans that have ended are with the backend. */
const flushed = ({ tracerProvider }: Hive): Promise<void> =>
  (tracerProvider as unknown as { forceFlush(): Promise<void> }).forceFlush()

test('a call has failed when it says so, or from status 400 on; how it failed is the status', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const coder = hive.spawn({ agentId: 'coder' })
  for (const [method, status, error, code, type] of [
    ['A', 399, undefined, 0, undefined],
    ['B', 400, undefined, 2, '400'],
    ['C', 200, 'cut off', 2, '200'],
    ['D', undefined, 'no route', 2, 'error'],
    ['E', undefined, undefined, 0, undefined],
  ] as const) {
    coder.call({
      host: 'h',
      method,
      ...(status !== undefined && { status }),
      ...(error !== undefined && { error }),
    })
    await flushed(hive)
    const span = receiver.one(method)
    assert.equal(span.status.code ?? 0, code, method)
    assert.equal(span.status.message, error, method)
    assert.equal(span.attributes['error.type'], type, method)
    assert.ok(!('url.path' in span.attributes))
    assert.equal('http.response.status_code' in span.attributes, status !== undefined)
  }
})

test('work without a time, or with an impossible one, has hardly any length, and its line says what was said', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const coder = hive.spawn({ agentId: 'coder' })
  for (const [name, ms] of [
    ['none', undefined],
    ['zero', 0],
    ['negative', -5],
    ['shortest', 1],
    ['second', 1_500],
  ] as const) {
    coder.tool({ name, ok: true, ...(ms !== undefined && { ms }) })
    await flushed(hive)
    const line = eventsOf(file).find((each) => each.name === name)
    assert.equal(line?.ms, ms)
    const span = receiver.one(`execute_tool ${name}`)
    assert.equal(span.endMs, line?.ts, name)
    assert.equal(span.startMs, (line?.ts ?? 0) - Math.max(0, ms ?? 0), name)
  }
})

test('ids and names are in every line, so they are bounded; a name that is missing is the id', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const long = hive.spawn({ agentId: 'i'.repeat(300), name: 'n'.repeat(300) })
  const short = hive.spawn({ agentId: 'short', name: '', isGod: 'yes' as never, role: 7 as never })
  await hive.shutdown()
  assert.deepEqual([long.agentId, long.name], ['i'.repeat(256), 'n'.repeat(256)])
  assert.deepEqual([short.agentId, short.name], ['short', 'short'])
  const [first, second] = eventsOf(file) as [Line, Line]
  assert.deepEqual([first.agentId, first.name], [long.agentId, long.name])
  assert.deepEqual([second.name, second.isGod, second.role], ['short', false, 7])
  const { attributes } = receiver.one('invoke_agent short')
  assert.deepEqual([attributes['hive.agent.is_god'], attributes['hive.agent.role']], [false, 7])
  assert.ok(!('process.pid' in attributes) && !('gen_ai.request.model' in attributes))
})

test('what a message leaves out, or gives as null, is neither in the line nor on the span', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const coder = hive.spawn({ agentId: 'coder' })
  const nothing = {
    inReplyTo: null,
    conversation: null,
    requiresReply: null,
    id: undefined,
  } as never as object
  coder.message({ to: 'lead', act: 'inform', subject: 'null', ...nothing })
  coder.message({ to: 'lead', act: 'inform', subject: 'some', conversation: '', requiresReply: false })
  await hive.shutdown()
  const [none, some] = eventsOf(file).filter(({ kind }) => kind === 'message') as [Line, Line]
  const plain = ['from', 'to', 'act', 'subject', 'id']
  const fieldsOf = (line: Line) =>
    Object.keys(line).filter((name) => !['ts', 'kind', ...ENVELOPE].includes(name))
  assert.deepEqual(fieldsOf(none), plain)
  assert.deepEqual(fieldsOf(some), [...plain, 'conversation', 'requiresReply'])
  const [first, second] = receiver.one('invoke_agent coder').events
  assert.deepEqual(
    Object.keys(first?.attributes ?? {}),
    plain.map((name) => `hive.${name}`),
  )
  assert.equal(second?.attributes['hive.requiresReply'], false)
})

test('of an exit the type of the error is its class, else its status; of a killed agent there is none', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  hive.spawn({ agentId: 'typed' }).end({ error: new TypeError('x') })
  hive.spawn({ agentId: 'text' }).end({ error: 'x' })
  hive.spawn({ agentId: 'good' }).end()
  hive.spawn({ agentId: 'killed' }).end({ status: 'killed', error: new TypeError('x') })
  await hive.shutdown()
  for (const [name, type, status] of [
    ['typed', 'TypeError', 'error'],
    ['text', 'error', 'error'],
    ['good', undefined, 'ok'],
    ['killed', undefined, 'killed'],
  ] as const) {
    const { attributes } = receiver.one(`invoke_agent ${name}`)
    assert.deepEqual([attributes['error.type'], attributes['hive.agent.exit_status']], [type, status], name)
  }
})

test('of work that was told oddly the span has what the conventions allow, and nothing else', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const coder = hive.spawn({ agentId: 'coder' })
  coder.call({ host: 'h', method: 7, path: { a: 1 }, status: '404' } as never)
  coder.call({ host: 8, method: 'GET' } as never)
  coder.tool({ name: 'odd', ok: false, error: 42 } as never)
  await hive.shutdown()
  const ids = ['hive.agent.id', 'session.id']
  const [first, second] = [receiver.one('7'), receiver.one('GET')]
  assert.deepEqual(
    Object.keys(first.attributes).sort(),
    [...ids, 'error.type', 'http.response.status_code', 'server.address'].sort(),
  )
  assert.deepEqual(Object.keys(second.attributes).sort(), [...ids, 'http.request.method'].sort())
  // As `hivelog calls` counts it: some write the number as text.
  assert.deepEqual([first.status.code, first.attributes['http.response.status_code']], [2, 404])
  assert.equal(first.attributes['error.type'], '404')
  const { status } = receiver.one('execute_tool odd')
  assert.deepEqual([status.code, status.message ?? ''], [2, ''])
  assert.equal(oneEvent(file, 'tool').error, 42, 'the line has it as it was given')
  assert.deepEqual(said, [], 'the SDK had nothing to drop')
})

test('whoever listens to spans hears of events and of work in the order of the calls', async (t) => {
  const heard: string[] = []
  let agentSpan: ReadableSpan | undefined
  const listening: SpanProcessor = {
    onStart(span) {
      if (span.name === 'invoke_agent coder') agentSpan = span
      heard.push(`${span.name} after ${agentSpan?.events.length} events`)
    },
    onEnd() {},
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const { hive } = tempHive(t, { spanProcessors: [listening] })
  const coder = hive.spawn({ agentId: 'coder' })
  coder.wait({ resource: 'r', ms: 1 })
  coder.tool({ name: 'first', ok: true })
  coder.wait({ resource: 'r', ms: 1 })
  coder.spawn({ agentId: 'child' })
  coder.wait({ resource: 'r', ms: 1 })
  coder.call({ host: 'h', method: 'GET' })
  coder.wait({ resource: 'r', ms: 1 })
  coder.usage({ model: 'm', inputTokens: 1, outputTokens: 1 })
  await hive.shutdown()
  assert.deepEqual(heard, [
    'invoke_agent coder after 0 events',
    'execute_tool first after 1 events',
    'invoke_agent child after 2 events',
    'GET after 3 events',
    'chat m after 4 events',
  ])
})
