/**
 * One truth about escalations: random questions and answers in several logs of one hive, and whoever says what is
 * pending and what was decided, compared with the rules of docs/hive.md in their plainest form.
 */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { auditTrail, checkLog, replay, statsReport, topReport } from '../../src/analyse.js'
import { standingsIn } from '../../src/decide/whole-log.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { hivelog } from '../kit/reader-cli.js'
import { FIRST_TS, scratch } from '../kit/reader-log.js'

interface Line {
  ts: number
  kind: 'escalate' | 'approval'
  id?: unknown
  approve?: unknown
  from?: string
}

/** A line in the hive's story. */
interface Told extends Line {
  /** `log:seq`. */
  at: string
}

interface Case {
  at: string
  id: string | undefined
  answers: { at: string; approve: unknown }[]
  isSuperseded: boolean
}

/** "Each line stands at the greatest `ts` that its own log had up to it", then by the logs, then as they are in them. */
function storyOf(logs: readonly (readonly Line[])[]): Told[] {
  const all: (Told & { stands: number })[] = []
  for (const [log, lines] of logs.entries()) {
    let stands = 0
    for (const [i, line] of lines.entries()) {
      stands = Math.max(stands, line.ts)
      all.push({ ...line, stands, at: `${log}:${i + 1}` })
    }
  }
  // Each log is in order as it is, and they come one after the other: the sort keeps what is equal.
  return all.sort((a, b) => a.stands - b.stands)
}

/** What docs/hive.md says of Escalations, sentence by sentence. */
function byTheRules(story: readonly Told[]): { cases: Case[]; unasked: Told[] } {
  const cases: Case[] = []
  let unasked: Told[] = []
  for (const line of story) {
    const id = typeof line.id === 'string' ? line.id : undefined
    const last = id === undefined ? undefined : cases.findLast((each) => each.id === id)
    if (line.kind === 'escalate') {
      if (last !== undefined && decisionOf(last) === undefined) last.isSuperseded = true
      const early = id === undefined ? [] : unasked.filter((each) => each.id === id)
      unasked = unasked.filter((each) => !early.includes(each))
      cases.push({
        at: line.at,
        id,
        answers: early.map(({ at, approve }) => ({ at, approve })),
        isSuperseded: false,
      })
    } else if (last !== undefined) last.answers.push({ at: line.at, approve: line.approve })
    else unasked.push(line)
  }
  return { cases, unasked }
}

const isClear = ({ approve }: { approve?: unknown }): boolean => approve === true || approve === false
const decisionOf = ({ answers }: Case): Case['answers'][number] | undefined => answers.find(isClear)
const isPending = (each: Case): boolean =>
  each.id !== undefined && !each.isSuperseded && decisionOf(each) === undefined

function statusOf(each: Case): string {
  if (each.id === undefined) return 'unanswerable'
  const clear = each.answers.filter(isClear).map(({ approve }) => approve)
  if (new Set(clear).size === 2) return 'contradicted'
  if (clear.length > 0) return clear[0] === true ? 'approved' : 'rejected'
  if (each.isSuperseded) return 'superseded'
  return each.answers.length > 0 ? 'unclear' : 'pending'
}

const ID = fc.constantFrom<unknown>('a', 'b', 'c', '', 'toString', 7, undefined)
const line: fc.Arbitrary<Line> = fc.record({
  ts: fc.integer({ min: FIRST_TS, max: FIRST_TS + 12 }),
  kind: fc.constantFrom('escalate', 'approval'),
  id: ID,
  approve: fc.constantFrom<unknown>(true, true, false, false, 'true', 1, undefined),
  from: fc.constantFrom('coder', 'lead'),
})
const HIVE = fc.tuple(...[0, 1, 2].map(() => fc.array(line, { minLength: 1, maxLength: 9 })))

/** A hive of a log and those of two child processes. */
function written(folder: string, logs: readonly (readonly Line[])[]): string[] {
  rmSync(folder, { recursive: true, force: true })
  const file = join(folder, 'hive.jsonl')
  mkdirSync(`${file}.agents`, { recursive: true })
  const files = [file, join(`${file}.agents`, 'coder.jsonl'), join(`${file}.agents`, 'lead.jsonl')]
  for (const [i, lines] of logs.entries()) {
    const text = lines.map(({ ts, kind, ...fields }, j) => {
      const event =
        kind === 'escalate' ? { ...fields, approve: undefined, to: 'human', subject: 's' } : fields
      return `${JSON.stringify({ ts, kind, ...event, seq: j + 1 })}\n`
    })
    writeFileSync(files[i] as string, text.join(''))
  }
  return files
}

