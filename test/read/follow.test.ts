import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type FollowOptions, followLog } from '../../src/read/follow.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const WAIT = { timeout: 60_000 }
const GOOD = '{"ts":1,"kind":"x"}'

/** A follower that is asked for one item after the other. */
function follower(t: { after(fn: () => Promise<void>): void }, file: string, options: FollowOptions = {}) {
  const end = new AbortController()
  const items = followLog(file, { ...options, signal: end.signal })
  t.after(async () => {
    end.abort()
    await items.return(undefined)
  })
  const next = async (): Promise<LogItem> => {
    const { value, done } = await items.next()
    assert.ok(done !== true, 'the follower ended')
    return value
  }
  const seqs = async (count: number): Promise<(number | string)[]> => {
    const found: (number | string)[] = []
    while (found.length < count) {
      const item = await next()
      found.push(isMalformed(item) ? item.reason : item.seq)
    }
    return found
  }
  return { next, seqs, items, end }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('every line once and in order, over many rotations by another process', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const script = `import { setTimeout } from 'node:timers/promises'
    const { LogWriter } = await import('${new URL('../kit/reader-log.js', import.meta.url)}')
    const log = new LogWriter(${JSON.stringify(file)})
    for (let i = 0; i < 60; i++) {
      for (let k = 0; k < 10; k++) log.message()
      log.rotate({ gzip: i % 3 === 0 })
      if (i % 5 === 0) await setTimeout(15)
    }
    log.event('finished')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  const exit = once(child, 'exit')
  const found: number[] = []
  const files = new Set<string>()
  for await (const item of followLog(file)) {
    assert.ok(!isMalformed(item), JSON.stringify(item))
    found.push(item.seq)
    files.add(item.file)
    if (item.event.kind === 'finished') break
  }
  assert.deepEqual(await exit, [0, null])
  assert.deepEqual(found, range(1, found.length))
  assert.equal(found.length, 1 + 60 * 12 + 1)
})

test('a follower that fell several rotations behind catches up', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  const follow = follower(t, file)
  assert.deepEqual(await follow.seqs(2), [1, 2])
  log.rotate({ gzip: true })
  log.messages(3).rotate()
  log.messages(3).rotate({ gzip: true })
  log.messages(2)
  assert.deepEqual(await follow.seqs(log.seq - 2), range(3, log.seq))
})

test('begins with the oldest segment by default', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate({ gzip: true })
  log.messages(3).rotate()
  const follow = follower(t, file)
  assert.deepEqual(await follow.seqs(log.seq), range(1, log.seq))
  log.message()
  assert.deepEqual(await follow.seqs(1), [log.seq])
})

test('begins at the end, or with the last lines, when asked', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate()
  log.messages(3)
  const last = follower(t, file, { from: { last: 6 } })
  assert.deepEqual(await last.seqs(6), range(4, 9))
  const housekeeping = follower(t, file, {
    from: { last: 1 },
    filter: (item) => !isMalformed(item) && item.event.kind !== 'message',
  })
  assert.deepEqual(await housekeeping.seqs(1), [6])
  const end = follower(t, file, { from: 'end' })
  let first: number | string | undefined
  const found = end.seqs(1).then(([seq]) => {
    first = seq
  })
  while (first === undefined) {
    log.message()
    await Promise.race([found, setTimeout(5)])
  }
  assert.ok(Number(first) >= 10, `${first} was there before`)
  const next = log.seq + 1
  log.rotate()
  log.event('exit', { agentId: 'a', status: 'ok' })
  assert.deepEqual(await end.seqs(log.seq - Number(first)), range(Number(first) + 1, log.seq))
  assert.deepEqual(await last.seqs(log.seq - 9), range(10, log.seq))
  assert.deepEqual(await housekeeping.seqs(3), range(next, next + 2))
})

test('waits for a file, and for its folder, that are not there yet', WAIT, async (t) => {
  const folder = join(scratch(t), 'later')
  const file = join(folder, 'hive.jsonl')
  const follow = follower(t, file)
  const first = follow.seqs(2)
  mkdirSync(folder)
  new LogWriter(file).message()
  assert.deepEqual(await first, [1, 2])
})

test('gives a line only once it is whole', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, `${GOOD}\n{"ts":2,`)
  for (const from of ['start', { last: 5 }] as const) {
    const follow = follower(t, file, { from })
    assert.equal((await follow.seqs(1))[0], 1)
  }
  const follow = follower(t, file, { from: { last: 1 } })
  assert.deepEqual(await follow.seqs(1), [1])
  const next = follow.next()
  appendFileSync(file, '"kind":"y"}')
  appendFileSync(file, '\n')
  const item = await next
  assert.ok(!isMalformed(item))
  assert.deepEqual(item.event, { ts: 2, kind: 'y' })
  assert.equal(item.offset, GOOD.length + 1)
  assert.equal(item.seq, 2)
})

test('a malformed line is given in its place', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).crash('{"torn').message()
  assert.deepEqual(await follower(t, file).seqs(5), [1, 'JSON cut short', 2, 3, 4])
})

test('a truncated file is told of and read anew', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, `${GOOD}\n${GOOD}\n`)
  const follow = follower(t, file)
  await follow.seqs(2)
  truncateSync(file, 0)
  assert.match(String((await follow.seqs(1))[0]), /cut short by 40 bytes/)
  appendFileSync(file, `${GOOD}\n`)
  const item = await follow.next()
  assert.ok(!isMalformed(item))
  assert.equal(item.offset, 0)
})

test('a file that is replaced is read to its end, told of, and the new one read', WAIT, async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  writeFileSync(file, `${GOOD}\n`)
  const follow = follower(t, file)
  await follow.seqs(1)
  writeFileSync(join(folder, 'other'), `${GOOD}\n${GOOD}\n`)
  appendFileSync(file, '{"ts":2,"kind":"last words"}\n')
  renameSync(join(folder, 'other'), file)
  assert.ok(!isMalformed(await follow.next()))
  const notice = await follow.next()
  assert.ok(isMalformed(notice) && /replaced/.test(notice.reason) && notice.bytes === 0)
  assert.ok(!isMalformed(await follow.next()))
  rmSync(file)
  await follow.next()
  writeFileSync(file, `${GOOD}\n`)
  assert.ok(isMalformed(await follow.next()))
  assert.ok(!isMalformed(await follow.next()))
})

test('ends without an error when the signal aborts, also while it waits', WAIT, async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file)
  const follow = follower(t, file, { pollMs: 1_000_000 })
  await follow.next()
  const next = follow.items.next()
  follow.end.abort()
  assert.deepEqual(await next, { value: undefined, done: true })
})

test('polling alone will do', WAIT, async (t) => {
  const folder = join(scratch(t), 'hive')
  mkdirSync(folder)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file)
  const follow = follower(t, file, { pollMs: 5 })
  await follow.next()
  // The watched folder is another one now, so the system tells nothing.
  renameSync(folder, `${folder}.old`)
  mkdirSync(folder)
  writeFileSync(file, `${GOOD}\n`)
  assert.ok(isMalformed(await follow.next()))
  assert.equal((await follow.seqs(1))[0], 2)
  assert.equal(log.seq, 1)
})

test('a compressed file, a directory, cannot be followed', async (t) => {
  const folder = scratch(t)
  await assert.rejects(followLog(join(folder, 'hive.jsonl.gz')).next(), /compressed/)
  await assert.rejects(followLog(folder).next(), /it is a directory/)
})
