import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { linesBackward } from '../../src/disk/backward.js'
import { isMalformed, type LogEntry, type LogItem } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { tailLog } from '../../src/read/tail.js'
import { collect, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const seqs = (items: LogItem[]): (number | string)[] =>
  items.map((item) => (isMalformed(item) ? item.reason : item.seq))

test('gives the last n items in order, and all when there are fewer', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(9)
  assert.deepEqual(seqs(await collect(tailLog(file, 3))), [8, 9, 10])
  assert.equal((await collect(tailLog(file, 99))).length, 10)
  assert.deepEqual(await collect(tailLog(file, 0)), [])
})

test('reaches back into archived segments, plain and gzipped', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate({ gzip: true })
  log.messages(3).rotate()
  const all = seqs(await collect(readLog(file)))
  for (let n = 0; n <= all.length + 1; n++) {
    assert.deepEqual(seqs(await collect(tailLog(file, n))), n === 0 ? [] : all.slice(-n), `n = ${n}`)
  }
  rmSync(file)
  assert.deepEqual(seqs(await collect(tailLog(file, 2))), all.slice(-3, -1))
})

test('with a filter, n counts only what it lets through', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
  for (let i = 0; i < 5; i++) log.messages(20).event('exit', { agentId: `a-${i}`, status: 'ok' })
  log.rotate()
  const filter = (item: LogItem): boolean => !isMalformed(item) && item.event.kind === 'exit'
  assert.deepEqual(seqs(await collect(tailLog(file, 2, { filter }))), [85, 106])
})

test('lines without seq get the number of their line in the whole log', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  writeFileSync(file, `${FOREIGN}nonsense\n${FOREIGN}`)
  assert.deepEqual(seqs(await collect(tailLog(file, 5))), [3, 'invalid JSON', 5, 6, 7])
  writeFileSync(join(folder, 'hive.000000000001.jsonl'), FOREIGN)
  assert.deepEqual(seqs(await collect(tailLog(file, 2))), [9, 10])
  assert.deepEqual(seqs(await collect(tailLog(file, 8))), [3, 4, 5, 6, 'invalid JSON', 8, 9, 10])
})

test('the same items as reading forward, whatever is in the file', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const piece = fc.constantFrom(
    '{"ts":1,"kind":"x"}\n',
    '{"ts":2,"kind":"y","seq":7}\n',
    '\n',
    'torn',
    'bad\r\n',
    '{"ts":',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.nat(12), async (pieces, n) => {
      writeFileSync(file, pieces.join(''))
      const forward = (await collect(readLog(file))).map(({ line: _, ...item }) => item)
      assert.deepEqual(await collect(tailLog(file, n)), n === 0 ? [] : forward.slice(-n))
    }),
  )
})

test('lines read backward are the file, whatever the block size', (t) => {
  const file = join(scratch(t), 'lines')
  const piece = fc.constantFrom('a', '\n', '\n\n', 'bcd', 'e'.repeat(20))
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (pieces, block) => {
      const text = pieces.join('')
      writeFileSync(file, text)
      const fd = openSync(file, 'r')
      try {
        const lines = [...linesBackward(fd, text.length, block)].reverse()
        assert.equal(lines.map(({ bytes, terminated }) => `${bytes}${terminated ? '\n' : ''}`).join(''), text)
        for (const { bytes, length, offset } of lines) {
          assert.equal(length, bytes.length)
          assert.equal(text.slice(offset, offset + length), bytes.toString())
        }
      } finally {
        closeSync(fd)
      }
    }),
  )
})

test('reads only the end of a big file', { skip: process.platform !== 'linux' }, (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(5)
  truncateSync(file, 200_000_000)
  appendFileSync(file, '\n')
  log.messages(100)
  const script = `import { readFileSync } from 'node:fs'
    const { tailLog } = await import('${new URL('../../src/read/tail.js', import.meta.url)}')
    const { followLog } = await import('${new URL('../../src/read/follow.js', import.meta.url)}')
    const readSoFar = () => Number(/rchar: (\\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1])
    const before = readSoFar()
    const seqs = []
    for await (const item of tailLog(${JSON.stringify(file)}, 10)) seqs.push(item.seq)
    for await (const item of followLog(${JSON.stringify(file)}, { from: { last: 1 } })) { seqs.push(item.seq); break }
    console.log(JSON.stringify({ seqs, read: readSoFar() - before }))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  const { seqs: found, read } = JSON.parse(run.stdout) as { seqs: number[]; read: number }
  assert.deepEqual(found, [97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 106])
  assert.ok(read < 2_000_000, `${read} bytes were read`)
})

test('the last half million of lines', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, '{"ts":1,"kind":"x"}\n'.repeat(500_001))
  const items = await collect(tailLog(file, 500_000))
  assert.deepEqual([items.length, (items[0] as LogEntry).seq], [500_000, 2])
})
