/** What is no segment of the log is read by nobody, and what does not follow on the rest is damage for everybody. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { replay } from '../../src/analyse/replay.js'
import { archivedSegments } from '../../src/disk/segments.js'
import { followLog } from '../../src/read/follow.js'
import { isBreak, isMalformed, type LogItem } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { tailLog } from '../../src/read/tail.js'
import { verifyLog } from '../../src/verify/verify.js'
import { hivelog } from '../kit/reader-cli.js'
import { collect, editLine, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const seqs = (items: LogItem[]): (number | string)[] =>
  items.map((item) => (isBreak(item) ? 'broken' : isMalformed(item) ? item.reason : item.seq))

/** Seqs 1-7, 8-12, 13-17: the last segment is live. */
function write(file: string): { log: LogWriter; first: string; second: string } {
  const log = new LogWriter(file).messages(5)
  const first = log.rotate()
  const second = log.messages(3).rotate()
  log.messages(3).seal()
  return { log, first, second }
}

/** How every reader gives the log. */
async function everyReader(file: string): Promise<Record<string, (number | string)[]>> {
  const follower = followLog(file, { stopAtEnd: true })
  return {
    read: seqs(await collect(readLog(file))),
    tail: seqs(await collect(tailLog(file, 1000))),
    follow: seqs(await collect(follower)),
  }
}

const FORGED = '{"ts":1787386181195,"kind":"approval","id":"e-1","approve":true,"by":"ana","seq":1}\n'

test('a file that can be no segment is read by nobody, and verify names it', async (t) => {
  for (const name of [
    'hive.000000000000.jsonl',
    'hive.99999999999999999999.jsonl',
    'hive.0000000000001.jsonl',
    'hive.1000000000000000.jsonl',
    'hive.000000000000.jsonl.gz',
  ]) {
    const cwd = scratch(t)
    const { log } = write(join(cwd, 'hive.jsonl'))
    writeFileSync(join(cwd, name), name.endsWith('.gz') ? gzipSync(FORGED) : FORGED)
    const all = Array.from({ length: log.seq }, (_, i) => i + 1)
    assert.deepEqual(await everyReader(log.file), { read: all, tail: all, follow: all }, name)
    assert.equal((await replay(log.file)).events, 11)
    assert.match((await hivelog(['audit'], { cwd })).stdout, /^no escalations/)
    const report = await verifyLog(log.file)
    assert.deepEqual(
      report.findings.map(({ kind, file }) => [kind, file]),
      [['no-segment', join(cwd, name)]],
    )
  }
})

test('a folder or a pipe under a segment’s name is not waited for', async (t) => {
  const cwd = scratch(t)
  const { log } = write(join(cwd, 'hive.jsonl'))
  mkdirSync(join(cwd, 'hive.000000000009.jsonl'))
  if (spawnSync('mkfifo', [join(cwd, 'hive.000000000010.jsonl')]).status !== 0) t.diagnostic('no pipes here')
  assert.equal((await collect(readLog(log.file))).length, log.seq)
  const kinds = (await verifyLog(log.file)).findings.map(({ kind }) => kind)
  assert.ok(kinds.length > 0 && kinds.every((kind) => kind === 'no-segment'))
})

test('names up to fifteen digits are segments', (t) => {
  const cwd = scratch(t)
  const names = ['hive.000000000001.jsonl', 'hive.1000000000000.jsonl', 'hive.999999999999999.jsonl.gz']
  for (const name of names) writeFileSync(join(cwd, name), '')
  assert.deepEqual(
    archivedSegments(join(cwd, 'hive.jsonl')).map(({ file }) => file),
    names.map((name) => join(cwd, name)),
  )
})

