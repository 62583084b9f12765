/** Spans wait for the trace backend in a queue that is bounded by what they hold, and loss from it is loud. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExportResult } from '@opentelemetry/core'
import { createAlwaysRecordSampler } from '@opentelemetry/sdk-trace'
import { AlwaysOffSampler, BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { BoundedProcessor, type BoundedProcessorOptions } from '../../src/otel/bounded-processor.js'
import { captureDiag, tempHive, tempReceiver, until } from '../kit/hive-support.js'

test('10,000 tools and 50,000 messages in one turn are all sent', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, shutdownTimeoutMs: 60_000 })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 10_000; i++) agent.tool({ name: 'grep', ok: true })
  for (let i = 0; i < 50_000; i++) agent.message({ to: 'b', act: 'inform', subject: `message ${i}` })
  await hive.shutdown()
  assert.equal(receiver.named('execute_tool grep').length, 10_000, file)
  const events = receiver.named('invoke_agent a').reduce((sum, span) => sum + span.events.length, 0)
  assert.equal(events, 50_000)
  assert.deepEqual(said, [])
})

test('OTEL_BSP_MAX_QUEUE_SIZE bounds the queue, and says what it costs', async (t) => {
  const said = captureDiag(t)
  process.env.OTEL_BSP_MAX_QUEUE_SIZE = '100'
  t.after(() => {
    delete process.env.OTEL_BSP_MAX_QUEUE_SIZE
  })
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 500; i++) agent.tool({ name: 'grep', ok: true })
  agent.end()
  await hive.shutdown()
  assert.equal(receiver.spans.length, 100)
  assert.equal(said.length, 2)
  assert.match(said[0] as string, /spans are not sent: the trace backend is too slow; the file has them, and/)
  assert.match(said[1] as string, /401 spans were not sent/)
})

/** A processor whose exporter answers when it is told to. */
function slow(options: BoundedProcessorOptions) {
  const batches: ReadableSpan[][] = []
  const answers: ((result: ExportResult) => void)[] = []
  const processor = new BoundedProcessor(
    {
      export: (spans, done) => {
        batches.push(spans)
        answers.push(done)
      },
      shutdown: async () => {},
    },
    options,
  )
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('test')
  return { processor, tracer, batches, answers }
}

test('what a span holds counts, not only that it is one', async (t) => {
  const said = captureDiag(t)
  const { processor, tracer, batches, answers } = slow({ maxWeight: 1_000 })
  for (let i = 0; i < 20; i++) {
    const span = tracer.startSpan(`span ${i}`)
    for (let e = 0; e < 99; e++) span.addEvent('e')
    span.end()
  }
  assert.equal(said.length, 1, 'it is said as soon as it happens')
  const flushed = processor.forceFlush()
  assert.equal(batches.flat().length, 10)
  answers[0]?.({ code: 0 })
  await flushed
  assert.match(said[1] as string, /10 spans were not sent/)
  tracer.startSpan('later').end()
  const ended = processor.shutdown()
  await new Promise(setImmediate)
  answers[1]?.({ code: 0 })
  await ended
  assert.equal(batches.flat().at(-1)?.name, 'later', 'there is room again')
  assert.equal(said.length, 2)
})

test('a backend that goes away is said once, and how many spans that cost when it is back', async (t) => {
  const said = captureDiag(t)
  process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE = '2'
  t.after(() => {
    delete process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE
  })
  const { processor, tracer, batches, answers } = slow({})
  const refused = Object.assign(new Error(''), { code: 'ECONNREFUSED' })
  for (let i = 0; i < 6; i++) tracer.startSpan(`span ${i}`).end()
  for (const result of [{ code: 1, error: refused }, { code: 1, error: new Error('503') }, { code: 0 }]) {
    await until(() => answers.length > 0, 'the next batch')
    answers.shift()?.(result)
  }
  await processor.shutdown()
  assert.equal(batches.length, 3)
  assert.deepEqual(said, [
    'hivelog: spans are not sent: ECONNREFUSED; the file has them, and hivelog export sends them',
    'hivelog: 4 spans were not sent, as said above',
  ])
})

