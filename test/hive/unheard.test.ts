/** What nobody but the file hears of is not put on spans; where somebody hears of it, it is. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Span, trace } from '@opentelemetry/api'
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { rebuildSpans } from '../../src/analyse.js'
import { type Agent, type HiveOptions, HiveSpanProcessor, JsonlSpanExporter } from '../../src/index.js'
import { assertLine, ENVELOPE } from '../kit/hive-lines.js'
import { eventsOf, type Line, tempFolder, tempHive, tempReceiver } from '../kit/hive-support.js'

const ignoring: SpanProcessor = {
  onStart() {},
  onEnd() {},
  forceFlush: async () => {},
  shutdown: async () => {},
}

const spanOf = (agent: Agent): Span & ReadableSpan => trace.getSpan(agent.context) as Span & ReadableSpan

for (const [what, options, events] of [
  ['without a backend', { otlp: false }, 0],
  ['with a span processor of the application’s', { otlp: false, spanProcessors: [ignoring] }, 3],
  [
    'with such a processor, of a span that is not sampled',
    { otlp: false, spanProcessors: [ignoring], sampler: new AlwaysOffSampler() },
    3,
  ],
  ['in a provider of the application’s', { tracerProvider: new BasicTracerProvider() }, 3],
] as [string, HiveOptions, number][]) {
  test(`${what} a span holds ${events} of 3 events; the file has them all`, async (t) => {
    const { hive, file } = tempHive(t, options)
    const agent = hive.spawn({ agentId: 'a' })
    const span = spanOf(agent)
    agent.message({ to: 'b', act: 'inform', subject: 's' })
    span.addEvent('hive.note', { 'hive.n': 1 })
    agent.wait({ resource: 'r', ms: 1 })
    await hive.flush()
    assert.ok(span.isRecording())
    // Where nobody can hear of it, it holds nothing at all.
    assert.equal(span.events?.length ?? 0, events)
    const kinds = eventsOf(file).map(({ kind }) => kind)
    assert.deepEqual(kinds, ['spawn', 'message', 'note', 'wait'])
  })
}

test('with a backend the spans that are sampled hold all events, and the others none', async (t) => {
  const receiver = await tempReceiver(t)
  const sampler: Sampler = {
    shouldSample: (_context, _traceId, name) => ({
      decision: name.endsWith('unheard') ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED,
    }),
    toString: () => 'by name',
  }
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sampler })
  for (const name of ['heard', 'unheard']) {
    const agent = hive.spawn({ agentId: name })
    const span = spanOf(agent)
    agent.wait({ resource: 'r', ms: 1 })
    agent.tool({ name: `tool of ${name}`, ok: true })
    await hive.flush()
    assert.equal(span.events.length, name === 'heard' ? 1 : 0)
  }
  await hive.shutdown()
  assert.deepEqual(receiver.spans.map(({ name }) => name).sort(), [
    'execute_tool tool of heard',
    'invoke_agent heard',
  ])
  assert.equal(receiver.one('invoke_agent heard').events.length, 1)
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'wait' || kind === 'tool').length, 4)
})

test('without a backend the lines tell the spans that there would have been', async (t) => {
  const started: string[] = []
  const sampler: Sampler = {
    shouldSample: (_context, _traceId, name) => {
      started.push(name)
      return { decision: SamplingDecision.RECORD_AND_SAMPLED }
    },
    toString: () => 'counting',
  }
  const { hive, file } = tempHive(t, { otlp: false, sampler, maxEventsPerSpan: 2 })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 3; i++) agent.tool({ name: 'grep', ok: true, ms: 5 })
  agent.call({ host: 'h', method: 'GET', status: 200 })
  agent.usage({ model: 'm', inputTokens: 1, outputTokens: 2, ms: 3 })
  for (let i = 0; i < 5; i++) agent.wait({ resource: 'r', ms: i })
  agent.end()
  await hive.shutdown()
  assert.deepEqual(started, ['invoke_agent a', 'invoke_agent a', 'invoke_agent a'], 'three parts, no work')

  const work = eventsOf(file).filter(({ kind }) => ['tool', 'call', 'usage'].includes(kind))
  assert.equal(new Set(work.map(({ span }) => span)).size, 5)
  const { trace: traceId, span } = eventsOf(file)[0] as Line
  const spans: ReadableSpan[] = []
  for await (const each of rebuildSpans(file)) spans.push(each)
  for (const line of work) {
    assert.match(line.span ?? '', /^[0-9a-f]{16}$/)
    assert.equal(line.trace, traceId)
    const rebuilt = spans.find((each) => each.spanContext().spanId === line.span)
    assert.equal(rebuilt?.parentSpanContext?.spanId, span)
  }
  assert.deepEqual(
    spans.filter(({ name }) => name === 'invoke_agent a').map((part) => part.events.length),
    [2, 2, 1],
  )
})

test('a tool that runs in an agent without a backend is told by its own span, not one of the hive’s', async (t) => {
  const { hive, file } = tempHive(t, { otlp: false })
  const agent = hive.spawn({ agentId: 'a' })
  const tracer = hive.tracerProvider.getTracer('lib')
  agent.run(() => tracer.startSpan('execute_tool grep').end())
  agent.tool({ name: 'rm', ok: true })
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, name, checkpoint }) => [kind, name, checkpoint]),
    [
      ['spawn', 'a', 0],
      ['tool.start', 'grep', 1],
      ['tool', 'grep', 2],
      ['tool', 'rm', 3],
      ['exit', undefined, 4],
    ],
  )
})

test('a hive’s own model call is a line once, whoever else hears of its span', async (t) => {
  const folder = tempFolder(t)
  const others = ['live.jsonl', 'ended.jsonl'].map((name) => join(folder, name)) as [string, string]
  const [live, ended] = others.map((file) => new JsonlSpanExporter({ file }))
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [
      new HiveSpanProcessor({ exporter: live as JsonlSpanExporter }),
      new SimpleSpanProcessor(ended as JsonlSpanExporter),
    ],
  })
  const { hive, file } = tempHive(t, { tracerProvider })
  const given = { model: 'm', inputTokens: 1, outputTokens: 2, costUsd: 0.5, responseId: 'r' }
  const agent = hive.spawn({ agentId: 'a' })
  agent.usage(given)
  agent.usage({ error: 'no' })
  agent.end()
  await hive.shutdown()
  await tracerProvider.shutdown()
  for (const each of [file, ...others]) {
    const lines = eventsOf(each).filter(({ kind }) => kind === 'usage')
    assert.equal(lines.length, 2, each)
    assertLine(lines[0] as Line, { agentId: 'a', ...given }, ENVELOPE)
    assertLine(lines[1] as Line, { agentId: 'a', error: 'no' }, ENVELOPE)
  }
})
