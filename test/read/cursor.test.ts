/** A consumer with a cursor goes on where it was: across restarts, rotation and compression. */
import assert from 'node:assert/strict'
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { CursorOptions } from '../../src/read/cursor.js'
import { type FollowOptions, followLog } from '../../src/read/follow.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { cases } from '../kit/long-run.js'
import { collect, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const WAIT = { timeout: 60_000 }

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const seqOf = (item: LogItem): number | string => (isMalformed(item) ? item.reason : item.seq)
const saved = (file: string, name = 'ui') => JSON.parse(readFileSync(`${file}.cursors/${name}.json`, 'utf8'))

/** All that is new to the cursor. */
async function rest(file: string, options: FollowOptions = {}): Promise<(number | string)[]> {
  const items = await collect(followLog(file, { cursor: 'ui', stopAtEnd: true, ...options }))
  return items.map(seqOf)
}

/** Takes `count` items and leaves the loop. */
async function take(file: string, count: number, options: FollowOptions = {}): Promise<(number | string)[]> {
  const found: (number | string)[] = []
  for await (const item of followLog(file, { cursor: 'ui', stopAtEnd: true, ...options })) {
    found.push(seqOf(item))
    if (found.length === count) break
  }
  return found
}

test('the first use begins with the oldest line, later ones after the last that was processed', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate({ gzip: true })
  log.messages(3)
  assert.deepEqual(await rest(file), range(1, log.seq))
  assert.deepEqual(await rest(file), [])
  const before = log.seq
  log.message()
  assert.deepEqual(await rest(file, { from: 'start' }), [before + 1])
  assert.deepEqual(await rest(file, { from: { last: 5 } }), [])
})

test('a line that the loop was left at comes again, with the same seq; one that was asked beyond does not', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(9)
  assert.deepEqual(await take(file, 4), [1, 2, 3, 4])
  assert.deepEqual(await take(file, 2), [4, 5])
  await assert.rejects(async () => {
    for await (const item of followLog(file, { cursor: 'ui' })) throw new Error(`at ${seqOf(item)}`)
  }, /at 5/)
  assert.deepEqual(await rest(file), range(5, 10))
})

test('goes on in a segment that was archived and compressed since, several times over', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(9)
  let next = 1
  for (let i = 0; i < 12; i++) {
    const taken = await take(file, 3 + i)
    assert.deepEqual(taken, range(next, next + taken.length - 1))
    next += taken.length - 1
    log.messages(i)
    log.rotate({ gzip: i % 2 === 0 })
    log.messages(i % 3)
  }
  assert.deepEqual(await rest(file), range(next, log.seq))
})

for (const gzip of [false, true]) {
  test(`at the very end of a segment it goes on with the next one (${gzip ? 'compressed' : 'plain'})`, async (t) => {
    const file = join(scratch(t), 'hive.jsonl')
    const log = new LogWriter(file).messages(5)
    log.seal()
    assert.deepEqual(await rest(file), range(1, 7))
    // What rotation does after the seal.
    const archived = join(file, '..', 'hive.000000000001.jsonl')
    renameSync(file, archived)
    if (gzip) {
      writeFileSync(`${archived}.gz`, gzipSync(readFileSync(archived)))
      rmSync(archived)
    }
    log.open().messages(2)
    assert.deepEqual(await rest(file), range(8, 10))
  })
}

test('lines keep their number in the segment, and their offset', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(5)
  await take(file, 4)
  log.messages(1)
  const whole = await collect(followLog(file, { stopAtEnd: true }))
  const again = await collect(followLog(file, { cursor: 'ui', stopAtEnd: true }))
  assert.deepEqual(again, whole.slice(3))
})

test('many consumers do not know of each other', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(200)
  const names = range(1, 20).map((i) => `consumer-${i}`)
  await Promise.all(names.map((cursor, i) => take(file, 10 * (i + 1), { cursor })))
  log.rotate({ gzip: true })
  log.messages(10)
  await Promise.all(
    names.map(async (cursor, i) => {
      assert.deepEqual(await rest(file, { cursor }), range(10 * (i + 1), log.seq), cursor)
    }),
  )
  assert.equal(readdirSync(`${file}.cursors`).length, 20)
})

test('commit moves the cursor behind the line in hand', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(9)
  for (const commit of ['manual', 'auto'] as const) {
    const cursor: CursorOptions = { name: commit, commit }
    const follower = followLog(file, { cursor })
    await follower.next()
    await follower.next()
    await follower.commit()
    assert.equal(saved(file, commit).seq, 2)
    await follower.next()
    await follower.return()
    assert.deepEqual(await rest(file, { cursor }), range(3, 10))
  }
})

test('with manual commits nothing else moves the cursor, and it can be moved after the loop', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(4)
  const cursor: CursorOptions = { name: 'ui', commit: 'manual', commitEveryMs: 0 }
  assert.deepEqual(await rest(file, { cursor }), range(1, 5))
  assert.deepEqual(await rest(file, { cursor }), range(1, 5))
  const follower = followLog(file, { cursor, stopAtEnd: true })
  await collect(follower)
  await follower.commit()
  assert.deepEqual(await rest(file, { cursor }), [])
})

