/** Only people decide: what `check` says of a decision whose `by` is an agent of the hive. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CheckFinding, type CheckReport, checkLog } from '../../src/analyse.js'
import { exit, type Line, spawn, textOf } from '../kit/check-cases.js'
import { scratch } from '../kit/reader-log.js'

const agents = [
  spawn('lead', { name: 'Lead', isGod: true }),
  spawn('coder', { name: 'Coder', parent: 'lead' }),
  spawn('tester', { name: 'Tester', parent: 'lead' }),
]
const asks = (from: string, id: string): Line => ({
  kind: 'escalate',
  from,
  to: 'human',
  subject: 'May I?',
  id,
})
const decides = (by: unknown, id: string, approve: unknown = true): Line => ({
  kind: 'approval',
  id,
  approve,
  by,
})

const only = ({ findings }: CheckReport): CheckFinding[] =>
  findings.filter(({ rule }) => rule === 'agent-approval')

async function found(t: TestContext, lines: Line[], ours = true): Promise<CheckFinding[]> {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, textOf(lines, ours))
  return only(await checkLog(file))
}

for (const [how, by] of [
  ['by its id', 'coder'],
  ['by its name', 'Coder'],
] as const) {
  test(`an agent that decides its own escalation is an error, also ${how}`, async (t) => {
    for (const approve of [true, false]) {
      const findings = await found(t, [...agents, asks('coder', 'e-1'), decides(by, 'e-1', approve)])
      assert.equal(findings.length, 1)
      assert.equal(findings[0]?.severity, 'error')
      assert.deepEqual(findings[0]?.agents, ['coder'])
      assert.deepEqual([findings[0]?.first.line, findings[0]?.first.seq], [5, 5])
      assert.match(findings[0]?.message ?? '', approve ? /approved at line 5/ : /rejected at line 5/)
    }
  })
}

test('an agent that was called otherwise before is the same agent', async (t) => {
  const findings = await found(t, [
    ...agents,
    exit('coder'),
    spawn('coder', { name: 'Builder', parent: 'lead' }),
    asks('coder', 'e-1'),
    decides('Coder', 'e-1'),
  ])
  assert.deepEqual(
    findings.map(({ severity, agents: who }) => [severity, who]),
    [['error', ['coder']]],
  )
})

test('the god agent that decides as god what it asked decides its own escalation', async (t) => {
  const findings = await found(t, [...agents, asks('lead', 'e-1'), decides('god', 'e-1')])
  assert.deepEqual(
    findings.map(({ severity, agents: who }) => [severity, who]),
    [['error', ['lead']]],
  )
})

test('an agent that decides what another asked, and is not its parent, is a warning', async (t) => {
  const findings = await found(t, [
    ...agents,
    asks('coder', 'e-1'),
    asks('coder', 'e-2'),
    asks('lead', 'e-3'),
    decides('tester', 'e-1'),
    decides('Tester', 'e-2', false),
    // A child is no parent.
    decides('coder', 'e-3'),
  ])
  assert.deepEqual(
    findings.map(({ severity, count, agents: who }) => [severity, count, who]),
    [
      ['warning', 2, ['tester', 'coder']],
      ['warning', 1, ['coder', 'lead']],
    ],
  )
})

test('people decide, and parents what their children asked', async (t) => {
  const lines = [
    ...agents,
    ...['ana', 'human', undefined, 7, { name: 'coder' }, '', 'lead', 'Lead'].flatMap((by, i) => [
      asks('coder', `e-${i}`),
      decides(by, `e-${i}`),
    ]),
  ]
  assert.deepEqual(await found(t, lines), [])
  assert.deepEqual(await found(t, lines, false), [])
})

test('what decides nothing is no decision', async (t) => {
  const lines = [
    ...agents,
    asks('coder', 'e-1'),
    decides('coder', 'e-1', 'yes'),
    decides('ana', 'e-1'),
    decides('coder', 'e-1'),
  ]
  assert.deepEqual(await found(t, lines), [])
})

test('a decision that stands before its question in the story of two processes counts as well', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  mkdirSync(`${file}.agents`)
  writeFileSync(file, textOf([...agents, { ...(decides('Coder', 'e-1') as object), kind: 'approval' }], true))
  // The child's clock is a minute behind.
  writeFileSync(
    join(`${file}.agents`, 'coder.jsonl'),
    textOf([{ ...(asks('coder', 'e-1') as object), kind: 'escalate', at: 60 }], true),
  )
  const findings = only(await checkLog(file))
  assert.deepEqual(
    findings.map(({ severity, agents: who, first }) => [severity, who, first.log, first.line]),
    [['error', ['coder'], file, 4]],
  )
})
