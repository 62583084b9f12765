/** What a refused sync may have dropped is refused for ever; the log goes on in a new segment and says what is in doubt. */
import assert from 'node:assert/strict'
import { fdatasync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import { acquireLock } from '../../src/journal/lock.js'
import {
  append,
  captureDiag,
  checkLog,
  lostIn,
  ofKind,
  pause,
  segmentsOf,
  tempFolder,
  turn,
} from '../kit/journal-kit.js'

/** A disk that refuses syncs as long as `refuses` says so. */
function disk() {
  const calls = {
    refuses: false,
    syncs: 0,
    writeSync: undefined as never,
    fdatasync(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void {
      calls.syncs++
      if (calls.refuses) setImmediate(() => done(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })))
      else fdatasync(fd, done)
    },
  }
  return calls
}

async function journalOn(file: string, options: Partial<JournalOptions> = {}) {
  const calls = disk()
  const { writeSync } = await import('node:fs')
  const journal = new Journal({
    file,
    session: 's-1',
    ...options,
    calls: { writeSync, fdatasync: calls.fdatasync },
  })
  return { journal, calls }
}

/** Records until a line is promised: a disk that refused twice gets its next segment after a pause. */
async function safeAgain(journal: Journal): Promise<void> {
  for (let isSafe = false; !isSafe; ) {
    isSafe = await journal.durable(append(journal, { last: true })).then(
      () => true,
      () => false,
    )
    await pause(5)
  }
}

const NOT_DURABLE = { code: 'ERR_HIVELOG_NOT_DURABLE', message: /refused to sync/ }

for (const fsync of ['always', 'everysec', 'no'] as const) {
  test(`${fsync}: durable() rejects, and rejects for the same line after syncs that succeed`, async (t) => {
    const told = captureDiag(t)
    const file = join(tempFolder(t), 'hive.jsonl')
    const { journal, calls } = await journalOn(file, { fsync })
    await journal.flush()
    const before = append(journal, { n: 0 })
    await journal.durable(before)
    calls.refuses = true
    const doubted = append(journal, { n: 1 })
    await assert.rejects(journal.durable(doubted), NOT_DURABLE)
    calls.refuses = false
    const after = append(journal, { n: 2 })
    await journal.durable(after)
    await assert.rejects(journal.durable(doubted), NOT_DURABLE)
    await journal.durable(before)
    await journal.close()
    await assert.rejects(journal.durable(doubted), NOT_DURABLE)

    const lines = checkLog(file)
    const gaps = ofKind(lines, 'log.gap')
    assert.equal(gaps.length, 1)
    const gap = gaps[0] as { lost?: number; reason?: string; from?: number; to?: number }
    assert.equal(gap.lost, 1, 'one event is in doubt')
    assert.match(gap.reason as string, /refused to sync.*EIO/)
    const seqOf = (n: number) => ofKind(lines, 'message').find((event) => event.n === n)?.seq as number
    assert.ok((gap.from as number) <= seqOf(1) && seqOf(1) <= (gap.to as number))
    assert.ok(seqOf(0) < (gap.from as number) && (gap.to as number) < seqOf(2))
    assert.equal(segmentsOf(file).length, 2, 'the segment in doubt is finished')
    assert.ok(told.some((line) => /refused to sync/.test(line)))
  })
}

test('lines that were written to the file in doubt before its successor began are refused too', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const { journal, calls } = await journalOn(file, { fsync: 'always' })
  await journal.flush()
  calls.refuses = true
  const waits = Array.from({ length: 50 }, (_, n) => {
    const ticket = append(journal, { n })
    journal.write()
    return journal.durable(ticket)
  })
  const results = await Promise.allSettled(waits)
  calls.refuses = false
  await safeAgain(journal)
  await journal.close()
  const events = ofKind(checkLog(file), 'message')
  const gaps = ofKind(checkLog(file), 'log.gap') as { from?: number; to?: number; lost?: number }[]
  for (const [n, { status }] of results.entries()) {
    const seq = events.find((event) => event.n === n)?.seq as number
    const isDoubted = gaps.some(({ from = 0, to = 0 }) => from <= seq && seq <= to)
    assert.equal(status === 'rejected', isDoubted, `event ${n} is either promised or told of`)
  }
})

test('a disk that refuses every sync does not get a segment for each, and nothing is ever promised', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const { journal, calls } = await journalOn(file, { fsync: 'always' })
  await journal.flush()
  calls.refuses = true
  for (let n = 0; n < 200; n++) {
    const ticket = append(journal, { n })
    await assert.rejects(journal.durable(ticket), NOT_DURABLE)
    await turn()
  }
  await assert.rejects(journal.flush(), NOT_DURABLE)
  await journal.close()
  assert.ok(segmentsOf(file).length <= 3, `${segmentsOf(file).length} segments`)
  assert.equal(ofKind(checkLog(file), 'message').length, 200)
})

test('a sync that is refused at the very end is told of by the next writer', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const { journal, calls } = await journalOn(file, { fsync: 'everysec' })
  await journal.flush()
  calls.refuses = true
  append(journal, { n: 1 })
  await journal.close()
  const next = new Journal({ file, session: 's-2' })
  await next.close()
  const gaps = ofKind(checkLog(file), 'log.gap')
  for (const { reason } of gaps) assert.match(reason as string, /refused to sync/)
  assert.equal(lostIn(checkLog(file)), 1)
  acquireLock(file).release()
})

test('after a refused sync that is over, the next one gets a new segment at once again', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const { journal, calls } = await journalOn(file, { fsync: 'always' })
  for (let round = 0; round < 3; round++) {
    calls.refuses = true
    await assert.rejects(journal.durable(append(journal, { round })), NOT_DURABLE)
    calls.refuses = false
    await safeAgain(journal)
  }
  await journal.close()
  assert.ok(ofKind(checkLog(file), 'log.gap').length >= 3)
})
