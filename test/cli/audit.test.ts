import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

/** One case that is settled, and one that is pending; all lines sealed. */
function settled(cwd: string): LogWriter {
  return new LogWriter(join(cwd, 'hive.jsonl'))
    .event('spawn', { agentId: 'coder', name: 'Coder', isGod: false, parent: 'lead', role: 'developer' })
    .event('message', { from: 'lead', to: 'coder', act: 'request', subject: 'Clean up', id: 'm-1' })
    .event('escalate', { from: 'coder', to: 'human', subject: 'Drop the users table?', id: 'e-1' })
    .event('approval', { id: 'e-1', approve: false, by: 'ana', note: 'not before the backup' })
    .event('escalate', { from: 'coder', to: 'human', subject: 'Ship it?', id: 'e-2' })
    .seal()
}

test('audit: who asked, who decided, and from which lines; pending is fine', async (t) => {
  const cwd = scratch(t)
  settled(cwd)
  const { code, stdout, stderr } = await hivelog(['audit'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  const lines = linesOf(stdout).map((line) => line.replace(/ {2,}/g, '  '))
  assert.deepEqual(lines, [
    '✘ rejected  "Drop the users table?"  e-1',
    '  asked  2026-08-22 08:09:41.198  by Coder (coder) → human  hive.jsonl:4 seq 4',
    '  rejected  2026-08-22 08:09:41.199  by ana after 1 ms  hive.jsonl:5 seq 5',
    '  note  not before the backup',
    '',
    '▲ pending  "Ship it?"  e-2',
    '  asked  2026-08-22 08:09:41.200  by Coder (coder) → human  hive.jsonl:6 seq 6',
    '  pending  for 1 ms',
    '',
    '2 escalations: 1 pending, 1 rejected',
    'pending is measured to 2026-08-22 08:09:41.201',
    'seals vouch for all these 3 lines; hivelog verify checks them',
  ])
})

test('audit: --match answers “who approved deleting that?”, and contradictions are exit code 1', async (t) => {
  const cwd = scratch(t)
  settled(cwd).event('approval', { id: 'e-1', approve: true, by: 'eve' })
  const { code, stdout } = await hivelog(['audit', '--match', 'USERS'], { cwd })
  assert.equal(code, 1)
  assert.match(stdout, /^! contradicted {2}"Drop the users table\?" +e-1$/m)
  assert.match(stdout, /^ {2}approved {2}.* by eve after 4 ms +hive\.jsonl:8 seq 8$/m)
  assert.match(stdout, /^ {2}! contradictory: approved at seq 8 after it was rejected at seq 5$/m)
  assert.match(stdout, /^seals vouch for 2 of these 3 lines; hivelog verify checks them$/m)
  assert.match(stdout, /^WRONG: 1 finding$/m)
  assert.doesNotMatch(stdout, /Ship it/)
  assert.equal(
    (await hivelog(['audit', '--match', 'ship'], { cwd })).code,
    0,
    'what is not shown does not count',
  )
})

test('audit: --id shows one case in full, with what led to it', async (t) => {
  const cwd = scratch(t)
  settled(cwd)
  const { code, stdout } = await hivelog(['audit', '--id', 'e-1'], { cwd })
  assert.equal(code, 0)
  assert.match(stdout, /by Coder \(coder\) → human +hive\.jsonl:4 seq 4 sealed$/m)
  assert.match(stdout, /^ {2}role {6}developer\n {2}parent {4}lead\n {2}subject {3}Drop the users table\?$/m)
  assert.match(stdout, /^ {2}just before that, by or to coder:$/m)
  assert.match(stdout, /message {3}lead → coder {2}request {2}"Clean up" +hive\.jsonl:3 seq 3$/m)
})

test('audit: an --id that nobody used is one line and exit code 1', async (t) => {
  const cwd = scratch(t)
  settled(cwd)
  const { code, stdout, stderr } = await hivelog(['audit', '--id', 'e-9\x1b[31m'], { cwd })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(
    stderr,
    /^hivelog: nothing that is asked for has the id e-9\\u001b\[31m \(2 escalations and 1 approval read\)/,
  )
  assert.equal(linesOf(stderr).length, 1)
  const json = await hivelog(['audit', '--id', 'e-9', '--json'], { cwd })
  assert.deepEqual([json.code, json.stderr, JSON.parse(json.stdout).cases], [1, '', []])
})

test('audit: an approval that answers nothing is shown, and exit code 1', async (t) => {
  const cwd = scratch(t)
  settled(cwd).event('approval', { id: 'e-404', approve: true })
  const { code, stdout } = await hivelog(['audit'], { cwd })
  assert.equal(code, 1)
  assert.match(stdout, /^! approved {2}an id that nobody escalated +e-404$/m)
  assert.match(stdout, /^ {2}approved {2}.* by \(nobody named\) +hive\.jsonl:8 seq 8$/m)
  assert.match(stdout, /^2 escalations: 1 pending, 1 rejected; 1 approval of nothing$/m)
  assert.equal((await hivelog(['audit', '--pending'], { cwd })).code, 0)
})

test('audit: --json is one object of the shape that --help tells', async (t) => {
  const cwd = scratch(t)
  settled(cwd).event('approval', { id: 'e-404', approve: 'yes' })
  const { code, stdout } = await hivelog(['audit', '--json', '--agent', 'Coder', '--by', 'ana'], { cwd })
  assert.equal(code, 0)
  const place = (line: number, offset: number) => ({
    log: 'hive.jsonl',
    file: 'hive.jsonl',
    line,
    seq: line,
    offset,
    sealed: true,
  })
  const trail = JSON.parse(stdout)
  const [only] = trail.cases
  assert.deepEqual(trail, {
    files: ['hive.jsonl'],
    lines: 8,
    events: 6,
    malformed: 0,
    lost: 0,
    skipped: 1,
    ok: true,
    escalations: 2,
    approvals: 2,
    asOf: FIRST_TS + 8,
    counts: {
      pending: 0,
      approved: 0,
      rejected: 1,
      contradicted: 0,
      unclear: 0,
      superseded: 0,
      unanswerable: 0,
    },
    cases: [
      {
        id: 'e-1',
        status: 'rejected',
        ts: FIRST_TS + 4,
        asker: { agentId: 'coder', name: 'Coder', parent: 'lead', role: 'developer' },
        to: 'human',
        subject: 'Drop the users table?',
        place: place(4, only.place.offset),
        decisions: [
          {
            id: 'e-1',
            ts: FIRST_TS + 5,
            outcome: 'rejected',
            by: 'ana',
            note: 'not before the backup',
            place: place(5, only.decisions[0].place.offset),
            tookMs: 1,
          },
        ],
        problems: [],
        tookMs: 1,
      },
    ],
    orphans: [],
    problems: [],
    notListed: { escalations: 0, approvals: 0 },
  })
  const all = JSON.parse((await hivelog(['audit', '--json'], { cwd })).stdout)
  assert.deepEqual([all.ok, all.orphans[0].outcome, all.orphans[0].value], [false, 'unclear', '"yes"'])
  assert.deepEqual(all.problems[0].kind, 'answers-nothing')
  assert.equal(all.cases[1].waitingMs, 2)
  assert.equal(
    JSON.parse((await hivelog(['audit', '--json', '--id', 'e-1'], { cwd })).stdout).cases[0].before.length,
    2,
  )
})

test('audit: --now measures pending to now', async (t) => {
  const cwd = scratch(t)
  const started = Date.now()
  settled(cwd)
  const trail = JSON.parse((await hivelog(['audit', '--now', '--json', '--pending'], { cwd })).stdout)
  assert.ok(trail.asOf >= started)
})

test('audit: a log without escalations says so, and one from standard input too', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), FOREIGN)
  const { code, stdout } = await hivelog(['audit'], { cwd })
  assert.deepEqual([code, stdout], [0, 'no escalations are recorded in this log (3 events read)\n'])
  assert.equal((await hivelog(['audit', '-'], { input: FOREIGN })).stdout, stdout)
  settled(scratch(t))
})

