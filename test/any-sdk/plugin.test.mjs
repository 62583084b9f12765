// The plug-in in a provider of whatever OpenTelemetry SDK the user has. Run by scripts/any-sdk.sh in projects that have
// hivelog installed, and the SDK package that HIVELOG_TEST_SDK names: @opentelemetry/sdk-trace-base is SDK 2.x,
// @opentelemetry/sdk-trace is 3.x. Plain JavaScript, as a user's; contexts are passed by hand.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { HiveSpanProcessor, JsonlSpanExporter, startHive } from 'hivelog'

const sdk = await import(process.env.HIVELOG_TEST_SDK)
const isSdk2 = sdk.BasicTracerProvider !== undefined
const Provider = sdk.BasicTracerProvider ?? sdk.TracerProvider
const simple = (exporter) => new sdk.SimpleSpanProcessor(isSdk2 ? exporter : { exporter })
const batch = (exporter) => new sdk.BatchSpanProcessor(isSdk2 ? exporter : { exporter })
const live = (exporter) => new HiveSpanProcessor({ exporter })

console.log(`# ${process.env.HIVELOG_TEST_SDK} ${isSdk2 ? '2.x' : '3.x'}, Node ${process.version}`)

const REGISTRATIONS = {
  live: (exporter) => [live(exporter)],
  simple: (exporter) => [simple(exporter)],
  batch: (exporter) => [batch(exporter)],
  'live and batch': (exporter) => [live(exporter), batch(exporter)],
  'two exporters on one file': (exporter) => [
    batch(new JsonlSpanExporter({ file: exporter.file })),
    live(exporter),
  ],
}

function setUp(t, registration, options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-'))
  const file = join(folder, 'hive.jsonl')
  const exporter = new JsonlSpanExporter({ file, sessionId: 'sess_any' })
  const others = new sdk.InMemorySpanExporter()
  const spanProcessors = [...REGISTRATIONS[registration](exporter), simple(others)]
  const provider = new Provider({ spanProcessors, ...options })
  t.after(async () => {
    await provider.shutdown()
    rmSync(folder, { recursive: true })
  })
  return { file, provider, others, tracer: provider.getTracer('test') }
}

const eventsOf = (file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => !kind.startsWith('log.'))

const under = (span) => trace.setSpan(ROOT_CONTEXT, span)

function startAgent(tracer, agentId, context = ROOT_CONTEXT) {
  const attributes = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.id': agentId }
  return tracer.startSpan(`invoke_agent ${agentId}`, { attributes }, context)
}

for (const registration of Object.keys(REGISTRATIONS)) {
  test(`registered ${registration}: agents, their events and their work are lines, each once`, async (t) => {
    const { file, provider, tracer } = setUp(t, registration)
    const lead = startAgent(tracer, 'lead')
    for (let i = 0; i < 3; i++) {
      lead.addEvent('hive.message', {
        'hive.to': 'coder',
        'hive.act': 'inform',
        'hive.subject': `message ${i}`,
      })
    }
    const coder = startAgent(tracer, 'coder', under(lead))
    tracer.startSpan('execute_tool grep', {}, under(coder)).end()
    const chat = tracer.startSpan(
      'chat m-1',
      { attributes: { 'gen_ai.operation.name': 'chat' } },
      under(coder),
    )
    chat.setAttributes({ 'gen_ai.usage.input_tokens': 12, 'gen_ai.usage.output_tokens': 3 })
    chat.end()
    const attributes = {
      'http.request.method': 'GET',
      'server.address': 'h',
      'http.response.status_code': 200,
    }
    tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes }, under(coder)).end()
    coder.setStatus({ code: SpanStatusCode.ERROR, message: 'no tokens' })
    coder.end()
    lead.end()
    await provider.shutdown()

    const lines = eventsOf(file)
    const said = lines.map(({ kind, agentId, from, subject, status, name, inputTokens }) =>
      [kind, agentId ?? from, subject ?? status ?? inputTokens ?? name].join(' '),
    )
    assert.deepEqual(said.sort(), [
      'call coder 200',
      'exit coder error',
      'exit lead ok',
      'message lead message 0',
      'message lead message 1',
      'message lead message 2',
      'spawn coder coder',
      'spawn lead lead',
      'tool coder grep',
      'tool.start coder grep',
      'usage coder 12',
    ])
    assert.ok(lines.every(({ session }) => session === 'sess_any'))
    assert.ok(lines.every(({ trace: id }) => id === lead.spanContext().traceId))
    for (const agent of ['lead', 'coder']) {
      const own = lines.filter(({ agentId, from }) => (agentId ?? from) === agent)
      assert.deepEqual(
        own.map(({ checkpoint }) => checkpoint),
        own.map((_, i) => i),
      )
    }
  })
}

test('live: an event is in the file while its span is open, and beyond the SDK’s limits', async (t) => {
  const { file, provider, tracer, others } = setUp(t, 'live')
  const span = startAgent(tracer, 'lead')
  for (let i = 0; i < 1000; i++) span.addEvent('hive.message', { 'hive.subject': `message ${i}` })
  await provider.forceFlush()
  const subjects = eventsOf(file)
    .filter(({ kind }) => kind === 'message')
    .map(({ subject }) => subject)
  assert.deepEqual(
    subjects,
    Array.from({ length: 1000 }, (_, i) => `message ${i}`),
  )
  assert.equal(others.getFinishedSpans().length, 0)
  span.end()
})

