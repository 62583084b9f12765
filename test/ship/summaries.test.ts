/** `kinds`: only key events are sent, as events, each once, whatever happens to the answers and to the process. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { type FakeIngest, fakeIngest } from '../kit/fake-ingest.js'
import { captureDiag, defer, eventsOf, tempFolder, tempHive, until } from '../kit/hive-support.js'

/** What came, once for each key, as the server keeps it. */
function eventsAt({ requests }: FakeIngest): Record<string, unknown>[] {
  const byKey = new Map<string, Buffer>()
  for (const { method, headers, body } of requests)
    if (method === 'POST') byKey.set(String(headers['idempotency-key']), body)
  return [...byKey.values()].flatMap((body) =>
    body
      .toString('utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  )
}

/** Whoever has its token may send, and not decide. */
async function tempServer(t: TestContext): Promise<{ url: string; token: string; store: string }> {
  const store = join(tempFolder(t), 'store')
  const token = new Tokens(join(store, 'tokens.json')).add('hives', ['ingest'])
  const { url, close } = await serve({ store, port: 0 })
  defer(t, close)
  return { url, token, store }
}

test('a hive sends events of the kinds it is told, and no copy', async (t) => {
  const said = captureDiag(t)
  const server = await fakeIngest(t)
  const { hive } = tempHive(t, { ship: { url: server.url, flushMs: 10, kinds: ['usage', 'plan.made'] } })
  const agent = hive.spawn({ agentId: 'a' })
  agent.usage({ model: 'm', inputTokens: 1, outputTokens: 2 })
  agent.log('note', { text: 'the kind "usage" and "plan.made" are named here' })
  agent.log('plan.made', { steps: 3 })
  await until(() => eventsAt(server).length === 2, 'the events')
  await hive.shutdown()
  const events = eventsAt(server)
  assert.deepEqual(
    events.map(({ kind, agentId, session }) => [kind, agentId, session]),
    [
      ['usage', 'a', hive.sessionId],
      ['plan.made', 'a', hive.sessionId],
    ],
  )
  assert.equal(events[1]?.steps, 3)
  assert.ok(server.requests.every(({ headers }) => headers['hivelog-log'] === undefined))
  assert.deepEqual(said, [])
})

test('an answer that was cut off, and a process that was killed then, double nothing', async (t) => {
  const { url, token, store } = await tempServer(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const line = (n: number, kind = n % 3 === 0 ? 'mark' : 'noise'): string =>
    `{"ts":${1_700_000_000_000 + n},"kind":"${kind}","agentId":"a","n":${n},"seq":${n + 1},"session":"s","checkpoint":${n % 5}}\n`
  writeFileSync(file, Array.from({ length: 100 }, (_, n) => line(n)).join(''))
  // The server has stored it, and the process that sent it is gone before it hears of that.
  const relay = await fakeIngest(t)
  const kept: Buffer[] = []
  relay.instead = ({ method, body, headers }) => {
    if (method !== 'POST') return undefined
    kept.push(body)
    void fetch(`${url}/v1/ingest`, {
      method: 'POST',
      body,
      headers: {
        authorization: `Bearer ${token}`,
        'hivelog-session': String(headers['hivelog-session']),
        'idempotency-key': String(headers['idempotency-key']),
      },
    })
    return 'hang'
  }
  const stop = new AbortController()
  const first = shipLogs([file], {
    url: relay.url,
    kinds: ['mark'],
    maxBytes: 3_000,
    flushMs: 1,
    signal: stop.signal,
  })
  const events = join(store, 's', 'events.jsonl')
  const marks = (): unknown[] =>
    existsSync(events) ? eventsOf(events).flatMap(({ kind, n }) => (kind === 'mark' ? [n] : [])) : []
  await until(() => marks().length > 0, 'the first batch is stored')
  stop.abort()
  await first
  // The log has grown, and the next process sends more at once, and another kind too.
  writeFileSync(file, Array.from({ length: 200 }, (_, n) => line(n)).join(''))
  relay.instead = () => undefined
  const name = `${file}.cursors`
  assert.ok(existsSync(name))
  const all = { url: relay.url, kinds: ['mark', 'noise'], once: true, maxBytes: 50_000 }
  const before = relay.requests.length
  await shipLogs([file], all)
  const [again, ...more] = relay.requests.slice(before)
  assert.deepEqual(again?.body, kept[0], 'what was under way comes again as it was')
  // Sent on to the real server, it is known there.
  for (const each of [again, ...more]) {
    const answer = await fetch(`${url}/v1/ingest`, {
      method: 'POST',
      body: each?.body as Buffer,
      headers: {
        authorization: `Bearer ${token}`,
        'hivelog-session': 's',
        'idempotency-key': String(each?.headers['idempotency-key']),
      },
    })
    assert.equal(answer.status, 200)
  }
  assert.deepEqual(
    marks(),
    Array.from({ length: 200 }, (_, n) => n).filter((n) => n % 3 === 0),
    'each once',
  )
  const sent = await shipLogs([file], all)
  assert.equal(sent[0]?.events, 0, 'and then nothing')
})

test('events of one agent’s second run count, though its checkpoints begin anew', async (t) => {
  const { url, token, store } = await tempServer(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const ship = { url, token, kinds: ['note'], flushMs: 10 }
  for (const run of [1, 2]) {
    const { hive } = tempHive(t, { file, sessionId: 'same', ship })
    hive.spawn({ agentId: 'a' }).log('note', { run })
    await hive.shutdown()
  }
  const notes = eventsOf(join(store, 'same', 'events.jsonl')).filter(({ kind }) => kind === 'note')
  assert.deepEqual(
    notes.map(({ run }) => run),
    [1, 2],
  )
})

test('what the server does not take is told of once', async (t) => {
  const said = captureDiag(t)
  const { url, token } = await tempServer(t)
  const { hive } = tempHive(t, { ship: { url, token, kinds: ['approval', 'escalate'], flushMs: 10 } })
  const agent = hive.spawn({ agentId: 'a' })
  for (const subject of ['one', 'two']) {
    const { id } = agent.escalate({ subject })
    await hive.approve(id, true, { by: 'ana' })
    await hive.flush()
  }
  await hive.shutdown()
  assert.equal(said.filter((line) => line.includes('does not take')).length, 1)
  assert.match(
    said.join('\n'),
    /does not take \d+ of the events: its approval needs a token with the scope decide/,
  )
})

test('a session that can be no folder goes under one that can', async (t) => {
  const { url, token, store } = await tempServer(t)
  const file = join(tempFolder(t), 'x.jsonl')
  writeFileSync(file, '{"ts":1,"kind":"mark","session":"../../up","seq":1}\n')
  const [sent] = await shipLogs([file], { url, token, kinds: ['mark'], once: true })
  assert.equal(sent?.events, 1)
  assert.match(sent?.session ?? '', /^sess_[0-9a-f]{16}$/)
  assert.match(readFileSync(join(store, sent?.session as string, 'events.jsonl'), 'utf8'), /"kind":"mark"/)
})
