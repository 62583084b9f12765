/** The side index is a short cut and nothing else: the answer with it is the answer without it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { Pricer } from '../../src/analyse/cost/call-cost.js'
import { replay } from '../../src/analyse/replay.js'
import { walk } from '../../src/analyse/side-index/walk.js'
import { StateReducer } from '../../src/analyse/state/reducer.js'
import type { HiveState } from '../../src/model/state.js'
import { isMalformed, readLog } from '../../src/read.js'
import { cases, isInTurn, seedOfRun } from '../kit/long-run.js'
import { MAIN } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

// The key of the index is the user's own; the tests leave it alone.
const stateHome = mkdtempSync(join(tmpdir(), 'hivelog-state-'))
process.env.XDG_STATE_HOME = stateHome
after(() => rmSync(stateHome, { recursive: true, force: true }))

/** Bytes between two states: small, so that small logs have many. */
const indexSpacing = 512

/** The state by plain walking, with nothing of the index's code. */
async function walked(
  file: string,
  at = Number.POSITIVE_INFINITY,
  time = Number.POSITIVE_INFINITY,
): Promise<HiveState> {
  const reducer = new StateReducer()
  for await (const item of readLog(file)) {
    if (isMalformed(item)) reducer.malformed()
    else if (item.seq > at || item.event.ts > time) break
    else reducer.apply(item.event, item.seq)
  }
  return reducer.state()
}

async function assertSame(file: string, at?: number, time?: number): Promise<void> {
  const options = { ...(at !== undefined && { at }), ...(time !== undefined && { time }) }
  const expected = await walked(file, at, time)
  assert.deepEqual(await replay(file, { ...options, indexSpacing }), expected, `at ${at}, time ${time}`)
  assert.deepEqual(await replay(file, { ...options, index: false }), expected)
}

/** A life of a few agents in `count` events. */
function live(log: LogWriter, count: number): LogWriter {
  const from = log.seq
  for (let i = from; i < from + count; i++) {
    const agentId = `agent-${i % 5}`
    if (i < 5 || i % 37 === 0) log.event('spawn', { agentId, name: `Agent ${i}`, isGod: i % 5 === 0 })
    else if (i % 3 === 0) log.event('drain', { agentId, count: i % 4 })
    else if (i % 7 === 0)
      log.event('escalate', { from: agentId, to: 'human', subject: `May I, ${i}?`, id: `e-${i}` })
    else if (i % 11 === 0) log.event('approval', { id: `e-${i - 4}`, approve: i % 2 === 0 })
    else if (i % 13 === 0) log.event('exit', { agentId, status: 'ok' })
    else if (i % 5 === 0) log.event('usage', { agentId, inputTokens: i, outputTokens: 1, costUsd: i / 1000 })
    else
      log.event('message', {
        from: agentId,
        to: `agent-${(i * 7) % 6}`,
        act: 'inform',
        subject: 's',
        id: `m-${i}`,
      })
  }
  return log
}

const indexFiles = (file: string): string[] => readdirSync(`${file}.index`).sort()

test('at any event and any time, over rotated, gzipped and malformed lines', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = live(new LogWriter(file), 60)
  log.rotate()
  live(log, 50).raw('no event\n').crash()
  live(log, 20).rotate({ gzip: true })
  live(log, 40).rotate()
  live(log, 30).raw('{"ts":17873861812')
  await assertSame(file)
  const { ts = 0 } = await walked(file)
  for (let seq = 0; seq <= log.seq + 2; seq++) if (isInTurn(seq)) await assertSame(file, seq)
  for (let n = 0, time = ts - log.seq - 3; time <= ts + 2; n++, time += 7)
    if (isInTurn(n)) await assertSame(file, undefined, time)
  assert.deepEqual(indexFiles(file).length, 4)
})

test('the index grows with the log', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
  for (let round = 0; round < 12; round++) {
    live(log, 25)
    if (round % 4 === 3) log.rotate({ gzip: round === 7 })
    await assertSame(file)
    await assertSame(file, Math.floor(log.seq / 2))
  }
})

