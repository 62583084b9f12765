/** Of a damaged compressed segment, every reader gives all lines before the damage, and no two give other ones. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync, gzipSync, constants as zlib } from 'node:zlib'
import { pricer } from '../../src/analyse/cost/call-cost.js'
import { walk } from '../../src/analyse/side-index/walk.js'
import { newestStandings } from '../../src/decide/newest.js'
import { followLog } from '../../src/read/follow.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { logBatches, readLog } from '../../src/read/read.js'
import { tailLog } from '../../src/read/tail.js'
import { checkReceipts } from '../../src/verify/receipts.js'
import { verifyLog } from '../../src/verify/verify.js'
import { cases, isInTurn, seedOfRun } from '../kit/long-run.js'
import { collect, LogWriter, scratch } from '../kit/reader-log.js'

interface Made {
  file: string
  archived: string
  plain: Buffer
  compressed: Buffer
}

/** A log of one compressed segment and a few lines after it. */
function made(t: TestContext, lines: number): Made {
  process.env.XDG_STATE_HOME = scratch(t)
  const log = new LogWriter(join(scratch(t), 'hive.jsonl'))
  for (let i = 0; i < lines; i++) log.message(`${(i * 7919) % 10_007} ${Math.sin(i)}`)
  log.event('escalate', { from: 'a', to: 'human', subject: '?', id: 'last' })
  const archived = log.rotate({ gzip: true })
  log.messages(2)
  const compressed = readFileSync(archived)
  return { file: log.file, archived, plain: gunzipSync(compressed), compressed }
}

const flipped = (bytes: Buffer, at: number, bit: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ (1 << bit)
  return copy
}
/** What a part of it at the beginning holds: nothing of it may be lost. */
const within = (compressed: Buffer, to: number): Buffer =>
  gunzipSync(compressed.subarray(0, to), { finishFlush: zlib.Z_SYNC_FLUSH })
const linesIn = (bytes: Buffer): number => bytes.reduce((sum, byte) => sum + Number(byte === 10), 0)
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

/** What each way of reading gives of the archived segment: `seq` of its events, and whether it tells of damage. */
async function readings({
  file,
  archived,
}: Made): Promise<Record<string, { seqs: number[]; told: boolean }>> {
  const of = (items: readonly LogItem[]): { seqs: number[]; told: boolean } => {
    const own = items.filter((item) => item.file === archived)
    return {
      seqs: own.flatMap((item) => (isMalformed(item) ? [] : [item.seq])),
      told: own.some((item) => isMalformed(item) && /compressed data is damaged/.test(item.reason)),
    }
  }
  const select = { kinds: ['message', 'escalate', 'approval', 'log.open', 'log.seal'] }
  const selected = (index: boolean): Promise<LogItem[]> => collect(readLog(file, { select, index }))
  const followed: LogItem[] = []
  for await (const item of followLog(file)) {
    followed.push(item)
    if (item.file === file && !isMalformed(item) && item.event.kind === 'message') break
  }
  const scanned = await selected(false)
  await walk(file, { price: pricer(), index: true, spacing: 500, until: {} })
  return {
    read: of(await collect(readLog(file))),
    flat: of((await collect(logBatches(file, { flat: true }))).flat()),
    tail: of(await collect(tailLog(file, 1e6))),
    follow: of(followed),
    selected: of(scanned),
    indexed: of(await selected(true)),
  }
}

/** @returns `seq` of the segment's lines, which all of them agree on */
async function agreed(log: Made, isDamaged: boolean, what: string): Promise<number[]> {
  const { read, ...others } = await readings(log)
  assert.ok(read)
  assert.equal(read.told, isDamaged, what)
  for (const [name, other] of Object.entries(others)) assert.deepEqual(other, read, `${what}: ${name}`)
  const { files, findings } = await verifyLog(log.file)
  const [first] = files
  assert.equal(first?.lines, read.seqs.length, `${what}: verify`)
  if (isDamaged) {
    const at = findings.find(({ kind }) => kind === 'unreadable')
    assert.equal(at?.line, read.seqs.length + 1, what)
  }
  return read.seqs
}

