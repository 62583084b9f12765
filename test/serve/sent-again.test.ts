/** Requests that come again after the server was killed, at any line: all of it is stored, once. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { verifyLog } from '../../src/read.js'
import { serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { cleanEnvironment, defer, tempFolder } from '../kit/hive-support.js'
import { MAIN } from '../kit/reader-cli.js'
import { logOf, send, spansRequest, wholeLinesOf } from '../kit/serve-support.js'

type Record_ = Record<string, unknown>

/** A server of this store for the time in which something is done. */
async function withServer<T>(
  store: string,
  act: (post: (body: unknown, key?: string, path?: string) => Promise<Record_>) => Promise<T>,
): Promise<T> {
  const server = await serve({ store, port: 0 })
  try {
    return await act(async (body, key, path = '/v1/ingest') => {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const answer = await send(
        server as never,
        path,
        text,
        key === undefined ? {} : { 'idempotency-key': key },
      )
      assert.equal(answer.status, 200, answer.bytes.toString())
      return answer.json()
    })
  } finally {
    await server.close()
  }
}

/** Messages that cost something: two lines each. */
const messages = (count: number, more: (n: number) => Record_ = () => ({})): Record_[] =>
  Array.from({ length: count }, (_, n) => ({
    timestamp: 1_790_000_000,
    agent_id: 'a',
    session_id: 's',
    event: 'message',
    payload: { to: 'b', n },
    tokens: 5 + n,
    cost: 0.1,
    ...more(n),
  }))

const isEvent = (line: string): boolean => /"kind":"(usage|message)"/.test(line)

/** What is in the log after it was cut behind so many bytes, and the same request came again. */
async function again(
  store: string,
  whole: string,
  bytes: number,
  body: unknown,
  key?: string,
): Promise<Record_> {
  const file = logOf({ store }, 's')
  writeFileSync(file, whole.slice(0, bytes))
  const answer = await withServer(store, (post) => post(body, key))
  const lines = wholeLinesOf({ store }, 's')
  const of = (kind: string, name: string): unknown[] =>
    lines.filter((line) => line.kind === kind).map((line) => line[name])
  return { ...answer, messages: of('message', 'n'), usages: of('usage', 'inputTokens') }
}

/** The request stored, and the ends of its lines: with each the record's first and second half, and the middle of the next. */
async function stored(
  t: TestContext,
  body: unknown,
  key?: string,
): Promise<{ store: string; whole: string; cuts: number[] }> {
  const store = join(tempFolder(t), 'store')
  await withServer(store, (post) => post(body, key))
  const whole = readFileSync(logOf({ store }, 's'), 'utf8')
  const cuts: number[] = []
  let at = 0
  for (const line of whole.split('\n')) {
    if (isEvent(line)) cuts.push(at, at + 20, at + line.length + 1)
    at += line.length + 1
  }
  return { store, whole, cuts: [...new Set(cuts)] }
}

const all = [0, 1, 2]
const complete = { messages: all, usages: all.map((n) => 5 + n), rejected: [] }

test('a request with a key whose records are two lines each, cut off anywhere: only what is missing is stored', async (t) => {
  const body = messages(3)
  const { store, whole, cuts } = await stored(t, body, 'K')
  assert.equal(cuts.length, 13)
  for (const bytes of cuts) {
    const there = whole.slice(0, bytes).split('\n').slice(0, -1).filter(isEvent).length
    // One of which a line is missing is not there yet.
    const duplicates = Math.floor(there / 2)
    const answer = await again(store, whole, bytes, body, 'K')
    assert.deepEqual(answer, { ...complete, accepted: 3 - duplicates, duplicates }, `${there} lines`)
    assert.deepEqual(await withServer(store, (post) => post(body, 'K')), {
      accepted: 0,
      duplicates: 3,
      rejected: [],
    })
    assert.ok((await verifyLog(logOf({ store }, 's'))).ok)
  }
})

for (const [name, more] of [
  ['with a time', {}],
  ['without a time', { timestamp: undefined }],
] as const) {
  test(`records with a checkpoint, ${name}, cut off anywhere: only what is missing is stored`, async (t) => {
    const body = messages(3, (n) => ({ checkpoint: n, ...more }))
    const { store, whole, cuts } = await stored(t, body)
    for (const bytes of cuts) {
      const there = whole.slice(0, bytes).split('\n').slice(0, -1).filter(isEvent).length
      const duplicates = Math.floor(there / 2)
      const answer = await again(store, whole, bytes, body)
      assert.deepEqual(answer, { ...complete, accepted: 3 - duplicates, duplicates }, `${there} lines`)
    }
  })
}

test('records with and without a checkpoint under one key', async (t) => {
  const body = messages(3, (n) => (n === 1 ? { checkpoint: 7 } : {}))
  const { store, whole, cuts } = await stored(t, body, 'K')
  for (const bytes of cuts) {
    const { messages: m, usages } = await again(store, whole, bytes, body, 'K')
    assert.deepEqual({ messages: m, usages, rejected: [] }, complete, `${bytes} bytes`)
  }
})

