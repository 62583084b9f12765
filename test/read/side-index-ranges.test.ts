/** With the side index, a selection gives what it gives without, and what it does not need is not even read. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { auditTrail } from '../../src/analyse/audit.js'
import { pricer } from '../../src/analyse/cost/call-cost.js'
import { walk } from '../../src/analyse/side-index/walk.js'
import { decodeLine } from '../../src/format/decode.js'
import { hiveBatches } from '../../src/read/hive.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { type Selection, Selector } from '../../src/read/select.js'
import { SelectingReader, timesOfLines } from '../../src/read/selecting-reader.js'
import { lines, selections } from '../kit/any-lines.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { collect, FIRST_TS, LogWriter, scratch } from '../kit/reader-log.js'
import { withoutRanges } from '../kit/side-index.js'

/** A state home of the test's own; and time passes, so that the times of files tell whether they are the same. */
function home(t: TestContext): string {
  const folder = scratch(t)
  process.env.XDG_STATE_HOME = folder
  const now = Date.now
  t.mock.method(Date, 'now', () => now() + 10_000)
  return folder
}

const price = pricer()
const index = (file: string, spacing: number, seq?: number): Promise<unknown> =>
  walk(file, { price, index: true, spacing, until: seq === undefined ? {} : { seq } })

/** Bytes that are read to find the number of a segment's first line. */
const FIRST_LINE = 64 * 1024

/** Counts the bytes that are read through file handles, but for those that only tell which segment a file is. */
async function counter(t: TestContext): Promise<() => number> {
  const handle = await open(process.execPath)
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const { read } = prototype
  let sum = 0
  t.mock.method(prototype, 'read', async function (this: FileHandle, ...args: Parameters<typeof read>) {
    const result = await read.apply(this, args)
    if ((args as unknown[])[2] !== FIRST_LINE) sum += (result as { bytesRead: number }).bytesRead
    return result
  })
  return () => {
    const counted = sum
    sum = 0
    return counted
  }
}

/** Of the log's own kinds; no `seq` where `seq` is 0. */
const own = fc
  .tuple(fc.constantFrom('log.open', 'log.seal', 'log.changed', 'log.torn'), fc.nat(60), fc.nat(30))
  .map(([kind, ts, seq]) => Buffer.from(JSON.stringify({ ts, kind, reason: 'x', ...(seq > 0 && { seq }) })))
/** Many of one kind and time: ranges that can be passed over. */
const dull = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.nat(40), fc.constantFrom('message', 'usage', 'tool'))
  .map(([count, ts, kind]) =>
    Array.from({ length: count }, (_, i) =>
      Buffer.from(JSON.stringify({ ts: ts + (i % 3), kind, from: 'a', seq: 40 + i })),
    ),
  )
const part = fc.oneof(
  { weight: 2, arbitrary: lines },
  { weight: 3, arbitrary: dull },
  fc.array(own, { maxLength: 3 }),
)
const segment = fc.record({
  parts: fc.array(part, { maxLength: 9 }),
  isEnded: fc.boolean(),
  isCompressed: fc.boolean(),
  isCut: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
  /** Lines of the segment that are not there when the index is made first. */
  later: fc.constantFrom(0, 0, 0, 0.5),
})
const log = fc.record({
  segments: fc.array(segment, { minLength: 1, maxLength: 3 }),
  /** Last `seq` of which the index knows. */
  upTo: fc.oneof(fc.constant(undefined), fc.nat(60)),
})
type Log = typeof log extends fc.Arbitrary<infer L> ? L : never

/**
 * Of a chunk that is no text, all lines are parsed, and damage is seen that is passed over elsewhere. What is read at
 * once differs with the index, so a log has only one of both.
 */
function withoutChance(given: readonly Buffer[]): Buffer[] {
  const isText = (line: Buffer): boolean => Buffer.from(line.toString()).equals(line)
  if (given.every(isText)) return [...given]
  return given.filter((line) => !isText(line) || 'event' in decodeLine(line) || !line.includes('{"ts":'))
}

