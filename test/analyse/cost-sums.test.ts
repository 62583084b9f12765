import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BoundedGroups } from '../../src/analyse/cost/sums.js'
import { Cost } from '../../src/analyse/cost.js'
import { ExactSum } from '../../src/format/exact-sum.js'

test('a million small costs add up to what they are worth, to the last digit', () => {
  const cost = new Cost()
  // In integers: 0.000001 to 0.001 dollars each, and now and then a large one.
  let micros = 0n
  for (let i = 0; i < 1_000_000; i++) {
    const amount = i % 100_000 === 0 ? 123_456_789_000 : 1 + (i % 1000)
    micros += BigInt(amount)
    const usage = { agentId: `a-${i % 7}`, inputTokens: 1, outputTokens: 2, costUsd: amount / 1e6 }
    cost.add({ event: { ts: i, kind: 'usage', ...usage } })
  }
  const { total, rows, recorded } = cost.report()
  assert.equal(total.costUsd, Number(micros) / 1e6)
  assert.equal(recorded.costUsd, total.costUsd)
  assert.deepEqual([total.calls, total.inputTokens, total.outputTokens], [1e6, 1e6, 2e6])
  assert.ok(Math.abs(rows.reduce((sum, { costUsd }) => sum + costUsd, 0) - total.costUsd) < 1e-6)
  assert.ok(Math.abs(rows.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-12)
})

test('sums of decimal amounts are decimal: 0.1 + 0.2 is 0.3', () => {
  const sum = new ExactSum()
  for (const value of [0.1, 0.2]) sum.add(value)
  assert.equal(sum.value, 0.3)
})

test('any order of any amounts in thousandths of cents gives the exact sum', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1e12 }), { maxLength: 300 }), (amounts) => {
      const sum = new ExactSum()
      for (const amount of amounts) sum.add(amount / 1e5)
      const exact = amounts.reduce((all, amount) => all + BigInt(amount), 0n)
      assert.equal(sum.value, Number(exact) / 1e5)
    }),
    { seed: 5 },
  )
})

test('a sum past all numbers stays a number', () => {
  const sum = new ExactSum()
  for (let i = 0; i < 3; i++) sum.add(Number.MAX_VALUE)
  assert.equal(sum.value, Number.MAX_VALUE)
})

test('keys beyond the bounds share one value; known ones keep theirs', () => {
  const byCount = new BoundedGroups(() => ({ n: 0 }), 2, 1000)
  for (const key of ['a', 'b', 'c', 'd', 'a', null]) byCount.of(key).n++
  assert.deepEqual(
    [...byCount.groups],
    [
      ['a', { n: 2 }],
      ['b', { n: 1 }],
    ],
  )
  assert.deepEqual(byCount.others, { n: 3 })
  const bySize = new BoundedGroups(() => ({ n: 0 }), 1000, 10)
  for (const key of ['12345', 'x'.repeat(6), '67890', '12345']) bySize.of(key).n++
  assert.deepEqual([...bySize.groups.keys()], ['12345', '67890'])
  assert.deepEqual(bySize.others, { n: 1 })
})

test('more than 50,000 keys: the rest is counted together, and the totals are whole', () => {
  const cost = new Cost({ by: 'task' })
  for (let i = 0; i < 50_010; i++) {
    const used = { inputTokens: 1, outputTokens: 0, costUsd: 1 }
    cost.add({ event: { ts: 0, kind: 'usage', agentId: 'a', task: `t-${i}`, ...used } })
  }
  const { rows, others, total } = cost.report()
  assert.deepEqual([rows.length, others?.calls, others?.costUsd], [50_000, 10, 10])
  assert.deepEqual([total.calls, total.costUsd], [50_010, 50_010])
})