test('a batch that the backend refuses leaves the queue all the same', async (t) => {
  captureDiag(t)
  const { processor, tracer, batches, answers } = slow({ maxSpans: 2 })
  for (const name of ['a', 'b', 'c']) tracer.startSpan(name).end()
  const flushed = processor.forceFlush().catch((error: Error) => error.message)
  answers[0]?.({ code: 1, error: new Error('no') })
  assert.equal(await flushed, 'no')
  tracer.startSpan('d').end()
  const ended = processor.shutdown()
  await new Promise(setImmediate)
  answers[1]?.({ code: 0 })
  await ended
  assert.deepEqual(
    batches.map((spans) => spans.map(({ name }) => name)),
    [['a', 'b'], ['d']],
  )
})

test('spans that are not sampled take no room in the queue, however many they are', async (t) => {
  const said = captureDiag(t)
  const { processor, tracer, batches, answers } = slow({ maxSpans: 2, maxWeight: 20 })
  const recorded = new BasicTracerProvider({
    // As the sampler of a hive does: recorded for the file, and not sent.
    sampler: createAlwaysRecordSampler(new AlwaysOffSampler()),
    spanProcessors: [processor],
  }).getTracer('test')
  for (let i = 0; i < 100; i++) {
    const span = recorded.startSpan('not sampled')
    assert.ok(span.isRecording())
    span.addEvent('e')
    span.end()
  }
  for (const name of ['a', 'b']) tracer.startSpan(name).end()
  const ended = processor.shutdown()
  await new Promise(setImmediate)
  answers[0]?.({ code: 0 })
  await ended
  assert.deepEqual(
    batches.flat().map(({ name }) => name),
    ['a', 'b'],
  )
  assert.deepEqual(said, [])
})

test('that a backend keeps up again is said when half of the queue is empty, and not before', async (t) => {
  process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE = '2'
  t.after(() => {
    delete process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE
  })
  const said = captureDiag(t)
  const { processor, tracer, batches, answers } = slow({ maxWeight: 8 })
  for (let i = 0; i < 11; i++) tracer.startSpan(`span ${i}`).end()
  assert.equal(said.length, 1)
  const flushed = processor.forceFlush()
  await until(() => batches.length >= 1, 'the first batch')
  for (const told of [1, 2]) {
    answers.shift()?.({ code: 0 })
    await new Promise(setImmediate)
    // 6, and then 4, of the 8 wait.
    assert.equal(said.length, told)
    await until(() => answers.length > 0, 'the next batch')
  }
  assert.match(said[1] as string, /3 spans were not sent/)
  while (batches.flat().length < 8 || answers.length > 0) {
    answers.shift()?.({ code: 0 })
    await new Promise(setImmediate)
  }
  await flushed
  const ended = processor.shutdown()
  await ended
  assert.equal(said.length, 2, 'it is said once')
})

test('a reason that has no words is told by its code, and one that has none at all is told too', async (t) => {
  process.env.OTEL_BSP_SCHEDULE_DELAY = '10'
  t.after(() => {
    delete process.env.OTEL_BSP_SCHEDULE_DELAY
  })
  const said = captureDiag(t)
  for (const [error, words] of [
    [Object.assign(new Error(''), { code: 'ECONNREFUSED' }), /spans are not sent: ECONNREFUSED; /],
    [undefined, /spans are not sent: the backend did not take them; /],
    [new Error('503'), /spans are not sent: 503; /],
  ] as const) {
    said.length = 0
    const { processor, tracer, answers } = slow({})
    tracer.startSpan('a').end()
    tracer.startSpan('b').end()
    await until(() => answers.length > 0, 'a batch', 20_000)
    answers.shift()?.({ code: 1, ...(error !== undefined && { error }) })
    await until(() => said.length > 0, 'a word about it')
    assert.match(said[0] as string, words)
    await processor.shutdown()
    assert.match(said[1] as string, /2 spans were not sent/)
  }
})