async function write(file: string, { segments, upTo }: Log, spacing: number): Promise<void> {
  mkdirSync(dirname(file), { recursive: true })
  const clean = withoutChance(segments.flatMap(({ parts }) => parts.flat()))
  const isIn = new Set(clean)
  const later: (() => void)[] = []
  for (const [i, { parts, isEnded, isCompressed, isCut, later: share }] of segments.entries()) {
    const given = parts.flat().filter((line) => isIn.has(line))
    const bytes = Buffer.concat(given.map((line) => Buffer.concat([line, Buffer.from('\n')])))
    const text = isEnded ? bytes : bytes.subarray(0, Math.max(0, bytes.length - 1))
    if (i === segments.length - 1) {
      const cut = Math.floor(text.length * share)
      writeFileSync(file, text.subarray(0, text.length - cut))
      if (cut > 0) later.push(() => appendFileSync(file, text.subarray(text.length - cut)))
      continue
    }
    const path = file.replace(/\.jsonl$/, `.${String(1 + 100 * i).padStart(12, '0')}.jsonl`)
    const packed = gzipSync(text)
    if (isCompressed) writeFileSync(`${path}.gz`, isCut ? packed.subarray(0, packed.length - 9) : packed)
    else writeFileSync(path, text)
  }
  await index(file, spacing, upTo)
  if (later.length === 0) return
  // It grew: the index is extended, or told to be of another file.
  for (const act of later) act()
  if (upTo === undefined) await index(file, spacing)
}

const shown = (items: readonly LogItem[]): object[] =>
  items.map((item) => ({ ...item, time: isMalformed(item) ? timesOfLines.get(item) : undefined }))

async function read(file: string, select: Selection, isIndexed: boolean): Promise<object> {
  const passed = { lines: 0, unparsed: 0 }
  const items: LogItem[] = []
  for await (const batch of hiveBatches(file, { select, passed, text: true, index: isIndexed }))
    items.push(...batch)
  const { since, until } = select
  const times = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
  const within: LogItem[] = []
  for await (const batch of hiveBatches(file, { ...times, index: isIndexed })) within.push(...batch)
  const later = await collect(readLog(file, { select, from: 50, index: isIndexed }))
  return { items: shown(items), lines: passed.lines, within: shown(within), later: shown(later) }
}

const RUNS = cases(150, 16)

test('any logs, any selection: the same lines at the same places', async (t) => {
  home(t)
  const read_ = await counter(t)
  const folder = scratch(t)
  let runs = 0
  let saved = 0
  await fc.assert(
    fc.asyncProperty(
      log,
      fc.array(log, { maxLength: 2 }),
      fc.array(selections, { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 400 }),
      async (main, children, wanted, spacing) => {
        const file = join(folder, String(++runs), 'hive.jsonl')
        await write(file, main, spacing)
        for (const [i, child] of children.entries())
          await write(join(`${file}.agents`, `c${i}.jsonl`), child, spacing)
        for (const select of [...wanted, { kinds: ['escalate', 'log.*'], last: true }]) {
          read_()
          const expected = await read(file, select, false)
          const without = read_()
          assert.deepEqual(await read(file, select, true), expected)
          saved += without > read_() ? 1 : 0
        }
        rmSync(dirname(file), { recursive: true })
      },
    ),
    { numRuns: RUNS, seed: seedOfRun() },
  )
  assert.ok(saved > RUNS * 1.25, `only ${saved} selections were spared any bytes`)
})

/** Three segments, the first compressed, with one escalation in the middle of the live one. */
function writeRare(t: TestContext): { file: string; archived: string; log: LogWriter } {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(2000)
  const archived = log.rotate({ gzip: true })
  log.messages(2000).rotate()
  log.messages(3000)
  log.event('escalate', { from: 'coder', to: 'human', subject: 'May I?', id: 'e-1' })
  log.messages(3000)
  return { file, archived, log }
}

const kinds = async (file: string, select: Selection, isIndexed = true): Promise<string[]> =>
  (await collect(readLog(file, { select, index: isIndexed }))).map((item) =>
    isMalformed(item) ? item.reason : item.event.kind,
  )
const RARE: Selection = { kinds: ['escalate'] }
const SPACING = 64 * 1024

