import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { NotDurableError } from '../../src/journal/errors.js'
import { Journal } from '../../src/journal/journal.js'
import { type FsyncPolicy, Syncer } from '../../src/journal/syncer.js'
import {
  append,
  captureDiag,
  checkLog,
  ofKind,
  pause,
  segmentsOf,
  tempFolder,
  turn,
  until,
} from '../kit/journal-kit.js'

const POLICIES: FsyncPolicy[] = ['always', 'everysec', 'no']

/** A syncer on a real file, with what it told. */
function syncerOn(t: TestContext, policy: FsyncPolicy) {
  const file = join(tempFolder(t), 'file')
  const fd = openSync(file, 'a')
  const told = { syncs: 0, errors: [] as Error[] }
  const syncer = new Syncer(policy, file, fd, 0, {
    idle: () => {
      told.syncs++
    },
    synced: () => {},
    refused: ({ error }) => told.errors.push(error),
    look: () => undefined,
  })
  const write = (seq: number): void => {
    writeSync(fd, `line ${seq}\n`)
    syncer.wrote(seq)
  }
  return { fd, syncer, told, write }
}

test('group commit: all who wait while a sync runs share the next one', async (t) => {
  const { fd, syncer, told, write } = syncerOn(t, 'no')
  write(1)
  const waits = [syncer.wait(1)]
  assert.equal(syncer.busy, true)
  for (let seq = 2; seq <= 500; seq++) {
    write(seq)
    waits.push(syncer.wait(seq))
  }
  assert.equal(syncer.isAwaited, true)
  await Promise.all(waits)
  await syncer.idle()
  assert.equal(told.syncs, 2)
  assert.equal(syncer.isAwaited, false)
  await syncer.wait(300)
  assert.equal(told.syncs, 2, 'what is on disk needs no sync')
  closeSync(fd)
})

test('who waits for a line that is not written yet is served once it is', async (t) => {
  for (const policy of POLICIES) {
    const { fd, syncer, told, write } = syncerOn(t, policy)
    let isServed = false
    const served = syncer.wait(2).then(() => {
      isServed = true
    })
    write(1)
    await syncer.idle()
    await turn()
    assert.equal(isServed, false)
    write(2)
    await served
    await syncer.idle()
    assert.equal(told.syncs, policy === 'always' ? 2 : 1)
    closeSync(fd)
  }
})

test('always: a sync follows each batch without being asked for, and one covers many batches', async (t) => {
  const { fd, syncer, told, write } = syncerOn(t, 'always')
  write(1)
  await syncer.idle()
  assert.equal(told.syncs, 1)
  for (let seq = 2; seq <= 100; seq++) write(seq)
  await syncer.idle()
  assert.ok(told.syncs <= 3, `${told.syncs} syncs`)
  closeSync(fd)
})

test('everysec: a sync follows within a second or so, one for all that was written, and none when nothing was', async (t) => {
  const { fd, told, write } = syncerOn(t, 'everysec')
  for (let seq = 1; seq <= 50; seq++) write(seq)
  await pause(100)
  assert.equal(told.syncs, 0)
  const start = Date.now()
  await until('the sync', () => told.syncs === 1)
  assert.ok(Date.now() - start > 500, 'it did not come at once')
  await pause(1_200)
  assert.equal(told.syncs, 1)
  closeSync(fd)
})

test('no: there is no sync unless somebody waits', async (t) => {
  const { fd, syncer, told, write } = syncerOn(t, 'no')
  for (let seq = 1; seq <= 50; seq++) write(seq)
  await pause(50)
  assert.equal(syncer.busy, false)
  syncer.finishSync()
  assert.equal(told.syncs, 0)
  closeSync(fd)
})

test('at the end what waits is synced on this thread, and who comes later is refused', async (t) => {
  const { fd, syncer, write } = syncerOn(t, 'everysec')
  write(1)
  const promise = syncer.wait(3)
  write(2)
  syncer.finishSync()
  syncer.giveUp(new NotDurableError('over'))
  await syncer.wait(2)
  await assert.rejects(promise, { message: 'over' })
  await assert.rejects(syncer.wait(3), { message: 'over' })
  await syncer.idle()
  closeSync(fd)
})

test('a disk that refuses to sync: those who wait are told, and so is the diag logger', async (t) => {
  const { fd, syncer, told, write } = syncerOn(t, 'everysec')
  write(1)
  closeSync(fd)
  await assert.rejects(syncer.wait(1), {
    name: 'NotDurableError',
    code: 'ERR_HIVELOG_NOT_DURABLE',
    message: /refused to sync the log: EBADF/,
  })
  assert.equal(told.errors.length, 1)
  const good = openSync(join(tempFolder(t), 'file'), 'a')
  syncer.moveTo(good, () => {})
  await syncer.idle()
  syncer.wrote(2)
  await syncer.wait(2)
  syncer.finishSync()
  closeSync(good)
})