test('what others send between the kill and the request that comes again is not taken for its lines', async (t) => {
  const body = messages(3)
  const { store, whole, cuts } = await stored(t, body, 'K')
  writeFileSync(logOf({ store }, 's'), whole.slice(0, cuts[3]))
  const note = { kind: 'note', session: 's' }
  await withServer(store, (post) => post([note, note, note, note, note]))
  const answer = await withServer(store, (post) => post(body, 'K'))
  assert.equal(answer.accepted, 3)
  assert.deepEqual(
    wholeLinesOf({ store }, 's').flatMap(({ kind, n }) => (kind === 'message' ? [n] : [])),
    all,
  )
})

test('a large request and SIGKILL in the middle of it', async (t) => {
  const store = join(tempFolder(t), 'store')
  const token = new Tokens(join(store, 'tokens.json')).add('test', ['ingest'])
  const start = async () => {
    const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--json', '--store', store], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    defer(t, () => child.kill('SIGKILL'))
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    return { child, url: JSON.parse(line).url as string, token }
  }
  const count = 10_000
  const body = JSON.stringify(messages(count, (n) => ({ payload: { to: 'b', n, pad: 'x'.repeat(150) } })))
  const key = { 'idempotency-key': 'K' }
  const killed = await start()
  const ended = once(killed.child, 'exit')
  const first = send(killed, '/v1/ingest', body, key).then(
    () => 'answered',
    () => 'cut off',
  )
  const file = logOf({ store }, 's')
  while (!existsSync(file) || statSync(file).size < 1_200_000) await pause(1)
  killed.child.kill('SIGKILL')
  await Promise.all([ended, first])
  const server = await start()
  const answer = await send(server, '/v1/ingest', body, key)
  assert.equal(answer.status, 200)
  const { accepted, duplicates } = answer.json()
  assert.equal(accepted + duplicates, count)
  const lines = wholeLinesOf({ store }, 's')
  const numbers = Array.from({ length: count }, (_, n) => n)
  assert.deepEqual(
    lines.flatMap(({ kind, n }) => (kind === 'message' ? [n] : [])),
    numbers,
  )
  assert.deepEqual(
    lines.flatMap(({ kind, inputTokens }) => (kind === 'usage' ? [inputTokens] : [])),
    numbers.map((n) => n + 5),
  )
})

test('a field _key of a sender is not taken for the server’s own, nor an event ingest.batch', async (t) => {
  const store = join(tempFolder(t), 'store')
  const note = (n: number, more: Record_ = {}): Record_ => ({
    kind: 'note.x',
    agentId: 'a',
    session: 's',
    n,
    ...more,
  })
  const hex = '0123456789abcdef'
  const body = [note(0, { _key: 'zz' }), note(1), note(2, { _key: hex }), note(3)]
  assert.equal((await withServer(store, (post) => post(body, 'K'))).accepted, 4)
  for (let i = 0; i < 2; i++) {
    const answer = await withServer(store, (post) => post(body, 'K'))
    assert.deepEqual([answer.accepted, answer.duplicates], [0, 4])
  }
  const notes = wholeLinesOf({ store }, 's').filter(({ kind }) => kind === 'note.x') as Record_[]
  assert.deepEqual(
    notes.map(({ n, _key, __key }) => [n, _key, __key]),
    [
      [0, undefined, 'zz'],
      [1, undefined, undefined],
      [2, undefined, hex],
      [3, undefined, undefined],
    ],
  )
  const batch = wholeLinesOf({ store }, 's').find(({ kind }) => kind === 'ingest.batch') as Record_
  await withServer(store, (post) =>
    post([{ kind: 'ingest.batch', session: 's', key: batch.key, from: 0, lines: 1_000 }, note(4)]),
  )
  const longer = await withServer(store, (post) => post([...body, note(5)], 'K'))
  assert.deepEqual([longer.accepted, longer.duplicates], [1, 4])
})

test('what a sender calls _key does not hush what spans tell after a restart', async (t) => {
  const store = join(tempFolder(t), 'store')
  const usage = {
    kind: 'usage',
    agentId: 'a',
    session: 's',
    inputTokens: 1,
    costUsd: 1,
    _key: '0123456789abcdef',
  }
  await withServer(store, (post) => post(usage))
  await withServer(store, (post) =>
    post(
      spansRequest([
        {
          id: 'a'.repeat(16),
          name: 'claude_code.llm_request',
          from: 1_800_000_000_000,
          to: 1_800_000_000_100,
          attributes: { 'session.id': 's', model: 'm', input_tokens: 41, output_tokens: 2 },
        },
      ]),
      undefined,
      '/v1/traces',
    ),
  )
  assert.ok(
    wholeLinesOf({ store }, 's').some(({ kind, inputTokens }) => kind === 'usage' && inputTokens === 41),
  )
})