test('who says what is pending and what was decided says what the rules say', async (t: TestContext) => {
  const folder = join(scratch(t), 'hive')
  await fc.assert(
    fc.asyncProperty(HIVE, async (logs) => {
      const { cases, unasked } = byTheRules(storyOf(logs))
      const pending = cases.filter(isPending)
      const files = written(folder, logs)
      const [file] = files as [string]
      const at = ({ log, seq }: { log?: string; seq?: number }): string =>
        `${files.indexOf(log ?? file)}:${seq}`
      const places = pending.map((each) => each.at)

      const state = await replay(file, { index: false })
      assert.deepEqual(state.pending.map(at), places, 'state')
      const stats = await statsReport(file)
      const top = await topReport(file)
      assert.deepEqual([stats.pending, top.pending], [pending.length, pending.length], 'stats, top')

      const audit = await auditTrail(file)
      assert.deepEqual(
        audit.cases.map(({ place, status, decisions }) => [
          at(place),
          status,
          decisions.map((each) => [at(each.place), each.outcome]),
        ]),
        cases.map((each) => [
          each.at,
          statusOf(each),
          each.answers.map(({ at, approve }) => [
            at,
            approve === true ? 'approved' : approve === false ? 'rejected' : 'unclear',
          ]),
        ]),
        'audit',
      )
      assert.deepEqual(
        audit.orphans.map(({ place }) => at(place)),
        unasked.map((each) => each.at),
        'audit: answers nothing',
      )
      assert.equal(audit.counts.pending, pending.length, 'audit: counts')

      const check = await checkLog(file, { closed: true })
      const found = (rule: string) => check.findings.filter((each) => each.rule === rule)
      const sum = (rule: string): number => found(rule).reduce((all, { count }) => all + count, 0)
      assert.equal(sum('unanswered-escalation'), pending.length, 'check: pending')
      const strange = new Set(unasked.flatMap(({ id }) => (typeof id === 'string' ? [id] : [])))
      assert.equal(found('unasked-approval').length, strange.size, 'check: unasked')
      const against = [
        ...cases.map(({ answers }) => answers),
        ...[...strange].map((id) => unasked.filter((each) => each.id === id)),
      ]
      const contradictions = against.map((answers) => {
        const clear = answers.filter(isClear)
        return clear.filter(({ approve }) => approve !== clear[0]?.approve).length
      })
      assert.equal(
        found('contradicting-approval').length,
        contradictions.reduce((all, each) => all + each, 0),
        'check: contradicting',
      )

      const listed = JSON.parse((await hivelog(['pending', '--json', file])).stdout) as {
        pending: { place: { log: string; seq: number } }[]
      }
      assert.deepEqual(
        listed.pending.map(({ place }) => at(place)),
        places,
        'hivelog pending',
      )

      const ids = [...new Set(storyOf(logs).map(({ id }) => id))].filter(
        (id): id is string => typeof id === 'string' && id !== '',
      )
      const standings = await standingsIn(file, ids)
      for (const id of ids) {
        const last = cases.findLast((each) => each.id === id)
        const isDecided =
          last === undefined ? unasked.some((each) => each.id === id && isClear(each)) : !isPending(last)
        const standing = isDecided ? 'decided' : last === undefined ? 'unknown' : 'open'
        assert.deepEqual(
          [standings.of(id), standings.isAsked(id)],
          [standing, last !== undefined],
          `standing of ${id}`,
        )
      }
    }),
    { seed: seedOfRun(), numRuns: cases(150, 50) },
  )
})

