/** A framework that keeps in whose run code is in a context of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stage } from '../../src/frameworks/stage.js'
import type { Agent } from '../../src/index.js'
import { tempHive } from '../kit/hive-support.js'

test('the agent that a framework’s own context names is the present one, while it lives', (t) => {
  const { hive } = tempHive(t)
  const stage = new Stage(hive)
  const outer = stage.begin({ name: 'outer' })
  const inner = stage.begin({ name: 'inner', parent: outer })
  let named: Agent | undefined
  stage.locate((running) => named ?? running)

  assert.equal(stage.current(), stage.implicit())
  stage.running.run(outer, () => assert.equal(stage.current(), outer))
  named = inner
  assert.equal(stage.current(), inner)
  stage.running.run(outer, () => assert.equal(stage.current(), inner))
  assert.equal(stage.begin({ name: 'child' }).agentId, 'child')
  inner.end()
  assert.equal(stage.current(), stage.implicit(), 'one that has ended does nothing')
})

test('of several the last may say that its own run lies within', (t) => {
  const { hive } = tempHive(t)
  const stage = new Stage(hive)
  const [first, second] = [stage.begin({ name: 'first' }), stage.begin({ name: 'second' })]
  const asked: (string | undefined)[] = []
  stage.locate(() => first)
  stage.locate((running) => {
    asked.push(running?.name)
    return second
  })
  assert.equal(stage.current(), second)
  assert.deepEqual(asked, ['first'])
})
