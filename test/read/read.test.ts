import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { LineSplitter } from '../../src/read/lines.js'
import { readLog } from '../../src/read/read.js'
import { cases } from '../kit/long-run.js'
import { collect, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const seqs = (items: LogItem[]): (number | string)[] =>
  items.map((item) => (isMalformed(item) ? item.reason : item.seq))

test('gives each line with its event, seq, offset, length, file and line', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).message('ünïcode').message()
  const items = await collect(readLog(file))
  const bytes = readFileSync(file)
  assert.deepEqual(seqs(items), [1, 2, 3])
  for (const [i, item] of items.entries()) {
    assert.ok(!isMalformed(item))
    assert.equal(item.file, file)
    assert.equal(item.line, i + 1)
    const line = bytes.subarray(item.offset, item.offset + item.bytes).toString()
    assert.deepEqual(JSON.parse(line), item.event)
    assert.equal(bytes[item.offset + item.bytes], 10)
  }
})

test('reads archived segments, plain and gzipped, oldest first, then the live file', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate()
  log.messages(3).rotate({ gzip: true })
  log.messages(3)
  const items = await collect(readLog(file))
  assert.deepEqual(
    seqs(items),
    Array.from({ length: log.seq }, (_, i) => i + 1),
  )
  assert.deepEqual(new Set(items.map((item) => item.file)).size, 3)
  const live = await collect(readLog(file, { segments: false }))
  assert.deepEqual(live.length, 4)
})

test('an archived segment named directly is read alone', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  const first = log.rotate()
  log.messages(2)
  const second = log.rotate({ gzip: true })
  assert.deepEqual(seqs(await collect(readLog(first))), [1, 2, 3, 4, 5])
  assert.deepEqual(seqs(await collect(readLog(second))), [6, 7, 8, 9])
})

test('from and to bound the lines, and segments before from are not even opened', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  const first = log.rotate()
  log.messages(5).rotate()
  log.messages(5)
  writeFileSync(first, 'garbage\n')
  assert.deepEqual(seqs(await collect(readLog(file, { from: 8, to: 15 }))), [8, 9, 10, 11, 12, 13, 14, 15])
})

test('text gives the line as it is in the file', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, '\ufeff{"ts":1, "kind":"x","a":"\\u00fc"}\r\n{"kind":"y","ts":2}')
  const items = await collect(readLog(file, { text: true }))
  assert.deepEqual(
    items.map((item) => !isMalformed(item) && item.text),
    ['{"ts":1, "kind":"x","a":"\\u00fc"}', '{"kind":"y","ts":2}'],
  )
})

test('a log without seq is numbered by its lines, over all segments and into lines that have one', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  writeFileSync(file, FOREIGN)
  assert.deepEqual(seqs(await collect(readLog(file))), [1, 2, 3])
  writeFileSync(file, `${FOREIGN}not json\n${FOREIGN}`)
  assert.deepEqual(seqs(await collect(readLog(file))), [1, 2, 3, 'invalid JSON', 5, 6, 7])
  renameSync(file, join(folder, 'hive.000000000001.jsonl'))
  writeFileSync(file, FOREIGN)
  assert.deepEqual(seqs(await collect(readLog(file))).slice(-4), [7, 8, 9, 10])
})

test('a rotation while the log is read loses and repeats nothing of what was there', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(5)
  log.rotate()
  log.messages(5)
  const { seq: there } = log
  const seen: LogItem[] = []
  for await (const item of readLog(file)) {
    seen.push(item)
    // While the reader is in the first segment, what was live becomes the second, and a third is begun.
    if (seen.length === 2) {
      log.rotate({ gzip: true })
      log.messages(5)
    }
  }
  assert.deepEqual(
    seqs(seen),
    Array.from({ length: there }, (_, i) => i + 1),
  )
})

test('without a live file the archived segments are read; without any the error says so', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(3)
  log.rotate()
  rmSync(file)
  assert.equal((await collect(readLog(file))).length, 5)
  await assert.rejects(collect(readLog(`${file}.none`)), {
    message: `cannot read ${file}.none: there is no such file`,
  })
})

test('damaged compressed data ends that segment with a malformed line, and the next one is read', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(2000)
  const archived = log.rotate({ gzip: true })
  log.message()
  const bytes = readFileSync(archived)
  writeFileSync(archived, bytes.subarray(0, bytes.length >> 1))
  const items = await collect(readLog(file))
  const bad = items.filter(isMalformed)
  assert.match(bad.map(({ reason }) => reason).join(), /compressed data is damaged/)
  assert.deepEqual(seqs(items).slice(-2), [2003, 2004])
})

test('- reads standard input', () => {
  const url = new URL('../../src/read/read.js', import.meta.url)
  const script = `const { readLog } = await import('${url}')
    for await (const item of readLog('-')) console.log(item.seq, item.event?.kind ?? item.reason)`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    input: FOREIGN,
    encoding: 'utf8',
  })
  assert.equal(run.stdout, '1 spawn\n2 archive\n3 message\n')
})

test('lines come out the same however the bytes are cut into chunks', () => {
  const text = fc.array(fc.constantFrom('a', 'é', '\n', '\n\n', '{"x":1}', 'y'.repeat(30)), { maxLength: 60 })
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(''))
      const lines: string[] = []
      const splitter = new LineSplitter((buffer, start, end, offset, length) => {
        assert.equal(end - start, length)
        assert.equal(bytes.subarray(offset, offset + length).toString(), buffer.toString('utf8', start, end))
        lines.push(buffer.toString('utf8', start, end))
      })
      const reused = Buffer.alloc(40)
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = Math.min(cuts[i % cuts.length] as number, bytes.length - at)
        bytes.copy(reused, 0, at, at + size)
        splitter.push(reused.subarray(0, size))
        at += size
      }
      const rest = splitter.remainder()?.bytes.toString() ?? ''
      assert.deepEqual([...lines, rest], bytes.toString().split('\n'))
    }),
  )
})

test('lines of any length, plain and not, read as each of them alone', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const length = fc.oneof(fc.nat(300), fc.nat(40_000), fc.integer({ min: 60_000, max: 140_000 }))
  const line = fc.record({ length, kind: fc.constantFrom('plain', 'umlaut', 'cut', 'invalid', 'text') })
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 60 }), async (shapes) => {
      const lines = shapes.map(({ length, kind }, i) => {
        const of = kind === 'umlaut' ? 'ü' : 'u'
        const line = Buffer.from(JSON.stringify({ ts: i, kind: 'x', note: of.repeat(length) }))
        if (kind === 'cut') return line.subarray(0, -1)
        if (kind === 'text') return Buffer.from('t'.repeat(length + 1))
        if (kind === 'invalid') line[line.length - 3] = 0xff
        return line
      })
      writeFileSync(file, Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')])))
      const items = await collect(readLog(file, { text: true }))
      assert.equal(items.length, lines.length)
      for (const [i, item] of items.entries()) {
        const bytes = lines[i] as Buffer
        const { kind } = shapes[i] as { kind: string }
        assert.equal(isMalformed(item), kind !== 'plain' && kind !== 'umlaut', kind)
        if (isMalformed(item)) assert.equal(item.malformed, bytes.subarray(0, 200).toString(), kind)
        else assert.deepEqual([item.event, item.text], [JSON.parse(bytes.toString()), bytes.toString()])
      }
    }),
    { numRuns: cases(30, 30) },
  )
})
