/** A disk that fails at every possible write, in every way a write can fail. */
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Journal } from '../../src/journal/journal.js'
import type { WriteCalls } from '../../src/journal/segment-file.js'
import {
  append,
  captureDiag,
  checkLog,
  lostIn,
  ofKind,
  pause,
  startChild,
  tempFolder,
  turn,
} from '../kit/journal-kit.js'
import { cases } from '../kit/long-run.js'

type Fault = 'EAGAIN' | 'EINTR' | 'EIO' | 'ENOSPC' | 'nothing' | { part: number; next?: 'ENOSPC' | 'EIO' }

/** A write call that goes through the schedule, and works once it is through. */
class FailingDisk implements WriteCalls {
  readonly #schedule: (Fault | undefined)[]
  #next: Fault | undefined
  writes = 0
  broken = false

  constructor(schedule: (Fault | undefined)[] = []) {
    this.#schedule = schedule
  }

  writeSync(fd: number, buffer: Buffer, offset: number, length: number): number {
    this.writes++
    if (this.broken) throw failure('ENOSPC')
    const fault = this.#next ?? this.#schedule.shift()
    this.#next = undefined
    if (fault === undefined) return writeSync(fd, buffer, offset, length)
    if (fault === 'nothing') return 0
    if (typeof fault === 'string') throw failure(fault)
    this.#next = fault.next
    return writeSync(fd, buffer, offset, Math.max(1, Math.floor(length * fault.part)))
  }
}

const failure = (code: string): Error => Object.assign(new Error(`${code}: injected, write`), { code })

const FAULTS: Fault[] = [
  'EAGAIN',
  'EINTR',
  'EIO',
  'ENOSPC',
  'nothing',
  { part: 0 },
  { part: 0.5 },
  { part: 0.999 },
  { part: 0, next: 'ENOSPC' },
  { part: 0.5, next: 'EIO' },
  { part: 0.999, next: 'ENOSPC' },
]

/** A life with every kind of write in it: opening, events, seals, rotation, closing. */
async function lead(file: string, calls: WriteCalls): Promise<number> {
  const journal = new Journal({
    file,
    session: 's-1',
    fsync: 'no',
    seal: { everyBytes: 600 },
    rotate: { maxBytes: 2_000 },
    calls,
  })
  let appended = 0
  for (let batch = 0; batch < 4; batch++) {
    for (let n = 0; n < 4; n++, appended++) append(journal, { n: appended, text: 'ünïcödé ✓'.repeat(8) })
    await journal.flush()
  }
  await journal.close()
  return appended
}

test('each kind of fault at each write: nothing is lost, no line is broken', async (t) => {
  captureDiag(t)
  const folder = tempFolder(t)
  const disk = new FailingDisk()
  await lead(join(folder, 'count.jsonl'), disk)
  assert.ok(disk.writes >= 10)
  for (let at = 0; at < disk.writes; at++) {
    await Promise.all(
      FAULTS.map(async (fault, index) => {
        const file = join(folder, `${at}-${index}.jsonl`)
        const appended = await lead(file, new FailingDisk([...Array<undefined>(at), fault]))
        const lines = checkLog(file)
        assert.equal(ofKind(lines, 'message').length, appended, `${JSON.stringify(fault)} at write ${at}`)
        assert.equal(lostIn(lines), 0)
      }),
    )
  }
})

const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.constantFrom<Fault>('EAGAIN', 'EINTR', 'nothing') },
  { weight: 3, arbitrary: fc.constantFrom<Fault>('EIO', 'ENOSPC') },
  { weight: 2, arbitrary: fc.record({ part: fc.double({ min: 0, max: 0.99, noNaN: true }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      part: fc.double({ min: 0, max: 0.99, noNaN: true }),
      next: fc.constantFrom('ENOSPC' as const, 'EIO' as const),
    }),
  },
)
type Step = { append: number } | 'turn' | 'write' | 'flush' | 'exit' | 'close'
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 3, arbitrary: fc.constant<Step>('turn') },
  { weight: 2, arbitrary: fc.constant<Step>('write') },
  { weight: 4, arbitrary: fc.constant<Step>('flush') },
  { weight: 1, arbitrary: fc.constantFrom<Step>('exit', 'close') },
)

