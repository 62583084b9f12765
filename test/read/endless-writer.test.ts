/** Readers beside a writer that is faster than they are: they end at what was there when they began. */
import assert from 'node:assert/strict'
import fs, { rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { followLog } from '../../src/read/follow.js'
import { hiveBatches } from '../../src/read/hive.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { tailLog } from '../../src/read/tail.js'
import { verifyLog } from '../../src/verify/verify.js'
import { collect, LogWriter, scratch } from '../kit/reader-log.js'

const SEGMENTS = 4

/** A log of some segments, and a writer that makes a new one whenever it is told. */
function endless(folder: string): { file: string; there: number; writeOn(): void } {
  const log = new LogWriter(join(folder, 'hive.jsonl'))
  for (let i = 0; i < SEGMENTS; i++) {
    log.messages(3)
    log.rotate({ gzip: i % 2 === 0 })
  }
  log.messages(3)
  let steps = 0
  const writeOn = (): void => {
    assert.ok(++steps < 500, 'the reader runs after the writer, without end')
    log.messages(2)
    log.rotate({ gzip: steps % 2 === 0 })
  }
  return { file: log.file, there: log.seq, writeOn }
}

const seqOf = (item: LogItem): number | string => (isMalformed(item) ? item.reason : item.seq)
const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1)

test('readLog ends at what was there', async (t) => {
  const { file, there, writeOn } = endless(scratch(t))
  const seen: (number | string)[] = []
  for await (const item of readLog(file)) {
    seen.push(seqOf(item))
    writeOn()
  }
  assert.deepEqual(seen, upTo(there))
})

test('hiveBatches ends at what was there, in every log', async (t) => {
  const { file, there, writeOn } = endless(scratch(t))
  fs.mkdirSync(`${file}.agents`)
  const child = new LogWriter(join(`${file}.agents`, 'a.jsonl')).messages(30)
  const seen: number[] = []
  let childLines = 0
  for await (const items of hiveBatches([file])) {
    for (const item of items) {
      assert.ok(!isMalformed(item))
      if (item.log === file) seen.push(item.seq)
      else childLines++
    }
    writeOn()
    child.messages(1)
  }
  assert.deepEqual(seen, upTo(there))
  assert.equal(childLines, 31)
})

test('verifyLog ends at what was there, and finds no damage', async (t) => {
  const { file, there, writeOn } = endless(scratch(t))
  const report = await verifyLog(file, { onProgress: writeOn })
  assert.deepEqual(report.findings, [])
  assert.equal(report.lastSeq, there)
  assert.equal(report.files.length, SEGMENTS + 1)
})

test('tailLog ends at what was there', async (t) => {
  const { file, there, writeOn } = endless(scratch(t))
  const filter = (): boolean => {
    writeOn()
    return true
  }
  assert.deepEqual((await collect(tailLog(file, 1000, { filter }))).map(seqOf), upTo(there))
})

test('of a line that is written just then the end is read too', async (t) => {
  const folder = scratch(t)
  const log = new LogWriter(join(folder, 'hive.jsonl')).messages(3)
  const text = log.line('note')
  log.raw(text.slice(0, 20))
  const seen: (number | string)[] = []
  for await (const item of readLog(log.file)) {
    if (seen.length === 0) log.raw(`${text.slice(20)}${log.line('note')}`)
    seen.push(seqOf(item))
  }
  // The first lines were read before the rest was there.
  assert.deepEqual(seen.slice(0, 4), upTo(4))
  assert.equal(seen.length, 5)
})

test('the folder is not listed for each segment', async (t) => {
  const folder = scratch(t)
  const log = new LogWriter(join(folder, 'hive.jsonl'))
  for (let i = 0; i < 30; i++) {
    log.messages(1)
    log.rotate()
  }
  const { readdirSync } = fs
  let listings = 0
  t.after(() => {
    fs.readdirSync = readdirSync
    syncBuiltinESMExports()
  })
  fs.readdirSync = ((...args: Parameters<typeof readdirSync>) => {
    listings++
    return readdirSync(...args)
  }) as typeof readdirSync
  syncBuiltinESMExports()
  const listingsOf = async (read: () => Promise<unknown>): Promise<number> => {
    listings = 0
    await read()
    return listings
  }
  assert.ok((await listingsOf(() => collect(readLog(log.file)))) <= 2, 'readLog')
  assert.ok((await listingsOf(() => collect(followLog(log.file, { stopAtEnd: true })))) <= 4, 'followLog')
  assert.ok((await listingsOf(() => collect(tailLog(log.file, 1000)))) <= 2, 'tailLog')
  // It also looks for files that only look like segments, and for artifacts.
  assert.ok((await listingsOf(() => verifyLog(log.file))) <= 4, 'verifyLog')
  rmSync(log.file)
  assert.ok((await listingsOf(() => collect(readLog(log.file)))) <= 2, 'without a live file')
})
