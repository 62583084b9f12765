/** What the side index says of its states is found again as it was written, and by halves as one by one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Block, Blocks, readDirectory } from '../../src/read/side-index/directory.js'
import { cases, seedOfRun } from '../kit/long-run.js'

const step = fc.record({
  bytes: fc.integer({ min: 1, max: 1_000_000 }),
  lines: fc.nat(9000),
  /** By how much the greatest `seq` and `ts` grow. */
  seqs: fc.nat(3),
  ms: fc.oneof(fc.constant(0), fc.nat(5), fc.double({ min: 0, max: 3, noNaN: true })),
  back: fc.nat(9),
})

function blocksOf(steps: (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): Block[] {
  let last = { offset: 0, line: 0, count: 7, maxSeq: 0, maxTs: Number.MIN_SAFE_INTEGER, lastSeq: 0, at: 0 }
  return steps.map(({ bytes, lines, seqs, ms, back }, i) => {
    if (i > 0) {
      const { offset, line, count, maxSeq, maxTs, at } = last
      const ts = i === 1 ? 1000 : maxTs + ms
      const grown = {
        offset: offset + bytes,
        line: line + lines,
        count: count + lines,
        maxSeq: maxSeq + seqs,
      }
      last = { ...grown, maxTs: ts, lastSeq: maxSeq, at: at + 100 }
    }
    const link = i === 0 ? '' : i.toString(16).padStart(56, 'a')
    const place = { link, size: 100, raw: bytes, sha256: i.toString(16).padStart(64, 'b') }
    return { ...last, ...place, back, whole: 2 * bytes }
  })
}

test('blocks come back as they were, and the last one before a place is found', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.nat(60),
      fc.double({ min: 990, max: 1100, noNaN: true }),
      (steps, seq, time) => {
        const written = blocksOf(steps)
        const text = JSON.stringify({
          ...{ prices: 'p', start: 's', end: 'e', final: false },
          blocks: Blocks.of(written),
        })
        const { blocks, ...others } = readDirectory(text)
        assert.deepEqual(others, { prices: 'p', start: 's', end: 'e', final: false })
        assert.deepEqual([...blocks], written)
        assert.deepEqual(blocks.last, written.at(-1))
        for (const [atSeq, atTime] of [
          [seq, Number.POSITIVE_INFINITY],
          [Number.POSITIVE_INFINITY, time],
          [seq, time],
        ] as const) {
          const isBefore = (maxSeq: number, maxTs: number): boolean => maxSeq <= atSeq && maxTs <= atTime
          assert.equal(
            blocks.lastBefore(isBefore),
            written.findLastIndex(({ maxSeq, maxTs }) => isBefore(maxSeq, maxTs)),
          )
        }
      },
    ),
    { numRuns: cases(3000, 120), seed: seedOfRun() },
  )
})

test('a segment without any block', () => {
  const blocks = Blocks.of([])
  assert.deepEqual([blocks.length, blocks.last], [0, undefined])
  assert.equal(
    blocks.lastBefore(() => true),
    -1,
  )
})