test('a segment that is compressed later keeps its index', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = live(new LogWriter(file), 80)
  const archived = log.rotate()
  live(log, 30)
  await assertSame(file)
  const [index = ''] = indexFiles(file)
  const before = statSync(join(`${file}.index`, index)).ino
  writeFileSync(`${archived}.gz`, gzipSync(readFileSync(archived)))
  rmSync(archived)
  await assertSame(file, 50)
  await assertSame(file)
  assert.equal(statSync(join(`${file}.index`, index)).ino, before, 'it was not made anew')
})

test('random histories: by index equals by walking', async (t) => {
  const folder = scratch(t)
  let run = 0
  const step = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({ do: fc.constant('live' as const), count: fc.integer({ min: 1, max: 30 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('rotate' as const), gzip: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('raw' as const), text: fc.string() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('ask' as const), at: fc.nat(400) }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.array(fc.nat(400), { maxLength: 4 }),
      async (steps, ats) => {
        const file = join(folder, `run-${run++}.jsonl`)
        const log = new LogWriter(file)
        for (const each of steps) {
          if (each.do === 'live') live(log, each.count)
          else if (each.do === 'rotate') log.rotate({ gzip: each.gzip })
          else if (each.do === 'crash') log.crash()
          else if (each.do === 'raw') log.raw(`${each.text}\n`)
          else await assertSame(file, each.at)
        }
        for (const at of ats) await assertSame(file, at)
        await assertSame(file)
      },
    ),
    { numRuns: cases(60, 10), seed: seedOfRun() },
  )
})

test('whatever bytes the index holds, the answer is the log’s', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = live(new LogWriter(file), 120)
  log.rotate()
  live(log, 60)
  await assertSame(file)
  const paths = indexFiles(file).map((name) => join(`${file}.index`, name))
  const sound = paths.map((path) => readFileSync(path))
  const damage = fc.record({
    which: fc.nat(paths.length - 1),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    how: fc.constantFrom('flip' as const, 'cut' as const, 'grow' as const, 'zero' as const),
  })
  await fc.assert(
    fc.asyncProperty(damage, fc.nat(200), async ({ which, at, how }, seq) => {
      for (const [i, path] of paths.entries()) writeFileSync(path, sound[i] as Buffer)
      const bytes = Buffer.from(sound[which] as Buffer)
      const place = Math.min(bytes.length - 1, Math.floor(at * bytes.length))
      if (how === 'flip') bytes[place] = (bytes[place] as number) ^ 0x55
      const damaged =
        how === 'cut' ? bytes.subarray(0, place) : how === 'grow' ? Buffer.concat([bytes, bytes]) : bytes
      writeFileSync(paths[which] as string, how === 'zero' ? Buffer.alloc(place) : damaged)
      await assertSame(file, seq)
      await assertSame(file)
    }),
    { numRuns: cases(120, 16), seed: seedOfRun() },
  )
})

test('a log that was replaced, edited or cut is read anew', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  live(new LogWriter(file), 100)
  await assertSame(file)
  const text = readFileSync(file, 'utf8')

  writeFileSync(file, text.replace('"name":"Agent 2"', '"name":"Agent X"'))
  await assertSame(file)
  assert.ok((await replay(file, { at: 12 })).agents.some(({ name }) => name === 'Agent X'))

  writeFileSync(file, `${text.split('\n').slice(0, 50).join('\n')}\n`)
  await assertSame(file)
  await assertSame(file, 30)

  rmSync(file)
  const other = new LogWriter(file)
  other.event('spawn', { agentId: 'other', name: 'Other', isGod: true })
  live(other, 200)
  await assertSame(file)
  assert.equal((await replay(file)).agents[0]?.agentId, 'other')
})

test('an archived segment that was edited is read anew, and all that follow', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = live(new LogWriter(file), 60)
  const archived = log.rotate()
  live(log, 60).rotate()
  live(log, 20)
  await assertSame(file)
  const text = readFileSync(archived, 'utf8')
  writeFileSync(archived, text.replace('"name":"Agent 1"', '"name":"Agent Y"'))
  utimesSync(archived, new Date(), new Date(Date.now() + 5000))
  await assertSame(file)
  assert.ok((await replay(file, { at: 12 })).agents.some(({ name }) => name === 'Agent Y'))
})

test('where the index cannot be written the answer is the same', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  live(new LogWriter(file), 200)
  writeFileSync(`${file}.index`, 'in the way')
  await assertSame(file)
  assert.equal(readFileSync(`${file}.index`, 'utf8'), 'in the way')
})

