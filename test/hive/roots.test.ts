/** Agents without a parent: the root of the trace stays its root in backends that take a link for a parent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tempHive, tempReceiver } from '../kit/hive-support.js'

test('the first part of a root holds no links; what it drains is on a part after it', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const lead = hive.spawn({ agentId: 'lead' })
  const coder = lead.spawn({ agentId: 'coder' })
  lead.wait({ resource: 'r', ms: 1 })
  lead.drain([coder.message({ to: 'lead', act: 'done', subject: 'Here' })])
  coder.drain([lead.message({ to: 'coder', act: 'request', subject: 'More' })])
  await hive.shutdown()

  const [first, second, ...more] = receiver
    .named('invoke_agent lead')
    .sort((a, b) => a.events.length - b.events.length)
  assert.deepEqual(more, [])
  assert.deepEqual([first?.parentSpanId, first?.links.length], [undefined, 0])
  assert.deepEqual(
    first?.events.map(({ name }) => name),
    ['hive.wait'],
  )
  assert.equal(second?.parentSpanId, first?.spanId)
  const child = receiver.one('invoke_agent coder')
  assert.deepEqual(
    second?.links.map(({ spanId }) => spanId),
    [first?.spanId, child.spanId],
  )
  assert.deepEqual(
    second?.events.map(({ name }) => name),
    ['hive.drain', 'hive.message'],
  )
  assert.equal(child.attributes['hive.span.part'], undefined, 'an agent with a parent goes on as it is')
  assert.deepEqual(
    child.links.map(({ spanId }) => spanId),
    [second?.spanId],
  )
})

test('all parts of a root but the first are its children, side by side', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 1 })
  const lead = hive.spawn({ agentId: 'lead' })
  for (let i = 0; i < 5; i++) lead.wait({ resource: 'r', ms: i })
  for (let i = 0; i < 3; i++) hive.log('tick', { i })
  await hive.shutdown()

  for (const name of ['invoke_agent lead', 'hive.session']) {
    const parts = receiver.spans
      .filter((span) => span.name === name)
      .sort(
        (a, b) => Number(a.attributes['hive.span.part'] ?? 1) - Number(b.attributes['hive.span.part'] ?? 1),
      )
    const [first, ...others] = parts
    assert.equal(first?.parentSpanId, undefined)
    assert.ok(others.length > 1)
    for (const part of others) {
      assert.equal(part.parentSpanId, first?.spanId)
      assert.equal(part.traceId, first?.traceId)
    }
  }
})
