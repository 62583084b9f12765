import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AuditOptions, AuditProblemKind } from '../../src/analyse/audit/report.js'
import { Audit } from '../../src/analyse/audit.js'
import { auditTrail } from '../../src/analyse.js'
import type { HiveEvent } from '../../src/index.js'
import type { HiveEntry } from '../../src/read/hive.js'
import { FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const ask = (id: unknown, subject = 'Drop the users table?', from = 'coder'): object => ({
  from,
  to: 'human',
  subject,
  id,
})
const answer = (id: unknown, approve: unknown = true, by = 'ana'): object => ({ id, approve, by })

/** Runs the reducer over events as they come; line N has seq N and time N. */
function audit(events: [kind: string, fields?: object][], options: AuditOptions = {}) {
  const reducer = new Audit(options)
  for (const [i, [kind, fields]] of events.entries()) {
    const event = { ts: i + 1, kind, ...fields } as HiveEvent
    const place = {
      seq: i + 1,
      line: i + 1,
      offset: i * 100,
      bytes: 99,
      file: 'hive.jsonl',
      log: 'hive.jsonl',
    }
    const entry: HiveEntry = { event, ...place }
    reducer.add(entry)
  }
  return reducer.report()
}

const kinds = ({ problems }: { problems: { kind: AuditProblemKind }[] }): string[] =>
  problems.map(({ kind }) => kind)

test('names who asked, what, whom, when, who decided, what, how long it took, and the lines', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file)
    .event('spawn', { agentId: 'coder', name: 'Coder', isGod: false, parent: 'lead', role: 'developer' })
    .event('escalate', ask('e-1'))
    .event('approval', { ...answer('e-1', false), note: 'not before the backup' })
  const trail = await auditTrail(file)
  const { offset, ...place } = trail.cases[0]?.place ?? { offset: 0 }
  assert.ok(offset > 0)
  assert.deepEqual(place, { log: file, file, line: 3, seq: 3, sealed: false, unsealed: 'no-seal' })
  const [first] = trail.cases
  assert.deepEqual(
    { ...first, place: 0, decisions: first?.decisions.map((each) => ({ ...each, place: each.place.seq })) },
    {
      id: 'e-1',
      status: 'rejected',
      ts: FIRST_TS + 3,
      asker: { agentId: 'coder', name: 'Coder', parent: 'lead', role: 'developer' },
      to: 'human',
      subject: 'Drop the users table?',
      place: 0,
      decisions: [
        {
          id: 'e-1',
          ts: FIRST_TS + 4,
          outcome: 'rejected',
          by: 'ana',
          note: 'not before the backup',
          place: 4,
          tookMs: 1,
        },
      ],
      problems: [],
      tookMs: 1,
    },
  )
  assert.deepEqual([trail.ok, trail.escalations, trail.approvals, trail.events], [true, 1, 1, 3])
  assert.deepEqual(trail.files, [file])
})

test('the asker’s name is the one it had when it asked', () => {
  const { cases } = audit([
    ['spawn', { agentId: 'jim', name: 'Jim', isGod: false }],
    ['escalate', ask('e-1', 'a', 'jim')],
    ['rename', { agentId: 'jim', previousName: 'Jim', name: 'James' }],
    ['role', { agentId: 'jim', role: 'tester' }],
    ['escalate', ask('e-2', 'b', 'jim')],
    ['escalate', ask('e-3', 'c', 'scheduler')],
  ])
  assert.deepEqual(
    cases.map(({ asker }) => asker),
    [
      { agentId: 'jim', name: 'Jim' },
      { agentId: 'jim', name: 'James', role: 'tester' },
      { agentId: 'scheduler' },
    ],
  )
})

test('pending is measured to the last line, or to the time that is given; it is not wrong', () => {
  const events: [string, object?][] = [['escalate', ask('e-1')], ['custom'], ['log.seal']]
  assert.deepEqual([audit(events).cases[0]?.waitingMs, audit(events).asOf], [2, 3])
  const later = audit(events, { asOf: 1001 })
  assert.deepEqual([later.cases[0]?.waitingMs, later.counts.pending, later.ok], [1000, 1, true])
})

