import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf, MAIN } from '../kit/reader-cli.js'
import { FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

function small(folder: string): LogWriter {
  return new LogWriter(join(folder, 'hive.jsonl'))
    .event('spawn', { agentId: 'lead', name: 'Lead', isGod: true })
    .event('spawn', { agentId: 'coder', name: 'Coder', isGod: false, parent: 'lead' })
    .event('message', { from: 'lead', to: 'coder', act: 'request', subject: 'Need the schema', id: 'm-1' })
    .event('escalate', { from: 'coder', to: 'human', subject: 'Drop the users table?', id: 'e-1' })
    .event('usage', { agentId: 'coder', model: 'm', inputTokens: 1200, outputTokens: 300, costUsd: 0.01 })
    .event('approval', { id: 'e-1', approve: false, by: 'ana' })
    .event('exit', { agentId: 'coder', status: 'ok' })
}

test('state: who exists, what waits, what is pending, what it cost', async (t) => {
  const cwd = scratch(t)
  small(cwd)
  const { code, stdout, stderr } = await hivelog(['state', '--at', '6'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(
    stdout,
    `state    after seq 6 of hive.jsonl, 2026-08-22 08:09:41.200
so far   5 events, 1 message in 5 ms
writer   test/1, pid 1 on h, since 2026-08-22 08:09:41.195
models   1 call, 1,200 tokens in, 300 out, $0.0100

▲ 1 escalation pending with the human
  seq 5  coder  e-1  for 1 ms  "Drop the users table?"

agent  name        status  parent  since     events  inbox  tokens     cost
lead   Lead (god)  alive           08:09:41       2      0
coder  Coder       alive   lead    08:09:41       3      1   1,500  $0.0100

inbox of  newest message                  waiting
coder     lead request "Need the schema"        1
`,
  )
  const end = (await hivelog(['state'], { cwd })).stdout
  assert.match(end, /^pending {2}nothing with the human$/m)
  assert.match(end, /^coder {2}Coder {7}ok /m)
  assert.match((await hivelog(['state', '--at', '99'], { cwd })).stdout, /^note: the log ends at seq 8$/m)
  assert.equal((await hivelog(['state', '--at', '0'], { cwd })).stdout, 'hive.jsonl: no event yet\n')
})

test('state --json has all of it', async (t) => {
  const cwd = scratch(t)
  small(cwd)
  const state = JSON.parse((await hivelog(['state', '--json', '--at', '6'], { cwd })).stdout)
  const usage = {
    calls: 1,
    inputTokens: 1200,
    outputTokens: 300,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    costUsd: 0.01,
    unpriced: 0,
  }
  const life = { status: 'alive', lives: 1, session: 's-1' }
  assert.deepEqual(state, {
    file: 'hive.jsonl',
    seq: 6,
    ts: FIRST_TS + 6,
    firstTs: FIRST_TS + 1,
    events: 5,
    messages: 1,
    malformed: 0,
    lost: 0,
    writer: { writer: 'test/1', pid: 1, host: 'h', session: 's-1', segment: 1, since: FIRST_TS + 1 },
    agents: [
      {
        ...{ agentId: 'lead', name: 'Lead', isGod: true, ...life, since: FIRST_TS + 2, sinceSeq: 2 },
        ...{ spawnSeq: 2, spawnTs: FIRST_TS + 2, events: 2, lastSeq: 4, lastTs: FIRST_TS + 4 },
      },
      {
        ...{
          agentId: 'coder',
          name: 'Coder',
          isGod: false,
          ...life,
          since: FIRST_TS + 3,
          sinceSeq: 3,
          parent: 'lead',
        },
        ...{ spawnSeq: 3, spawnTs: FIRST_TS + 3, events: 3, lastSeq: 6, lastTs: FIRST_TS + 6, usage },
      },
    ],
    inboxes: [
      {
        recipient: 'coder',
        waiting: 1,
        messages: [
          { seq: 4, ts: FIRST_TS + 4, id: 'm-1', from: 'lead', act: 'request', subject: 'Need the schema' },
        ],
      },
    ],
    pending: [
      { id: 'e-1', seq: 5, ts: FIRST_TS + 5, from: 'coder', to: 'human', subject: 'Drop the users table?' },
    ],
    usage,
    unlisted: { endedAgents: 0, pending: 0, messages: 0 },
  })
})

test('state --time: just before the first event that is later', async (t) => {
  const cwd = scratch(t)
  small(cwd)
  const at = async (time: string): Promise<number> =>
    JSON.parse((await hivelog(['state', '--json', '--time', time], { cwd })).stdout).seq
  assert.equal(await at(String(FIRST_TS + 5)), 5)
  assert.equal(await at('2026-08-22T08:09:41.200'), 6)
  assert.equal(await at('2026-08-22T10:09:41.200+02:00'), 6)
  assert.equal(await at('2026-08-22 08:09:42'), 8)
  const early = await hivelog(['state', '--time', '2026-08-21'], { cwd })
  assert.deepEqual([early.code, early.stdout], [0, 'hive.jsonl: no event yet\n'])
  assert.match(
    early.stderr,
    /--time 2026-08-21 00:00:00.000 is before the first event of the log, which goes from/,
  )
  assert.equal(await at('08:09:41'), 0, 'a time of day is that of the log')
})

test('standard input, and a log without seq', async (t) => {
  const cwd = scratch(t)
  small(cwd)
  writeFileSync(join(cwd, 'foreign.jsonl'), FOREIGN)
  const fromFile = (await hivelog(['state', '--json'], { cwd })).stdout
  const fromInput = (
    await hivelog(['state', '--json', '-'], {
      cwd,
      input: readFileSync(join(cwd, 'hive.jsonl'), 'utf8'),
    })
  ).stdout
  assert.deepEqual({ ...JSON.parse(fromInput), file: 'hive.jsonl' }, JSON.parse(fromFile))
  const foreign = (await hivelog(['state', 'foreign.jsonl'], { cwd })).stdout
  assert.match(foreign, /^god {4}Nitya \(god\) {2}archived /m)
  assert.match(foreign, /^god {7}scheduler request "Standup" +1$/m)
})

test('a big log gets its index by the way; --no-index leaves none', async (t) => {
  const cwd = scratch(t)
  const log = small(cwd)
  for (let i = 0; i < 8; i++) log.messages(2000)
  const plain = (await hivelog(['state', '--json', '--no-index', '--at', '9000'], { cwd })).stdout
  assert.ok(!existsSync(join(cwd, 'hive.jsonl.index')))
  assert.equal((await hivelog(['state', '--json', '--at', '9000'], { cwd })).stdout, plain)
  assert.ok(existsSync(join(cwd, 'hive.jsonl.index')))
  assert.equal((await hivelog(['state', '--json', '--at', '9000'], { cwd })).stdout, plain)
})

test('replay: events with what they change', async (t) => {
  const cwd = scratch(t)
  small(cwd)
  const { code, stdout, stderr } = await hivelog(['replay', '--speed', '0', '--from', '4'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  const lines = linesOf(stdout).map((line) => line.replace(/^2026-08-22 08:09:41\.\d{3}/, ''))
  assert.deepEqual(lines, [
    '   message   lead → coder  request  "Need the schema"',
    '  ↳ inbox of coder 0 → 1',
    ' ▲ escalate  coder → human  e-1  "Drop the users table?"',
    '  ↳ pending 0 → 1',
    '   usage     coder  m  1,200 in  300 out  $0.0100',
    '  ↳ so far 1,500 tokens, $0.0100',
    ' ✘ approval  rejected  e-1  by ana',
    '  ↳ pending 1 → 0',
    '   exit      coder  ok',
    '  ↳ coder alive → ok',
  ])
})

test('replay: a part of it, of one agent, as JSON', async (t) => {
  const cwd = scratch(t)
  small(cwd)
  const run = async (...args: string[]): Promise<number[]> =>
    linesOf((await hivelog(['replay', '--speed', '0', '--json', ...args], { cwd })).stdout).map(
      (line) => JSON.parse(line).seq,
    )
  assert.deepEqual(await run(), [1, 2, 3, 4, 5, 6, 7, 8])
  assert.deepEqual(await run('--from', '3', '--to', '5'), [3, 4, 5])
  assert.deepEqual(await run('--agent', 'lead'), [2, 4])
  assert.deepEqual(await run('--kind', 'escalate', '--kind', 'approval'), [5, 7])
  assert.deepEqual(await run('--from', '2026-08-22T08:09:41.200'), [7, 8])
  assert.deepEqual(await run('--to', '2026-08-22T08:09:41.200'), [1, 2, 3, 4, 5, 6])
  const [first] = linesOf(
    (await hivelog(['replay', '--speed', '0', '--json', '--from', '5', '--to', '5'], { cwd })).stdout,
  )
  const { seq, event, changes } = JSON.parse(first as string)
  assert.deepEqual(
    [seq, event.id, changes],
    [5, 'e-1', [{ type: 'pending', id: 'e-1', delta: 1, pending: 1 }]],
  )
})

test('replay keeps the pace of the log, as fast as asked, with bounded pauses', async (t) => {
  const cwd = scratch(t)
  const file = join(cwd, 'hive.jsonl')
  const at = (ts: number): string => `{"ts":${FIRST_TS + ts},"kind":"x","n":${ts}}\n`
  writeFileSync(file, (await at(0)) + (await at(600)) + (await at(400)) + (await at(3_600_000)))
  const startedAt = process.hrtime.bigint()
  const run = await hivelog(['replay', '--speed', '2', '--max-pause', '500ms', file])
  const ms = Number(process.hrtime.bigint() - startedAt) / 1e6
  assert.equal(linesOf(run.stdout).length, 4)
  assert.ok(ms >= 300 + 500, `${ms} ms: 600 / 2, none backwards, an hour as 500`)
})

test('replay --step: a key an event; q ends', async (t) => {
  const cwd = scratch(t)
  small(cwd)
  const child = spawn(process.execPath, [MAIN, 'replay', '--step', '--json'], { cwd })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const shown = async (count: number): Promise<void> => {
    while (linesOf(output).length < count) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  child.stdin.write(' ')
  await shown(1)
  child.stdin.write('  ')
  await shown(3)
  child.stdin.write('\x1b[B')
  await shown(4)
  child.stdin.write('q')
  const code = await new Promise((resolve) => child.on('exit', resolve))
  assert.equal(code, 0)
  assert.equal(linesOf(output).length, 4)
})

test('replay --step ends with the keys', (t) => {
  const cwd = scratch(t)
  small(cwd)
  const run = spawnSync(process.execPath, [MAIN, 'replay', '--step', '--json'], {
    cwd,
    input: 'xx',
    encoding: 'utf8',
  })
  assert.deepEqual([run.status, run.stderr, linesOf(run.stdout).length], [0, '', 2])
})

test('malformed lines are shown in their place', async (t) => {
  const cwd = scratch(t)
  small(cwd).raw('no event\n').message('after')
  const { stdout } = await hivelog(['replay', '--speed', '0', '--from', '8'], { cwd })
  assert.match(stdout, /^! hive\.jsonl:9 {2}invalid JSON {2}no event$/m)
  assert.match((await hivelog(['state'], { cwd })).stdout, /^skipped {2}1 malformed line$/m)
  const json = await hivelog(['replay', '--speed', '0', '--json', '--from', '8'], { cwd })
  assert.match(json.stderr, /^hivelog: \S*hive\.jsonl line 9: invalid JSON; left out\n$/)
})

const BAD: [args: string[], message: RegExp][] = [
  [['state', '--at', '1', '--time', '14:00'], /--at and --time cannot be given together/],
  [['state', '--at', '-1'], /--at/],
  [
    ['state', '--time', 'someday'],
    /--time needs a time like 2026-08-22T14:03:07, 14:03, 30m \(ago\), .* or 1787386181194/,
  ],
  [['replay', '--speed', 'fast'], /--speed needs a number from 0 to 999999, not 'fast'/],
  [['replay', '--max-pause', '5'], /--max-pause needs a duration like 500ms/],
  [['replay', '--step', '-'], /--step takes the keys from standard input; name a file/],
  [['replay', '--from', '25:00'], /--from needs a time/],
  [['state', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['replay', '.'], /cannot read \.: it is a directory/],
]

for (const [args, message] of BAD) {
  test(`bad use: hivelog ${args.join(' ')}`, async (t) => {
    const { code, stdout, stderr } = await hivelog(args, { cwd: scratch(t) })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  })
}
