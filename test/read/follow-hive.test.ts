/** A hive is followed as one story, with the logs that come while it is. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type FollowHiveOptions, followHive } from '../../src/read/follow-hive.js'
import type { HiveItem } from '../../src/read/hive.js'
import { isMalformed } from '../../src/read/items.js'
import { tailHive } from '../../src/read/tail-hive.js'
import { collect, LogWriter, scratch } from '../kit/reader-log.js'
import { StoryLog } from '../kit/story.js'

const line = (ts: number, n: number): string => `{"ts":${ts},"kind":"note","n":${n}}\n`

function write(file: string, text: string): string {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

const numberOf = (item: HiveItem): unknown =>
  isMalformed(item) ? item.reason : (item.event as { n?: number }).n

/** A log with lines 1, 3, 5, 7 and one of a child with 2, 4, 6, 8, at these times. */
function twoLogs(t: TestContext): { log: string; child: string } {
  const folder = scratch(t)
  const log = write(join(folder, 'hive.jsonl'), [1, 3, 5, 7].map((n) => line(n, n)).join(''))
  const child = write(join(`${log}.agents`, 'a.jsonl'), [2, 4, 6, 8].map((n) => line(n, n)).join(''))
  return { log, child }
}

/** Follows until so many lines have come, `onLine` being told of each. */
async function follow(
  log: string,
  count: number,
  options: FollowHiveOptions = {},
  onLine: (seen: unknown[]) => void = () => {},
): Promise<unknown[]> {
  const seen: unknown[] = []
  for await (const item of followHive([log], { pollMs: 20, ...options })) {
    seen.push(numberOf(item))
    onLine(seen)
    if (seen.length === count) break
  }
  return seen
}

test('what is there comes merged by time, whole or its last lines', async (t) => {
  const { log } = twoLogs(t)
  const all = [1, 2, 3, 4, 5, 6, 7, 8]
  const stopAtEnd = { stopAtEnd: true }
  assert.deepEqual((await collect(followHive([log], stopAtEnd))).map(numberOf), all)
  for (let n = 0; n <= 9; n++) {
    const last = n === 0 ? [] : all.slice(-n)
    assert.deepEqual(
      (await collect(followHive([log], { ...stopAtEnd, from: { last: n } }))).map(numberOf),
      last,
    )
    assert.deepEqual((await collect(tailHive([log], n))).map(numberOf), last)
  }
  const own = await collect(followHive([log], { ...stopAtEnd, thisFile: true }))
  assert.deepEqual(own.map(numberOf), [1, 3, 5, 7])
  assert.deepEqual((await collect(tailHive([log], 2, { thisFile: true }))).map(numberOf), [5, 7])
  const filter = (item: Parameters<NonNullable<FollowHiveOptions['filter']>>[0]): boolean =>
    !isMalformed(item) && item.event.ts % 4 === 0
  assert.deepEqual((await collect(tailHive([log], 3, { filter }))).map(numberOf), [4, 8])
})

test('new lines come from all logs, also late ones, and from logs that appear later', {
  timeout: 60_000,
}, async (t) => {
  const { log, child } = twoLogs(t)
  const grandchild = join(`${child}.agents`, 'b.jsonl')
  const seen = await follow(log, 13, { from: { last: 2 } }, (lines) => {
    if (lines.length === 2) appendFileSync(log, line(20, 20))
    if (lines.length === 3) appendFileSync(child, line(10, 10))
    // A log that appears is given from its first line on.
    if (lines.length === 4) write(grandchild, line(9, 9) + line(30, 30))
    if (lines.length === 6) appendFileSync(grandchild, line(31, 31))
    if (lines.length === 7)
      write(join(`${log}.agents`, 'c.jsonl'), [1, 2, 3].map((n) => line(n, 100 + n)).join(''))
    if (lines.length === 10) appendFileSync(log, [40, 41, 42].map((n) => line(n, n)).join(''))
  })
  assert.deepEqual(seen, [7, 8, 20, 10, 9, 30, 31, 101, 102, 103, 40, 41, 42])
})

test('what is added while it is read is neither lost nor given twice, also in a foreign log', {
  timeout: 60_000,
}, async (t) => {
  const folder = scratch(t)
  for (const isForeign of [false, true]) {
    const log = new StoryLog(join(folder, `${isForeign}.jsonl`), isForeign)
    let added = 0
    const add = (count: number): void => {
      const to = added + count
      while (added < to) log.at(added, 'x', { n: added++ })
    }
    add(3000)
    const seen = await follow(log.file, 7000, {}, (lines) => {
      // Also when it has just read all that was there.
      if (lines.length % 1000 === 500 && added < 7000) add(1000)
    })
    assert.equal(added, 7000)
    assert.deepEqual(
      seen,
      Array.from({ length: 7000 }, (_, n) => n),
    )
  }
})

