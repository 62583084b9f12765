/** A disk that is really full: a tmpfs of 4 MiB. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogOpenError } from '../../src/journal/errors.js'
import { Journal } from '../../src/journal/journal.js'
import {
  append,
  captureDiag,
  checkLog,
  lockFiles,
  lostIn,
  ofKind,
  pause,
  startChild,
  until,
} from '../kit/journal-kit.js'
import { fill, smallDisk } from '../kit/small-disk.js'

/** Even a test that hangs must unmount its disk. */
const LIMIT = { timeout: 60_000 }

const PAD = 'x'.repeat(900)

function bytesAreWholeLines(file: string): void {
  const text = readFileSync(file, 'utf8')
  for (const line of text.slice(0, text.lastIndexOf('\n')).split('\n')) JSON.parse(line)
}

test(
  'a disk that the log fills and that is freed: no half line, every loss counted, writing goes on',
  LIMIT,
  async (t) => {
    const folder = smallDisk(t)
    if (folder === undefined) return
    const told = captureDiag(t)
    const file = join(folder, 'hive.jsonl')
    const free = fill(folder, 2 * 1024 * 1024)
    const journal = new Journal({ file, session: 's-1', maxBufferBytes: 64 * 1024 })
    let appended = 0
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 100; n++, appended++) append(journal, { n: appended, pad: PAD })
      await pause(1)
    }
    assert.ok(journal.lost > 0, 'the disk was full')
    assert.ok(told.some((line) => line.includes('ENOSPC')))
    assert.ok(told.some((line) => line.includes('events for') && line.includes('are being lost from now on')))
    bytesAreWholeLines(file)

    free()
    await until('writing goes on', () => {
      appended++
      return append(journal, { n: appended, pad: PAD }) > 0
    })
    for (let n = 0; n < 100; n++, appended++) append(journal, { n: appended })
    await journal.flush()
    await journal.close()
    const lines = checkLog(file)
    const gaps = ofKind(lines, 'log.gap')
    assert.equal(gaps.length, 1)
    assert.match(String(gaps[0]?.reason), /ENOSPC/)
    assert.equal(ofKind(lines, 'message').length + lostIn(lines), appended)
    assert.deepEqual(lockFiles(file), [])
    assert.ok(told.some((line) => line.includes('can be written again')))
  },
)

test('a disk that is full again and again', LIMIT, async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  captureDiag(t)
  const file = join(folder, 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'no', maxBufferBytes: 32 * 1024 })
  let appended = 0
  for (let cycle = 0; cycle < 4; cycle++) {
    const free = fill(folder, cycle * 1_000)
    while (journal.lost < 50) {
      append(journal, { n: appended++, pad: PAD })
      if (appended % 20 === 0) await pause(1)
    }
    free()
    await until('writing goes on', () => append(journal, { n: appended++, pad: PAD }) > 0)
    await journal.flush()
  }
  await journal.close()
  const lines = checkLog(file)
  assert.equal(ofKind(lines, 'log.gap').length, 4)
  assert.equal(ofKind(lines, 'message').length + lostIn(lines), appended)
})

test('what fits in memory while the disk is full is not lost', LIMIT, async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  captureDiag(t)
  const file = join(folder, 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1' })
  const free = fill(folder)
  for (let n = 0; n < 2_000; n++) append(journal, { n, pad: PAD })
  let isFlushed = false
  const flushed = journal.flush().then(() => {
    isFlushed = true
  })
  await pause(50)
  assert.equal(isFlushed, false)
  free()
  await flushed
  await journal.close()
  const lines = checkLog(file)
  assert.equal(ofKind(lines, 'message').length, 2_000)
  assert.equal(lostIn(lines), 0)
})

for (const way of ['exit', 'end', 'SIGTERM']) {
  test(
    `a process that ends (${way}) on a full disk: the next writer reports what was lost`,
    LIMIT,
    async (t) => {
      const folder = smallDisk(t)
      if (folder === undefined) return
      const file = join(folder, 'hive.jsonl')
      await new Journal({ file, session: 's-1' }).close()
      const free = fill(folder, 60_000)
      const { stdout } = await startChild(t, 'journal-full-child', [file, '1000', way]).ended
      assert.match(stdout, /^recorded \d+\n$/)
      assert.ok(Number(stdout.split(' ')[1]) < 1_000, 'some were refused, the others never written')
      bytesAreWholeLines(file)
      assert.ok(existsSync(`${file}.lock`), 'the lock stays and says what was lost')

      free()
      const journal = new Journal({ file, session: 's-1' })
      append(journal, { n: 1_000 })
      await journal.close()
      const lines = checkLog(file)
      assert.equal(ofKind(lines, 'message').length + lostIn(lines), 1_001)
      assert.equal(ofKind(lines, 'log.gap').length, 1)
      assert.deepEqual(lockFiles(file), [])
    },
  )
}

test('three processes in a row end on a full disk: all of it is reported in the end', LIMIT, async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  const file = join(folder, 'hive.jsonl')
  await new Journal({ file, session: 's-1' }).close()
  for (let life = 0; life < 3; life++) {
    // Room for the lock, which takes two blocks to take over, but for few lines.
    const free = fill(folder, 8 * 1024)
    const { stdout, stderr } = await startChild(t, 'journal-full-child', [file, '200', 'exit']).ended
    free()
    assert.match(stdout, /^recorded/, stderr)
  }
  await new Journal({ file, session: 's-1' }).close()
  const lines = checkLog(file)
  assert.equal(ofKind(lines, 'message').length + lostIn(lines), 600)
  assert.deepEqual(lockFiles(file), [])
})

test('a disk with no room for the lock: one clear line, nothing left behind', LIMIT, async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  const file = join(folder, 'hive.jsonl')
  await new Journal({ file, session: 's-1' }).close()
  const free = fill(folder)
  assert.throws(
    () => new Journal({ file, session: 's-1' }),
    (error) => error instanceof LogOpenError && /ENOSPC/.test(error.message) && !/\n/.test(error.message),
  )
  assert.deepEqual(readdirSync(folder).sort(), ['filler', 'hive.jsonl'])
  free()
  await new Journal({ file, session: 's-1' }).close()
  checkLog(file)
})

test('an artifact that does not fit is reported and leaves no piece of itself', LIMIT, async (t) => {
  const folder = smallDisk(t)
  if (folder === undefined) return
  const told = captureDiag(t)
  const file = join(folder, 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1' })
  const free = fill(folder, 256 * 1024)
  const small = journal.artifacts.put(Buffer.alloc(1024, 1))
  journal.artifacts.put(Buffer.alloc(1024 * 1024, 2))
  await journal.artifacts.flush()
  journal.artifacts.put(Buffer.alloc(1024 * 1024, 3))
  journal.artifacts.flushSync()
  assert.equal(told.filter((line) => /artifact .* could not be stored: ENOSPC/.test(line)).length, 2)
  const stored = readdirSync(`${file}.artifacts`, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  assert.deepEqual(
    stored.map((entry) => entry.name),
    [small.ref],
  )
  free()
  await journal.close()
  checkLog(file)
})