test('only the part of the log is read that may hold what is asked for', async (t) => {
  home(t)
  const { file, archived, log } = writeRare(t)
  const bytes = await counter(t)
  await index(file, SPACING)
  bytes()
  assert.deepEqual(await kinds(file, RARE, false), ['escalate'])
  const all = bytes()
  assert.deepEqual(await kinds(file, RARE), ['escalate'])
  const few = bytes()
  // The range itself, and of each segment how it begins.
  assert.ok(few < SPACING * 4, `${few} of ${all} bytes`)
  assert.ok(all > SPACING * 15, `${few} of ${all} bytes`)

  const at = FIRST_TS + log.seq - 10
  assert.equal((await kinds(file, { since: at })).length, 11)
  assert.ok(bytes() < SPACING * 4)
  // Compressed: up to there only, or not at all.
  const { size } = statSync(archived)
  assert.equal((await kinds(file, { since: FIRST_TS + 100, until: FIRST_TS + 100 })).length, 1)
  assert.ok(bytes() < SPACING * 4 + size)

  const { escalations } = await auditTrail(file)
  assert.equal(escalations, 1)
  assert.ok(bytes() < SPACING * 4, 'the log is asked for its own lines and the last ones, too')
})

test('a segment that ends with an event: that is at hand, or read where it is long', async (t) => {
  home(t)
  const bytes = await counter(t)
  for (const isLong of [false, true]) {
    const file = join(scratch(t), 'hive.jsonl')
    const log = new LogWriter(file).messages(500).message(isLong ? 'x'.repeat(5000) : 'x')
    const name = 'hive.000000000001.jsonl'
    writeFileSync(join(dirname(file), `${name}.gz`), gzipSync(readFileSync(file)))
    rmSync(file)
    log.open({ file: name, sha256: 'x' })
    await index(file, 4096)
    for (const last of [false, true]) {
      const select = { ...RARE, last }
      const expected = await collect(readLog(file, { select, index: false }))
      assert.equal(expected.length, last ? 2 : 0, 'nothing speaks of a broken chain')
      bytes()
      assert.deepEqual(await collect(readLog(file, { select })), expected)
      const live = readFileSync(file).length
      assert.equal(bytes() > live, isLong && last, 'the archived segment was read')
    }
  }
})

test('what a segment begins with is judged as a whole, wherever a part ends', async (t) => {
  home(t)
  const file = join(scratch(t), 'hive.jsonl')
  const line = (ts: number, kind: string, text: string): string => `${JSON.stringify({ ts, kind, text })}\n`
  const opening = line(1, 'log.open', 'x'.repeat(3000)) + line(100, 'log.changed', 'x'.repeat(3000))
  writeFileSync(file, opening + line(100, 'message', 'x'.repeat(3000)) + line(1, 'message', ''))
  await index(file, 1)
  for (const select of [{ until: 50 }, { since: 50 }, { since: 200 }]) {
    const expected = await collect(readLog(file, { select, index: false }))
    assert.ok(expected.some((item) => isMalformed(item) && item.broken))
    assert.deepEqual(await collect(readLog(file, { select })), expected)
  }
})

test('a line that is no event has the time of the event before it, also of one that was not read', async (t) => {
  home(t)
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(100).raw('torn\n').messages(100)
  await index(file, 1)
  const bytes = await counter(t)
  for (const [from, expected] of [
    [99, ['torn']],
    [100, ['torn']],
    [101, ['torn']],
    [102, []],
    [103, []],
  ] as const) {
    const given: string[] = []
    const since = FIRST_TS + from
    for await (const items of hiveBatches(file, { since })) {
      given.push(...items.flatMap((item) => (isMalformed(item) ? [item.malformed] : [])))
    }
    assert.deepEqual(given, expected, `since ${from}`)
  }
  assert.ok(bytes() < 5 * readFileSync(file).length, 'parts were passed over')

  const start = { offset: 0, line: 0, count: 0 }
  const reader = new SelectingReader('f', start, {}, new Selector({ since: 50 }))
  const times = { least: 3, greatest: 9, last: 7 }
  reader.pass({ bytes: 60, lines: 2, seq: 4, isOdd: false, kinds: ['message'], kept: [], ...times })
  const [torn] = reader.push(Buffer.from('torn\n'))
  assert.deepEqual(torn && isMalformed(torn) && timesOfLines.get(torn), { ts: 7, latest: 9 })
  assert.deepEqual([torn?.offset, torn?.line, reader.count, reader.lastSeq], [60, 3, 3, 4])
})