test('commit before the first line does nothing, and without a cursor is an error', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file)
  await followLog(file, { cursor: 'ui' }).commit()
  assert.deepEqual(await rest(file), [1])
  await assert.rejects(followLog(file).commit(), /give followLog the option cursor/)
})

test('the cursor is saved when the follower has caught up, and when the signal aborts', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(4)
  const end = new AbortController()
  const follower = followLog(file, { cursor: { name: 'ui', commitEveryMs: 1_000_000 }, signal: end.signal })
  for (let i = 0; i < 5; i++) await follower.next()
  const next = follower.next()
  while (!readdirSync(join(file, '..')).includes('hive.jsonl.cursors')) await setTimeout(5)
  while (!readdirSync(`${file}.cursors`).includes('ui.json')) await setTimeout(5)
  assert.equal(saved(file).seq, 5)
  log.message()
  assert.equal(seqOf((await next).value as LogItem), 6)
  const last = follower.next()
  end.abort()
  assert.deepEqual(await last, { value: undefined, done: true })
  assert.equal(saved(file).seq, 6)
})

test('the cursor is saved every so often while the consumer is busy', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(9)
  const follower = followLog(file, { cursor: { name: 'ui', commitEveryMs: 5 } })
  for (let i = 0; i < 5; i++) await follower.next()
  // Line 5 is in hand.
  while (!readdirSync(join(file, '..')).includes('hive.jsonl.cursors')) await setTimeout(5)
  while (!readdirSync(`${file}.cursors`).includes('ui.json')) await setTimeout(5)
  assert.equal(saved(file).seq, 4)
  await follower.return()
})

test('an abort ends the iteration at once, also amid lines that were read already', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(50)
  const end = new AbortController()
  const found: (number | string)[] = []
  for await (const item of followLog(file, { cursor: 'ui', signal: end.signal })) {
    found.push(seqOf(item))
    if (found.length === 7) end.abort()
  }
  assert.deepEqual(found, range(1, 7))
  assert.deepEqual(await take(file, 1), [8])
})

test('beforeCommit comes before every save; when it fails nothing is saved', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(9)
  let calls = 0
  const beforeCommit = (): void => {
    calls++
    assert.ok(!readdirSync(join(file, '..')).includes('hive.jsonl.cursors'))
  }
  await rest(file, { cursor: { name: 'ui', beforeCommit } })
  assert.equal(calls, 1)
  const failing = { name: 'ui', beforeCommit: () => Promise.reject(new Error('the sink is full')) }
  appendFileSync(file, FOREIGN)
  await assert.rejects(rest(file, { cursor: failing }), /the sink is full/)
  assert.equal(saved(file).seq, 10)
})

test('from: end and the last lines are for the first use, and are kept even if no line came', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate()
  log.messages(3)
  assert.deepEqual(await rest(file, { from: 'end' }), [])
  log.messages(2)
  assert.deepEqual(await rest(file, { from: 'end' }), [10, 11])
  for (const n of [1, 3, 6, 100]) {
    const cursor = `last-${n}`
    const taken = await take(file, 2, { cursor, from: { last: n } })
    const first = Math.max(1, 12 - n)
    assert.deepEqual(taken, range(first, Math.min(first + 1, 11)))
    const left = n === 1 ? [] : range(first + 1, 11)
    assert.deepEqual(await rest(file, { cursor, from: { last: n } }), left, cursor)
  }
})

test('the end of a log whose live file is empty is after its last segment', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate()
  const live = readFileSync(file)
  truncateSync(file)
  assert.deepEqual(await rest(file, { from: 'end' }), [])
  appendFileSync(file, live)
  assert.deepEqual(await rest(file, { from: 'end' }), [log.seq])
})

test('the cursor goes past lines that the filter rejects', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(5)
  const filter = (item: LogItem): boolean => !isMalformed(item) && item.event.kind === 'exit'
  assert.deepEqual(await rest(file, { filter }), [])
  assert.equal(saved(file).seq, 6)
  log.event('exit').messages(2).event('exit').messages(2)
  assert.deepEqual(await take(file, 2, { filter }), [7, 10])
  assert.equal(saved(file).seq, 9)
  assert.deepEqual(await rest(file, { filter, from: { last: 1 }, cursor: 'new' }), [10])
})

test('a malformed line is passed like any other, a torn last line waits', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).raw('{"torn\n\n')
  assert.deepEqual(await rest(file), [1, 'JSON cut short', 'empty line'])
  assert.deepEqual(await rest(file), [])
  const line = log.line('exit')
  log.raw(line.slice(0, 30))
  assert.deepEqual(await rest(file), [])
  log.raw(line.slice(30))
  assert.deepEqual(await rest(file), [2])
})

