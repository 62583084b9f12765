/** What is on the disk before it is called so, where only a power cut would show that it was not. */
import assert from 'node:assert/strict'
import fs, { existsSync, fdatasync, readFileSync, statSync, writeSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startHive } from '../../src/index.js'
import { Journal } from '../../src/journal/journal.js'
import { Outage } from '../../src/journal/outage.js'
import type { WriteCalls } from '../../src/journal/segment-file.js'
import { linesOf } from '../kit/hive-support.js'
import {
  append,
  captureDiag,
  checkLog,
  ofKind,
  segmentsOf,
  sha256,
  tempFolder,
  turn,
  until,
} from '../kit/journal-kit.js'

/** A disk whose syncs do not end before they are let; then they are real ones. */
class HeldDisk implements WriteCalls {
  writeSync = writeSync
  /** Syncs that were begun. */
  begun = 0
  #held: (() => void)[] = []
  #isOpen = false

  fdatasync(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.begun++
    if (this.#isOpen) fdatasync(fd, done)
    else this.#held.push(() => fdatasync(fd, done))
  }

  /** Lets the sync that runs end, and none that comes after. */
  endOne(): void {
    this.#held.shift()?.()
  }

  /** As `endOne`, and no sync waits any more. */
  open(): void {
    this.#isOpen = true
    for (const end of this.#held.splice(0)) end()
  }
}

/** Inodes that this process has synced on the spot from now on. */
function watchSyncs(t: TestContext): Set<number> {
  const synced = new Set<number>()
  const { fsyncSync, fdatasyncSync } = fs
  const watched =
    (sync: (fd: number) => void) =>
    (fd: number): void => {
      sync(fd)
      synced.add(fs.fstatSync(fd).ino)
    }
  Object.assign(fs, { fsyncSync: watched(fsyncSync), fdatasyncSync: watched(fdatasyncSync) })
  syncBuiltinESMExports()
  t.after(() => {
    Object.assign(fs, { fsyncSync, fdatasyncSync })
    syncBuiltinESMExports()
  })
  return synced
}

test('always: what is written while a sync runs is synced after it, without being asked for', async (t) => {
  const disk = new HeldDisk()
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'always', calls: disk })
  append(journal, { n: 1 })
  await until('a sync', () => disk.begun === 1)
  append(journal, { n: 2 })
  await until('a line beside the sync', () => readFileSync(file, 'utf8').includes('"n":2,'))
  await turn()
  assert.equal(disk.begun, 1, 'one sync at a time')
  disk.endOne()
  await until('the sync of that line', () => disk.begun === 2, 5_000)
  disk.open()
  await journal.close()
  assert.equal(ofKind(checkLog(file), 'message').length, 2)
})

test('a log that is begun has its name on the disk too before anything in it is called durable', async (t) => {
  for (const fsync of ['always', 'everysec'] as const) {
    const file = join(tempFolder(t), 'hive.jsonl')
    const synced = watchSyncs(t)
    const journal = new Journal({ file, session: 's-1', fsync })
    await journal.durable(append(journal))
    assert.ok(existsSync(file))
    assert.ok(synced.has(statSync(dirname(file)).ino), `${fsync}: its folder was synced`)
    await journal.close()
  }
})

test('at the end of the process the segments that are archived and not synced yet are synced too', async (t) => {
  const disk = new HeldDisk()
  const file = join(tempFolder(t), 'hive.jsonl')
  const rotate = { maxBytes: 500 }
  const journal = new Journal({ file, session: 's-1', fsync: 'everysec', rotate, calls: disk })
  let count = 0
  const flushes: Promise<void>[] = []
  await until('archived segments', () => {
    append(journal, { n: count++, pad: 'x'.repeat(300) })
    // Writes at once, also beside a sync.
    flushes.push(journal.flush())
    // A sync begins with the folder's.
    return segmentsOf(file).length > 3 && disk.begun > 0
  })
  const synced = watchSyncs(t)
  journal.closeSync()
  for (const { name } of segmentsOf(file)) {
    assert.ok(synced.has(statSync(join(dirname(file), name)).ino), `${name} was synced`)
  }
  assert.equal(ofKind(checkLog(file), 'message').length, count)
  disk.open()
  await Promise.all(flushes)
})

/** Whether an artifact that a field refers to is stored, whole. */
function isStored(file: string, field: unknown): boolean {
  const { ref } = field as { ref: string }
  const path = join(`${file}.artifacts`, ref.slice(0, 2), ref)
  return existsSync(path) && sha256(readFileSync(path)) === ref
}

/** So many take much longer to store than a line takes to be synced. */
const MANY = 60
const longText = (n: number): string => `${n} `.repeat(3_000)

test('what a line refers to is stored before the line is called durable, and before a flush ends', async (t) => {
  for (const fsync of ['always', 'everysec', 'no'] as const) {
    const file = join(tempFolder(t), 'hive.jsonl')
    const hive = startHive({ file, fsync, otlp: false })
    const coder = hive.spawn({ agentId: 'coder' })
    const lastOf = (kind: string) => linesOf(file).findLast((line) => line.kind === kind)

    const escalations = Array.from({ length: MANY }, (_, n) => coder.escalate({ subject: longText(n) }))
    await escalations.at(-1)?.durable
    assert.ok(isStored(file, lastOf('escalate')?.subject), `${fsync}: escalate`)

    const approvals = escalations.map(({ id }, n) =>
      hive.approve(id, true, { note: `so be it ${longText(n)}` }),
    )
    await approvals.at(-1)
    assert.ok(isStored(file, lastOf('approval')?.note), `${fsync}: approval`)

    const refs = Array.from({ length: MANY }, (_, n) => coder.snapshot({ content: `state ${longText(n)}` }))
    await hive.flush()
    assert.equal(refs.filter((ref) => isStored(file, ref)).length, MANY, `${fsync}: snapshots`)
    await hive.shutdown()
  }
})

