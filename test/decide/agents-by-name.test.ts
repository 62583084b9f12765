/** An agent does not decide under its name either: not in code, not by a file, not on the page, not from a shell. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decisionName } from '../../src/decide/decision-name.js'
import { listDecisions, putDecision } from '../../src/decide/decisions.js'
import { decisionsFolder } from '../../src/format/beside.js'
import { DecisionError } from '../../src/index.js'
import { serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { tempApi } from '../kit/api-server.js'
import { captureDiag, defer, eventsOf, tempFolder, tempHive } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'
import { linesOf, logOf, send } from '../kit/serve-support.js'

const NAMES = ['coder', 'Coder', 'lead', 'Lead', 'god']
const byFile = (log: string, by: string) =>
  putDecision(log, { id: 'e1', approve: true, by, via: 'cli', ts: Date.now() })

test('a hive takes no decision in the name of its agents, and one of a person', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t)
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const asked = lead.spawn({ agentId: 'coder', name: 'Coder' }).escalate({ id: 'e1', subject: 'Drop it?' })
  await asked.durable
  for (const by of NAMES) {
    await assert.rejects(hive.approve('e1', true, { by }), DecisionError, by)
    byFile(file, by)
    while (existsSync(`${decisionsFolder(file)}/${decisionName('e1')}`)) await pause(5)
  }
  assert.deepEqual(
    eventsOf(file).filter(({ kind }) => kind === 'approval'),
    [],
  )
  await hive.approve('e1', false, { by: 'Ana' })
  assert.equal((await asked.decision).by, 'Ana')
})

test('the page refuses a token that is called as an agent is', async (t) => {
  const { hive, file } = tempHive(t)
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  await lead.spawn({ agentId: 'coder', name: 'Coder' }).escalate({ id: 'e1', subject: 's' }).durable
  const tokens = join(tempFolder(t), 'tokens.json')
  const made = new Tokens(tokens)
  const given = NAMES.map((name) => made.add(name, ['read', 'decide']))
  const api = await tempApi(t, { logs: [file], tokens })
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  const list = await api.ask('/api/logs', { headers: as(given[0] as string) })
  const { logs } = (await list.json()) as { logs: { id: string }[] }
  const log = `/api/logs/${logs[0]?.id}`
  for (const token of given) {
    const answer = await api.ask(`${log}/decisions`, {
      method: 'POST',
      body: JSON.stringify({ id: 'e1', approve: true }),
      headers: { 'content-type': 'application/json', ...as(token) },
    })
    assert.equal(answer.status, 403)
  }
})

test('a user who is called as the agent that asks is called does not decide from a shell', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder', name: userInfo().username })
  await agent.escalate({ id: 'e1', subject: 's' }).durable
  const ran = await hivelog(['approve', 'e1', file])
  assert.deepEqual([ran.code, listDecisions(file)], [2, []])
  assert.match(ran.stderr, /only people decide/)
})

test('beside a log that the server writes no agent decides under its name', async (t) => {
  const store = `${tempFolder(t)}/store`
  const started = await serve({ store, port: 0, onError: () => {} })
  defer(t, () => started.close())
  const server = { ...started, token: started.token as string }
  const events = [
    { kind: 'spawn', agentId: 'lead', name: 'Lead', isGod: true },
    { kind: 'spawn', agentId: 'coder', name: 'Coder', isGod: false, parent: 'lead' },
    { kind: 'rename', agentId: 'coder', name: 'Builder' },
    { kind: 'escalate', from: 'coder', to: 'human', subject: 'Drop it?', id: 'e1' },
  ]
  await send(server, '/v1/ingest', JSON.stringify(events), { 'hivelog-session': 'one' })
  const log = logOf(server, 'one')
  for (const by of [...NAMES, 'Builder', 'ana']) {
    byFile(log, by)
    while (existsSync(`${decisionsFolder(log)}/${decisionName('e1')}`)) await pause(5)
  }
  assert.deepEqual(
    linesOf(server, 'one')
      .filter(({ kind }) => kind === 'approval')
      .map(({ by }) => by),
    ['ana'],
  )
})