test('audit: what fits nothing, malformed lines and losses are told', async (t) => {
  const cwd = scratch(t)
  settled(cwd).raw('not json\n').event('log.gap', { lost: 3, reason: 'disk full' })
  const { code, stdout } = await hivelog(['audit', '--match', 'elephant'], { cwd })
  assert.equal(code, 0)
  assert.deepEqual(linesOf(stdout), [
    'nothing that is asked for (2 escalations in 5 events)',
    'not read: 1 malformed line; see hivelog verify',
    'lost, as the writer says (log.gap): 3 events',
  ])
})

test('audit: within 100 columns, and harmless, whatever the log holds', async (t) => {
  const cwd = scratch(t)
  const long = `\x1b[31m${'wide 漢字 '.repeat(40)}${'x'.repeat(300)}`
  new LogWriter(join(cwd, 'hive.jsonl'))
    .event('spawn', { agentId: long, name: long, isGod: false, role: long, parent: long })
    .event('escalate', { from: long, to: long, subject: long, id: 'e-1' })
    .event('approval', { id: 'e-1', approve: { deep: [long] }, by: long, note: long })
    .event('approval', { id: long, approve: true, by: long, note: long })
  for (const args of [['audit'], ['audit', '--id', 'e-1']]) {
    const { code, stdout } = await hivelog(args, { cwd })
    assert.equal(code, 1)
    assert.ok(!stdout.includes('\x1b'))
    for (const line of linesOf(stdout)) assert.ok(line.length <= 100, line)
  }
})

test('audit: help fits 80 columns; bad use is one line and exit code 2', async (t) => {
  const help = (await hivelog(['audit', '--help'])).stdout
  assert.match(help, /^Example: hivelog audit /m)
  for (const line of linesOf(help)) assert.ok(line.length <= 80, line)
  for (const args of [['--id', ''], ['--frob'], ['none.jsonl']]) {
    const { code, stdout, stderr } = await hivelog(['audit', ...args], { cwd: scratch(t) })
    assert.deepEqual([code, stdout, linesOf(stderr).length], [2, '', 1])
  }
})