test('an index that must not be read or replaced is left alone', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  live(new LogWriter(file), 200)
  await replay(file, { indexSpacing })
  const [name = ''] = indexFiles(file)
  rmSync(join(`${file}.index`, name))
  mkdirSync(join(`${file}.index`, name))
  await assertSame(file)
})

test('only its owner can read it, and no drafts are left', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  live(new LogWriter(file), 200)
  await replay(file, { indexSpacing })
  const names = indexFiles(file)
  assert.deepEqual(names, ['000000000001.idx'])
  assert.equal(statSync(`${file}.index`).mode & 0o777, 0o700)
  assert.equal(statSync(join(`${file}.index`, names[0] as string)).mode & 0o777, 0o600)
})

test('drafts of those who were killed are cleared away', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  live(new LogWriter(file), 200)
  mkdirSync(`${file}.index`)
  const draft = join(`${file}.index`, '000000000001.idx.0badcafe.tmp')
  const young = join(`${file}.index`, '000000000001.idx.0badbabe.tmp')
  writeFileSync(draft, 'half')
  writeFileSync(young, 'being written')
  const hourAgo = new Date(Date.now() - 2 * 3_600_000)
  utimesSync(draft, hourAgo, hourAgo)
  await replay(file, { indexSpacing })
  assert.ok(!existsSync(draft))
  assert.ok(existsSync(young), 'somebody may be at it')
})

test('an index whose sums were made by other prices is made anew', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
  for (let i = 0; i < 40; i++) log.event('usage', { agentId: 'a', inputTokens: 100, outputTokens: 1 })
  const priced = (usd: number, version: string): Pricer =>
    Object.assign(() => usd, { version }) as unknown as Pricer
  const cost = async (usd: number, version: string): Promise<number> => {
    const { reducer } = await walk(file, {
      price: priced(usd, version),
      index: true,
      spacing: 512,
      until: {},
    })
    return reducer.state().usage.costUsd
  }
  assert.equal(await cost(2, 'list 1'), 80)
  assert.ok((await cost(3, 'list 1')) < 100, 'the index answers but for its end')
  assert.equal(await cost(3, 'list 2'), 120)
})

test('a small log gets none', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  live(new LogWriter(file), 200)
  await replay(file)
  assert.ok(!existsSync(`${file}.index`))
})

test('builders at the same time do each other no harm', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = live(new LogWriter(file), 300)
  log.rotate()
  live(log, 100)
  const expected = await walked(file)
  const states = await Promise.all(Array.from({ length: 8 }, () => replay(file, { indexSpacing })))
  for (const state of states) assert.deepEqual(state, expected)
  await assertSame(file, 77)
})

test('a log without seq, and an archived segment alone', async (t) => {
  const folder = scratch(t)
  const log = live(new LogWriter(join(folder, 'hive.jsonl')), 150)
  const archived = log.rotate()
  await assertSame(archived)
  await assertSame(archived, 70)
  const foreign = join(folder, 'foreign.jsonl')
  writeFileSync(foreign, readFileSync(archived, 'utf8').replace(/,"seq":\d+.*?\}\n/g, '}\n'))
  await assertSame(foreign)
  for (const at of [1, 40, 77, 151]) await assertSame(foreign, at)
  appendFileSync(
    foreign,
    '{"ts":1787386200000,"kind":"spawn","agentId":"late","name":"Late","isGod":false}\n',
  )
  await assertSame(foreign)
  copyFileSync(archived, foreign)
  await assertSame(foreign)
})

test('a process that may not write there answers too', {
  skip: process.getuid?.() === 0 && !hasSetpriv(),
}, async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file)
  live(log, 6000)
  chmodSync(folder, 0o755)
  chmodSync(file, 0o644)
  const asNobody =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []
  const [command = '', ...args] = [...asNobody, process.execPath, MAIN, 'state', '--json', file]
  const run = spawnSync(command, args, { encoding: 'utf8' })
  if (run.status === null || /Permission denied/.test(run.stderr)) {
    t.skip('another user cannot run the build here')
    return
  }
  assert.deepEqual([run.status, run.stderr], [0, ''])
  assert.equal(JSON.parse(run.stdout).seq, log.seq)
  assert.ok(!existsSync(`${file}.index`))
})

function hasSetpriv(): boolean {
  return spawnSync('setpriv', ['--version']).status === 0
}
