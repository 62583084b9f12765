/** checkLog over files: segments, settings, bounds, and the order and shape of what it reports. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CheckConfigError, checkLog, type RuleSettings } from '../../src/analyse.js'
import { startHive } from '../../src/index.js'
import { drain, exit, type Line, message, spawn, textOf, tick } from '../kit/check-cases.js'
import { FIRST_TS, LogWriter, scratch } from '../kit/reader-log.js'

function logOf(t: { after(fn: () => void): void }, lines: Line[], ours = true): string {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, textOf(lines, ours))
  return file
}

test('a real hive that does all right has nothing found', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const hive = startHive({ file, fsync: 'no' })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
  coder.drain([lead.message({ to: 'coder', act: 'request', subject: 'Need the schema' })])
  lead.drain([coder.message({ to: 'god', act: 'done', subject: 'Re: Need the schema' })])
  const escalation = coder.escalate({ subject: 'Drop the users table?' })
  await hive.approve(escalation.id, false)
  coder.usage({ inputTokens: 1, outputTokens: 1 })
  coder.end()
  lead.end()
  await hive.shutdown()
  const report = await checkLog(file, { closed: true })
  assert.deepEqual([report.findings, report.notes, report.events], [[], [], 11])
})

test('an empty log: nothing found, no times', async (t) => {
  const report = await checkLog(logOf(t, []))
  assert.deepEqual(report.counts, { error: 0, warning: 0, info: 0 })
  assert.ok(!('firstTs' in report))
})

test('findings over segments name their segment', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).event('spawn', { agentId: 'coder', name: 'Coder', isGod: false })
  const archived = log
    .message()
    .event('message', { from: 'coder', to: 'codex', subject: 'x', id: 'm-0' })
    .rotate()
  log.event('message', { from: 'coder', to: 'codex', subject: 'y', id: 'm-9' })
  const { findings } = await checkLog(file, { rules: { 'checkpoint-gap': 'off' } })
  const [finding] = findings
  assert.equal(finding?.rule, 'unknown-recipient')
  assert.deepEqual(finding?.first, { file: archived, line: 4, seq: 4, ts: FIRST_TS + 4 })
  assert.deepEqual(finding?.last, { file, line: 2, seq: 7, ts: FIRST_TS + 7 })
  const alone = await checkLog(archived)
  assert.equal(alone.findings.filter(({ rule }) => rule === 'unknown-recipient').length, 1)
})

test('a log whose beginning is gone: nothing is said of agents that may have been spawned there', async (t) => {
  const file = logOf(t, [
    { kind: 'tick', seq: 100 },
    spawn('lead', { seq: 101 }),
    message('lead', 'coder', 'm-1', { seq: 102 }),
    { kind: 'approval', id: 'e-1', approve: true, seq: 103 },
  ])
  const { findings, notes } = await checkLog(file)
  assert.deepEqual(findings, [])
  assert.match(notes[0] ?? '', /does not begin with seq 1/)
})

test('an exit that is written for a lost agent after the restart makes the loss known', async (t) => {
  const open = (pid: number): Line => ({
    kind: 'log.open',
    format: 1,
    segment: 1,
    writer: 'w',
    pid,
    host: 'h',
  })
  const lines = [open(1), spawn('lead'), open(2), exit('lead', { status: 'lost' })]
  assert.deepEqual((await checkLog(logOf(t, lines))).findings, [])
})

test('closed: whatever waits at the end is found, however young', async (t) => {
  const lines = [
    spawn('lead'),
    spawn('coder'),
    message('lead', 'coder', 'm-1'),
    drain('lead', 1),
    exit('lead'),
  ]
  const file = logOf(t, lines)
  assert.deepEqual((await checkLog(file)).findings, [])
  const { findings } = await checkLog(file, { closed: true })
  assert.deepEqual(findings.map(({ rule }) => rule).sort(), ['lost-agent', 'never-drained'])
})

test('now: waiting is measured up to it', async (t) => {
  const file = logOf(t, [{ kind: 'escalate', from: 'a', to: 'human', subject: 'May I?', id: 'e-1', at: 0 }])
  const hour = 3_600_000
  assert.equal((await checkLog(file, { now: FIRST_TS + hour })).findings.length, 0)
  assert.equal((await checkLog(file, { now: FIRST_TS + hour + 1 })).findings.length, 1)
})

test('a drain that is written before its message is no reason to find the message', async (t) => {
  // As an exporter writes that waits for the end of each span: the child's lines come first.
  const file = logOf(t, [
    { ...(spawn('coder') as object), kind: 'spawn', at: 1 },
    drain('coder', 1, { at: 5, ids: ['m-1'] }),
    drain('coder', 1, { at: 6 }),
    exit('coder', { at: 9 }),
    spawn('lead', { at: 0 }),
    message('lead', 'coder', 'm-1', { at: 4 }),
    message('lead', 'coder', 'm-2', { at: 4.5 }),
    exit('lead', { at: 10 }),
  ])
  assert.deepEqual((await checkLog(file, { rules: { 'clock-backwards': 'off' } })).findings, [])
})

test('10,000 messages that nobody drains are one finding, also beyond what an inbox holds', async (t) => {
  const lines = Array.from({ length: 10_000 }, (_, i) => message('lead', 'coder', `m-${i}`))
  const file = logOf(t, [
    spawn('lead'),
    spawn('coder'),
    drain('lead', 0),
    ...lines,
    exit('coder'),
    exit('lead'),
  ])
  const { findings } = await checkLog(file, { rules: { 'retry-storm': 'off' } })
  assert.deepEqual(
    findings.map(({ rule, count, first, last }) => [rule, count, first.line, last.line]),
    [['never-drained', 10_000, 4, 10_003]],
  )
})

test('findings of a rule are bounded, and the rest is counted', async (t) => {
  const approvals = Array.from({ length: 30 }, (_, i) => ({ kind: 'approval', id: `e-${i}`, approve: true }))
  const report = await checkLog(logOf(t, approvals), { maxFindings: 10 })
  assert.deepEqual([report.findings.length, report.counts.warning, report.omitted], [10, 30, 20])
  assert.deepEqual(report.notes, ['unasked-approval: 20 more findings are not listed'])
})

test('rules are tuned, and a severity that was asked for stays', async (t) => {
  const file = logOf(t, [spawn('jim'), spawn('jim'), message('jim', 'nobody', 'm-1'), tick(9)], false)
  const found = async (rules: RuleSettings): Promise<string[]> =>
    (await checkLog(file, { rules })).findings.map(({ rule, severity }) => `${severity} ${rule}`)
  assert.deepEqual(await found({}), ['error unknown-recipient', 'info duplicate-agent'])
  assert.deepEqual(await found({ 'duplicate-agent': 'error', 'unknown-recipient': { ignore: ['nobody'] } }), [
    'error duplicate-agent',
  ])
  assert.deepEqual(await found({ 'duplicate-agent': 'off', 'unknown-recipient': { severity: 'info' } }), [
    'info unknown-recipient',
  ])
})

test('a setting that cannot be is named, with those that can', async (t) => {
  const file = logOf(t, [])
  const wrong: [unknown, RegExp][] = [
    [
      { 'retry-strom': 'off' },
      /there is no rule "retry-strom"; the rules are unknown-recipient, .*retry-storm/,
    ],
    [{ __proto__x: 'off' }, /there is no rule "__proto__x"/],
    [{ constructor: 'off' }, /there is no rule "constructor"/],
    [{ 'retry-storm': 'loud' }, /retry-storm must be one of off, error, warning, info, not "loud"/],
    [
      { 'retry-storm': { mx: 3 } },
      /rule retry-storm has no option "mx"; it has severity, max, successes, within/,
    ],
    [{ 'retry-storm': { max: 0 } }, /retry-storm\.max must be a whole number from 1 to 10000, not 0/],
    [{ 'retry-storm': { within: '5 min' } }, /retry-storm\.within must be a duration .*, not "5 min"/],
    [{ 'cost-spike': { factor: '10' } }, /cost-spike\.factor must be a number from 0, not "10"/],
    [
      { 'unknown-recipient': { ignore: 'ops' } },
      /unknown-recipient\.ignore must be a list of names, not "ops"/,
    ],
    [{ 'seq-gap': 3 }, /seq-gap must be an object, not 3/],
    [[], /"rules" must be an object/],
  ]
  for (const [rules, says] of wrong) {
    await assert.rejects(checkLog(file, { rules: rules as RuleSettings }), (error: Error) => {
      assert.ok(error instanceof CheckConfigError)
      assert.match(error.message, says)
      assert.ok(!error.message.includes('\n'))
      return true
    })
  }
})

test('a file that cannot be read is an error', async (t) => {
  await assert.rejects(checkLog(join(scratch(t), 'none.jsonl')), /there is no such file/)
})
