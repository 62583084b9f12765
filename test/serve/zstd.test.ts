/** Bodies that are packed with zstd, where this Node has it (22.15 on): by hand, and from the shipper. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as zlib from 'node:zlib'
import { shipLogs } from '../../src/ship/shipper.js'
import { tempFolder } from '../kit/hive-support.js'
import { send, tempServer } from '../kit/serve-support.js'

const { zstdCompressSync: zstd } = zlib as unknown as { zstdCompressSync?: (bytes: Uint8Array) => Buffer }
const skip = zstd === undefined ? 'this Node has no zstd' : false
const pack = (bytes: Uint8Array): Buffer => (zstd as NonNullable<typeof zstd>)(bytes)
const line = (n: number): string => `{"ts":${n},"kind":"note","text":"${'y'.repeat(500)}","seq":${n}}\n`

test('a piece of a copy is stored as it was before it was packed; a bomb is not', { skip }, async (t) => {
  const server = await tempServer(t)
  const text = Array.from({ length: 5_000 }, (_, i) => line(i + 1)).join('')
  const log = createHash('sha256').update(line(1).trimEnd()).digest('hex').slice(0, 16)
  const headers = {
    'content-encoding': 'zstd',
    'hivelog-session': 's',
    'hivelog-log': log,
    'hivelog-name': 'hive.jsonl',
    'hivelog-segment': '1',
    'hivelog-offset': '0',
  }
  const bomb = pack(Buffer.alloc(80 * 1024 * 1024, '\n'))
  assert.equal((await send(server, '/v1/ingest', bomb, headers)).status, 413)
  assert.equal(
    (await send(server, '/v1/ingest', pack(Buffer.from(text)).subarray(0, -9), headers)).status,
    400,
  )
  const answer = await send(server, '/v1/ingest', pack(Buffer.from(text)), headers)
  assert.equal(answer.status, 200, answer.bytes.toString())
  assert.match(answer.headers.get('accept-encoding') ?? '', /\bzstd\b/)
  assert.equal(readFileSync(join(server.store, 's', `${log}.jsonl`), 'utf8'), text)
})

test('the shipper and the server agree on it, and the copy is the log', { skip }, async (t) => {
  const server = await tempServer(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const text = Array.from({ length: 3_000 }, (_, i) => line(i + 1)).join('')
  writeFileSync(file, text)
  const options = { url: server.url, token: server.token, once: true, maxBytes: 64 * 1024 }
  const [shipped] = await shipLogs([file], options)
  assert.equal(shipped?.bytes, text.length)
  assert.equal(readFileSync(join(server.store, shipped.session, `${shipped.log}.jsonl`), 'utf8'), text)
})
