/** How many sessions one token may send to: by every way in, whoever names them, and over restarts. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type RunningServer, serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { linesOf, logsRequest, send } from '../kit/serve-support.js'

const note = (session: string, text = 'x'): string => JSON.stringify({ ts: 1, kind: 'note', session, text })

async function limited(
  t: TestContext,
  store: string,
  sessions = 2,
): Promise<RunningServer & { token: string }> {
  const server = await serve({ store, port: 0, limits: { sessions } })
  defer(t, () => server.close())
  return { ...server, token: server.token as string }
}

/** Folders of sessions, as they are on the disk. */
const sessionsIn = (store: string): string[] =>
  readdirSync(store, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()

test('sessions that events name count, also several of one request; of a refused one nothing is stored', async (t) => {
  const server = await limited(t, join(tempFolder(t), 'store'))
  assert.equal((await send(server, '/v1/ingest', note('one'))).status, 200)
  const both = await send(server, '/v1/ingest', `${note('two')}\n${note('three')}`)
  assert.equal(both.status, 429)
  assert.equal(both.headers.get('retry-after'), '3600')
  assert.match(both.json().error, /the token local may send to 2 sessions/)
  assert.deepEqual(sessionsIn(server.store), ['one'])
  // A refused request has used nothing up.
  assert.equal((await send(server, '/v1/ingest', note('two'))).status, 200)
  assert.equal((await send(server, '/v1/ingest', note('three'))).status, 429)
  assert.equal((await send(server, '/v1/ingest', `${note('one', 'y')}\n${note('two', 'y')}`)).status, 200)
  assert.deepEqual(
    linesOf(server, 'one').map(({ text }) => text),
    ['x', 'y'],
  )
  assert.deepEqual(sessionsIn(server.store), ['one', 'two'])
})

test('records that are none, and the header beside records that name others, count nothing', async (t) => {
  const server = await limited(t, join(tempFolder(t), 'store'))
  const bad = JSON.stringify({ kind: 'log.open', ts: 1, session: 'bad' })
  assert.equal((await send(server, '/v1/ingest', `${bad}\n${note('one')}`)).status, 200)
  const headers = { 'hivelog-session': 'other' }
  assert.equal((await send(server, '/v1/ingest', note('two'), headers)).status, 200)
  assert.equal(
    (await send(server, '/v1/ingest', JSON.stringify({ ts: 1, kind: 'note' }), headers)).status,
    429,
  )
})

test('copies, artifacts, OTLP and hooks count like events', async (t) => {
  const store = join(tempFolder(t), 'store')
  const server = await limited(t, store, 1)
  assert.equal((await send(server, '/v1/ingest', note('one'))).status, 200)
  const copy = {
    'hivelog-session': 'copy',
    'hivelog-log': '0123456789abcdef',
    'hivelog-name': 'hive.jsonl',
    'hivelog-segment': '1',
    'hivelog-offset': '0',
  }
  const put = await fetch(`${server.url}/v1/artifacts/${'0'.repeat(64)}`, {
    method: 'PUT',
    headers: { ...copy, authorization: `Bearer ${server.token}` },
    body: 'x',
  })
  const logs = logsRequest([{ name: 'codex.user_prompt', attributes: { 'conversation.id': 'logs' } }])
  const spans = JSON.stringify({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: '1'.repeat(32),
                spanId: '1'.repeat(16),
                name: 'invoke_agent a',
                startTimeUnixNano: '1',
                endTimeUnixNano: '2',
                attributes: [{ key: 'session.id', value: { stringValue: 'spans' } }],
              },
            ],
          },
        ],
      },
    ],
  })
  const hook = JSON.stringify({ session_id: 'hook', hook_event_name: 'SessionStart' })
  const statuses = {
    copy: (await send(server, '/v1/ingest', `${note('copy')}\n`, copy)).status,
    artifact: put.status,
    logs: (await send(server, '/v1/logs', logs)).status,
    spans: (await send(server, '/v1/traces', spans)).status,
    hook: (await send(server, '/v1/hooks/claude-code', hook)).status,
  }
  assert.deepEqual(statuses, { copy: 429, artifact: 429, logs: 429, spans: 429, hook: 429 })
  assert.deepEqual(sessionsIn(store), ['one'])
})

test('the token that a run makes for itself counts for that run', async (t) => {
  const store = join(tempFolder(t), 'store')
  for (const run of ['a', 'b']) {
    const server = await serve({ store, port: 0, limits: { sessions: 1 } })
    const token = server.token as string
    const statusOf = async (session: string): Promise<number> =>
      (await send({ url: server.url, token }, '/v1/ingest', note(session))).status
    assert.deepEqual([await statusOf(run), await statusOf(`${run}2`)], [200, 429])
    await server.close()
  }
})

test('a restart forgets none, and a session that was removed from the store counts no more', async (t) => {
  const store = join(tempFolder(t), 'store')
  // Tokens of others count for themselves.
  const tokens = new Tokens(join(store, 'tokens.json'))
  const [ana, ben] = [tokens.add('ana', ['ingest']), tokens.add('ben', ['ingest'])]
  const statusOf = async (server: { url: string }, token: string, session: string): Promise<number> =>
    (await send({ url: server.url, token }, '/v1/ingest', note(session))).status
  let server = await serve({ store, port: 0, limits: { sessions: 2 } })
  assert.deepEqual([await statusOf(server, ana, 'a'), await statusOf(server, ana, 'b')], [200, 200])
  await server.close()
  // As a power cut may leave it.
  const file = join(store, '.token-sessions')
  assert.ok(existsSync(file))
  writeFileSync(file, '\n{"token":"ana","sess', { flag: 'a' })

  server = await serve({ store, port: 0, limits: { sessions: 2 } })
  assert.equal(await statusOf(server, ana, 'c'), 429)
  assert.deepEqual([await statusOf(server, ben, 'c'), await statusOf(server, ben, 'a')], [200, 200])
  assert.equal(await statusOf(server, ben, 'b'), 429)
  await server.close()
  rmSync(join(store, 'b'), { recursive: true })

  server = await serve({ store, port: 0, limits: { sessions: 2 } })
  defer(t, () => server.close())
  assert.deepEqual([await statusOf(server, ana, 'c'), await statusOf(server, ana, 'd')], [200, 429])
  assert.deepEqual([await statusOf(server, ben, 'a'), await statusOf(server, ben, 'd')], [200, 429])
})
