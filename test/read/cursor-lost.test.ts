/** A cursor whose place in the log is no more says so, and what there is to go on with. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMalformed } from '../../src/read/items.js'
import { CursorLostError, followLog } from '../../src/read.js'
import { collect, editLine, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

async function rest(file: string, onLost: 'error' | 'oldest' = 'error'): Promise<(number | string)[]> {
  const items = await collect(followLog(file, { cursor: { name: 'ui', onLost }, stopAtEnd: true }))
  return items.map((item) => (isMalformed(item) ? item.reason : item.seq))
}

/** Processes `count` lines. */
async function take(file: string, count: number): Promise<void> {
  const follower = followLog(file, { cursor: { name: 'ui', commit: 'manual' } })
  for (let i = 0; i < count; i++) await follower.next()
  await follower.commit()
  await follower.return()
}

async function lost(file: string): Promise<CursorLostError> {
  try {
    await rest(file)
  } catch (error) {
    assert.ok(error instanceof CursorLostError, String(error))
    assert.equal(error.code, 'ERR_HIVELOG_CURSOR_LOST')
    assert.equal(error.name, 'CursorLostError')
    assert.equal(error.cursor, 'ui')
    assert.ok(error.message.includes(error.why) && !error.message.includes('\n'))
    return error
  }
  return assert.fail('nothing was said')
}

test('its segment was deleted: the error names the oldest line, and one can go on with that', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file).messages(9)
  await take(file, 5)
  const first = log.rotate()
  log.messages(9)
  const second = log.rotate({ gzip: true })
  log.messages(9)
  rmSync(first)
  const error = await lost(file)
  assert.equal(error.reason, 'gone')
  assert.equal(error.seq, 5)
  assert.deepEqual(error.oldest, { seq: 12, file: second })
  assert.equal(
    error.message,
    `cursor 'ui' is lost: its segment hive.000000000001.jsonl is gone; the oldest line to go on with is seq 12 in ${second}; begin there with onLost: 'oldest'`,
  )
  rmSync(second)
  assert.deepEqual((await lost(file)).oldest, { seq: 23, file })
  const [notice, ...lines] = await rest(file, 'oldest')
  assert.match(String(notice), /^cursor 'ui' is lost: its segment .* is gone; going on with the oldest line/)
  assert.deepEqual(lines, range(23, log.seq))
  assert.deepEqual(await rest(file), [])
})

test('a segment that was done with may be deleted', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(9)
  await rest(file)
  const archived = log.rotate()
  await rest(file)
  rmSync(archived)
  log.messages(2)
  assert.deepEqual(await rest(file), [13, 14])
})

test('a segment that was read to its seal while it was the live file may be deleted', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(9).seal()
  await rest(file)
  rmSync(file)
  log.open().messages(3)
  assert.deepEqual(await rest(file), range(12, 15))
})

test('segments between the last one and the next were deleted', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate()
  truncateSync(file)
  await rest(file)
  const next = new LogWriter(join(scratch(t), 'other.jsonl')).messages(30)
  writeFileSync(file, readFileSync(next.file, 'utf8').split('\n').slice(20).join('\n'))
  const error = await lost(file)
  assert.equal(error.reason, 'gone')
  assert.deepEqual(error.oldest, { seq: 21, file })
  assert.match(error.why, /the segment with seq 6 is gone/)
  writeFileSync(file, readFileSync(next.file))
  assert.equal((await lost(file)).reason, 'replaced')
})

test('another log of the same name', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  new LogWriter(file).messages(9)
  await take(file, 5)
  rmSync(file)
  writeFileSync(file, FOREIGN.repeat(20))
  const error = await lost(file)
  assert.equal(error.reason, 'replaced')
  assert.deepEqual(error.oldest, { seq: 1, file })
  assert.deepEqual((await rest(file, 'oldest')).slice(1), range(1, 60))
})

test('another foreign log that begins with the same lines', async (t) => {
  const file = join(scratch(t), 'log.jsonl')
  writeFileSync(file, FOREIGN.repeat(3))
  await take(file, 7)
  editLine(file, 7, (line) => line.replace('"ts":17', '"ts":18'))
  const error = await lost(file)
  assert.equal(error.reason, 'replaced')
  assert.match(error.why, /log\.jsonl no longer has its line, seq 7/)
})

test('the log ends before it', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(9)
  const early = readFileSync(file)
  log.messages(9)
  await take(file, 15)
  for (const content of [early, early.subarray(0, -4), Buffer.alloc(0)]) {
    writeFileSync(file, content)
    const error = await lost(file)
    assert.equal(error.reason, 'ahead')
    assert.match(error.why, /hive\.jsonl ends before its line, seq 15/)
    assert.deepEqual(error.oldest, content.length === 0 ? undefined : { seq: 1, file })
  }
})

test('the whole log is gone', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  await take(file, 2)
  rmSync(file)
  const error = await lost(file)
  assert.equal(error.reason, 'gone')
  assert.equal(error.oldest, undefined)
  assert.match(error.message, /hive\.jsonl is gone; there is no line to go on with/)
  const end = new AbortController()
  const follower = followLog(file, { cursor: { name: 'ui', onLost: 'oldest' }, signal: end.signal })
  const notice = follower.next()
  log.open()
  assert.ok(isMalformed((await notice).value as never))
  await follower.next()
  await follower.return()
})

test('a line that moved in its segment is found by its seq', async (t) => {
  for (const gzip of [undefined, false, true]) {
    const file = join(scratch(t), 'hive.jsonl')
    const log = new LogWriter(file).messages(9)
    await take(file, 5)
    editLine(file, 3, (line) => line.replace('part', 'a longer part'))
    if (gzip !== undefined) log.rotate({ gzip })
    assert.deepEqual(await rest(file), range(6, log.seq))
  }
})

test('a compressed segment that is damaged at its place', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(2_000)
  await take(file, 1_900)
  const archived = log.rotate({ gzip: true })
  truncateSync(archived, Math.floor(readFileSync(archived).length / 2))
  const error = await lost(file)
  assert.equal(error.reason, 'replaced')
  assert.match(error.why, /hive\.000000000001\.jsonl\.gz no longer has its line, seq 1900/)
})

test('a file in place of the log that cannot be followed is an error of its own', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  new LogWriter(file).messages(3)
  await take(file, 2)
  renameSync(file, join(folder, 'away'))
  await assert.rejects(followLog(folder, { cursor: 'ui' }).next(), /it is a directory/)
  writeFileSync(file, readFileSync(join(folder, 'away')))
  appendFileSync(file, '')
  assert.deepEqual(await rest(file), [3, 4])
})