test('the file of an archived segment is synced, whatever the policy, and then closed', async (t) => {
  for (const policy of POLICIES) {
    const { fd, syncer, told, write } = syncerOn(t, policy)
    write(1)
    const next = openSync(join(tempFolder(t), 'next'), 'a')
    let isClosed = false
    syncer.moveTo(next, () => {
      isClosed = true
      closeSync(fd)
    })
    assert.equal(isClosed, false, 'it is still needed')
    await syncer.idle()
    assert.equal(isClosed, true)
    assert.ok(told.syncs >= 1)
    assert.deepEqual(told.errors, [])
    closeSync(next)
  }
})

test('many segments that are archived while a sync runs are all closed after it', async (t) => {
  for (const policy of POLICIES) {
    const { fd, syncer, told, write } = syncerOn(t, policy)
    write(1)
    const waited = syncer.wait(1)
    let current = fd
    let closed = 0
    for (let n = 0; n < 20; n++) {
      const before = current
      current = openSync(join(tempFolder(t), 'next'), 'a')
      syncer.moveTo(current, () => {
        closed++
        closeSync(before)
      })
    }
    await waited
    await syncer.idle()
    assert.equal(closed, 20)
    assert.deepEqual(told.errors, [])
    closeSync(current)
  }
})

test('a journal: flush and durable resolve under each policy, for lines of archived segments too', async (t) => {
  for (const fsync of POLICIES) {
    const file = join(tempFolder(t), 'hive.jsonl')
    const journal = new Journal({ file, session: 's-1', fsync, rotate: { maxBytes: 2_000 } })
    const waits: Promise<void>[] = []
    for (let n = 0; n < 200; n++) {
      const seq = append(journal, { n, pad: 'x'.repeat(50) })
      waits.push(journal.durable(seq).then(() => assert.ok(has(file, n))))
      if (n % 10 === 0) waits.push(journal.flush().then(() => assert.ok(has(file, n))))
      if (n % 25 === 0) await turn()
    }
    await Promise.all(waits)
    await journal.durable(1)
    await journal.close()
    assert.equal(ofKind(checkLog(file), 'message').length, 200)
  }
})

/** Whether event `n` is in the log by now. */
const has = (file: string, n: number): boolean =>
  segmentsOf(file).some(({ bytes }) => bytes.includes(`"n":${n},`))

test('a journal that is closed with a sync under way closes its files once', async (t) => {
  captureDiag(t)
  for (const fsync of POLICIES) {
    for (let run = 0; run < 30; run++) {
      const file = join(tempFolder(t), 'hive.jsonl')
      const journal = new Journal({ file, session: 's-1', fsync, rotate: { maxBytes: 500 + run * 50 } })
      for (let n = 0; n < 20; n++) {
        append(journal, { n })
        journal.write()
      }
      const durable = journal.durable(journal.seq)
      if (run % 2 === 0) await turn()
      append(journal, { last: true })
      journal.closeSync()
      // The numbers of files that were closed are given to these; a second close would take them away.
      const others = Array.from({ length: 8 }, () => openSync(`${file}.other`, 'a'))
      await durable.catch(() => {})
      await pause(1)
      for (const fd of others) {
        writeSync(fd, 'still open')
        closeSync(fd)
      }
      assert.equal(ofKind(checkLog(file), 'message').length, 21)
    }
  }
})

test('a line that was written but not synced before the close under policy no is not called durable', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'no' })
  const seq = append(journal)
  await journal.close()
  await journal.flush()
  await assert.rejects(journal.durable(seq), { code: 'ERR_HIVELOG_NOT_DURABLE' })
})

test('a log that is closed again at the exit closes no file that somebody else has opened meanwhile', async (t) => {
  const folder = tempFolder(t)
  const journal = new Journal({ file: join(folder, 'hive.jsonl'), session: 's-1', fsync: 'no' })
  append(journal)
  await journal.close()
  // They get the numbers that the journal's files had.
  const fds = Array.from({ length: 8 }, (_, n) => openSync(join(folder, `other-${n}`), 'w'))
  journal.closeSync()
  await journal.close()
  for (const fd of fds) {
    assert.doesNotThrow(() => fstatSync(fd), 'it is open still')
    closeSync(fd)
  }
})
