/** Spans go to the trace backend in requests of bounded size, one a turn of the event loop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { BoundedProcessor, type Outcome, type SpanSender } from '../../src/otel/bounded-processor.js'
import { cases } from '../kit/long-run.js'

const MAX_WEIGHT = 2_000
const MAX_SPANS = 512

/** As much of a span as counts: how many events and links it holds. */
function spanOf(events: number, links = 0): ReadableSpan {
  const spanContext = () => ({ traceFlags: 1 })
  return {
    events: Array(events).fill({}),
    links: Array(links).fill({}),
    spanContext,
  } as unknown as ReadableSpan
}
const weightOf = (span: ReadableSpan): number => 1 + span.events.length + span.links.length

class Recording implements SpanSender<readonly ReadableSpan[]> {
  timeoutMs = 10_000
  chunks: ReadableSpan[][] = []
  /** In which turn of the event loop each chunk was built. */
  turns: number[] = []
  isClosed = false
  #turn = 0
  #answer: () => Outcome

  constructor(answer: () => Outcome = () => ({ status: 'sent' })) {
    this.#answer = answer
  }

  async build(spans: readonly ReadableSpan[]): Promise<readonly ReadableSpan[]> {
    this.turns.push(this.#turn)
    setImmediate(() => this.#turn++)
    return spans
  }

  send(spans: readonly ReadableSpan[]): Promise<Outcome> {
    this.chunks.push([...spans])
    return new Promise((resolve) => setImmediate(() => resolve(this.#answer())))
  }

  close(): void {
    this.isClosed = true
  }
}

async function exported(sender: Recording, spans: readonly ReadableSpan[]): Promise<void> {
  const processor = new BoundedProcessor(sender)
  for (const span of spans) processor.onEnd(span)
  await processor.shutdown()
}

test('every span is sent once, in order, and no chunk is too heavy unless one span is', async () => {
  const spans = fc.array(fc.tuple(fc.nat(400), fc.nat(200)), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(spans, async (sizes) => {
      const given = sizes.map(([events, links]) => spanOf(events, links))
      const recording = new Recording()
      await exported(recording, given)
      assert.deepEqual(recording.chunks.flat(), given)
      for (const chunk of recording.chunks) {
        const weight = chunk.reduce((sum, span) => sum + weightOf(span), 0)
        assert.ok(chunk.length > 0 && chunk.length <= MAX_SPANS)
        assert.ok(weight <= MAX_WEIGHT || chunk.length === 1)
      }
      assert.equal(new Set(recording.turns).size, recording.turns.length, 'one chunk a turn')
    }),
    { numRuns: cases(50, 50) },
  )
})

test('a backend that is away is not asked for each chunk', async () => {
  const away = new Recording(() => ({ status: 'retry', why: 'down', afterMs: 60_000 }))
  await assert.rejects(
    exported(
      away,
      Array.from({ length: 50 }, () => spanOf(1_999)),
    ),
    { message: 'down (50 spans)' },
  )
  assert.ok(away.chunks.length <= 4, 'as many as may be under way')
  assert.ok(away.isClosed)
})

test('a chunk that cannot be built or sent costs its own spans, and nothing else', async () => {
  let calls = 0
  class Throwing extends Recording {
    override async build(spans: readonly ReadableSpan[]): Promise<readonly ReadableSpan[]> {
      if (calls++ === 0) throw new Error('no such form')
      return spans
    }
  }
  const sender = new Throwing()
  await assert.rejects(exported(sender, [spanOf(1_999), spanOf(1_999), spanOf(0)]), {
    message: 'no such form (1 span)',
  })
  assert.equal(sender.chunks.flat().length, 2)
})

test('a chunk takes as much as it may: a batch is not sent in more requests than it needs', async () => {
  for (const [spans, chunks] of [
    [Array.from({ length: 512 }, () => spanOf(0)), 1],
    [[spanOf(999), spanOf(599, 400)], 1],
    [[spanOf(999), spanOf(1_000)], 2],
    [[spanOf(5_000), spanOf(0)], 2],
    [[], 0],
  ] as const) {
    const recording = new Recording()
    await exported(recording, spans)
    assert.equal(recording.chunks.length, chunks)
  }
})