const AGENT = fc.constantFrom('coder', 'lead')
const TEXT = fc.constantFrom('A', 'B', undefined)
const ofLives = fc.oneof(
  fc.record({
    kind: fc.constant('spawn'),
    agentId: AGENT,
    name: TEXT,
    parent: TEXT,
    role: TEXT,
    session: fc.constantFrom('s-1', 's-2', undefined),
  }),
  fc.record({ kind: fc.constantFrom('rename', 'role'), agentId: AGENT, name: TEXT, role: TEXT }),
  fc.record({ kind: fc.constant('exit'), agentId: AGENT, status: fc.constantFrom('ok', 'lost') }),
  fc.record({ kind: fc.constant('archive'), agentId: AGENT, archived: fc.boolean() }),
  fc.record({ kind: fc.constant('agent-hold'), id: AGENT, onHold: fc.boolean() }),
  fc.record({ kind: fc.constant('session'), agentId: AGENT, sessionId: fc.constantFrom('s-1', 's-2') }),
  fc.record({ kind: fc.constantFrom('app-start', 'tasks'), agentId: AGENT }),
  fc.record({ kind: fc.constant('log.open'), pid: fc.integer({ min: 1, max: 2 }), started: fc.constant(1) }),
)

test('who asks is who the state says that the agent is', async (t: TestContext) => {
  const folder = join(scratch(t), 'hive')
  await fc.assert(
    fc.asyncProperty(fc.tuple(...[0, 1].map(() => fc.array(ofLives, { maxLength: 7 }))), async (logs) => {
      rmSync(folder, { recursive: true, force: true })
      const file = join(folder, 'hive.jsonl')
      const files = [file, join(`${file}.agents`, 'coder.jsonl')]
      mkdirSync(`${file}.agents`, { recursive: true })
      for (const [i, events] of logs.entries()) {
        const asks = ['coder', 'lead'].map((from) => ({ kind: 'escalate', from, to: 'human', id: from }))
        const all = [...events, ...(i === 0 ? asks : [])].map((event, j) => {
          const ts = FIRST_TS + j + (event.kind === 'escalate' ? 1000 : 0)
          return `${JSON.stringify({ ts, ...event, seq: j + 1 })}\n`
        })
        writeFileSync(files[i] as string, all.join(''))
      }
      const { agents } = await replay(file, { index: false })
      const { cases } = await auditTrail(file)
      assert.deepEqual(
        cases.map(({ asker }) => asker),
        ['coder', 'lead'].map((agentId) => {
          const agent = agents.find((each) => each.agentId === agentId)
          const isNamed = agent !== undefined && (agent.lives > 0 || agent.name !== agentId)
          return {
            agentId,
            ...(isNamed && { name: agent.name }),
            ...(agent?.parent !== undefined && { parent: agent.parent }),
            ...(agent?.role !== undefined && { role: agent.role }),
          }
        }),
      )
    }),
    { seed: seedOfRun(), numRuns: cases(300, 100) },
  )
})

const opened = (pid: number): object => ({ kind: 'log.open', format: 1, segment: 1, pid, host: 'h' })
const archived = { kind: 'archive', agentId: 'coder', archived: true }
const BETWEEN: [what: string, events: object[], name: string][] = [
  ['nothing', [], 'First'],
  ['its end', [{ kind: 'exit', agentId: 'coder', status: 'ok' }], 'Second'],
  ['another writer', [opened(2)], 'Second'],
  ['a harness that starts', [{ kind: 'app-start' }], 'Second'],
  ['a harness that starts, while it is archived', [archived, { kind: 'app-start' }], 'First'],
]
for (const [what, events, name] of BETWEEN) {
  test(`who asks where it is spawned twice, and between it comes ${what}`, async (t: TestContext) => {
    const file = join(scratch(t), 'hive.jsonl')
    mkdirSync(`${file}.agents`)
    const spawned = { kind: 'spawn', agentId: 'coder', session: 's-1' }
    const asks = { kind: 'escalate', from: 'coder', to: 'human', id: 'e' }
    const logs: [file: string, lines: [ts: number, event: object][]][] = [
      [
        file,
        [
          [1, { ...spawned, name: 'First' }],
          [20, { ...spawned, name: 'Second' }],
          [21, asks],
        ],
      ],
      [
        join(`${file}.agents`, 'coder.jsonl'),
        [opened(1), spawned, ...events].map((event, i) => [2 + i, event]),
      ],
    ]
    for (const [path, lines] of logs) {
      const text = lines.map(([ts, event], i) => `${JSON.stringify({ ts, ...event, seq: i + 1 })}\n`)
      writeFileSync(path, text.join(''))
    }
    const { agents } = await replay(file, { index: false })
    const [only] = (await auditTrail(file)).cases
    assert.deepEqual([agents[0]?.name, only?.asker.name], [name, name])
  })
}
