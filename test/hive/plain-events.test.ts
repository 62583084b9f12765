/** Code that runs in an agent and never heard of hivelog: its plain span events and its spans are the agent's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { captureDiag, eventsOf, oneEvent, tempHive, tempReceiver } from '../kit/hive-support.js'

for (const [turn, busyMs] of [
  ['a short turn', 0],
  ['a turn that lasts, in which some is written before its end', 60],
] as const) {
  test(`an event added to the active span of an agent is recorded as the agent’s, in order: ${turn}`, async (t) => {
    const receiver = await tempReceiver(t)
    const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
    const coder = hive.spawn({ agentId: 'coder' })
    coder.message({ to: 'lead', act: 'inform', subject: 'before' })
    coder.run(() => {
      const span = trace.getActiveSpan()
      span?.addEvent('hive.message', { 'hive.to': 'lead', 'hive.act': 'inform', 'hive.subject': 'plain' })
      for (const end = performance.now() + busyMs; performance.now() < end; );
      span?.addEvent('hive.plan.revised', { 'hive.steps': 4, note: 'mine' }, 1_700_000_000_123)
      span?.addEvent('exception', { 'exception.message': 'not ours' })
    })
    coder.message({ to: 'lead', act: 'inform', subject: 'after' })
    await hive.shutdown()

    const lines = eventsOf(file).slice(1, -1)
    assert.deepEqual(
      lines.map(({ kind, subject, checkpoint }) => [kind, subject, checkpoint]),
      [
        ['message', 'before', 1],
        ['message', 'plain', 2],
        ['plan.revised', undefined, 3],
        ['message', 'after', 4],
      ],
    )
    assert.equal(lines[1]?.from, 'coder', 'the span tells whose it is')
    const { seq, session, trace: traceId, span, ...plan } = oneEvent(file, 'plan.revised')
    assert.deepEqual(plan, {
      ts: 1_700_000_000_123,
      kind: 'plan.revised',
      agentId: 'coder',
      steps: 4,
      note: 'mine',
      checkpoint: 3,
    })

    const sent = receiver.one('invoke_agent coder')
    assert.equal(span, sent.spanId)
    const names = sent.events.map(({ name }) => name)
    assert.deepEqual(
      names.filter((name) => name.startsWith('hive.')),
      ['hive.message', 'hive.message', 'hive.plan.revised', 'hive.message'],
    )
    // It is not ours, and on the span as soon as it is added, while hive events are added when they are written.
    assert.equal(names.filter((name) => name === 'exception').length, 1)
    assert.equal(names.length, 5)
  })
}

test('an event added to a part that has been continued goes on the present one', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 2 })
  const coder = hive.spawn({ agentId: 'coder' })
  coder.run(() => {
    const first = trace.getActiveSpan()
    for (let i = 0; i < 5; i++) first?.addEvent('hive.step', { 'hive.i': i })
  })
  await hive.shutdown()

  const steps = eventsOf(file).filter(({ kind }) => kind === 'step')
  assert.deepEqual(
    steps.map(({ i }) => i),
    [0, 1, 2, 3, 4],
  )
  const parts = receiver.named('invoke_agent coder')
  assert.equal(parts.flatMap(({ events }) => events).length, 5)
  for (const { i, span } of steps) {
    const part = parts.find(({ spanId }) => spanId === span)
    assert.ok(part?.events.some(({ attributes }) => attributes['hive.i'] === i))
  }
  assert.deepEqual(said, [])
})

test('an event that somebody adds to the session’s span is recorded once, as of no agent', async (t) => {
  const receiver = await tempReceiver(t)
  const begun: Span[] = []
  const keeper: SpanProcessor = {
    onStart: (span) => begun.push(span),
    onEnd: () => {},
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, spanProcessors: [keeper] })
  hive.message({ from: 'human', to: 'lead', act: 'inform', subject: 'begin' })
  await hive.flush()
  const session = begun.find((span) => 'name' in span && span.name === 'hive.session')
  assert.ok(session, 'what belongs to no agent has a span')
  session.addEvent('hive.deploy.done', { 'hive.target': 'prod' })
  await hive.shutdown()
  const line = oneEvent(file, 'deploy.done')
  assert.equal(line.target, 'prod')
  assert.equal(line.agentId, undefined)
  assert.equal(line.checkpoint, undefined)
  const names = receiver.one('hive.session').events.map(({ name }) => name)
  assert.deepEqual(names, ['hive.message', 'hive.deploy.done'])
})

test('a plain event is redacted in the file and in OTLP', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  hive.spawn({ agentId: 'coder' }).run(() => {
    const attributes = {
      'hive.subject': 'Authorization: Bearer abcdef0123456789abcdef',
      'hive.password': 'x1y2z3',
    }
    trace.getActiveSpan()?.addEvent('hive.message', attributes)
  })
  await hive.shutdown()
  const { subject, password } = oneEvent(file, 'message')
  assert.match(String(subject), /\[redacted/)
  assert.equal(password, '[redacted:key]')
  const [event] = receiver.one('invoke_agent coder').events
  assert.equal(event?.attributes['hive.subject'], subject)
  assert.equal(event?.attributes['hive.password'], password)
})

test('spans of instrumented libraries in an agent are its tools, model calls and external calls', async (t) => {
  const { hive, file } = tempHive(t)
  const coder = hive.spawn({ agentId: 'coder' })
  const tracer = hive.tracerProvider.getTracer('library')
  coder.message({ to: 'lead', act: 'inform', subject: 'before' })
  coder.run(() => {
    tracer.startActiveSpan('chat m-1', (chat) => {
      const attributes = {
        'server.address': 'api.model.com',
        'http.request.method': 'POST',
        'url.path': '/v1',
      }
      tracer.startSpan('POST', { kind: SpanKind.CLIENT, attributes }).end()
      chat.setAttributes({
        'gen_ai.operation.name': 'chat',
        'gen_ai.response.model': 'm-1',
        'gen_ai.usage.input_tokens': 12,
        'gen_ai.usage.output_tokens': 3,
      })
      chat.end()
    })
    const tool = tracer.startSpan('execute_tool grep', { attributes: { 'gen_ai.tool.name': 'grep' } })
    tool.setStatus({ code: SpanStatusCode.ERROR, message: 'no match' })
    tool.end()
    tracer.startSpan('something else').end()
  })
  coder.message({ to: 'lead', act: 'inform', subject: 'after' })
  await hive.shutdown()

  const lines = eventsOf(file).slice(1, -1)
  assert.deepEqual(
    lines.map(({ kind, agentId, from, checkpoint }) => [kind, agentId ?? from, checkpoint]),
    [
      ['message', 'coder', 1],
      ['call', 'coder', 2],
      ['usage', 'coder', 3],
      ['tool.start', 'coder', 4],
      ['tool', 'coder', 5],
      ['message', 'coder', 6],
    ],
  )
  const usage = oneEvent(file, 'usage')
  assert.deepEqual([usage.model, usage.inputTokens, usage.outputTokens], ['m-1', 12, 3])
  const tool = oneEvent(file, 'tool')
  assert.deepEqual([tool.name, tool.ok, tool.error], ['grep', false, 'no match'])
})

test('work that outlives the part of the span it began in is still the agent’s', async (t) => {
  const { hive, file } = tempHive(t, { maxEventsPerSpan: 1 })
  const coder = hive.spawn({ agentId: 'coder' })
  const tracer = hive.tracerProvider.getTracer('library')
  await coder.run(async () => {
    for (let i = 0; i < 5; i++) coder.wait({ resource: 'r', ms: 1 })
    await new Promise((resolve) => setTimeout(resolve, 1))
    tracer.startSpan('execute_tool late').end()
  })
  await hive.shutdown()
  assert.equal(oneEvent(file, 'tool').agentId, 'coder')
})