test('any schedule of faults: whole lines in order, and what is not there is in log.gap', async (t) => {
  captureDiag(t)
  const folder = tempFolder(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { maxLength: 60 }),
      fc.array(step, { maxLength: 30 }),
      async (schedule, steps) => {
        const file = join(folder, `${++run}.jsonl`)
        const calls = new FailingDisk(schedule)
        const open = () =>
          new Journal({
            file,
            session: 's-1',
            fsync: 'no',
            maxBufferBytes: 1_500,
            seal: { everyBytes: 800 },
            rotate: { maxBytes: 3_000 },
            calls,
          })
        let journal = open()
        let appended = 0
        let refused = 0
        for (const each of steps) {
          if (each === 'turn') await turn()
          else if (each === 'write') journal.write()
          else if (each === 'flush') journal.flush().catch(() => {})
          else if (each === 'exit') {
            journal.closeSync()
            journal = open()
          } else if (each === 'close') {
            await journal.close()
            journal = open()
          } else {
            for (let n = 0; n < each.append; n++) {
              if (append(journal, { n: appended++, text: 'ü✓' }) === 0) refused++
            }
          }
        }
        schedule.splice(3)
        await journal.close()

        const lines = checkLog(file)
        const numbers = ofKind(lines, 'message').map((event) => event.n as number)
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        )
        assert.equal(numbers.length + lostIn(lines), appended)
        assert.ok(lostIn(lines) >= refused)
        for (const gap of ofKind(lines, 'log.gap')) assert.match(String(gap.reason), /\w/)
      },
    ),
    { numRuns: cases(150, 150) },
  )
})

test('writers that end one after the other on a broken disk pass on what was lost', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  await new Journal({ file, session: 's-1', fsync: 'no' }).close()
  const calls = new FailingDisk()
  calls.broken = true
  for (let life = 0; life < 4; life++) {
    const journal = new Journal({ file, session: 's-1', fsync: 'no', maxBufferBytes: 1_000, calls })
    for (let n = 0; n < 25; n++) append(journal, { n })
    journal.closeSync()
  }
  await new Journal({ file, session: 's-1', fsync: 'no' }).close()
  const lines = checkLog(file)
  assert.equal(lostIn(lines), 100)
  assert.equal(ofKind(lines, 'log.gap').length, 1)
})

test('a writer that records nothing on a broken disk loses nothing', async (t) => {
  const told = captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const calls = new FailingDisk()
  calls.broken = true
  new Journal({ file, session: 's-1', fsync: 'no', calls }).closeSync()
  await new Journal({ file, session: 's-1', fsync: 'no' }).close()
  assert.equal(lostIn(checkLog(file)), 0)
  assert.ok(!told.some((line) => line.includes('lost')))
})

test('flush and durable wait for the disk to work again; what is lost at the close is told', async (t) => {
  captureDiag(t)
  for (const fsync of ['no', 'everysec', 'always'] as const) {
    const file = join(tempFolder(t), 'hive.jsonl')
    const calls = new FailingDisk()
    const journal = new Journal({ file, session: 's-1', fsync, calls })
    calls.broken = true
    const settled: string[] = []
    const flushed = journal.flush().then(() => settled.push('flush of nothing new'))
    await flushed
    const seq = append(journal)
    const waits = [journal.flush(), journal.durable(seq)].map((wait) =>
      wait.then(
        () => settled.push('resolved'),
        (error) => settled.push(error.code),
      ),
    )
    await pause(30)
    assert.deepEqual(settled, ['flush of nothing new'])
    calls.broken = false
    await Promise.all(waits)
    assert.deepEqual(settled.slice(1), ['resolved', 'resolved'])

    calls.broken = true
    const lost = append(journal)
    const rejects = [journal.flush(), journal.durable(lost)].map((wait) =>
      assert.rejects(wait, { code: 'ERR_HIVELOG_NOT_DURABLE', message: /ENOSPC/ }),
    )
    await turn()
    journal.closeSync()
    await Promise.all(rejects)
    // Who comes later is told as well, and does not wait for ever.
    await assert.rejects(journal.flush(), { code: 'ERR_HIVELOG_NOT_DURABLE' })
    await assert.rejects(journal.durable(lost), { code: 'ERR_HIVELOG_NOT_DURABLE' })
    assert.equal(append(journal), 0)
    await assert.rejects(journal.durable(0), { code: 'ERR_HIVELOG_NOT_DURABLE' })
  }
})

test('close gives a broken disk a moment to recover', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const calls = new FailingDisk()
  const journal = new Journal({ file, session: 's-1', calls })
  calls.broken = true
  for (let n = 0; n < 100; n++) append(journal, { n })
  const closed = journal.close()
  await pause(100)
  calls.broken = false
  await closed
  const lines = checkLog(file)
  assert.equal(ofKind(lines, 'message').length, 100)
  assert.equal(lostIn(lines), 0)
})

test('a process that only waits for a flush does not end before it', async (t) => {
  for (const fsync of ['no', 'everysec', 'always']) {
    const file = join(tempFolder(t), 'hive.jsonl')
    const { code, stdout } = await startChild(t, 'journal-flush-child', [file, fsync]).ended
    assert.equal(code, 0, fsync)
    assert.equal(stdout, 'flushed\ndurable\n', fsync)
    assert.equal(ofKind(checkLog(file), 'message').length, 2)
  }
})