test('live: line and span event are of the same millisecond, whatever form the time has', async (t) => {
  const { file, provider, tracer, others } = setUp(t, 'live')
  const times = [1_700_000_000_123, new Date(1_700_000_000_123), [1_700_000_000, 123_456_789], undefined]
  const span = startAgent(tracer, 'lead')
  for (const time of times) span.addEvent('hive.step', { 'hive.x': 1 }, time)
  span.end()
  const [{ events }] = others.getFinishedSpans()
  await provider.shutdown()
  const steps = eventsOf(file).filter(({ kind }) => kind === 'step')
  assert.deepEqual(
    steps.map(({ ts }) => ts),
    events.map(({ time: [seconds, nanos] }) => seconds * 1000 + Math.trunc(nanos / 1e6)),
  )
  assert.equal(steps[0].ts, 1_700_000_000_123)
})

test('live: the file is redacted, and what other exporters get is as it was given', async (t) => {
  const { file, provider, tracer, others } = setUp(t, 'live')
  const span = startAgent(tracer, 'lead')
  const token = `ghp_${'aB3dE6gH9jK2mN5pQ8rS'.repeat(2).slice(0, 36)}`
  span.addEvent('hive.message', { 'hive.subject': `use ${token}`, 'hive.password': 'p4ss' })
  span.addEvent('unrelated', { note: 'as it is' })
  span.recordException(new Error('an exception'))
  span.end()
  const [{ events }] = others.getFinishedSpans()
  await provider.shutdown()
  const lines = readFileSync(file, 'utf8')
  assert.ok(lines.includes('"kind":"message"'))
  assert.ok(!lines.includes(token))
  assert.ok(!lines.includes('p4ss'))
  assert.deepEqual(
    events.map(({ name }) => name),
    ['hive.message', 'unrelated', 'exception'],
  )
  assert.deepEqual({ ...events[0].attributes }, { 'hive.subject': `use ${token}`, 'hive.password': 'p4ss' })
  assert.deepEqual({ ...events[1].attributes }, { note: 'as it is' })
})

test('a hive in the provider: its lines, and its spans with events, links and continuations', async (t) => {
  const { file, provider, others } = setUp(t, 'live and batch')
  const hive = startHive({ file, tracerProvider: provider, maxEventsPerSpan: 2, sessionId: 'sess_hive' })
  const lead = hive.spawn({ agentId: 'lead' })
  const coder = lead.spawn({ agentId: 'coder' })
  const sent = [1, 2, 3].map((n) => lead.message({ to: 'coder', act: 'inform', subject: `message ${n}` }))
  coder.drain(sent)
  coder.tool({ name: 'grep', ok: true, ms: 5 })
  coder.log('plan', { steps: [1, 'x'] })
  const { id, durable } = coder.escalate({ subject: 'Delete?' })
  await durable
  await hive.approve(id, false)
  coder.end()
  lead.end()
  await hive.shutdown()
  const spans = others.getFinishedSpans()
  await provider.shutdown()

  assert.deepEqual(
    eventsOf(file).map(({ kind, session }) => `${kind} ${session}`),
    'spawn spawn message message message drain tool plan escalate approval exit exit'
      .split(' ')
      .map((kind) => `${kind} sess_hive`),
  )
  const named = (name) => spans.filter((span) => span.name === name)
  assert.deepEqual(
    named('invoke_agent lead').map(({ events }) => events.length),
    [2, 1],
  )
  const parts = named('invoke_agent coder')
  assert.deepEqual(
    parts.flatMap(({ events }) => events.map(({ name }) => name)),
    ['hive.drain', 'hive.plan', 'hive.escalate', 'hive.approval'],
  )
  const linked = parts[0].links.map(({ context }) => context.spanId)
  assert.deepEqual(
    linked,
    named('invoke_agent lead').map((span) => span.spanContext().spanId),
  )
  const [tool] = named('execute_tool grep')
  assert.equal(tool.parentSpanContext.spanId, parts[0].spanContext().spanId)
})

test('a hive without a file in the provider: the plug-in writes its lines', async (t) => {
  for (const registration of ['live', 'simple', 'batch']) {
    const { file, provider } = setUp(t, registration)
    const hive = startHive({ file: false, tracerProvider: provider, sessionId: 'sess_hive' })
    const lead = hive.spawn({ agentId: 'lead', role: 'boss' })
    lead.log('plan', { nested: { a: [1, null] }, list: [] })
    lead.call({ host: 'h', status: 500 })
    lead.end({ status: 'killed', error: 'SIGTERM' })
    await hive.shutdown()
    await provider.shutdown()
    const lines = eventsOf(file).map(({ ts, seq, checkpoint, trace: _, span, ...line }) => line)
    const session = 'sess_hive'
    const expected = [
      { kind: 'spawn', agentId: 'lead', name: 'lead', isGod: false, role: 'boss', session },
      { kind: 'plan', agentId: 'lead', nested: { a: [1, null] }, list: [], session },
      { kind: 'call', agentId: 'lead', host: 'h', status: 500, session },
      { kind: 'exit', agentId: 'lead', status: 'killed', error: 'SIGTERM', session },
    ]
    const byKind = (a, b) => a.kind.localeCompare(b.kind)
    assert.deepEqual(lines.sort(byKind), expected.sort(byKind), registration)
  }
})

test('a sampler that drops everything does not thin what a hive writes', async (t) => {
  const { file, provider, others } = setUp(t, 'live', { sampler: new sdk.AlwaysOffSampler() })
  const hive = startHive({ file, tracerProvider: provider })
  const lead = hive.spawn({ agentId: 'lead' })
  for (let i = 0; i < 1000; i++) lead.message({ to: 'x', act: 'inform', subject: `message ${i}` })
  await hive.shutdown()
  await provider.shutdown()
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'message').length, 1000)
  assert.equal(others.getFinishedSpans().length, 0)
})