test('an approval that answers nothing is wrong', () => {
  const report = audit([
    ['approval', answer('e-404')],
    ['approval', { approve: true }],
  ])
  assert.deepEqual(kinds(report), ['answers-nothing', 'no-id'])
  assert.deepEqual([report.ok, report.orphans.length, report.orphans[0]?.by], [false, 2, 'ana'])
})

test('a decision again is wrong, and one against an earlier one contradicts it', () => {
  const again = audit([
    ['escalate', ask('e')],
    ['approval', answer('e')],
    ['approval', answer('e')],
  ])
  assert.deepEqual([again.cases[0]?.status, kinds(again)], ['approved', ['repeated']])
  const against = audit([
    ['escalate', ask('e')],
    ['approval', answer('e', false)],
    ['approval', answer('e', true, 'bo')],
  ])
  assert.deepEqual([against.cases[0]?.status, kinds(against)], ['contradicted', ['contradictory']])
  assert.equal(against.problems[0]?.message, 'approved at seq 3 after it was rejected at seq 2')
  assert.deepEqual(
    against.cases[0]?.decisions.map(({ outcome, by, tookMs }) => [outcome, by, tookMs]),
    [
      ['rejected', 'ana', 1],
      ['approved', 'bo', 2],
    ],
  )
  assert.equal(against.cases[0]?.tookMs, 1)
})

test('only true approves; what is neither true nor false is unclear, until a clear decision comes', () => {
  for (const approve of ['true', 1, null, undefined, {}, 'yes']) {
    const report = audit([
      ['escalate', ask('e')],
      ['approval', { id: 'e', approve }],
    ])
    assert.deepEqual([report.cases[0]?.status, kinds(report)], ['unclear', ['unclear']])
    assert.deepEqual([report.counts.pending, report.counts.unclear, report.cases[0]?.waitingMs], [1, 1, 1])
    assert.equal(report.cases[0]?.decisions[0]?.value, JSON.stringify(approve) ?? 'missing')
  }
  const cleared = audit([
    ['escalate', ask('e')],
    ['approval', answer('e', 'no')],
    ['approval', answer('e', false)],
  ])
  assert.deepEqual([cleared.cases[0]?.status, cleared.cases[0]?.tookMs], ['rejected', 2])
})

test('an approval before its escalation decides it, and in one log that is wrong', () => {
  const report = audit([
    ['approval', answer('e')],
    ['escalate', ask('e')],
  ])
  assert.deepEqual(
    [report.cases[0]?.status, report.orphans, kinds(report)],
    ['approved', [], ['before-question']],
  )
  assert.equal(report.cases[0]?.decisions.length, 1)
})

test('an id that is used again is another case: the old approval is not its own', () => {
  const report = audit([
    ['escalate', ask('e', 'Format the README?')],
    ['approval', answer('e')],
    ['escalate', ask('e', 'Drop the users table?')],
  ])
  assert.deepEqual(
    report.cases.map(({ subject, status }) => [subject, status]),
    [
      ['Format the README?', 'approved'],
      ['Drop the users table?', 'pending'],
    ],
  )
  assert.deepEqual(kinds(report), ['id-reused', 'id-reused'])
})

test('an id that is asked again before anybody decided waits once', () => {
  const report = audit([
    ['escalate', ask('e', 'First')],
    ['escalate', ask('e', 'Again')],
    ['approval', answer('e', 'maybe')],
  ])
  assert.deepEqual(
    report.cases.map(({ status }) => status),
    ['superseded', 'unclear'],
  )
  assert.deepEqual([report.counts.pending, report.counts.superseded], [1, 1])
  assert.equal(audit([['escalate', { from: 'a', subject: 's' }]]).cases[0]?.status, 'unanswerable')
})

test('a decision by the agent that asked is wrong, be it yes or no', () => {
  assert.deepEqual(
    kinds(
      audit([
        ['escalate', ask('e')],
        ['approval', answer('e', true, 'coder')],
      ]),
    ),
    ['self-approved'],
  )
  assert.deepEqual(
    kinds(
      audit([
        ['escalate', ask('e')],
        ['approval', answer('e', false, 'coder')],
      ]),
    ),
    ['agent-approval'],
  )
})

