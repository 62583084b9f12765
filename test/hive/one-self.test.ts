/** The process is one agent: it has one life in a log, however many hives of the process write that. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { linesOf, tempHive } from '../kit/hive-support.js'

function beAgent(t: TestContext, agentId: string): void {
  process.env.AGENT_ID = agentId
  t.after(() => {
    delete process.env.AGENT_ID
  })
}

const told = (file: string) =>
  linesOf(file)
    .filter(({ kind }) => !kind.startsWith('log.'))
    .map(({ kind, agentId, checkpoint, n }) => [kind, agentId, checkpoint, n])

for (const first of ['the one that began it', 'the other'] as const) {
  test(`two hives of a log have one agent, which lives until both are shut down, ${first} first`, async (t) => {
    beAgent(t, 'solo')
    const { hive, file } = tempHive(t)
    const { hive: other } = tempHive(t, { file })
    const [a, b] = [hive.self, other.self]
    assert.deepEqual([a?.agentId, b?.agentId], ['solo', 'solo'])
    assert.deepEqual(a?.spanContext, b?.spanContext)
    assert.deepEqual([...hive.agents.keys(), ...other.agents.keys()], ['solo', 'solo'])
    a?.log('step', { n: 1 })
    b?.log('step', { n: 2 })
    const [gone, left] = first === 'the other' ? [other, hive] : [hive, other]
    await gone.shutdown()
    assert.deepEqual([gone.agents.size, left.self?.ended], [0, false])
    left.self?.log('step', { n: 3 })
    await left.shutdown()
    assert.deepEqual([a?.ended, b?.ended], [true, true])
    assert.deepEqual(
      told(file),
      [['spawn'], ['step', 1], ['step', 2], ['step', 3], ['exit']].map(([kind, n], i) => [
        kind,
        'solo',
        i,
        n,
      ]),
    )
  })
}

test('what an agent of one hive spawns is that hive’s, and ends with it', async (t) => {
  beAgent(t, 'solo')
  const { hive, file } = tempHive(t)
  const { hive: other } = tempHive(t, { file })
  hive.self?.spawn({ agentId: 'mine' })
  other.self?.spawn({ agentId: 'theirs' })
  assert.deepEqual([...other.agents.keys()].sort(), ['solo', 'theirs'])
  await other.shutdown()
  assert.deepEqual([...hive.agents.keys()].sort(), ['mine', 'solo'])
  await hive.shutdown()
  assert.deepEqual(
    told(file).flatMap(([kind, agentId]) => (kind === 'exit' ? [agentId] : [])),
    ['theirs', 'mine', 'solo'],
  )
})

test('an agent that is ended in one hive is ended in the other, once', async (t) => {
  beAgent(t, 'solo')
  const { hive, file } = tempHive(t)
  const { hive: other } = tempHive(t, { file })
  const { self } = other
  hive.self?.end()
  assert.deepEqual([self?.ended, hive.agents.size, other.agents.size], [true, 0, 0])
  await Promise.all([hive.shutdown(), other.shutdown()])
  assert.deepEqual(
    told(file).map(([kind]) => kind),
    ['spawn', 'exit'],
  )
})

test('hives of two logs have an agent in each', async (t) => {
  beAgent(t, 'solo')
  const { hive, file } = tempHive(t)
  const { hive: other, file: second } = tempHive(t)
  assert.ok(hive.self !== undefined && other.self !== undefined)
  await hive.shutdown()
  assert.equal(other.self.ended, false)
  await other.shutdown()
  for (const each of [file, second])
    assert.deepEqual(
      told(each).map(([kind]) => kind),
      ['spawn', 'exit'],
    )
})
