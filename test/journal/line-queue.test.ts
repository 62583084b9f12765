import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineQueue } from '../../src/journal/line-queue.js'
import { cases } from '../kit/long-run.js'

/** Queues a line. */
function push(queue: LineQueue, line: string, seq: number): void {
  queue.next.text(line)
  queue.push(seq)
}

/** Takes everything out, in pieces as `sizes` tells; returns the bytes and the last `seq` that was reported. */
function drain(queue: LineQueue, sizes: number[] = []): { bytes: Buffer; lastSeq: number | undefined } {
  const pieces: Buffer[] = []
  let lastSeq: number | undefined
  let at = 0
  for (let bytes = queue.peek(); bytes !== undefined; bytes = queue.peek()) {
    const size = Math.min(
      bytes.length,
      sizes.length === 0 ? bytes.length : (sizes[at++ % sizes.length] as number),
    )
    pieces.push(Buffer.from(bytes.subarray(0, size)))
    lastSeq = queue.consume(size) ?? lastSeq
  }
  return { bytes: Buffer.concat(pieces), lastSeq }
}

test('an empty queue has nothing', () => {
  const queue = new LineQueue()
  assert.equal(queue.size, 0)
  assert.equal(queue.peek(), undefined)
})

const line = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 200 }) },
  {
    weight: 2,
    arbitrary: fc.record({
      unit: fc.constantFrom('a', 'ü', '✓', '🐝'),
      times: fc.integer({ min: 1, max: 90_000 }),
    }),
  },
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ push: line }) },
  { weight: 1, arbitrary: fc.record({ consume: fc.integer({ min: 1, max: 300_000 }) }) },
)

test('what goes in comes out, byte for byte and in order, in whatever pieces', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new LineQueue()
      const expected: Buffer[] = []
      /** Where in the stream of bytes each line ends. */
      const ends: number[] = []
      const got: Buffer[] = []
      let pushed = 0
      let consumed = 0
      let seq = 0
      const consume = (most: number): void => {
        const bytes = queue.peek()
        if (bytes === undefined) return
        const size = Math.min(most, bytes.length)
        got.push(Buffer.from(bytes.subarray(0, size)))
        const last = queue.consume(size)
        consumed += size
        if (last !== undefined) assert.equal(ends[last - 1], consumed, 'the reported line ends exactly here')
      }
      for (const each of steps) {
        if ('push' in each) {
          const body = typeof each.push === 'string' ? each.push : each.push.unit.repeat(each.push.times)
          const text = `${body}\n`
          push(queue, text, ++seq)
          expected.push(Buffer.from(text, 'utf8'))
          pushed += (expected.at(-1) as Buffer).length
          ends.push(pushed)
        } else consume(each.consume)
        assert.equal(queue.size, pushed - consumed)
      }
      while (queue.peek() !== undefined) consume(1_000_000)
      assert.ok(Buffer.concat(got).equals(Buffer.concat(expected)))
      assert.equal(queue.size, 0)
    }),
    { numRuns: cases(200, 200) },
  )
})

test('what is seen stays until it is consumed, though more is pushed', () => {
  const queue = new LineQueue()
  push(queue, 'first\n', 1)
  const seen = queue.peek() as Buffer
  for (let seq = 2; seq < 5_000; seq++) push(queue, `line ${seq} ${'x'.repeat(50)}\n`, seq)
  assert.equal(seen.toString(), 'first\n')
  assert.equal(queue.consume(seen.length), 1)
  assert.match(drain(queue).bytes.toString(), /^line 2 x+\n/)
})

test('a lone surrogate is written as a replacement character and breaks nothing', () => {
  const queue = new LineQueue()
  push(queue, '\ud83d\n', 1)
  push(queue, '\udc1d\n', 2)
  assert.equal(drain(queue).bytes.toString(), '\ufffd\n\ufffd\n')
})

test('a line larger than any buffer goes through whole', () => {
  const queue = new LineQueue()
  push(queue, 'before\n', 1)
  push(queue, `${'✓'.repeat(2_000_000)}\n`, 2)
  push(queue, 'after\n', 3)
  const { bytes, lastSeq } = drain(queue, [1, 70_000, 3])
  assert.equal(bytes.length, 7 + 6_000_001 + 6)
  assert.equal(lastSeq, 3)
})

test('what was put in and not queued counts for nothing', () => {
  const queue = new LineQueue()
  queue.next.text('never queued')
  assert.equal(queue.size, 0)
  assert.equal(queue.peek(), undefined)
  push(queue, 'whole\n', 1)
  queue.next.text('x'.repeat(200_000))
  assert.equal(drain(queue).bytes.toString(), 'whole\n')
})

test('buffers are used again: pushing and consuming does not pile up memory', () => {
  const queue = new LineQueue()
  const buffers = new Set<ArrayBufferLike>()
  for (let round = 0; round < 200; round++) {
    for (let n = 0; n < 1_000; n++) push(queue, `line ${n} ${'x'.repeat(90)}\n`, n + 1)
    for (let bytes = queue.peek(); bytes !== undefined; bytes = queue.peek()) {
      buffers.add(bytes.buffer)
      queue.consume(bytes.length)
    }
  }
  assert.ok(buffers.size <= 6, `${buffers.size} buffers`)
})
