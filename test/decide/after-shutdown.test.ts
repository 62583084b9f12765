/** Who asks people when the hive is shut down hears at once that nobody decides it any more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tempHive } from '../kit/hive-support.js'

test('the decision of what is escalated after the shutdown rejects, with and without a time limit', async (t) => {
  const { hive } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  await hive.shutdown()
  const asked = [agent.escalate({ subject: 'one' }), agent.escalate({ subject: 'two', timeoutMs: 3_600_000 })]
  for (const { id, decision } of asked) {
    await assert.rejects(decision, { name: 'NotDecidedError', message: /shut down; it stays pending/ })
    assert.equal(hive.isPending(id), false)
  }
})

test('another hive on the same log goes on asking when one is shut down', async (t) => {
  const { hive, file } = tempHive(t)
  const { hive: other } = tempHive(t, { file })
  const late = hive.spawn({ agentId: 'a' })
  const agent = other.spawn({ agentId: 'b' })
  await hive.shutdown()
  await assert.rejects(late.escalate({ subject: 'one' }).decision, { name: 'NotDecidedError' })
  const { id, decision } = agent.escalate({ subject: 'two' })
  await other.approve(id, true)
  assert.equal((await decision).approve, true)
})
