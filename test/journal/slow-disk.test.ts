/** While the file is synced, which may take long on a busy disk, writing goes on beside the event loop's thread. */
import assert from 'node:assert/strict'
import { fdatasync, readFileSync, write, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Journal } from '../../src/journal/journal.js'
import { PoolWrite } from '../../src/journal/pool-write.js'
import type { WriteCalls } from '../../src/journal/segment-file.js'
import {
  append,
  captureDiag,
  checkLog,
  lostIn,
  ofKind,
  pause,
  tempFolder,
  until,
} from '../kit/journal-kit.js'
import { cases } from '../kit/long-run.js'

type WriteDone = (error: NodeJS.ErrnoException | null, written: number) => void

/** A disk whose syncs take their time. */
class SlowDisk implements WriteCalls {
  syncing = false
  /** Writes on the event loop's thread while a sync ran. */
  blocked = 0
  poolWrites = 0
  onPoolWrite: (() => void) | undefined
  fault: (() => 'ENOSPC' | number | undefined) | undefined
  #syncMs: number

  constructor(syncMs: number) {
    this.#syncMs = syncMs
  }

  writeSync(fd: number, buffer: Buffer, offset: number, length: number): number {
    if (this.syncing) this.blocked++
    return writeSync(fd, buffer, offset, length)
  }

  write(fd: number, buffer: Buffer, offset: number, length: number, done: WriteDone): void {
    this.poolWrites++
    const fault = this.fault?.()
    if (fault === 'ENOSPC') {
      setImmediate(() => done(Object.assign(new Error('ENOSPC: injected, write'), { code: 'ENOSPC' }), 0))
      return
    }
    const part = fault === undefined ? length : Math.max(1, Math.floor(length * fault))
    write(fd, buffer, offset, part, null, done)
    this.onPoolWrite?.()
  }

  fdatasync(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.syncing = true
    setTimeout(() => {
      this.syncing = false
      fdatasync(fd, done)
    }, this.#syncMs)
  }
}

function open(
  t: TestContext,
  calls: WriteCalls,
  maxBufferBytes = 1 << 20,
): { journal: Journal; file: string } {
  const file = join(tempFolder(t), 'hive.jsonl')
  return { journal: new Journal({ file, session: 's-1', fsync: 'always', maxBufferBytes, calls }), file }
}

test('lines are live while a sync runs, and the event loop writes none of them', async (t) => {
  const disk = new SlowDisk(1_000)
  const { journal, file } = open(t, disk)
  await until('a sync runs', () => disk.syncing)
  disk.blocked = 0
  for (const name of ['one', 'two', 'three']) {
    append(journal, { name })
    await until(`${name} is in the file`, () => readFileSync(file, 'utf8').includes(`"${name}"`))
    assert.ok(disk.syncing, 'the sync still runs')
  }
  assert.equal(disk.blocked, 0)
  assert.ok(disk.poolWrites >= 3)
  await journal.close()
  assert.equal(ofKind(checkLog(file), 'message').length, 3)
})

test('flush and durable wait for what is written beside a sync', async (t) => {
  const { journal, file } = open(t, new SlowDisk(80))
  for (let n = 0; n < 5; n++) {
    const seq = append(journal, { n })
    await pause(40)
    await (n % 2 === 0 ? journal.durable(seq) : journal.flush())
    assert.ok(readFileSync(file, 'utf8').includes(`"n":${n}`))
  }
  await journal.close()
  checkLog(file)
})

test('closing at once, in the midst of such a write, loses nothing', async (t) => {
  const disk = new SlowDisk(300)
  const { journal, file } = open(t, disk)
  await until('a sync runs', () => disk.syncing)
  let closed = false
  disk.onPoolWrite = () => {
    queueMicrotask(() => {
      append(journal, { n: 2 })
      journal.closeSync()
      closed = true
    })
  }
  append(journal, { n: 1 })
  await until('closed', () => closed)
  const events = checkLog(file).map(({ event }) => event)
  assert.deepEqual(
    events.map(({ kind, n }) => [kind, n]),
    [
      ['log.open', undefined],
      ['message', 1],
      ['message', 2],
      ['log.seal', undefined],
    ],
  )
  // The callbacks of the pool still come; they find nothing to do.
  await pause(350)
  assert.equal(checkLog(file).length, 4)
})

test('a loop that records more than fits in memory meanwhile waits for the write, and loses nothing', async (t) => {
  const disk = new SlowDisk(300)
  const { journal, file } = open(t, disk, 2 << 20)
  await until('a sync runs', () => disk.syncing)
  const count = 20_000
  let done = false
  disk.onPoolWrite = () => {
    disk.onPoolWrite = undefined
    queueMicrotask(() => {
      for (let n = 1; n < count; n++) append(journal, { n, pad: 'x'.repeat(200) })
      done = true
    })
  }
  append(journal, { n: 0 })
  await until('all is recorded', () => done)
  await journal.close()
  assert.deepEqual(
    ofKind(checkLog(file), 'message').map(({ n }) => n),
    Array.from({ length: count }, (_, n) => n),
  )
})

test('whatever part of such a write the disk takes, the file stays whole', async (t) => {
  captureDiag(t)
  const faults = fc.array(
    fc.oneof(fc.constant('ENOSPC' as const), fc.double({ min: 0, max: 0.99, noNaN: true })),
    {
      maxLength: 6,
    },
  )
  await fc.assert(
    fc.asyncProperty(faults, async (schedule) => {
      const disk = new SlowDisk(60)
      disk.fault = () => schedule.shift()
      const { journal, file } = open(t, disk)
      for (let n = 0; n < 12; n++) {
        append(journal, { n, text: 'ünïcödé ✓'.repeat(20) })
        await pause(n % 3 === 0 ? 12 : 0)
      }
      await journal.close()
      const lines = checkLog(file)
      assert.equal(lostIn(lines), 0)
      assert.deepEqual(
        ofKind(lines, 'message').map(({ n }) => n),
        Array.from({ length: 12 }, (_, n) => n),
      )
    }),
    { numRuns: cases(25, 25) },
  )
})

test('a write that never ends is waited for once, not again by every event', () => {
  let looks = 0
  const live = {
    size: 0,
    sizeOnDisk: () => {
      looks++
      return 0
    },
    noteAppended: () => assert.fail('nothing was written'),
  }
  const pool = new PoolWrite({ live, beginAppend: () => {} })
  assert.equal(pool.finishSync(60_000), 0, 'nothing is under way')
  pool.start(Buffer.from('line\n'), () => assert.fail('it never ends'))
  assert.equal(pool.finishSync(30), undefined)
  assert.ok(looks > 1, 'the first one waits')
  for (let n = 0; n < 3; n++) {
    looks = 0
    assert.equal(pool.finishSync(60_000), undefined)
    assert.equal(looks, 1, 'the next one only looks')
  }
  assert.ok(pool.isBusy)
})