test('says of each line whether a later seal of its segment vouches for it', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).event('escalate', ask('e-1')).seal().event('approval', answer('e-1'))
  const archived = log.rotate({ gzip: true })
  log.event('escalate', ask('e-2'))
  log.seal().event('approval', answer('e-2'))
  const { cases } = await auditTrail(file)
  const parts = cases.flatMap((each) => [each, ...each.decisions]).map(({ place }) => place)
  assert.deepEqual(
    parts.map((place) => [basename(place.file), place.sealed]),
    [
      [basename(archived), true],
      [basename(archived), true],
      ['hive.jsonl', true],
      ['hive.jsonl', false],
    ],
  )
})

test('a seal over another number of bytes vouches for nothing', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).event('escalate', ask('e-1')).event('log.seal', { sha256: '00', bytes: 1_000_000 })
  assert.equal((await auditTrail(file)).cases[0]?.place.sealed, false)
})

test('an approval is found in another log of the hive, and may be earlier by that clock', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).event('spawn', { agentId: 'lead', name: 'Lead', isGod: true })
  log.event('approval', answer('e-1')).event('approval', answer('e-2', false))
  mkdirSync(`${file}.agents`)
  const child = join(`${file}.agents`, 'coder.jsonl')
  const asked = [
    { ts: FIRST_TS + 2, kind: 'escalate', ...ask('e-1'), seq: 1 },
    { ts: FIRST_TS + 90, kind: 'escalate', ...ask('e-2'), seq: 2 },
    { ts: FIRST_TS + 91, kind: 'escalate', ...ask('e-3'), seq: 3 },
  ]
  writeFileSync(child, `${asked.map((line) => JSON.stringify(line)).join('\n')}\n`)
  const trail = await auditTrail(file)
  assert.deepEqual(
    trail.cases.map(({ id, status, place, decisions }) => [
      id,
      status,
      place.log,
      place.line,
      decisions[0]?.place.log,
    ]),
    [
      ['e-1', 'approved', child, 1, file],
      ['e-2', 'rejected', child, 2, file],
      ['e-3', 'pending', child, 3, undefined],
    ],
  )
  assert.deepEqual([trail.ok, trail.counts.pending, trail.orphans], [true, 1, []])

  // Its own log does not tell whether an approval answers something in another: that is not wrong.
  const alone = await auditTrail(file, { thisFile: true })
  assert.deepEqual([alone.ok, alone.orphans.length, alone.escalations], [true, 2, 0])
  const other = await auditTrail(child)
  assert.deepEqual([other.ok, other.counts.pending], [true, 3])
})

test('since and until: what was asked or decided in that time', () => {
  const events: [string, object?][] = [
    ['escalate', ask('e-1')],
    ['escalate', ask('e-2')],
    ['approval', answer('e-1')],
    ['approval', answer('e-404')],
    ['escalate', ask('e-3')],
  ]
  const shown = (options: AuditOptions) => {
    const { cases, orphans } = audit(events, options)
    return [...cases, ...orphans].map(({ id }) => id)
  }
  assert.deepEqual(shown({ since: 3 }), ['e-1', 'e-3', 'e-404'])
  assert.deepEqual(shown({ until: 2 }), ['e-1', 'e-2'])
  assert.deepEqual(shown({ since: 4, until: 4 }), ['e-404'])
})

test('several files are one history', async (t) => {
  const folder = scratch(t)
  const files = [join(folder, 'july.jsonl'), join(folder, 'august.jsonl')] as const
  writeFileSync(files[0], `${JSON.stringify({ ts: 1000, kind: 'escalate', ...ask('e') })}\n`)
  writeFileSync(files[1], `${JSON.stringify({ ts: 5000, kind: 'approval', ...answer('e') })}\n`)
  const [only] = (await auditTrail(files)).cases
  assert.deepEqual([only?.status, only?.tookMs, only?.decisions[0]?.place.file], ['approved', 4000, files[1]])
})