test('a disk that was full for long is written to again soon after it has room', async (t) => {
  const told = captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  let isFull = false
  const calls: WriteCalls = {
    writeSync(fd, buffer, offset, length) {
      if (isFull) throw Object.assign(new Error('ENOSPC: injected, write'), { code: 'ENOSPC' })
      return writeSync(fd, buffer, offset, length)
    },
  }
  const journal = new Journal({ file, session: 's-1', fsync: 'no', calls })
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() })
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      t.mock.timers.tick(100)
      await turn()
    }
  }
  isFull = true
  append(journal, { n: 1 })
  await turn()
  for (const minutes of [1, 5]) {
    await pass(minutes * 60_000)
    isFull = false
    await pass(2_000)
    const written = readFileSync(file, 'utf8')
    assert.ok(written.includes(`"n":${minutes},`), `after ${minutes} minutes`)
    isFull = true
    append(journal, { n: 5 })
    await turn()
  }
  isFull = false
  t.mock.timers.reset()
  await journal.close()
  assert.equal(ofKind(checkLog(file), 'message').length, 3)
  assert.ok(told.length > 0)
})

test('the tries of a disk that takes nothing come soon at first, then ever later, and every second at last', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let tries = 0
  const outage = new Outage(() => {
    tries++
    outage.failed('ENOSPC', false)
  })
  const pauseBefore = (nth: number): number => {
    for (let ms = 1; ms <= 5_000; ms++) {
      t.mock.timers.tick(1)
      if (tries === nth) return ms
    }
    return Infinity
  }
  for (const _ of ['a first time', 'after it was over']) {
    tries = 0
    outage.failed('ENOSPC', false)
    const pauses = Array.from({ length: 9 }, (_, n) => pauseBefore(n + 1))
    assert.ok((pauses[0] as number) <= 50, `soon: ${pauses}`)
    for (const [n, pause] of pauses.entries()) {
      const before = pauses[n - 1]
      if (before !== undefined) assert.ok(pause === Math.min(2 * before, 1_000), `growing: ${pauses}`)
    }
    assert.equal(pauses.at(-1), 1_000, `at last: ${pauses}`)
    outage.over()
    assert.equal(outage.message, undefined)
    assert.equal(pauseBefore(10), Infinity, 'nothing is tried when it is over')
  }
})

test('after a close that could not write everything a flush says so, whatever the policy', {
  timeout: 20_000,
}, async (t) => {
  captureDiag(t)
  for (const fsync of ['no', 'everysec'] as const) {
    let isFull = false
    const calls: WriteCalls = {
      writeSync(fd, buffer, offset, length) {
        if (isFull) throw Object.assign(new Error('ENOSPC: injected, write'), { code: 'ENOSPC' })
        return writeSync(fd, buffer, offset, length)
      },
    }
    const journal = new Journal({ file: join(tempFolder(t), 'hive.jsonl'), session: 's-1', fsync, calls })
    await journal.flush()
    isFull = true
    append(journal)
    const underway = journal.flush()
    journal.closeSync()
    const refused = { name: 'NotDurableError', message: /closed before/ }
    await assert.rejects(underway, refused, `${fsync}: who waits then`)
    await assert.rejects(journal.durable(2), refused, `${fsync}: who waits for the line`)
  }
})

test('of an event that was lost durable() says why, and does not say later that an open log is closed', async (t) => {
  captureDiag(t)
  let isFull = false
  const calls: WriteCalls = {
    writeSync(fd, buffer, offset, length) {
      if (isFull) throw Object.assign(new Error('ENOSPC: injected, write'), { code: 'ENOSPC' })
      return writeSync(fd, buffer, offset, length)
    },
  }
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'no', maxBufferBytes: 64 * 1024, calls })
  await journal.flush()
  isFull = true
  let ticket = 1
  for (let n = 0; n < 1_000 && ticket !== 0; n++) ticket = append(journal, { pad: 'x'.repeat(1_000) })
  assert.equal(ticket, 0, 'nothing fits in memory any more')
  const about = (why: RegExp) => ({ name: 'NotDurableError', message: why })
  await assert.rejects(journal.durable(ticket), about(/^the event was not recorded: ENOSPC/))
  isFull = false
  await until('the loss is told in the log', () => journal.lost === 0)
  await assert.rejects(
    journal.durable(ticket),
    about(/^the event was not recorded: (?!undefined|the log is closed)/),
  )
  await journal.close()
  await assert.rejects(
    journal.durable(append(journal)),
    about(/^the event was not recorded: the log is closed$/),
  )
  assert.ok(ofKind(checkLog(file), 'log.gap').length > 0)
})

test('a flush waits for a disk that takes nothing to take it, whatever the policy', async (t) => {
  captureDiag(t)
  for (const fsync of ['no', 'everysec'] as const) {
    let isFull = true
    const calls: WriteCalls = {
      writeSync(fd, buffer, offset, length) {
        if (isFull) throw Object.assign(new Error('ENOSPC: injected, write'), { code: 'ENOSPC' })
        return writeSync(fd, buffer, offset, length)
      },
    }
    const file = join(tempFolder(t), 'hive.jsonl')
    const journal = new Journal({ file, session: 's-1', fsync, calls })
    append(journal, { n: 1 })
    const flushed = journal.flush()
    setTimeout(() => {
      isFull = false
    }, 30)
    await flushed
    assert.ok(readFileSync(file, 'utf8').includes('"n":1'), fsync)
    await journal.close()
  }
})
