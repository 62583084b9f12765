/** The server's disk is really full, a tmpfs of 4 MiB: 507, nothing half-written, and it goes on where there is room. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Answer, linesOf, logsRequest, send, tempServer, wholeLinesOf } from '../kit/serve-support.js'
import { fill, smallDisk } from '../kit/small-disk.js'

const linesFrom = (seq: number, count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const kind = seq + i === 1 ? 'log.open' : 'x'
    return `${JSON.stringify({ ts: 1, kind, text: 'y'.repeat(1_000), seq: seq + i })}\n`
  }).join('')

test('a piece that finds no room is refused with 507, and taken whole when there is', {
  timeout: 60_000,
}, async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  const server = await tempServer(t, join(disk, 'store'))
  const [first, second] = [linesFrom(1, 100), linesFrom(101, 400)]
  const log = createHash('sha256')
    .update(first.slice(0, first.indexOf('\n')))
    .digest('hex')
    .slice(0, 16)
  const piece = (body: string, offset: number): Promise<Answer> =>
    send(server, '/v1/ingest', body, {
      'hivelog-session': 'one',
      'hivelog-log': log,
      'hivelog-name': 'hive.jsonl',
      'hivelog-segment': '1',
      'hivelog-offset': String(offset),
    })
  const copy = join(server.store, 'one', `${log}.jsonl`)
  assert.equal((await piece(first, 0)).status, 200)
  // Room for a part of it; and none at all.
  for (const leave of [100 * 1024, 0]) {
    const free = fill(disk, leave)
    const full = await piece(second, first.length)
    assert.equal(full.status, 507, full.bytes.toString())
    assert.match(full.json().error, /the disk is full; nothing of this request is stored/)
    assert.ok(Number(full.headers.get('retry-after')) > 0)
    assert.equal(readFileSync(copy, 'utf8'), first)
    free()
  }
  // OTLP's senders try again after 503 only.
  const free = fill(disk, 0)
  const span = { name: 'codex.user_prompt', attributes: [] }
  const logs = {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ eventName: span.name, timeUnixNano: '1' }] }] }],
  }
  const refused = await send(server, '/v1/logs', JSON.stringify(logs))
  assert.equal(refused.status, 503, refused.bytes.toString())
  free()
  const taken = await piece(second, first.length)
  assert.equal(taken.status, 200, taken.bytes.toString())
  assert.equal(readFileSync(copy, 'utf8'), first + second)
  const receipts = readFileSync(`${copy}.receipts`, 'utf8').trim().split('\n').filter(Boolean)
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  assert.deepEqual(
    receipts.map((line) => JSON.parse(line)).map(({ bytes, sha256 }) => [bytes, sha256]),
    [
      [first.length, hash(first)],
      [first.length + second.length, hash(first + second)],
    ],
  )
  const again = await send(server, '/v1/logs', JSON.stringify(logs))
  assert.equal(again.status, 200, again.bytes.toString())
  assert.ok(linesOf(server, 'otlp').some(({ kind }) => kind === 'user.prompt'))
})

const T = 1_800_000_000_000

test('events for logs that are open are refused too, and stored once when they come again; what was acknowledged stays', {
  timeout: 120_000,
}, async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  const server = await tempServer(t, join(disk, 'store'))
  const counted = (from: number, count: number): string =>
    JSON.stringify(
      Array.from({ length: count }, (_, i) => ({
        kind: 'mark',
        agentId: 'a',
        session: 's',
        checkpoint: from + i,
        text: 'z'.repeat(200),
      })),
    )
  const keyed = JSON.stringify(
    Array.from({ length: 300 }, (_, i) => ({
      timestamp: T / 1000,
      agent_id: 'b',
      session_id: 's',
      event: 'message',
      payload: { to: 'c', n: i, text: 'z'.repeat(100) },
      tokens: 5,
      cost: 0.1,
    })),
  )
  const key = { 'idempotency-key': 'K' }
  const calls = (from: number, count: number): string =>
    logsRequest(
      Array.from({ length: count }, (_, i) => ({
        name: 'codex.sse_event',
        ts: T + from + i,
        attributes: {
          'conversation.id': 'told',
          'event.kind': 'response.completed',
          input_token_count: from + i,
          output_token_count: 1,
        },
      })),
    )
  assert.equal((await send(server, '/v1/ingest', counted(0, 100))).status, 200)
  assert.equal((await send(server, '/v1/logs', calls(0, 100))).status, 200)
  const free = fill(disk)
  // At once: some wait for the same log.
  const refused = await Promise.all([
    send(server, '/v1/ingest', counted(100, 300)),
    send(server, '/v1/ingest', keyed, key),
    send(server, '/v1/logs', calls(100, 300)),
  ])
  assert.deepEqual(
    refused.map(({ status }) => status),
    [507, 507, 503],
    refused.map(({ bytes }) => bytes.toString()).join('\n'),
  )
  for (const { headers } of refused) assert.ok(Number(headers.get('retry-after')) > 0)
  assert.equal((await send(server, '/v1/ingest', keyed, key)).status, 507, 'and again')
  free()
  // Some of it may be in the log already: the answer counts it as what came before.
  for (const [body, headers, count] of [
    [counted(100, 300), {}, 300],
    [keyed, key, 300],
  ] as const) {
    const taken = await send(server, '/v1/ingest', body, headers)
    assert.equal(taken.status, 200, taken.bytes.toString())
    const { accepted, duplicates } = taken.json()
    assert.equal(accepted + duplicates, count)
  }
  assert.equal((await send(server, '/v1/logs', calls(100, 300))).status, 200)
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
  const lines = wholeLinesOf(server, 's')
  const of = (kind: string, name: string): unknown[] =>
    lines.filter((line) => line.kind === kind).map((line) => line[name])
  assert.deepEqual(of('mark', 'checkpoint'), upTo(400))
  assert.deepEqual(of('message', 'n'), upTo(300))
  assert.equal(of('usage', 'agentId').length, 300)
  assert.deepEqual(
    wholeLinesOf(server, 'told')
      .filter(({ kind }) => kind === 'usage')
      .map(({ inputTokens }) => inputTokens),
    upTo(400),
  )
})

test('more than memory can hold while the disk is full is not acknowledged', {
  timeout: 120_000,
}, async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  const server = await tempServer(t, join(disk, 'store'))
  const records = (count: number): string =>
    JSON.stringify(
      Array.from({ length: count }, (_, i) => ({ kind: 'mark', session: 's', i, text: 'y'.repeat(100) })),
    )
  const key = { 'idempotency-key': 'K' }
  assert.equal((await send(server, '/v1/ingest', '{"kind":"note","session":"s"}')).status, 200)
  const free = fill(disk)
  // 16 MiB of lines wait at most; these are more, though the body is not.
  const refused = await send(server, '/v1/ingest', records(100_000), key)
  assert.equal(refused.status, 507, refused.bytes.toString())
  free()
  assert.equal((await send(server, '/v1/ingest', records(500), key)).status, 200)
  assert.deepEqual(
    wholeLinesOf(server, 's')
      .filter(({ kind }) => kind === 'mark')
      .map(({ i }) => i),
    Array.from({ length: 500 }, (_, i) => i),
  )
})
