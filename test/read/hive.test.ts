/** A hive is read as one story: its log and those of its child processes, merged by time. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { OptionsError } from '../../src/format/options.js'
import { followHive } from '../../src/read/follow-hive.js'
import { spanOf } from '../../src/read/glance.js'
import { type HiveItem, type HiveReadOptions, hiveBatches, logsOfHive } from '../../src/read/hive.js'
import { isMalformed } from '../../src/read/items.js'
import { tailHive } from '../../src/read/tail-hive.js'
import { cases } from '../kit/long-run.js'
import { collect, LogWriter, scratch } from '../kit/reader-log.js'

const line = (ts: number, n: number): string => `{"ts":${ts},"kind":"note","n":${n}}\n`

function write(file: string, text: string): string {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

async function story(files: string[], options?: HiveReadOptions): Promise<HiveItem[]> {
  return (await collect(hiveBatches(files, options))).flat()
}

const numbers = (items: HiveItem[]): unknown[] =>
  items.map((item) => (isMalformed(item) ? item.reason : (item.event as { n?: number }).n))

test('all logs of a hive are found: of children and theirs, without a file of their own, and apart', (t) => {
  const folder = scratch(t)
  const log = write(join(folder, 'hive.jsonl'), '')
  write(join(folder, 'other.jsonl'), '')
  write(join(folder, 'hive.apart-0123abcd.jsonl'), '')
  write(join(folder, 'hive.apart-0123ABCD.jsonl'), '')
  write(join(folder, 'hive.000000000001.jsonl'), '')
  write(join(folder, 'hive.found-0123abcd.jsonl'), '')
  const agents = `${log}.agents`
  write(join(agents, 'b.jsonl'), '')
  write(join(agents, 'b.apart-89abcdef.jsonl'), '')
  write(join(agents, 'b.000000000001.jsonl'), '')
  write(join(agents, 'b.jsonl.lock'), '')
  write(join(agents, 'a.jsonl.agents', 'c.jsonl'), '')
  mkdirSync(join(agents, 'folder.jsonl'))
  symlinkSync(agents, join(agents, 'loop.jsonl.agents'))
  const found = [
    log,
    join(folder, 'hive.apart-0123abcd.jsonl'),
    join(agents, 'a.jsonl'),
    join(agents, 'b.apart-89abcdef.jsonl'),
    join(agents, 'b.jsonl'),
    join(agents, 'loop.jsonl'),
    join(agents, 'a.jsonl.agents', 'c.jsonl'),
  ]
  assert.deepEqual(logsOfHive([log]), found)
  assert.deepEqual(logsOfHive([log], true), [log])
  const [, , , apartOfB = '', b = ''] = found
  assert.deepEqual(logsOfHive([b, log, `${folder}/./hive.jsonl`, '-', '-']), [
    b,
    log,
    '-',
    apartOfB,
    ...found.slice(1).filter((each) => each !== b && each !== apartOfB),
  ])
})

test('lines come by time, then by log, and those of one log in their order', async (t) => {
  const folder = scratch(t)
  const log = write(join(folder, 'hive.jsonl'), line(5, 1) + line(7, 2) + line(6, 3) + line(9, 4))
  const child = write(
    join(`${log}.agents`, 'a.jsonl'),
    `broken\n${line(5, 10)}${line(8, 11)}torn\n${line(9, 12)}`,
  )
  const items = await story([log])
  assert.deepEqual(numbers(items), [1, 'invalid JSON', 10, 2, 3, 11, 'invalid JSON', 4, 12])
  assert.deepEqual(
    items.map((item) => item.log),
    items.map((item) => item.file),
  )
  assert.deepEqual(numbers(await story([child, log])), [
    'invalid JSON',
    10,
    1,
    2,
    3,
    11,
    'invalid JSON',
    12,
    4,
  ])
  assert.deepEqual(numbers(await story([log], { thisFile: true })), [1, 2, 3, 4])
  assert.deepEqual(numbers(await story([log], { since: 6, until: 8 })), [2, 3, 11, 'invalid JSON'])
})

test('any logs: each line once, each log in its order, always the earliest of those that come next', async (t) => {
  const folder = scratch(t)
  let run = 0
  const logs = fc.array(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 8 }), {
    minLength: 1,
    maxLength: 6,
  })
  await fc.assert(
    fc.asyncProperty(logs, async (times) => {
      const log = join(folder, `${run++}.jsonl`)
      const files = times.map((_, i) => (i === 0 ? log : join(`${log}.agents`, `${i}.jsonl`)))
      for (const [i, each] of times.entries()) {
        write(files[i] as string, each.map((ts, n) => line(ts, n)).join(''))
      }
      const left = times.map((each) => each.map((ts, n) => ({ ts, n })))
      const expected: string[] = []
      for (;;) {
        const next = left.flatMap((each, i) => (each[0] === undefined ? [] : [{ ...each[0], i }]))
        const first = next.sort((a, b) => a.ts - b.ts || a.i - b.i)[0]
        if (first === undefined) break
        left[first.i]?.shift()
        expected.push(`${first.i}:${first.n}`)
      }
      const got = (await story([log])).map((item) => `${files.indexOf(item.log)}:${numbers([item])[0]}`)
      assert.deepEqual(got, expected)
    }),
    { numRuns: cases(60, 60) },
  )
})

test('a hive of hundreds of logs is read with few of them open, each at its time', async (t) => {
  const folder = scratch(t)
  const log = write(join(folder, 'hive.jsonl'), line(0, 0) + line(1_000_000, 1))
  const count = 300
  for (let i = 0; i < count; i++) {
    write(
      join(`${log}.agents`, `a${i}.jsonl`),
      Array.from({ length: 20 }, (_, n) => line(1000 * i + n, i)).join(''),
    )
  }
  const open = (): number => readdirSync('/proc/self/fd').length
  const before = open()
  let most = 0
  const seen: HiveItem[] = []
  for await (const items of hiveBatches([log])) {
    most = Math.max(most, open() - before)
    seen.push(...items)
  }
  assert.equal(seen.length, 20 * count + 2)
  assert.deepEqual(numbers(seen), [
    0,
    ...Array.from({ length: count }, (_, i) => Array(20).fill(i)).flat(),
    1,
  ])
  if (process.platform === 'linux') assert.ok(most < 20, `${most} files open`)
  assert.ok(open() <= before, 'all are closed')
})

test('a log that is rotated before its turn is read where it is by then, up to where it was', async (t) => {
  const folder = scratch(t)
  const log = write(join(folder, 'hive.jsonl'), Array.from({ length: 1500 }, (_, n) => line(n, n)).join(''))
  const child = new LogWriter(join(agentsIn(folder), 'late.jsonl'))
  child.messages(3)
  for (let i = 0; i < 120; i++) write(join(`${log}.agents`, `x${i}.jsonl`), line(3000, i))
  const seqs: number[] = []
  let isFirst = true
  for await (const items of hiveBatches([log])) {
    if (isFirst) {
      child.rotate({ gzip: true })
      child.messages(5)
      rmSync(join(`${log}.agents`, 'x7.jsonl'))
      renameSync(join(`${log}.agents`, 'x8.jsonl'), join(`${log}.agents`, 'y8.jsonl'))
    }
    isFirst = false
    for (const item of items) if (!isMalformed(item) && item.log === child.file) seqs.push(item.seq)
  }
  assert.deepEqual(seqs, [1, 2, 3, 4])
})

function agentsIn(folder: string): string {
  const agents = join(folder, 'hive.jsonl.agents')
  mkdirSync(agents, { recursive: true })
  return agents
}

test('a named log must be there, unless its child logs are', async (t) => {
  const folder = scratch(t)
  const log = join(folder, 'hive.jsonl')
  const other = write(join(folder, 'other.jsonl'), line(1, 1))
  const message = `cannot read ${log}: there is no such file`
  await assert.rejects(story([log]), { message })
  await assert.rejects(story([other, log]), { message })
  write(join(`${log}.agents`, 'a.jsonl'), line(2, 2))
  assert.deepEqual(numbers(await story([log])), [2])
  assert.deepEqual(numbers(await story([other, log])), [1, 2])
  await assert.rejects(story([log], { thisFile: true }), { message })
})

test('a hive is named by one path or by several, and its options are looked at before it is read', async (t) => {
  const log = write(join(scratch(t), 'hive.jsonl'), line(1, 1) + line(3, 3))
  write(join(`${log}.agents`, 'a.jsonl'), line(2, 2) + line(4, 4))
  assert.deepEqual(logsOfHive(log), logsOfHive([log]))
  assert.equal(logsOfHive(log).length, 2)
  assert.deepEqual(numbers((await collect(hiveBatches(log))).flat()), [1, 2, 3, 4])
  assert.deepEqual(numbers(await collect(tailHive(log, 2))), [3, 4])
  assert.deepEqual(numbers(await collect(followHive(log, { stopAtEnd: true }))), [1, 2, 3, 4])
  assert.deepEqual(await spanOf(log), { from: 1, to: 4 })
  assert.deepEqual(await spanOf(log, true), { from: 1, to: 3 })
  assert.equal(await spanOf(`${log}.none`), undefined)
  for (const wrong of [{ thisfile: true }, { since: 'today' }, { until: '1' }, { select: { kinds: 'a' } }]) {
    assert.throws(() => hiveBatches(`${log}.none`, wrong as never), OptionsError)
  }
})