test('a log without seq: position by line, through rotation', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'log.jsonl')
  writeFileSync(file, FOREIGN)
  assert.deepEqual(await take(file, 2), [1, 2])
  appendFileSync(file, FOREIGN)
  assert.deepEqual(await take(file, 2), [2, 3])
  writeFileSync(join(folder, 'log.000000000001.jsonl.gz'), gzipSync(readFileSync(file)))
  writeFileSync(file, FOREIGN.replaceAll('"ts":17', '"ts":18'))
  assert.deepEqual(await rest(file), range(3, 9))
  appendFileSync(file, FOREIGN)
  const items = await collect(followLog(file, { cursor: 'ui', stopAtEnd: true }))
  assert.deepEqual(
    items.map((item) => [seqOf(item), item.line]),
    [
      [10, 4],
      [11, 5],
      [12, 6],
    ],
  )
  assert.deepEqual(
    await take(file, 2, { cursor: 'late', from: { last: 2 } }),
    [5, 6].map((n) => n + 6),
  )
  appendFileSync(file, FOREIGN)
  assert.deepEqual(await rest(file, { cursor: 'late' }), range(12, 15))
})

test(
  'a file that is cut short, or replaced, while followed: the notice, then the new lines, then on from there',
  WAIT,
  async (t) => {
    const folder = scratch(t)
    const file = join(folder, 'hive.jsonl')
    const good = '{"ts":1,"kind":"x"}\n'
    writeFileSync(file, good + good)
    const follower = followLog(file, { cursor: { name: 'ui', commitEveryMs: 0 } })
    const next = async (): Promise<LogItem> => (await follower.next()).value as LogItem
    await next()
    await next()
    const notice = next()
    truncateSync(file)
    assert.match(String(seqOf(await notice)), /cut short by 40 bytes/)
    const first = next()
    appendFileSync(file, good)
    assert.equal((await first).offset, 0)
    const replaced = next()
    writeFileSync(join(folder, 'other'), `{"ts":2,"kind":"y"}\n${good}`)
    renameSync(join(folder, 'other'), file)
    assert.match(String(seqOf(await replaced)), /replaced by another/)
    assert.equal((await next()).offset, 0)
    await next()
    await follower.return()
    const left = await collect(followLog(file, { cursor: 'ui', stopAtEnd: true }))
    assert.deepEqual(
      left.map(({ offset }) => offset),
      [20],
    )
  },
)

test(
  'the lines that a replaced file begins with are not missed when the follower ends at the notice',
  WAIT,
  async (t) => {
    const folder = scratch(t)
    const file = join(folder, 'hive.jsonl')
    writeFileSync(file, FOREIGN)
    const follower = followLog(file, { cursor: { name: 'ui', commit: 'manual' } })
    for (let i = 0; i < 3; i++) await follower.next()
    writeFileSync(join(folder, 'other'), '{"ts":2,"kind":"y"}\n')
    renameSync(join(folder, 'other'), file)
    const notice = await follower.next()
    assert.match(String(seqOf(notice.value as LogItem)), /replaced/)
    await follower.commit()
    await follower.return()
    assert.equal((await rest(file)).length, 1)
  },
)

test('with stopAtEnd a missing log is an error; without a cursor too', async (t) => {
  const file = join(scratch(t), 'none.jsonl')
  await assert.rejects(rest(file), /none\.jsonl: there is no such file/)
  await assert.rejects(collect(followLog(file, { stopAtEnd: true })), /there is no such file/)
})

test('two consumers of one name: each gets all lines, and the cursor stays valid', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(300)
  const cursor = (): CursorOptions => ({ name: 'ui', commit: 'manual' })
  await Promise.all(
    range(1, 4).map(async () => {
      const follower = followLog(file, { cursor: cursor(), stopAtEnd: true })
      let lines = 0
      for await (const _ of follower) if (++lines % 10 === 0) await follower.commit()
      assert.equal(lines, 301)
    }),
  )
  assert.deepEqual(readdirSync(`${file}.cursors`), ['ui.json'])
  assert.deepEqual(await rest(file), [301])
})

test(
  'whatever happens to the log between the runs, each line comes in order, and none is missed',
  WAIT,
  async (t) => {
    const folder = scratch(t)
    let run = 0
    const step = fc.oneof(
      fc.record({ write: fc.nat(6) }),
      fc.record({ rotate: fc.boolean() }),
      fc.constant({ crash: true as const }),
      fc.record({ take: fc.integer({ min: 1, max: 9 }), commit: fc.boolean() }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const file = join(folder, `${++run}.jsonl`)
        const log = new LogWriter(file)
        let done = 0
        for (const one of [...steps, { take: 1_000, commit: false }]) {
          if ('write' in one) log.messages(one.write)
          else if ('rotate' in one) log.rotate({ gzip: one.rotate })
          else if ('crash' in one) log.crash()
          else {
            const follower = followLog(file, { cursor: 'ui', stopAtEnd: true })
            let given = done
            let asked = done
            let left = one.take
            for await (const item of follower) {
              asked = given
              if (!isMalformed(item)) assert.equal(item.seq, ++given)
              if (--left > 0) continue
              if (one.commit) await follower.commit()
              break
            }
            done = left > 0 || one.commit ? given : asked
          }
        }
        assert.equal(done, log.seq)
      }),
      { numRuns: cases(150, 150), seed: 1 },
    )
  },
)
