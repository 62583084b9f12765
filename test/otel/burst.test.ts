/** Spans wait for the trace backend in a queue that is bounded by what they hold, and loss from it is loud. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAlwaysRecordSampler } from '@opentelemetry/sdk-trace'
import { AlwaysOffSampler, BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import {
  BoundedProcessor,
  type BoundedProcessorOptions,
  type Outcome,
  reasonOf,
} from '../../src/otel/bounded-processor.js'
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

const SENT: Outcome = { status: 'sent' }
const refused = (why: string): Outcome => ({ status: 'refused', why })

/** A processor whose backend answers when it is told to. */
function slow(options: BoundedProcessorOptions) {
  const batches: ReadableSpan[][] = []
  const answers: ((outcome: Outcome) => void)[] = []
  const processor = new BoundedProcessor<readonly ReadableSpan[]>(
    {
      timeoutMs: 10_000,
      build: async (spans) => spans,
      send: (spans) => {
        batches.push([...spans])
        return new Promise((resolve) => answers.push(resolve))
      },
      close: () => {},
    },
    options,
  )
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('test')
  const answer = async (outcome: Outcome): Promise<void> => {
    await until(() => answers.length > 0, 'a request')
    answers.shift()?.(outcome)
  }
  return { processor, tracer, batches, answers, answer }
}

test('what a span holds counts, not only that it is one', async (t) => {
  const said = captureDiag(t)
  const { processor, tracer, batches, answer } = slow({ maxWeight: 1_000 })
  for (let i = 0; i < 20; i++) {
    const span = tracer.startSpan(`span ${i}`)
    for (let e = 0; e < 99; e++) span.addEvent('e')
    span.end()
  }
  assert.equal(said.length, 1, 'it is said as soon as it happens')
  const flushed = processor.forceFlush()
  await answer(SENT)
  await flushed
  assert.equal(batches.flat().length, 10)
  assert.match(said[1] as string, /10 spans were not sent/)
  tracer.startSpan('later').end()
  const ended = processor.shutdown()
  await answer(SENT)
  await ended
  assert.equal(batches.flat().at(-1)?.name, 'later', 'there is room again')
  assert.equal(said.length, 2)
})

test('a backend that refuses is said once, and how many spans that cost when it takes some again', async (t) => {
  const said = captureDiag(t)
  process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE = '2'
  t.after(() => {
    delete process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE
  })
  const { processor, tracer, batches, answer } = slow({})
  for (let i = 0; i < 6; i++) tracer.startSpan(`span ${i}`).end()
  for (const outcome of [refused('400 Bad Request'), refused('401'), SENT]) await answer(outcome)
  await processor.shutdown()
  assert.equal(batches.length, 3)
  assert.deepEqual(said, [
    'hivelog: spans are not sent: 400 Bad Request; the file has them, and hivelog export sends them',
    'hivelog: 4 spans were not sent, as said above',
  ])
})

test('a batch that the backend refuses leaves the queue all the same', async (t) => {
  captureDiag(t)
  const { processor, tracer, batches, answer } = slow({ maxSpans: 2 })
  for (const name of ['a', 'b', 'c']) tracer.startSpan(name).end()
  const flushed = processor.forceFlush().catch((error: Error) => error.message)
  await answer(refused('no'))
  assert.equal(await flushed, 'no (2 spans)')
  tracer.startSpan('d').end()
  const ended = processor.shutdown()
  await answer(SENT)
  await ended
  assert.deepEqual(
    batches.map((spans) => spans.map(({ name }) => name)),
    [['a', 'b'], ['d']],
  )
})

test('a queue that is smaller than a batch does not wait for one', async (t) => {
  const said = captureDiag(t)
  const { tracer, batches, answer, processor } = slow({ maxSpans: 3 })
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) tracer.startSpan('span').end()
    await answer(SENT)
    await new Promise(setImmediate)
  }
  assert.deepEqual(
    batches.map(({ length }) => length),
    [3, 3, 3],
  )
  assert.deepEqual(said, [])
  await processor.shutdown()
})

test('spans that are not sampled take no room in the queue, however many they are', async (t) => {
  const said = captureDiag(t)
  const { processor, tracer, batches, answer } = slow({ maxSpans: 2, maxWeight: 20 })
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
  await answer(SENT)
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
  const { processor, tracer, batches, answer } = slow({ maxWeight: 8 })
  for (let i = 0; i < 11; i++) tracer.startSpan(`span ${i}`).end()
  assert.equal(said.length, 1)
  const flushed = processor.forceFlush()
  for (const told of [1, 2, 2, 2]) {
    await answer(SENT)
    await new Promise(setImmediate)
    // 6, and then 4, of the 8 wait.
    assert.equal(said.length, told)
  }
  assert.match(said[1] as string, /3 spans were not sent/)
  assert.equal(batches.flat().length, 8)
  await flushed
  const ended = processor.shutdown()
  await ended
  assert.equal(said.length, 2, 'it is said once')
})

test('a reason that has no words is told by its code, and one that has none at all is told too', () => {
  const refusedAddress = Object.assign(new Error(''), { code: 'ECONNREFUSED' })
  assert.equal(reasonOf(refusedAddress), 'ECONNREFUSED')
  assert.equal(reasonOf(new Error('503')), '503')
  for (const none of [undefined, null, {}, new Error('')]) {
    assert.equal(reasonOf(none), 'the backend did not take them')
  }
})
