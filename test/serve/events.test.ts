/** Events that anybody sends: stored once, redacted, and answered for by the commands. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { costReport, replay } from '../../src/analyse.js'
import { verifyLog } from '../../src/read.js'
import { type RunningServer, serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { eventsOf, tempFolder } from '../kit/hive-support.js'

async function start(t: TestContext, store = join(tempFolder(t), 'store')): Promise<RunningServer> {
  const server = await serve({ store, port: 0 })
  t.after(() => server.close())
  return server
}

async function post(
  { url, token }: RunningServer,
  body: string,
  headers: Record<string, string> = {},
): Promise<{
  status: number
  body: { accepted: number; duplicates: number; rejected: { index: number; reason: string }[] }
}> {
  const response = await fetch(`${url}/v1/ingest`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    body,
  })
  return { status: response.status, body: (await response.json()) as never }
}

const logOf = ({ store }: RunningServer, session: string): string => join(store, session, 'events.jsonl')

/** As the emitter of the article does, with Python's own library. */
const EMITTER = `
import json, sys, time, urllib.request
from uuid import uuid4
url, token = sys.argv[1:]
RATE = 0.00002
class Context:
    def __init__(self, agent_id, session_id, parent):
        self.agent_id, self.session_id = agent_id, session_id
        self.trace, self.checkpoint, self.batch = f"{parent}/{uuid4()}", 0, []
    def log_event(self, event, data, tokens_used=0):
        self.batch.append({"timestamp": time.time(), "agent_id": self.agent_id, "session_id": self.session_id,
            "trace": self.trace, "checkpoint": self.checkpoint, "event": event, "payload": data,
            "tokens": tokens_used, "cost": tokens_used * RATE})
        self.checkpoint += 1
context = Context("claude-researcher-prod-01", "sess_8f4d2e9c", "root_task_xyz")
context.log_event("task started", {"task": "t-1"})
context.log_event("llm_call", {"model": "m-1", "task": "t-1"}, 1500)
context.log_event("tool_call", {"name": "grep", "key": "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"})
for _ in range(2):
    request = urllib.request.Request(url, json.dumps(context.batch).encode(), {"authorization": "Bearer " + token})
    print(urllib.request.urlopen(request).read().decode().strip())
`

