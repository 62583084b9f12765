/** A writer that lost its lock writes no more to that log, says so, and keeps its events in a log of its own name. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { Journal } from '../../src/journal/journal.js'
import { acquireLock } from '../../src/journal/lock.js'
import { verifyLog } from '../../src/verify/verify.js'
import { append, captureDiag, checkLog, lostIn, ofKind, sha256, tempFolder } from '../kit/journal-kit.js'

const apartOf = (file: string): string[] =>
  readdirSync(dirname(file))
    .filter((name) => /^hive\.apart-[0-9a-f]{8}\.jsonl$/.test(name))
    .map((name) => join(dirname(file), name))

/** What a takeover looks like to the holder: the lock is somebody else's. */
function takeOver(file: string) {
  rmSync(`${file}.lock`, { recursive: true })
  return acquireLock(file)
}

for (const fsync of ['always', 'everysec', 'no'] as const) {
  test(`${fsync}: nothing more is written to a log that another took over`, async (t) => {
    const told = captureDiag(t)
    const file = join(tempFolder(t), 'hive.jsonl')
    const journal = new Journal({ file, session: 's-1', fsync })
    await journal.durable(append(journal, { n: 0 }))
    append(journal, { n: 1 })
    const other = takeOver(file)
    const before = readFileSync(file)
    const waiting = append(journal, { n: 2 })
    await assert.rejects(journal.durable(waiting), { code: 'ERR_HIVELOG_NOT_DURABLE', message: /taken over/ })
    for (let n = 3; n < 10; n++) await journal.durable(append(journal, { n }))
    await journal.close()
    assert.deepEqual(readFileSync(file), before, 'the log is the other writer’s')

    const [apart] = apartOf(file) as [string]
    assert.equal(journal.path, apart)
    assert.deepEqual(
      ofKind(checkLog(apart), 'message').map(({ n }) => n),
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
      'what was not written yet is there too, in its order',
    )
    assert.equal(
      told.filter((line) => /was taken over by another writer; events go on in/.test(line)).length,
      1,
    )
    other.release()
    const next = new Journal({ file, session: 's-2', fsync })
    append(next)
    await next.close()
    checkLog(file)
  })
}

test('artifacts go with the lines that name them', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = startHive({ file, otlp: false, fsync: 'always' })
  const agent = hive.spawn({ agentId: 'a' })
  await hive.flush()
  const [early, late] = ['x'.repeat(9_000), 'y'.repeat(9_000)]
  agent.snapshot({ content: early })
  await new Promise((resolve) => setTimeout(resolve, 5))
  agent.snapshot({ content: early })
  const other = takeOver(file)
  await hive.flush().catch(() => {})
  agent.snapshot({ content: late })
  await hive.flush()
  await hive.shutdown()
  other.release()
  const [apart] = apartOf(file) as [string]
  assert.equal(hive.file, apart)
  for (const content of [early, late]) {
    const ref = sha256(content)
    assert.equal(readFileSync(join(`${apart}.artifacts`, ref.slice(0, 2), ref), 'utf8'), content)
  }
  assert.deepEqual((await verifyLog(apart)).findings, [])
})

test('a lock that somebody removed is taken again, and the log goes on', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'always' })
  await journal.durable(append(journal, { n: 0 }))
  rmSync(`${file}.lock`, { recursive: true })
  await journal.durable(append(journal, { n: 1 }))
  await journal.close()
  assert.deepEqual(apartOf(file), [])
  assert.equal(ofKind(checkLog(file), 'message').length, 2)
})

test('a log that was taken from a silent holder begins a new segment, so that the holder cannot write into it', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const first = new Journal({ file, session: 's-1', fsync: 'always' })
  await first.durable(append(first, { n: 0 }))
  // A holder on another machine, that was not heard of for a while.
  const folder = `${file}.lock`
  const [nonce] = readdirSync(folder) as [string]
  const record = JSON.parse(readFileSync(join(folder, nonce), 'utf8'))
  writeFileSync(join(folder, nonce), JSON.stringify({ ...record, host: `not-${hostname()}`, boot: 'other' }))
  const long = new Date(Date.now() - 3_600_000)
  utimesSync(join(folder, nonce), long, long)

  const second = new Journal({ file, session: 's-2', fsync: 'always' })
  await second.durable(append(second, { n: 1 }))
  // It wakes up.
  await assert.rejects(first.durable(append(first, { n: 2 })), { code: 'ERR_HIVELOG_NOT_DURABLE' })
  await first.close()
  await second.close()

  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(lines[0].prev.file, 'hive.000000000001.jsonl')
  assert.equal(lines[0].adopted.file, 'hive.000000000001.jsonl')
  const report = await verifyLog(file)
  assert.deepEqual(report.findings, [], 'a segment that was left to a silent holder is no damage')
  assert.deepEqual(
    ofKind(checkLog(file), 'message').map(({ n }) => n),
    [0, 1],
  )
  assert.equal(apartOf(file).length, 1)
  assert.equal(lostIn(checkLog(apartOf(file)[0] as string)), 0)
})

test('a lock that came back is not enough: what another wrote in between keeps its numbers', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'always' })
  await journal.durable(append(journal, { n: 0 }))
  rmSync(`${file}.lock`, { recursive: true })
  const other = new Journal({ file, session: 's-2', fsync: 'always' })
  await other.durable(append(other, { n: 1 }))
  await other.close()
  await journal.flush().catch(() => {})
  append(journal, { n: 2 })
  await journal.close()
  const next = new Journal({ file, session: 's-3' })
  await next.close()
  assert.deepEqual(
    ofKind(checkLog(file), 'message').map(({ n }) => n),
    [0, 1],
  )
  assert.deepEqual(
    ofKind(checkLog(apartOf(file)[0] as string), 'message').map(({ n }) => n),
    [2],
  )
})

test('nor when the other one has archived the segment meanwhile, compressed or not', async (t) => {
  captureDiag(t)
  for (const gzip of [false, true]) {
    const file = join(tempFolder(t), 'hive.jsonl')
    const journal = new Journal({ file, session: 's-1', fsync: 'always' })
    await journal.durable(append(journal, { n: 0 }))
    rmSync(`${file}.lock`, { recursive: true })
    const other = new Journal({ file, session: 's-2', fsync: 'always', rotate: { maxBytes: 400, gzip } })
    for (let n = 1; n < 9; n++) await other.durable(append(other, { n }))
    await other.close()
    append(journal, { n: 9 })
    await journal.close()
    assert.deepEqual(
      ofKind(checkLog(file), 'message').map(({ n }) => n),
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    )
    assert.equal(ofKind(checkLog(apartOf(file)[0] as string), 'message').length, 1)
  }
})