const extra = '{"ts":1787386199999,"kind":"approval","id":"last","approve":false,"by":"eve"}\n'
/** What is done to the compressed bytes, and how many lines of how many are there then. */
const ENDS: Record<string, [change: (bytes: Buffer) => Buffer, isDamaged: boolean, more?: number]> = {
  nothing: [(bytes) => bytes, false],
  'garbage behind': [(bytes) => Buffer.concat([bytes, Buffer.from('garbage')]), true],
  'one byte behind': [(bytes) => Buffer.concat([bytes, Buffer.from('g')]), true],
  'half a member behind': [(bytes) => Buffer.concat([bytes, gzipSync('x').subarray(0, 9)]), true],
  'NUL bytes behind': [(bytes) => Buffer.concat([bytes, Buffer.alloc(512)]), false],
  'NUL bytes and a member behind': [
    (bytes) => Buffer.concat([bytes, Buffer.alloc(512), gzipSync(extra)]),
    true,
  ],
  'very many NUL bytes behind': [(bytes) => Buffer.concat([bytes, Buffer.alloc(70_000)]), true],
  'an empty member behind': [(bytes) => Buffer.concat([bytes, gzipSync('')]), false],
  'a second member': [(bytes) => Buffer.concat([bytes, gzipSync(extra)]), false, 1],
  'a wrong checksum': [(bytes) => flipped(bytes, bytes.length - 5, 0), true],
  'a wrong length': [(bytes) => flipped(bytes, bytes.length - 1, 3), true],
  'two bytes missing': [(bytes) => bytes.subarray(0, -2), true],
}

for (const lines of [2, 1_500]) {
  test(`the end of a segment of ${lines} lines is damaged: all of its lines are there`, async (t) => {
    const log = made(t, lines)
    const ends = Object.entries(ENDS).filter((_, i) => lines === 2 || isInTurn(i))
    for (const [what, [change, isDamaged, more = 0]] of ends) {
      writeFileSync(log.archived, change(log.compressed))
      const seqs = await agreed(log, isDamaged, what)
      assert.deepEqual(seqs, numbers(linesIn(log.plain) + more), what)
    }
  })
}

test('cut or changed anywhere: all lines before that are there', async (t) => {
  const log = made(t, 1_000)
  const { compressed } = log
  let state = seedOfRun()
  const dice = (): number => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  for (let i = 0; i < cases(40, 4); i++) {
    // Behind the header, so that a line is there, and before the trailer.
    const at = 300 + Math.floor(dice() * (compressed.length - 310))
    writeFileSync(log.archived, compressed.subarray(0, at))
    const cut = await readings(log)
    const there = numbers(linesIn(within(compressed, at)))
    for (const [name, reading] of Object.entries(cut)) {
      assert.deepEqual(reading, { seqs: there, told: true }, `cut at ${at}: ${name}`)
    }
    const noise = Buffer.from(compressed).fill(Buffer.from(numbers(97).map(() => dice() * 256)), at)
    for (const changed of [flipped(compressed, at, i % 8), noise]) {
      writeFileSync(log.archived, changed)
      const { selected, indexed, ...all } = await readings(log)
      for (const [name, reading] of Object.entries(all)) {
        assert.deepEqual(reading, all.read, `changed at ${at}: ${name}`)
      }
      // What was made of the changed bytes may have other kinds than are asked for.
      assert.deepEqual(indexed, selected, `changed at ${at}`)
      for (const reading of [all.read, selected]) {
        assert.deepEqual(reading?.seqs.slice(0, there.length), there, `changed at ${at}`)
        assert.equal(reading?.told, true)
      }
    }
  }
})

test('who decides what was asked before reads them too, and hears of the damage', (t) => {
  const log = made(t, 2)
  writeFileSync(log.archived, flipped(log.compressed, log.compressed.length - 5, 0))
  const faults: string[] = []
  const standings = newestStandings(log.file, (message) => faults.push(message))
  assert.equal(standings.of('last'), 'open')
  assert.equal(faults.length, 1)
  assert.match(faults[0] ?? '', /hive\.000000000001\.jsonl\.gz: its compressed data is damaged/)
})

test('receipts are compared with the lines that are there', async (t) => {
  const log = made(t, 2)
  writeFileSync(log.archived, Buffer.concat([log.compressed, Buffer.from('garbage')]))
  const { log: id } = await verifyLog(log.file)
  const receipt = (bytes: number): string => {
    const sha256 = createHash('sha256').update(log.plain.subarray(0, bytes)).digest('hex')
    return `${JSON.stringify({ ts: 1, log: id, segment: 1, bytes, sha256, seq: 5, sig: 'x' })}\n`
  }
  assert.deepEqual((await checkReceipts(log.file, receipt(log.plain.length), id, undefined)).findings, [])
})