const CASES: [string, object?][] = [
  ['spawn', { agentId: 'coder', name: 'Coder' }],
  ['escalate', ask('e-1', 'Delete the backups?')],
  ['escalate', ask('e-2', 'Ship it?', 'lead')],
  ['escalate', ask('e-3', 'DELETE all?', 'lead')],
  ['approval', answer('e-1')],
  ['approval', answer('e-2', false, 'bo')],
  ['approval', answer('e-404', true, 'bo')],
]

const FILTERS: [AuditOptions, ids: string[], orphans: number][] = [
  [{}, ['e-1', 'e-2', 'e-3'], 1],
  [{ match: 'delete' }, ['e-1', 'e-3'], 0],
  [{ agent: 'Coder' }, ['e-1'], 0],
  [{ agent: 'lead' }, ['e-2', 'e-3'], 0],
  [{ by: 'bo' }, ['e-2'], 1],
  [{ pending: true }, ['e-3'], 0],
  [{ id: 'e-2' }, ['e-2'], 0],
  [{ id: 'e-404' }, [], 1],
  [{ id: 'none' }, [], 0],
  [{ match: 'delete', pending: true, agent: 'lead' }, ['e-3'], 0],
]

for (const [options, ids, orphans] of FILTERS) {
  test(`lists only what is asked for: ${JSON.stringify(options)}`, () => {
    const report = audit(CASES, options)
    assert.deepEqual(
      report.cases.map(({ id }) => id),
      ids,
    )
    assert.deepEqual([report.orphans.length, report.ok], [orphans, orphans === 0])
    assert.deepEqual([report.escalations, report.approvals], [3, 3])
  })
}

test('only what somebody decided: a repeat, a contradiction and an unclear answer decide nothing', () => {
  const report = audit(
    [
      ['escalate', ask('e-1')],
      ['escalate', ask('e-2')],
      ['escalate', ask('e-3')],
      ['escalate', ask('e-4')],
      ['approval', answer('e-1', true, 'bob')],
      ['approval', answer('e-1', true, 'ana')],
      ['approval', { ...answer('e-2', true, 'ana'), approve: 'maybe' }],
      ['approval', answer('e-3', true, 'bob')],
      ['approval', answer('e-3', false, 'ana')],
      ['approval', answer('e-4', true, 'ana')],
      ['approval', answer('e-4', true, 'bob')],
    ],
    { by: 'ana' },
  )
  assert.deepEqual(
    report.cases.map(({ id }) => id),
    ['e-4'],
  )
})

test('context: what the asking agent did just before, and what it was told', () => {
  const message = (from: string, to: string): [string, object] => ['message', { from, to, subject: 's' }]
  const { cases } = audit(
    [
      message('lead', 'coder'),
      ['drain', { agentId: 'coder' }],
      message('lead', 'tester'),
      ['tool', { agentId: 'coder', name: 'x'.repeat(9000), deep: { a: 1 } }],
      ['escalate', ask('e')],
      ['drain', { agentId: 'coder' }],
    ],
    { id: 'e', context: 3 },
  )
  assert.deepEqual(
    cases[0]?.before?.map(({ event, place }) => [event.kind, place.seq]),
    [
      ['message', 1],
      ['drain', 2],
      ['tool', 4],
    ],
  )
})

test('past the limit, escalations are counted, and approvals that may be theirs are not judged', () => {
  const report = audit(
    [
      ['escalate', ask('e-1')],
      ['escalate', ask('e-2')],
      ['escalate', ask('e-3')],
      ['approval', answer('e-3')],
      ['approval', answer('e-1')],
    ],
    { limit: 2 },
  )
  assert.deepEqual(report.notListed, { escalations: 1, approvals: 1 })
  assert.deepEqual([report.ok, report.escalations, report.approvals, report.counts.approved], [true, 3, 2, 1])
})

