/** Of a damaged compressed segment all whole lines are sent, to a copy as to a store of logs; then the damage is told. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, constants as zlib } from 'node:zlib'
import { lineBatches } from '../../src/ship/line-batches.js'
import { Memory } from '../../src/ship/memory.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { fakeIngest } from '../kit/fake-ingest.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const flip = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}
const DAMAGE: Record<string, (bytes: Buffer) => Buffer> = {
  'garbage behind': (bytes) => Buffer.concat([bytes, Buffer.from('garbage')]),
  'a wrong checksum': (bytes) => flip(bytes, bytes.length - 5),
  'its last third missing': (bytes) => bytes.subarray(0, Math.floor((bytes.length * 2) / 3)),
}

for (const [what, damage] of Object.entries(DAMAGE)) {
  test(`${what}: the lines before are sent`, async (t) => {
    const file = join(scratch(t), 'hive.jsonl')
    const log = new LogWriter(file)
    for (let i = 0; i < 800; i++) log.message(String(Math.sin(i)))
    const archived = log.rotate({ gzip: true })
    const damaged = damage(readFileSync(archived))
    // What it says to a reader that stops before the trailer.
    const all = gunzipSync(damaged.subarray(0, readFileSync(archived).length - 8), {
      finishFlush: zlib.Z_SYNC_FLUSH,
    })
    const whole = all.subarray(0, all.lastIndexOf(10) + 1)
    writeFileSync(archived, damaged)
    const server = await fakeIngest(t)
    const options = { url: server.url, once: true, maxBytes: 30_000 }
    const said =
      /cannot read .*hive\.000000000001\.jsonl\.gz: its compressed data is (damaged|cut off); hivelog verify/
    await assert.rejects(shipLogs([file], options), said)
    assert.deepEqual(server.only(), whole)
    // Going on where the copy ends finds the same.
    await assert.rejects(shipLogs([file], options), said)
    assert.deepEqual(server.only(), whole)
    const sent: Buffer[] = []
    const from = { segment: 1, offset: 0 }
    const batches = lineBatches(file, from, {
      maxBytes: 30_000,
      isOver: () => true,
      wait: async () => {},
      memory: new Memory(),
      onGone: () => assert.fail(),
    })
    const taken = (async () => {
      for await (const { bytes } of batches) sent.push(Buffer.from(bytes))
    })()
    await assert.rejects(taken, said)
    assert.deepEqual(Buffer.concat(sent), whole)
  })
}