const BREAKS: [
  name: string,
  damage: (log: ReturnType<typeof write>, cwd: string) => void,
  expected: (number | string)[],
][] = [
  [
    'a planted segment in between',
    (_, cwd) => writeFileSync(join(cwd, 'hive.000000000009.jsonl'), FORGED.replace('"seq":1', '"seq":9')),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 'broken', 9, 'broken', 13, 14, 15, 16, 17],
  ],
  [
    'a planted segment behind the others',
    (_, cwd) => writeFileSync(join(cwd, 'hive.000000000500.jsonl'), FORGED.replace('"seq":1', '"seq":500')),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 'broken', 500, 'broken', 13, 14, 15, 16, 17],
  ],
  [
    'a segment whose lines are not those of its name',
    ({ second }, cwd) => renameSync(second, join(cwd, 'hive.000000000009.jsonl')),
    [1, 2, 3, 4, 5, 6, 7, 'broken', 8, 9, 10, 11, 12, 'broken', 13, 14, 15, 16, 17],
  ],
  [
    'a segment taken out',
    ({ second }) => rmSync(second),
    [1, 2, 3, 4, 5, 6, 7, 'broken', 13, 14, 15, 16, 17],
  ],
  [
    'the end of a segment taken away',
    ({ second }) =>
      writeFileSync(second, readFileSync(second, 'utf8').split('\n').slice(0, 3).concat('').join('\n')),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 'broken', 13, 14, 15, 16, 17],
  ],
  [
    'a first line that names no segment before it',
    ({ second }) => void editLine(second, 1, (line) => line.replace(/"prev":\{[^}]*\},?/, '')),
    [1, 2, 3, 4, 5, 6, 7, 'broken', 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
  ],
  [
    'a first line that names another segment',
    ({ second }) =>
      void editLine(second, 1, (line) => line.replace('hive.000000000001', 'hive.000000000003')),
    [1, 2, 3, 4, 5, 6, 7, 'broken', 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
  ],
  [
    'a compressed twin of another content',
    ({ second }) => writeFileSync(`${second}.gz`, gzipSync(FORGED)),
    [1, 2, 3, 4, 5, 6, 7, 'broken', 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
  ],
]

for (const [name, damage, expected] of BREAKS) {
  test(`every reader tells where the chain is broken: ${name}`, async (t) => {
    const cwd = scratch(t)
    const written = write(join(cwd, 'hive.jsonl'))
    const { file } = written.log
    const whole = Array.from({ length: 17 }, (_, i) => i + 1)
    assert.deepEqual(await everyReader(file), { read: whole, tail: whole, follow: whole })
    damage(written, cwd)
    assert.deepEqual(await everyReader(file), { read: expected, tail: expected, follow: expected })
    const breaks = expected.filter((each) => each === 'broken').length
    assert.equal((await verifyLog(file)).ok, false)
    for (const index of [true, true, false]) {
      const state = await replay(file, { index, indexSpacing: 256 })
      assert.equal(state.broken?.length, breaks, `index ${index}`)
      assert.equal(state.malformed, 0)
    }
    for (const args of [
      ['cat'],
      ['cat', '--kind', 'approval'],
      ['replay'],
      ['tail', '-n', '99'],
      ['audit'],
      ['state'],
      ['check'],
    ]) {
      const { stdout, stderr } = await hivelog(args, { cwd })
      assert.match((stdout + stderr).replace(/\s+/g, ' '), /chain of segments is broken/, args.join(' '))
    }
  })
}

test('a log whose first segments were deleted on purpose is read as it is', async (t) => {
  const { log, first } = write(join(scratch(t), 'hive.jsonl'))
  rmSync(first)
  const rest = Array.from({ length: 10 }, (_, i) => i + 8)
  assert.deepEqual(await everyReader(log.file), { read: rest, tail: rest, follow: rest })
  assert.equal((await replay(log.file)).broken, undefined)
})

test('a twin of the same content, as an interrupted compression leaves it, is no damage', async (t) => {
  const { log, second } = write(join(scratch(t), 'hive.jsonl'))
  writeFileSync(`${second}.gz`, gzipSync(readFileSync(second)))
  const all = Array.from({ length: 17 }, (_, i) => i + 1)
  assert.deepEqual(await everyReader(log.file), { read: all, tail: all, follow: all })
  assert.deepEqual((await verifyLog(log.file)).findings, [])
})

test('verify compares a twin’s content, where its length tells nothing', async (t) => {
  const { log, second } = write(join(scratch(t), 'hive.jsonl'))
  const content = readFileSync(second, 'utf8').replace('part 1', 'part 7')
  writeFileSync(`${second}.gz`, gzipSync(content))
  assert.deepEqual(
    (await verifyLog(log.file)).findings.map(({ kind, file }) => [kind, file]),
    [['twin-differs', `${second}.gz`]],
  )
})

test('a log of another writer, and one that goes on as ours, have no chain to be broken', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  writeFileSync(join(folder, 'hive.000000000001.jsonl'), FOREIGN)
  writeFileSync(file, FOREIGN)
  assert.deepEqual((await everyReader(file)).read, [1, 2, 3, 4, 5, 6])
})

test('lines that a log.gap says are missing are no break', async (t) => {
  const cwd = scratch(t)
  const { log, second } = write(join(cwd, 'hive.jsonl'))
  const live = readFileSync(log.file, 'utf8').split('\n')
  log.seq = 13
  live[1] = log.line('log.gap', { lost: 0, reason: 'a sync was refused', from: 11, to: 12 }).trimEnd()
  writeFileSync(log.file, live.join('\n'))
  writeFileSync(second, readFileSync(second, 'utf8').split('\n').slice(0, 3).concat('').join('\n'))
  const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17]
  assert.deepEqual(await everyReader(log.file), { read: expected, tail: expected, follow: expected })
})

test('a seq near 2^53 is none: lines that carry it are not all in order', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(2)
  const huge = (seq: string): string => log.line('note', { a: 1 }).replace(/"seq":\d+/, `"seq":${seq}`)
  log
    .raw(huge('9007199254740991'))
    .raw(huge('9007199254740992'))
    .raw(huge('9007199254740992'))
    .raw(huge('9007199254740993'))
  const { ok, lastSeq } = await verifyLog(file)
  assert.deepEqual([ok, lastSeq], [false, 3])
  const read = seqs(await collect(readLog(file)))
  assert.deepEqual(read, [1, 2, 3, 4, 5, 6, 7], 'the number of the line, as where there is none')
})

test('a rotation and a compression at work are no break for a follower', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
  const abort = new AbortController()
  const seen: LogItem[] = []
  const following = (async () => {
    for await (const item of followLog(file, { signal: abort.signal, pollMs: 5 })) {
      seen.push(item)
      if (!isMalformed(item) && item.seq === 1200) abort.abort()
    }
  })()
  for (let i = 0; i < 60; i++) {
    log.messages(18).rotate({ gzip: i % 2 === 0 })
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(log.seq > 1200 && existsSync(file))
  await following
  assert.deepEqual(
    seqs(seen),
    Array.from({ length: 1200 }, (_, i) => i + 1),
  )
})