test('the emitter of the article, in Python: counted in cost, seen in state, and once', async (t) => {
  const server = await start(t)
  const script = join(tempFolder(t), 'emit.py')
  writeFileSync(script, EMITTER)
  const { spawn } = await import('node:child_process')
  const child = spawn('python3', [script, `${server.url}/v1/ingest`, server.token as string])
  let said = ''
  child.stdout.on('data', (data) => {
    said += data
  })
  const code = await new Promise((resolve) =>
    child.once('close', resolve).once('error', () => resolve('none')),
  )
  if (code === 'none') return t.skip('there is no Python')
  const answers = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(answers, [
    { accepted: 3, duplicates: 0, rejected: [] },
    { accepted: 0, duplicates: 3, rejected: [] },
  ])
  const file = logOf(server, 'sess_8f4d2e9c')
  const events = eventsOf(file)
  assert.deepEqual(
    events.map(({ kind, agentId, checkpoint, session }) => [kind, agentId, checkpoint, session]),
    [
      ['task_started', 'claude-researcher-prod-01', 0, 'sess_8f4d2e9c'],
      ['usage', 'claude-researcher-prod-01', 1, 'sess_8f4d2e9c'],
      ['tool_call', 'claude-researcher-prod-01', 2, 'sess_8f4d2e9c'],
    ],
  )
  assert.ok(Math.abs((events[0]?.ts ?? 0) - Date.now()) < 60_000, 'seconds are seconds')
  assert.match(String(events[0]?._trace), /^root_task_xyz\//)
  assert.doesNotMatch(readFileSync(file, 'utf8'), /sk-proj-abc/)
  const { total, rows } = await costReport(file, { by: 'task' })
  assert.deepEqual([total.calls, total.inputTokens, total.costUsd], [1, 1500, 0.03])
  assert.equal(rows[0]?.key, 't-1')
  assert.deepEqual(
    (await replay(file)).agents.map(({ agentId }) => agentId),
    ['claude-researcher-prod-01'],
  )
  await server.close()
  assert.deepEqual((await verifyLog(file)).findings, [])
})

test('one object by curl, an array, and one a line', async (t) => {
  const server = await start(t)
  const own = (i: number): string =>
    JSON.stringify({ ts: 1_790_000_000_000 + i, kind: 'note', agentId: 'a', i })
  const curl = spawnSync('curl', ['--version'])
  if (curl.status === 0) {
    const { spawn } = await import('node:child_process')
    const args = [
      '-s',
      '-H',
      `authorization: Bearer ${server.token}`,
      '-H',
      'hivelog-session: s',
      '-d',
      own(0),
      `${server.url}/v1/ingest`,
    ]
    const child = spawn('curl', args)
    let said = ''
    child.stdout.on('data', (data) => {
      said += data
    })
    await new Promise((resolve) => child.once('close', resolve))
    assert.deepEqual(JSON.parse(said), { accepted: 1, duplicates: 0, rejected: [] })
  } else await post(server, own(0), { 'hivelog-session': 's' })
  await post(server, `[${own(1)},${own(2)}]`, { 'hivelog-session': 's' })
  await post(server, `${own(3)}\n\n${own(4)}\n`, { 'hivelog-session': 's' })
  assert.deepEqual(
    eventsOf(logOf(server, 's')).map(({ i, ts }) => [i, ts - 1_790_000_000_000]),
    [0, 1, 2, 3, 4].map((i) => [i, i]),
  )
})

test('what is good is kept when something is bad, and each bad one is named', async (t) => {
  const server = await start(t)
  const lines = [
    '{"kind":"note","agentId":"a","session":"s"}',
    'no JSON',
    '42',
    '{"kind":"log.seal","session":"s"}',
    '{"kind":"Bad Kind","session":"s"}',
    '{"kind":"note","session":"../x"}',
    '{"event":"x","session_id":"s"}',
    '{"event":"x","agent_id":"b","session_id":"s","timestamp":"yesterday"}',
    '{"event":"x","agent_id":"b","session_id":"s","timestamp":"2026-11-01T10:00:00Z"}',
    '{}',
  ]
  const { status, body } = await post(server, lines.join('\n'))
  assert.equal(status, 200)
  assert.deepEqual([body.accepted, body.duplicates], [2, 0])
  assert.deepEqual(
    body.rejected.map(({ index }) => index),
    [1, 2, 3, 4, 5, 6, 7, 9],
  )
  for (const { reason } of body.rejected) assert.match(reason, /^(its?|it) [^\n]+$/)
  assert.deepEqual(
    eventsOf(logOf(server, 's')).map(({ kind }) => kind),
    ['note', 'x'],
  )
  assert.equal((await post(server, 'no JSON\nat all')).status, 400)
  assert.equal((await post(server, '')).status, 400)
})

test('a request with a key is stored once, also after a restart, and goes on where a kill cut it off', async (t) => {
  const store = join(tempFolder(t), 'store')
  let server = await start(t, store)
  const body = [0, 1, 2].map((i) => JSON.stringify({ kind: 'note', i, session: 's' })).join('\n')
  const key = { 'idempotency-key': 'batch 1' }
  const counts = async (): Promise<number[]> => {
    const answer = (await post(server, body, key)).body
    return [answer.accepted, answer.duplicates]
  }
  assert.deepEqual(await counts(), [3, 0])
  assert.deepEqual(await counts(), [0, 3])
  await server.close()
  server = await start(t, store)
  assert.deepEqual(await counts(), [0, 3])
  await server.close()
  // As a kill leaves it: the last line is not there.
  const file = logOf(server, 's')
  const kept = readFileSync(file, 'utf8').split('\n')
  const cut = kept.findIndex((line) => line.includes('"i":2'))
  writeFileSync(file, `${kept.slice(0, cut).join('\n')}\n`)
  server = await start(t, store)
  assert.deepEqual(await counts(), [1, 2])
  assert.deepEqual(
    eventsOf(file)
      .filter(({ kind }) => kind === 'note')
      .map(({ i }) => i),
    [0, 1, 2],
  )
  assert.deepEqual((await post(server, body, { 'idempotency-key': 'batch 2' })).body.accepted, 3)
})

test('a checkpoint that was seen is a duplicate, in any order, also after a restart', async (t) => {
  const store = join(tempFolder(t), 'store')
  let server = await start(t, store)
  const one = (checkpoint: number, agentId = 'a'): string =>
    JSON.stringify({ kind: 'note', agentId, checkpoint, session: 's' })
  const send = async (...lines: string[]): Promise<number> =>
    (await post(server, lines.join('\n'))).body.accepted
  assert.equal(await send(one(5), one(3), one(5)), 2)
  assert.equal(await send(one(4), one(3)), 1)
  await server.close()
  server = await start(t, store)
  assert.equal(await send(one(3), one(4), one(5), one(6), one(4, 'b')), 2)
  const text =
    '{"from":"a","to":"b","kind":"message","act":"inform","subject":"x","id":"1","checkpoint":7,"session":"s"}'
  assert.equal(await send(text, text), 1)
})

test('an approval counts only from a sender who may decide', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'tokens.json')
  const tokens = new Tokens(file)
  const [agent, person] = [tokens.add('agent', ['ingest']), tokens.add('person', ['ingest', 'decide'])]
  const server = await serve({ store: join(folder, 'store'), port: 0, tokens: file })
  t.after(() => server.close())
  const approval = '{"kind":"approval","id":"e1","approve":true,"by":"ana","session":"s"}'
  const foreign = '{"event":"Approval","agent_id":"a","session_id":"s","payload":{"id":"e1","approve":true}}'
  const refused = await post({ ...server, token: agent }, `${approval}\n${foreign}`)
  assert.equal(refused.body.accepted, 0)
  for (const { reason } of refused.body.rejected) assert.match(reason, /scope decide/)
  assert.equal((await post({ ...server, token: person }, approval)).body.accepted, 1)
  assert.deepEqual(
    eventsOf(logOf(server, 's')).map(({ kind, by }) => [kind, by]),
    [['approval', 'ana']],
  )
})