test('what progress is told adds up to all bytes', async (t) => {
  home(t)
  const { file } = writeRare(t)
  await index(file, SPACING)
  const told: { read: number; total: number }[] = []
  const onProgress = (read: number, total: number): void => void told.push({ read, total })
  await collect(hiveBatches(file, { select: RARE, onProgress }))
  assert.equal(told.at(-1)?.read, told.at(-1)?.total)
})

test('an index that says something else of the log is believed only with the key of the user', async (t) => {
  const state = home(t)
  const { file } = writeRare(t)
  await index(file, SPACING)
  const folder = `${file}.index`
  const key = readFileSync(join(state, 'hivelog', 'index.key'))
  const forge = (by: Buffer | string): void => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name)
      const mac = (magic: string, directory: Buffer): string =>
        createHmac('sha256', by).update(magic).update(directory).digest('hex')
      writeFileSync(path, withoutRanges(readFileSync(path), mac))
    }
  }
  for (const by of ['', 'x'.repeat(32), Buffer.alloc(32)]) {
    forge(by)
    assert.deepEqual(await kinds(file, RARE), ['escalate'])
  }
  forge(key)
  assert.deepEqual(await kinds(file, RARE), [], 'the forgery is one')
  assert.deepEqual(await kinds(file, RARE, false), ['escalate'])
  chmodSync(folder, 0o777)
  assert.deepEqual(await kinds(file, RARE), ['escalate'], 'others could write there')
  chmodSync(folder, 0o700)
  assert.deepEqual(await kinds(file, RARE), [])
  process.env.XDG_STATE_HOME = scratch(t)
  assert.deepEqual(await kinds(file, RARE), ['escalate'], 'without a key, there is no index')
})

test('an index of other bytes is not used, nor one that is damaged', async (t) => {
  home(t)
  const { file } = writeRare(t)
  const all = readFileSync(file)
  await index(file, SPACING)
  const folder = `${file}.index`
  const path = join(folder, readdirSync(folder).sort().at(-1) as string)
  const sound = readFileSync(path)
  const bytes = await counter(t)
  const readAll = async (): Promise<boolean> => {
    bytes()
    assert.deepEqual(await kinds(file, { kinds: ['escalate', 'exit'] }), given)
    return bytes() >= all.length
  }
  let given = ['escalate']
  assert.equal(await readAll(), false)
  // One bit in each part of the file.
  let used = 0
  for (let at = 5; at < sound.length; at += Math.floor(sound.length / 40)) {
    const damaged = Buffer.from(sound)
    damaged[at] = (damaged[at] as number) ^ 1
    writeFileSync(path, damaged)
    if (!(await readAll())) used++
  }
  const { ranges, end } = partsOf(sound)
  for (const at of [ranges, end - 10, end + 30, sound.length - 3]) {
    const damaged = Buffer.from(sound)
    damaged[at] = (damaged[at] as number) ^ 1
    writeFileSync(path, damaged)
    assert.equal(await readAll(), true, `byte ${at} of ${sound.length}`)
  }
  assert.ok(used < 40)
  writeFileSync(path, sound)
  assert.equal(await readAll(), false)
  // The same length, and at the end a line of a kind that was not there.
  const changed = Buffer.from(all.toString().replace('"kind":"escalate"', '"kind":"exit"    '))
  given = ['exit']
  writeFileSync(file, changed)
  assert.equal(await readAll(), true)
  await index(file, SPACING)
  assert.equal(await readAll(), false, 'it was made anew')
})

/** Where in an index file its ranges begin, and where the directory ends. */
function partsOf(bytes: Buffer): { ranges: number; end: number } {
  const end = bytes.lastIndexOf('hivelog-index') - 84
  const at = Number.parseInt(bytes.toString('latin1', end, end + 12), 16)
  return { ranges: JSON.parse(bytes.toString('utf8', at, end)).ranges.at, end }
}
