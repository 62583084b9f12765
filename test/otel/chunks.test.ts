/** Batches go to the trace backend in chunks of bounded size, one a turn of the event loop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { ChunkedExporter } from '../../src/otel/chunked-exporter.js'

const MAX_WEIGHT = 1_000
const [SUCCESS, FAILED] = [0, 1]

/** As much of a span as counts: how many events and links it holds. */
function spanOf(events: number, links = 0): ReadableSpan {
  return { events: Array(events).fill({}), links: Array(links).fill({}) } as unknown as ReadableSpan
}
const weightOf = (span: ReadableSpan): number => 1 + span.events.length + span.links.length

class Recording implements SpanExporter {
  chunks: ReadableSpan[][] = []
  /** In which turn of the event loop each chunk came. */
  turns: number[] = []
  #turn = 0
  #answer: () => ExportResult

  constructor(answer: () => ExportResult) {
    this.#answer = answer
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.chunks.push(spans)
    this.turns.push(this.#turn)
    setImmediate(() => this.#turn++)
    setImmediate(() => done(this.#answer()))
  }

  async shutdown(): Promise<void> {}
}

const exported = (exporter: SpanExporter, spans: ReadableSpan[]): Promise<ExportResult> =>
  new Promise((resolve) => exporter.export(spans, resolve))

test('every span is sent once, in order, and no chunk is too heavy unless one span is', async () => {
  const spans = fc.array(fc.tuple(fc.nat(400), fc.nat(200)), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(spans, async (sizes) => {
      const given = sizes.map(([events, links]) => spanOf(events, links))
      const recording = new Recording(() => ({ code: SUCCESS }))
      assert.deepEqual(await exported(new ChunkedExporter(recording), given), { code: SUCCESS })
      assert.deepEqual(recording.chunks.flat(), given)
      for (const chunk of recording.chunks) {
        const weight = chunk.reduce((sum, span) => sum + weightOf(span), 0)
        assert.ok(chunk.length > 0 && (weight <= MAX_WEIGHT || chunk.length === 1))
      }
      assert.equal(new Set(recording.turns).size, recording.turns.length, 'one chunk a turn')
    }),
    { numRuns: 50 },
  )
})

test('a chunk that cannot be sent fails the batch, and the rest is not tried', async () => {
  const error = new Error('down')
  const spans = Array.from({ length: 50 }, () => spanOf(999))
  const failing = new Recording(() => ({ code: FAILED, error }))
  assert.deepEqual(await exported(new ChunkedExporter(failing), spans), { code: FAILED, error })
  assert.ok(failing.chunks.length <= 4, 'as many as may be under way')
})

test('an exporter that throws fails the batch and nothing else', async () => {
  const error = new Error('no such exporter')
  const throwing: SpanExporter = {
    export() {
      throw error
    },
    async shutdown() {},
  }
  assert.deepEqual(await exported(new ChunkedExporter(throwing), [spanOf(1)]), { code: FAILED, error })
})

test('a chunk takes as much as it may: a batch is not sent in more requests than it needs', async () => {
  for (const [spans, chunks] of [
    [Array.from({ length: 512 }, () => spanOf(0)), 1],
    [[spanOf(499), spanOf(299, 200)], 1],
    [[spanOf(499), spanOf(500)], 2],
    [[spanOf(5_000), spanOf(0)], 2],
    [[], 0],
  ] as const) {
    const recording = new Recording(() => ({ code: SUCCESS }))
    assert.deepEqual(await exported(new ChunkedExporter(recording), [...spans]), { code: SUCCESS })
    assert.equal(recording.chunks.length, chunks)
  }
})

test('a flush and the end are those of the exporter behind, and end when it does', async () => {
  const done: string[] = []
  const slowly = (what: string) => async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    done.push(what)
  }
  const behind: SpanExporter = { export() {}, forceFlush: slowly('flush'), shutdown: slowly('end') }
  const exporter = new ChunkedExporter(behind)
  await exporter.forceFlush()
  assert.deepEqual(done, ['flush'])
  await exporter.shutdown()
  assert.deepEqual(done, ['flush', 'end'])
  await new ChunkedExporter({ export() {}, async shutdown() {} }).forceFlush()
})
