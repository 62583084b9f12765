import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Aligner } from '../../src/analyse/diff/align.js'
import { risingChain } from '../../src/analyse/diff/anchors.js'
import { cases } from '../kit/long-run.js'

interface Aligned {
  commonA: number[]
  commonB: number[]
  approximate: number
}

function align(a: number[], b: number[], work?: number): Aligned {
  const aligner = new Aligner(Math.max(0, ...a, ...b) + 1, work)
  const [x, y] = [a, b].map((tokens) => ({
    tokens: Int32Array.from(tokens),
    common: new Uint8Array(tokens.length),
  })) as [Parameters<Aligner['align']>[0], Parameters<Aligner['align']>[1]]
  aligner.align(x, y, Int32Array.from(a.keys()), Int32Array.from(b.keys()))
  const commonA = a.filter((_, i) => x.common[i] === 1)
  const commonB = b.filter((_, i) => y.common[i] === 1)
  return { commonA, commonB, approximate: aligner.approximate }
}

/** Length of a longest common subsequence, by the textbook. */
function longest(a: number[], b: number[]): number {
  let row = new Array<number>(b.length + 1).fill(0)
  for (const x of a) {
    const next = [0]
    for (const [j, y] of b.entries()) {
      next.push(x === y ? (row[j] as number) + 1 : Math.max(row[j + 1] as number, next[j] as number))
    }
    row = next
  }
  return row.at(-1) as number
}

const tokens = fc.oneof(
  fc.array(fc.nat(4), { maxLength: 60 }),
  fc.array(fc.nat(30), { maxLength: 60 }),
  fc.array(fc.nat(500), { maxLength: 60 }),
)

test('small sequences: the partners are the same, in order, and as many as there can be', () => {
  fc.assert(
    fc.property(tokens, tokens, (a, b) => {
      const { commonA, commonB, approximate } = align(a, b)
      assert.deepEqual(commonA, commonB)
      assert.equal(commonA.length, longest(a, b))
      assert.equal(approximate, 0)
    }),
    { seed: 1, numRuns: cases(500, 500) },
  )
})

/** The same numbers on every run. */
function randoms(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

test('long sequences cut at anchors: a few edits are found as they are', () => {
  const random = randoms(5)
  const a = Array.from({ length: 20_000 }, (_, i) => (i % 3 === 0 ? random(9) : i + 10))
  const b = a
    .filter((_, i) => i % 1000 !== 1)
    .flatMap((token, i) => (i % 1500 === 2 ? [30_000 + i, token] : [token]))
  const { commonA, commonB, approximate } = align(a, b)
  assert.deepEqual(commonA, commonB)
  assert.deepEqual([a.length - commonA.length, b.length - commonB.length, approximate], [20, 14, 0])
})

test('past the bound of work windows align what they can, and the result says how much', () => {
  const random = randoms(6)
  const a = Array.from({ length: 6000 }, () => random(20))
  const b = a.map((token) => (random(10) === 0 ? random(20) : token))
  const exact = align(a, b)
  assert.equal(exact.approximate, 0)
  const rough = align(a, b, 20_000)
  assert.deepEqual(rough.commonA, rough.commonB)
  assert.ok(rough.approximate > 10_000)
  assert.ok(rough.commonA.length > 0.95 * exact.commonA.length, `${rough.commonA.length}`)
  const other = Array.from({ length: 9000 }, () => random(20))
  const different = align(a, other, 0)
  assert.deepEqual(different.commonA, different.commonB)
  assert.ok(different.commonA.length > 1000)
})

test('anchors: the longest chain that rises', () => {
  assert.deepEqual(risingChain([]), [])
  assert.deepEqual(risingChain([3, 0, 1, 4, 2].map((b, a) => [a, b])), [
    [1, 0],
    [2, 1],
    [4, 2],
  ])
})