test('onCaughtUp is called when all is given, once each time, also where there is nothing', {
  timeout: 60_000,
}, async (t) => {
  const { log, child } = twoLogs(t)
  const end = new AbortController()
  const told: unknown[] = []
  const seen: unknown[] = []
  const onCaughtUp = (): void => {
    told.push(seen.at(-1))
    if (told.length === 1) appendFileSync(child, line(9, 9) + line(10, 10))
    // Some looks at the logs find nothing: that is no reason to call it again.
    if (told.length === 2) setTimeout(() => appendFileSync(log, line(11, 11)), 200)
    if (told.length === 3) setTimeout(() => end.abort(), 200)
  }
  for await (const item of followHive([log], { pollMs: 20, signal: end.signal, onCaughtUp })) {
    seen.push(numberOf(item))
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  assert.deepEqual(told, [8, 10, 11])
  let calls = 0
  const empty = write(join(dirname(log), 'empty.jsonl'), '')
  await collect(followHive([empty], { stopAtEnd: true, onCaughtUp: () => calls++ }))
  assert.equal(calls, 1)
  const failing = {
    stopAtEnd: true,
    onCaughtUp() {
      throw new Error('enough')
    },
  }
  await assert.rejects(collect(followHive([log], failing)), /^Error: enough$/)
  assert.throws(() => followHive([log], { onCaughtUp: true } as never), /onCaughtUp/)
})

test('rotation of a child log loses and repeats nothing', { timeout: 60_000 }, async (t) => {
  const folder = scratch(t)
  mkdirSync(join(folder, 'hive.jsonl.agents'))
  const log = write(join(folder, 'hive.jsonl'), line(1, 1))
  const child = new LogWriter(join(`${log}.agents`, 'a.jsonl'))
  const seqs: number[] = []
  for await (const item of followHive([log], { pollMs: 20 })) {
    assert.ok(!isMalformed(item))
    if (item.log === child.file) seqs.push(item.seq)
    if (seqs.length > 0 && seqs.length % 5 === 0 && child.seq < 40) child.rotate({ gzip: true })
    else if (seqs.length === child.seq && child.seq < 40) child.messages(2)
    if (seqs.length >= 40) break
  }
  assert.deepEqual(
    seqs,
    Array.from({ length: seqs.length }, (_, i) => i + 1),
  )
})

test('each log has its own cursor, of one name; none passes a line that was not given', async (t) => {
  const { log, child } = twoLogs(t)
  const options = { cursor: 'c', stopAtEnd: true }
  assert.deepEqual(await follow(log, 3, options), [1, 2, 3])
  // The loop was left with line 3 in hand, so that comes again.
  assert.deepEqual(await follow(log, 99, options), [3, 4, 5, 6, 7, 8])
  for (const each of [log, child]) assert.ok(existsSync(join(`${each}.cursors`, 'c.json')))
  appendFileSync(child, line(9, 9))
  const late = write(join(`${log}.agents`, 'b.jsonl'), line(3, 10))
  assert.deepEqual(await follow(log, 99, options), [10, 9])
  assert.equal(JSON.parse(readFileSync(join(`${late}.cursors`, 'c.json'), 'utf8')).count, 1)
  assert.deepEqual(await follow(log, 99, options), [])
})

test('commit takes the line in hand, and none that is yet to come', async (t) => {
  const { log } = twoLogs(t)
  const options = { cursor: { name: 'c', commit: 'manual' as const }, stopAtEnd: true }
  const follower = followHive([log], options)
  for await (const item of follower) {
    if (numberOf(item) !== 5) continue
    await follower.commit()
    break
  }
  assert.deepEqual(await follow(log, 99, options), [6, 7, 8])
  assert.deepEqual(await follow(log, 99, options), [6, 7, 8])
  await assert.rejects(followHive([log]).commit(), /there is no cursor to commit/)
})

test('it ends with its signal, in the middle of waiting too', { timeout: 60_000 }, async (t) => {
  const { log } = twoLogs(t)
  const end = new AbortController()
  let seen = 0
  for await (const _ of followHive([log], { signal: end.signal })) {
    // When all is read, it waits.
    if (++seen === 8) setTimeout(() => end.abort(), 100)
  }
  assert.equal(seen, 8)
  assert.equal((await collect(followHive([log], { signal: end.signal }))).length, 0)
})

test('what cannot be followed is told in one line', async (t) => {
  const { log } = twoLogs(t)
  await assert.rejects(collect(followHive(['-'])), /cannot read standard input: it cannot be followed/)
  await assert.rejects(collect(followHive([`${log}.none`], { stopAtEnd: true })), /there is no such file/)
  await assert.rejects(collect(tailHive([`${log}.none`], 3)), /there is no such file/)
  assert.throws(() => followHive([log], { thisFile: 1 } as never), /thisFile/)
  mkdirSync(join(dirname(log), 'folder'))
  await assert.rejects(collect(followHive([log, join(dirname(log), 'folder')])), /it is a directory/)
})
