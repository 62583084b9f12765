/** `audit` finds the decisions of agents that `check` finds, by whatever name they are given, and no others. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { auditTrail, checkLog } from '../../src/analyse.js'
import { exit, type Line, spawn, textOf } from '../kit/check-cases.js'
import { hivelog } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

const agents = [
  spawn('lead', { name: 'Lead', isGod: true }),
  spawn('coder', { name: 'Coder', parent: 'lead' }),
  spawn('tester', { name: 'Tester', parent: 'lead' }),
]
const asks = (from: string, id = 'e-1'): Line => ({
  kind: 'escalate',
  from,
  to: 'human',
  subject: 'May I?',
  id,
})
const decides = (by: unknown, approve: unknown = true, id = 'e-1'): Line => ({
  kind: 'approval',
  id,
  approve,
  by,
})

async function found(t: TestContext, lines: Line[]) {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, textOf(lines, true))
  const { problems } = await auditTrail(file)
  const { findings } = await checkLog(file)
  const ofCheck = findings.filter(({ rule }) => rule === 'agent-approval')
  return { file, problems, ofCheck }
}

/** Who asks, who decides and what, and what audit calls it. */
const CASES: [what: string, lines: Line[], kind: string, message: RegExp][] = [
  [
    'its id',
    [asks('coder'), decides('coder')],
    'self-approved',
    /^approved at seq 5 by the agent that asked$/,
  ],
  ['its name', [asks('coder'), decides('Coder')], 'self-approved', /by the agent that asked, as Coder$/],
  [
    'the name that it had',
    [exit('coder'), spawn('coder', { name: 'Builder', parent: 'lead' }), asks('coder'), decides('Coder')],
    'self-approved',
    /^approved at seq 7 by the agent that asked, as Coder$/,
  ],
  ['god', [asks('lead'), decides('god')], 'self-approved', /as god$/],
  [
    'its name, and says no',
    [asks('coder'), decides('Coder', false)],
    'agent-approval',
    /^rejected at seq 5 by the agent that asked/,
  ],
  [
    'another agent',
    [asks('coder'), decides('tester')],
    'agent-approval',
    /^approved at seq 5 by the agent tester, which is not the parent of coder$/,
  ],
  [
    'another agent by name',
    [asks('coder'), decides('Tester', false)],
    'agent-approval',
    /^rejected at seq 5 by the agent tester, as Tester,/,
  ],
  ['its child', [asks('lead'), decides('coder')], 'agent-approval', /not the parent of lead$/],
  [
    'one that is never spawned',
    [asks('stray'), decides('stray')],
    'self-approved',
    /by the agent that asked$/,
  ],
  [
    'one that is never spawned and asked before',
    [asks('stray', 'e-0'), asks('coder'), decides('stray')],
    'agent-approval',
    /by the agent stray/,
  ],
]

for (const [what, lines, kind, message] of CASES) {
  test(`a decision by ${what} is wrong`, async (t) => {
    const { file, problems, ofCheck } = await found(t, [...agents, ...lines])
    assert.deepEqual([problems.map((each) => each.kind), ofCheck.length], [[kind], 1])
    assert.match(problems[0]?.message ?? '', message)
    assert.equal(problems[0]?.place.seq, ofCheck[0]?.first.seq)
    const { code, stdout } = await hivelog(['audit', file])
    assert.equal(code, 1)
    assert.ok(stdout.includes(`  ! ${kind}: `))
  })
}

test('people decide, and parents what their children asked', async (t) => {
  const by = ['ana', 'human', undefined, 7, { name: 'coder' }, '', 'lead', 'Lead', 'god']
  const lines = by.flatMap((who, i) => [asks('coder', `e-${i}`), decides(who, true, `e-${i}`)])
  const { problems, ofCheck } = await found(t, [...agents, ...lines])
  assert.deepEqual([problems, ofCheck], [[], []])
})

test('what decides nothing is no decision of an agent', async (t) => {
  const lines = [asks('coder'), decides('coder', 'yes'), decides('ana'), decides('coder')]
  const { problems, ofCheck } = await found(t, [...agents, ...lines])
  assert.deepEqual([problems.map(({ kind }) => kind), ofCheck], [['unclear', 'repeated'], []])
})

test('a decision that stands before its question in the story of two processes counts as well', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  mkdirSync(`${file}.agents`)
  writeFileSync(file, textOf([...agents, decides('Coder')], true))
  // The child's clock is a minute behind.
  writeFileSync(
    join(`${file}.agents`, 'coder.jsonl'),
    textOf([{ ...(asks('coder') as object), kind: 'escalate', at: 60 }], true),
  )
  const { problems } = await auditTrail(file)
  assert.deepEqual(
    problems.map(({ kind, place }) => [kind, place.line]),
    [['self-approved', 4]],
  )
})
