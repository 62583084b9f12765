/** The server's disk is really full, a tmpfs of 4 MiB: 507, nothing half-written, and it goes on where there is room. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Answer, linesOf, send, tempServer } from '../kit/serve-support.js'
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
