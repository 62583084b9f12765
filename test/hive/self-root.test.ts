/** The agent that a process is, in a program that starts its hive itself: what runs in no context is its work. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventsOf, fixture, runNode, tempFolder } from '../kit/hive-support.js'

test('a span that begins in no context lies under the agent that the process is', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const run = await runNode([fixture('self-child'), 'use a tool in no context'], {
    HIVELOG_FILE: file,
    AGENT_ID: 'solo',
  })
  assert.deepEqual([run.code, run.stderr], [0, ''])
  const events = eventsOf(file)
  assert.deepEqual(
    events.map(({ kind, agentId, name }) => [kind, agentId, name]),
    [
      ['spawn', 'solo', 'solo'],
      ['step', 'solo', undefined],
      ['tool.start', 'solo', 'grep'],
      ['tool', 'solo', 'grep'],
      ['exit', 'solo', undefined],
    ],
  )
  assert.equal(new Set(events.map(({ trace }) => trace)).size, 1)
})
