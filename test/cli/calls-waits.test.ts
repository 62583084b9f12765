import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

function busy(cwd: string): LogWriter {
  return new LogWriter(join(cwd, 'hive.jsonl'))
    .event('call', {
      agentId: 'coder',
      host: 'api.example.com',
      method: 'GET',
      path: '/u/7?x=1',
      status: 429,
      ms: 120,
    })
    .event('call', {
      agentId: 'coder',
      host: 'api.example.com',
      method: 'GET',
      path: '/u/7',
      status: 200,
      ms: 80,
    })
    .event('tool', { agentId: 'coder', name: 'grep', ok: false, ms: 5 })
    .event('wait', { agentId: 'coder', resource: 'git lock', ms: 4100, holder: 'lead' })
    .event('wait', { agentId: 'lead', resource: 'schema.sql', ms: 4000, holder: 'coder' })
}

test('calls: hosts with counts, errors, percentiles and times', async (t) => {
  const cwd = scratch(t)
  busy(cwd)
  const { code, stdout, stderr } = await hivelog(['calls'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(
    linesOf(stdout).map((line) => line.replace(/ {2,}/g, '  ')),
    [
      '2 external calls, 1 failed',
      '2026-08-22 08:09:41.196 to 2026-08-22 08:09:41.197  (1 ms)',
      'busiest minute: 2 at 2026-08-22 08:09',
      '',
      'host  agents  calls  429  p50  p95  max  first  last',
      'api.example.com  coder  2  1  80 ms  120 ms  120 ms  08:09:41  08:09:41',
    ],
  )
})

test('calls: --by path, agent, status and tool', async (t) => {
  const cwd = scratch(t)
  busy(cwd)
  const rows = async (by: string): Promise<string[]> =>
    linesOf((await hivelog(['calls', '--by', by], { cwd })).stdout)
      .slice(5)
      .map((line) => line.replace(/ {2,}/g, '  '))
  assert.deepEqual(await rows('path'), [
    'GET api.example.com/u/7  2  1  80 ms  120 ms  120 ms  08:09:41  08:09:41',
  ])
  assert.deepEqual(await rows('agent'), ['coder  2  1  80 ms  120 ms  120 ms  08:09:41  08:09:41'])
  assert.deepEqual((await rows('status')).length, 2)
  assert.deepEqual(await rows('tool'), ['grep  coder  1  1  5 ms  5 ms  5 ms  08:09:41  08:09:41'])
})

test('calls: errors that happened have a column each; where there is no room, the rest is in --json', async (t) => {
  const cwd = scratch(t)
  const log = new LogWriter(join(cwd, 'hive.jsonl'))
  for (const status of [200, 404, 429, 500, 999]) {
    for (const host of ['api.example.com', 'models.example.com']) {
      log.event('call', {
        agentId: `agent-${status}`,
        host,
        path: `/${'p'.repeat(60)}`,
        status,
        ms: status,
      })
    }
  }
  const head = async (by: string): Promise<string> =>
    linesOf((await hivelog(['calls', '--by', by], { cwd })).stdout)[4] as string
  assert.match(await head('host'), /^host +agents +calls {2}4xx {2}429 {2}5xx {2}other +p50 +p95 +max/)
  assert.match(await head('path'), /^path +calls {2}4xx {2}429 {2}5xx {2}other +p95 +max +last$/)
})

test('calls: --json is one object of the shape that --help tells', async (t) => {
  const cwd = scratch(t)
  busy(cwd)
  const row = {
    key: 'api.example.com',
    calls: 2,
    errors: 1,
    clientErrors: 0,
    rateLimited: 1,
    serverErrors: 0,
    otherErrors: 0,
    ms: { count: 2, p50: 80, p95: 120, max: 120, total: 200 },
    firstTs: FIRST_TS + 2,
    lastTs: FIRST_TS + 3,
    peakMinute: { calls: 2, ts: Math.floor(FIRST_TS / 60_000) * 60_000 },
    agents: ['coder'],
    agentsCut: false,
  }
  const tally = { lines: 6, events: 5, malformed: 0, lost: 0, skipped: 3 }
  assert.deepEqual(JSON.parse((await hivelog(['calls', '--json'], { cwd })).stdout), {
    files: ['hive.jsonl'],
    ...tally,
    by: 'host',
    total: { ...row, key: '(all)' },
    rows: [row],
    badDurations: 0,
  })
})

test('waits: resources, who waited, who held, and who waited for each other', async (t) => {
  const cwd = scratch(t)
  busy(cwd)
  const { code, stdout, stderr } = await hivelog(['waits'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(
    linesOf(stdout).map((line) => line.replace(/ {2,}/g, '  ')),
    [
      '2 waits, 8.1 s in total',
      'longest: 4.1 s until 2026-08-22 08:09:41.199 (hive.jsonl:5 seq 5): coder for git lock, held by lead',
      '',
      'resource  waited  held  total  waits  p95  max  longest at',
      'git lock  coder  lead  4.1 s  1  4.1 s  4.1 s  hive.jsonl:5',
      'schema.sql  lead  coder  4.0 s  1  4.0 s  4.0 s  hive.jsonl:6',
      '',
      'waited for each other at the same time:',
      '  4.0 s from 2026-08-22 08:09:37.200 (hive.jsonl:5 seq 5 and hive.jsonl:6 seq 6)',
      '  coder for git lock, lead for schema.sql',
    ],
  )
  assert.match((await hivelog(['waits', '--by', 'pair'], { cwd })).stdout, /^coder ← lead +4\.1 s /m)
})

test('waits: --json is one object of the shape that --help tells', async (t) => {
  const cwd = scratch(t)
  busy(cwd)
  const { rows, total, ...rest } = JSON.parse(
    (await hivelog(['waits', '--by', 'agent', '--json'], { cwd })).stdout,
  )
  const longest = {
    ts: FIRST_TS + 5,
    ms: 4100,
    log: 'hive.jsonl',
    file: 'hive.jsonl',
    line: 5,
    seq: 5,
    agentId: 'coder',
    resource: 'git lock',
    holder: 'lead',
  }
  const row = { key: 'coder', waits: 1, totalMs: 4100, p95Ms: 4100, maxMs: 4100, longest, agents: ['coder'] }
  assert.deepEqual(rows[0], { ...row, holders: ['lead'] })
  assert.deepEqual([total.key, total.waits, total.totalMs], ['(all)', 2, 8100])
  assert.deepEqual(rest, {
    files: ['hive.jsonl'],
    lines: 6,
    events: 5,
    malformed: 0,
    lost: 0,
    skipped: 3,
    by: 'agent',
    badDurations: 0,
    mutual: [
      {
        agents: ['coder', 'lead'],
        resources: ['git lock', 'schema.sql'],
        times: 1,
        longestMs: 3999,
        longestTs: FIRST_TS + 6 - 4000,
        places: [5, 6].map((line) => ({ log: 'hive.jsonl', file: 'hive.jsonl', line, seq: line })),
      },
    ],
  })
})

test('calls and waits: a log that holds none says so; standard input is read', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), FOREIGN)
  const said: [string[], string][] = [
    [['calls'], 'no external calls are recorded in this log (3 events read)\n'],
    [['calls', '--by', 'tool'], 'no tools are recorded in this log (3 events read)\n'],
    [['waits'], 'no waits are recorded in this log (3 events read)\n'],
  ]
  for (const [args, text] of said) {
    assert.deepEqual(await hivelog(args, { cwd }), { code: 0, stdout: text, stderr: '' })
    assert.equal((await hivelog([...args, '-'], { input: FOREIGN })).stdout, text)
  }
})

test('calls and waits: bad durations, malformed lines, losses and too many keys are told', async (t) => {
  const cwd = scratch(t)
  const log = busy(cwd).raw('not json\n').event('log.gap', { lost: 3, reason: 'disk full' })
  let text = ''
  for (let i = 0; i < 1100; i++) {
    text += log.line('call', { agentId: 'a', host: `h${i}`, ms: -1 })
    text += log.line('wait', { agentId: 'a', resource: `r${i}`, ms: 'long' })
  }
  log.raw(text)
  for (const name of ['calls', 'waits']) {
    const { stdout } = await hivelog([name], { cwd })
    assert.match(stdout, /^\(others\): past 1,000 keys, 1\d\d (calls|waits) are counted together$/m)
    assert.match(stdout, /^durations that are .*: 1,100, not counted/m)
    assert.match(stdout, /^not read: 1 malformed line; see hivelog verify$/m)
    assert.match(stdout, /^lost, as the writer says \(log\.gap\): 3 events$/m)
  }
})

test('calls and waits: within 100 columns, and harmless, whatever the log holds', async (t) => {
  const cwd = scratch(t)
  const long = `\x1b[31m${'x'.repeat(300)}`
  new LogWriter(join(cwd, 'hive.jsonl'))
    .event('call', { agentId: long, host: long, path: long, status: long, error: long, ms: 1e12 })
    .event('tool', { agentId: long, name: long })
    .event('wait', { agentId: long, resource: long, ms: 1e12, holder: 'b' })
    .event('wait', { agentId: 'b', resource: 'db', ms: 1e12, holder: long })
  const runs = [
    ...['host', 'path', 'agent', 'status', 'tool'].map((by) => ['calls', '--by', by]),
    ...['resource', 'agent', 'holder', 'pair'].map((by) => ['waits', '--by', by]),
  ]
  for (const args of runs) {
    const { code, stdout } = await hivelog(args, { cwd })
    assert.equal(code, 0)
    assert.ok(!stdout.includes('\x1b'))
    for (const line of linesOf(stdout)) assert.ok(line.length <= 100, line)
  }
})

test('calls and waits: help fits 80 columns; bad use is one line and exit code 2', async (t) => {
  for (const name of ['calls', 'waits']) {
    const help = (await hivelog([name, '--help'])).stdout
    assert.match(help, new RegExp(`^Example: hivelog ${name} `, 'm'))
    for (const line of linesOf(help)) assert.ok(line.length <= 80, line)
    for (const args of [['--by', 'moon'], ['a', 'b'], ['none.jsonl']]) {
      const { code, stdout, stderr } = await hivelog([name, ...args], { cwd: scratch(t) })
      assert.deepEqual([code, stdout, linesOf(stderr).length], [2, '', 1])
    }
  }
})