test('a flood of decisions on one id is counted, and what contradicts is listed all the same', () => {
  const flood = Array.from({ length: 50 }, (): [string, object] => ['approval', answer('e')])
  const report = audit([['escalate', ask('e')], ...flood, ['approval', answer('e', false)]], { limit: 5 })
  const [only] = report.cases
  assert.equal(only?.status, 'contradicted')
  assert.equal((only?.decisions.length ?? 0) + (only?.moreDecisions ?? 0), 51)
  assert.ok((only?.decisions.length ?? 0) < 10)
  assert.equal(kinds(report).at(-1), 'contradictory')
})

test('long ids stand for themselves only, long texts are cut', () => {
  const long = 'x'.repeat(100_000)
  const report = audit([
    ['escalate', ask(`${long}1`, long)],
    ['escalate', ask(`${long}2`, long)],
    ['approval', answer(`${long}2`)],
  ])
  assert.deepEqual(
    report.cases.map(({ status, subject }) => [status, subject?.length]),
    [
      ['pending', 500],
      ['approved', 500],
    ],
  )
  assert.equal(audit([['escalate', ask(`${long}1`)]], { id: `${long}1` }).cases.length, 1)
})

/**
 * What becomes of each escalation, worked out event by event: the first yes or no decides, also one that came before
 * and answered nothing; asked again, an id waits anew, and what waited under it before does no more.
 */
function statusesByTheRules(
  events: readonly [kind: string, fields: { id: unknown; approve: unknown }][],
): string[] {
  const cases: { id: unknown; answers: unknown[]; isOld: boolean }[] = []
  const unused = new Map<unknown, unknown[]>()
  for (const [kind, { id, approve }] of events) {
    const open = cases.findLast((each) => each.id === id && typeof id === 'string')
    if (kind === 'escalate') {
      if (open !== undefined) open.isOld = true
      cases.push({ id, answers: typeof id === 'string' ? (unused.get(id) ?? []) : [], isOld: false })
      unused.delete(id)
    } else if (kind === 'approval' && typeof id === 'string') {
      if (open !== undefined) open.answers.push(approve)
      else unused.set(id, [...(unused.get(id) ?? []), approve])
    }
  }
  return cases.map(({ id, answers, isOld }) => {
    if (typeof id !== 'string') return 'unanswerable'
    const [yes, no] = [answers.includes(true), answers.includes(false)]
    if (yes && no) return 'contradicted'
    if (yes || no) return yes ? 'approved' : 'rejected'
    return isOld ? 'superseded' : answers.length > 0 ? 'unclear' : 'pending'
  })
}

test('fields of any type never throw, and every approval is accounted for', () => {
  const id = fc.constantFrom<unknown>(
    'a',
    'b',
    '__proto__',
    'toString',
    7,
    null,
    undefined,
    {},
    [],
    '',
    1e300,
  )
  const value = fc.oneof(id, fc.boolean(), fc.string(), fc.double())
  const event = fc.tuple(
    fc.constantFrom('escalate', 'approval', 'spawn', 'rename', 'role', 'message', 'log.seal', '__proto__'),
    fc.record({
      id,
      agentId: id,
      from: value,
      to: value,
      subject: value,
      approve: value,
      by: value,
      note: value,
    }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const report = audit(events)
      const decisions = report.cases.flatMap((each) => each.decisions)
      assert.equal(decisions.length + report.orphans.length, report.approvals)
      assert.equal(report.cases.length, report.escalations)
      assert.equal(
        Object.values(report.counts).reduce((a, b) => a + b) - report.counts.unclear,
        report.escalations,
      )
      assert.deepEqual(
        report.cases.map(({ status }) => status),
        statusesByTheRules(events),
      )
      for (const each of report.cases) if (each.decisions.length > 1) assert.ok(each.problems.length > 0)
      JSON.stringify(report)
    }),
    { seed: 7 },
  )
})

test('logs of other writers, malformed lines and losses are told', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, FOREIGN)
  const empty = await auditTrail(file)
  assert.deepEqual([empty.events, empty.cases, empty.ok, empty.malformed], [3, [], true, 0])
  appendFileSync(file, `not json\n{"ts":1,"kind":"log.gap","lost":4,"reason":"disk full"}\n`)
  const trail = await auditTrail(file)
  assert.deepEqual([trail.lines, trail.events, trail.malformed, trail.lost], [5, 3, 1, 4])
})
