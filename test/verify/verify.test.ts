import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyLog } from '../../src/verify/verify.js'
import { FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

test('a whole log is fine, and the report says what is in it', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(20).seal().crash().messages(5).open()
  const first = log.rotate()
  log.event('log.gap', { lost: 3, reason: 'disk full' }).messages(5)
  const second = log.rotate({ gzip: true })
  log.messages(4).seal().messages(2)
  const progress: number[] = []
  const report = await verifyLog(file, { onProgress: ({ bytes }) => progress.push(bytes) })
  assert.deepEqual(report.findings, [])
  assert.equal(report.ok, true)
  assert.deepEqual(
    report.files.map(({ file, firstSeq, lastSeq, seals, lines }) => ({
      file,
      firstSeq,
      lastSeq,
      seals,
      lines,
    })),
    [
      { file: first, firstSeq: 1, lastSeq: 31, seals: 2, lines: 32 },
      { file: second, firstSeq: 32, lastSeq: 39, seals: 1, lines: 8 },
      { file, firstSeq: 40, lastSeq: 47, seals: 1, lines: 8 },
    ],
  )
  const bytes = readFileSync(first)
  assert.equal(report.files[0]?.bytes, bytes.length)
  assert.equal(report.files[0]?.sha256, createHash('sha256').update(bytes).digest('hex'))
  assert.equal(report.files[0]?.sealedBytes, bytes.lastIndexOf(10, bytes.length - 2) + 1)
  const live = readFileSync(file, 'utf8').split('\n')
  const unsealed = live.slice(-3).join('\n')
  assert.deepEqual(
    { ...report, files: [], notes: [] },
    {
      ok: true,
      files: [],
      lines: 48,
      events: 36,
      lastSeq: 47,
      unsealed: { lines: 2, bytes: unsealed.length, openTail: 0 },
      torn: 1,
      log: createHash('sha256')
        .update(bytes.subarray(0, bytes.indexOf(10)))
        .digest('hex')
        .slice(0, 16),
      adopted: [],
      gaps: { count: 1, lost: 3, missing: 0 },
      artifacts: { named: 0, checked: 0, lost: 0, unnamed: 0 },
      signed: 0,
      findings: [],
      notes: [],
    },
  )
  assert.equal(
    progress.at(-1),
    report.files.reduce((sum, segment) => sum + segment.bytes, 0),
  )
})

test('an unfinished last line of the live file is a note, not damage', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(3).seal().message().raw('{"ts":17')
  const report = await verifyLog(file)
  assert.equal(report.ok, true)
  assert.deepEqual(report.unsealed.openTail, 8)
  assert.match(report.notes.join(), /unfinished line of 8 bytes/)
})

test('a whole last line that lacks only its newline counts, even a seal', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(3).seal()
  writeFileSync(file, readFileSync(file, 'utf8').trimEnd())
  const report = await verifyLog(file)
  assert.deepEqual([report.ok, report.lines, report.lastSeq], [true, 5, 5])
})

test('a closed open tail and a first line that was torn are fine', async (t) => {
  const folder = scratch(t)
  const torn = join(folder, 'torn.jsonl')
  writeFileSync(torn, '{"ts":1,"kin\n')
  const log = new LogWriter(join(folder, 'other.jsonl'))
  log.seq = 0
  writeFileSync(
    torn,
    `{"ts":1,"kin\n${log.line('log.torn', { bytes: 12 })}${log.line('log.open', { format: 1 })}`,
  )
  const report = await verifyLog(torn)
  assert.deepEqual([report.findings, report.torn, report.lastSeq], [[], 1, 2])
})

test('a log of another writer is fine: nothing in it is sealed', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, FOREIGN)
  const report = await verifyLog(file)
  assert.deepEqual([report.ok, report.lines, report.events, report.lastSeq], [true, 3, 3, 3])
  assert.match(report.notes.join(), /nothing is sealed/)
})

test('a log that begins as another writer’s and goes on as ours is fine, also after a torn line', async (t) => {
  const folder = scratch(t)
  for (const torn of ['', '{"ts":17']) {
    const file = join(folder, 'hive.jsonl')
    const lines = torn === '' ? 3 : 4
    const log = new LogWriter(join(folder, 'unused.jsonl'))
    log.seq = lines
    const recovery = torn === '' ? '' : `${torn}\n${log.line('log.torn', { bytes: torn.length })}`
    writeFileSync(file, `${FOREIGN}${recovery}${log.line('log.open', { format: 1 })}${log.line('note')}`)
    const report = await verifyLog(file)
    assert.deepEqual([report.findings, report.lastSeq], [[], log.seq])
    rmSync(file)
  }
})

test('an archived segment named directly is checked alone', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  const first = log.rotate()
  const second = log.messages(3).rotate({ gzip: true })
  rmSync(first)
  const report = await verifyLog(second)
  assert.deepEqual([report.ok, report.files.length, report.lastSeq], [true, 1, log.seq - 1])
})

test('an empty file is fine', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, '')
  const report = await verifyLog(file)
  assert.deepEqual([report.ok, report.lines, report.files.length], [true, 0, 1])
})

test('good signatures pass, in the live file, archived, and gzipped', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file, privateKey).messages(3).seal()
  log.rotate()
  log.messages(3).rotate({ gzip: true })
  log.messages(3).seal()
  for (const key of [publicKey, publicKey.export({ type: 'spki', format: 'pem' })]) {
    const report = await verifyLog(file, { publicKey: key })
    assert.deepEqual([report.findings, report.signed], [[], 4])
  }
})

test('a key that is none, or of another kind, is refused', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file)
  await assert.rejects(verifyLog(file, { publicKey: 'hello' }), /the public key cannot be read/)
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  await assert.rejects(verifyLog(file, { publicKey }), /an Ed25519 key is needed/)
})

test('a missing file and a directory are refused', async (t) => {
  const folder = scratch(t)
  await assert.rejects(verifyLog(join(folder, 'none.jsonl')), /there is no such file/)
  await assert.rejects(verifyLog(folder), /it is a directory/)
})
