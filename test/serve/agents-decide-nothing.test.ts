/** Beside a log that the server writes, a decision in an agent's name is not taken, whoever put it there. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decisionName } from '../../src/decide/decision-name.js'
import { putDecision } from '../../src/decide/decisions.js'
import { decisionsFolder } from '../../src/format/beside.js'
import { serve } from '../../src/serve/server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { linesOf, logOf, send } from '../kit/serve-support.js'

test('neither the agent that asks decides, nor another of the hive, nor one that has ended; a person does', async (t) => {
  const said: string[] = []
  const store = join(tempFolder(t), 'store')
  const started = await serve({ store, port: 0, onError: (message) => said.push(message) })
  defer(t, () => started.close())
  const server = { ...started, token: started.token as string }
  const events = [
    { kind: 'spawn', agentId: 'lead', name: 'Lead', isGod: true },
    { kind: 'spawn', agentId: 'gone', name: 'Gone', isGod: false },
    { kind: 'exit', agentId: 'gone', status: 'ok' },
    // This one is never said to begin.
    { kind: 'escalate', from: 'coder', to: 'human', subject: 'Drop the table?', id: 'ask-1' },
  ]
  const answer = await send(server, '/v1/ingest', JSON.stringify(events), { 'hivelog-session': 'one' })
  assert.equal(answer.json().accepted, 4)
  const log = logOf(server, 'one')
  const fileOf = (id: string): string => join(decisionsFolder(log), decisionName(id))
  const decide = async (by: string): Promise<void> => {
    const put = putDecision(log, { id: 'ask-1', approve: true, by, via: 'cli', ts: Date.now() })
    assert.deepEqual(put, { put: true }, by)
    while (existsSync(fileOf('ask-1'))) await pause(5)
  }
  for (const by of ['coder', 'lead', 'gone']) await decide(by)
  assert.deepEqual(
    linesOf(server, 'one').filter(({ kind }) => kind === 'approval'),
    [],
  )
  assert.equal(
    said.filter((line) => /"(?:coder|lead|gone)", an agent, and only people decide/.test(line)).length,
    3,
  )
  await decide('ana')
  assert.deepEqual(
    linesOf(server, 'one')
      .filter(({ kind }) => kind === 'approval')
      .map(({ id, approve, by }) => [id, approve, by]),
    [['ask-1', true, 'ana']],
  )
})
