/** What waits for a span to show what it is waits until 40 ms after that span's start, whenever it came. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { HeldActs } from '../../src/otel/held-acts.js'
import type { SpanNode } from '../../src/otel/span-node.js'

const HOLD = 40

/** A node of a span that does not show what it is. */
const unknown = (above?: SpanNode): SpanNode => ({ above, isDecided: false, isLife: false }) as SpanNode

function clock(t: TestContext): { after(ms: number): void } {
  let now = 1_000
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => now)
  return {
    after(ms) {
      for (let i = 0; i < ms; i++) {
        now++
        t.mock.timers.tick(1)
      }
    },
  }
}

for (const since of [0, 1, 30, 39]) {
  test(`what happens ${since} ms after its start is told ${HOLD - since} ms later`, (t) => {
    const { after } = clock(t)
    const held = new HeldActs(() => {})
    const node = unknown()
    held.waitFor(node)
    after(since)
    let told = 0
    held.do(node, () => told++)
    after(HOLD - since - 1)
    assert.equal(told, 0)
    after(1)
    assert.equal(told, 1)
  })
}

test('after that nothing waits', (t) => {
  const { after } = clock(t)
  const held = new HeldActs(() => {})
  const node = unknown()
  held.waitFor(node)
  after(HOLD)
  let told = 0
  held.do(node, () => told++)
  assert.equal(told, 1)
})

test('what lies deeper waits for the span that began last, and what came after it too', (t) => {
  const { after } = clock(t)
  const order: string[] = []
  const held = new HeldActs(() => {})
  const outer = unknown()
  held.waitFor(outer)
  after(20)
  const inner = unknown(outer)
  held.waitFor(inner)
  after(10)
  held.do(inner, () => order.push('inner'))
  held.do(outer, () => order.push('outer'))
  after(29)
  assert.deepEqual(order, [])
  after(1)
  assert.deepEqual(order, ['inner', 'outer'])
})
