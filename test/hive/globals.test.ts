/** What hives and the application share: the globals of OpenTelemetry. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { context, DiagConsoleLogger, diag, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CBaggagePropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { captureDiag, defer, eventsOf, tempHive } from '../kit/hive-support.js'

const KEY = Symbol.for('opentelemetry.js.api.1')
const apiOf = () => (globalThis as Record<symbol, unknown>)[KEY]

test('the first hive’s shutdown leaves context and spans of the second', async (t) => {
  const { hive: first } = tempHive(t)
  const { hive: second, file } = tempHive(t)
  const agent = second.spawn({ agentId: 'worker' })
  await agent.run(async () => {
    await first.shutdown()
    assert.equal(
      trace.getActiveSpan()?.spanContext().spanId,
      agent.spanContext.spanId,
      'what is active stays',
    )
    await new Promise((resolve) => setTimeout(resolve, 1))
    trace.getTracer('app').startSpan('execute_tool grep').end()
  })
  const carrier: Record<string, string> = {}
  propagation.inject(agent.context, carrier)
  assert.ok(carrier.traceparent?.includes(agent.spanContext.spanId))
  await second.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId }) => [kind, agentId]),
    [
      ['spawn', 'worker'],
      ['tool.start', 'worker'],
      ['tool', 'worker'],
      ['exit', 'worker'],
    ],
  )
})

test('nothing stays behind when the last hive ends, and the second may end first', async (t) => {
  const before = Object.getOwnPropertyDescriptor(globalThis, KEY)
  const [{ hive: first }, { hive: second }] = [tempHive(t), tempHive(t)]
  await second.shutdown()
  assert.ok(trace.getTracer('app').startSpan('recorded').isRecording())
  await first.shutdown()
  assert.deepEqual(Object.getOwnPropertyDescriptor(globalThis, KEY), before)
  assert.equal(trace.getTracer('app').startSpan('not').isRecording(), false)
})

test('what the application registers later wins, is told of nothing, and stays after the hive', async (t) => {
  const { hive } = tempHive(t)
  const early = trace.getTracer('early')
  early.startSpan('of the hive').end()
  const said = captureDiag(t)
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const manager = new AsyncLocalStorageContextManager().enable()
  assert.equal(trace.setGlobalTracerProvider(provider), true)
  assert.equal(context.setGlobalContextManager(manager), true)
  assert.equal(propagation.setGlobalPropagator(new W3CBaggagePropagator()), true)
  defer(t, () => {
    for (const each of [trace, context, propagation]) each.disable()
  })
  early.startActiveSpan('outer', (outer) => {
    trace.getTracer('late').startSpan('inner').end()
    outer.end()
  })
  const carrier = {}
  propagation.inject(
    trace.setSpanContext(ROOT_CONTEXT, { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }),
    carrier,
  )
  assert.deepEqual(carrier, {}, 'their propagator carries baggage only')
  // A second registration is as wrong as it would be without a hive.
  assert.equal(trace.setGlobalTracerProvider(new BasicTracerProvider()), false)
  await hive.shutdown()
  early.startSpan('after').end()
  trace.getTracer('late').startSpan('after too').end()
  assert.deepEqual(
    exporter.getFinishedSpans().map(({ name }) => name),
    ['inner', 'outer', 'after', 'after too'],
  )
  const [inner, outer] = exporter.getFinishedSpans()
  assert.equal(inner?.parentSpanContext?.spanId, outer?.spanContext().spanId)
  assert.equal(said.length, 1)
  assert.match(String(said[0]), /duplicate registration of API: trace/)
  assert.ok(Object.getOwnPropertyDescriptor(globalThis, KEY)?.get === undefined, 'nobody watches any more')
})

test('the list of processors that the application gave stays as it is, and its provider’s end is not the hive’s', async (t) => {
  const given = [new SimpleSpanProcessor(new InMemorySpanExporter())]
  const provider = new BasicTracerProvider({ spanProcessors: given })
  trace.setGlobalTracerProvider(provider)
  defer(t, () => trace.disable())
  const { hive, file } = tempHive(t)
  trace.getTracer('app').startSpan('invoke_agent theirs').end()
  assert.equal(given.length, 1)
  await provider.forceFlush()
  await provider.shutdown()
  hive.spawn({ agentId: 'later' }).end()
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ agentId }) => agentId),
    ['theirs', 'theirs', 'later', 'later'],
  )
})

test('a provider that takes no processor is told of in one line, and stays', (t) => {
  const said = captureDiag(t)
  const tracer = trace.getTracer('none')
  const provider = { getTracer: () => tracer }
  trace.setGlobalTracerProvider(provider)
  defer(t, () => trace.disable())
  tempHive(t)
  assert.equal(said.length, 1)
  assert.match(String(said[0]), /^hivelog: spans of the application are not recorded: .*HiveSpanProcessor/)
})

test('the application may set a diag logger at any time, and is told of no other', (t) => {
  tempHive(t)
  const heard: unknown[] = []
  const logger = new DiagConsoleLogger()
  logger.warn = (...words) => heard.push(words)
  assert.equal(diag.setLogger(logger), true)
  defer(t, () => diag.disable())
  assert.deepEqual(heard, [])
  diag.warn('hivelog: heard')
  assert.deepEqual(heard, [['hivelog: heard']])
})

test('tracing that the application switched off and on again is joined again', async (t) => {
  const { hive, file } = tempHive(t)
  for (const name of ['one', 'two']) {
    assert.equal(trace.setGlobalTracerProvider(new BasicTracerProvider()), true)
    trace.getTracer('app').startSpan(`invoke_agent ${name}`).end()
    trace.disable()
  }
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ agentId }) => agentId),
    ['one', 'one', 'two', 'two'],
  )
  assert.equal(typeof apiOf(), 'object')
})
