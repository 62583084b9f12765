/**
 * One truth: every command is asked about the same hives, and what they say in common is compared with each other and
 * with numbers that are worked out by hand from docs/hive.md, event by event.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { calcPrice } from '@pydantic/genai-prices'
import { cleanEnvironment, linesOf, packageRoot, tempFolder, tempHive } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

/** What a hive comes to. */
interface Verdict {
  /** Without housekeeping. */
  events: number
  malformed: number
  agents: number
  /** Agents that are lost now, and lives that were. */
  lost: number
  lostLives: number
  pending: number
  /** Messages in all inboxes, of agents and of names that are none. */
  waiting: number
  modelCalls: number
  costUsd: number
  unpriced: number
  calls: number
  waits: number
}

/** A command's output, whose shape the command's help tells. */
type Json = ReturnType<typeof JSON.parse>

async function json(command: string, args: readonly string[], file: string): Promise<Json> {
  const { stdout, stderr, code } = await hivelog([command, ...args, '--json', file])
  assert.ok(code === 0 || code === 1, `${command}: ${stderr}`)
  return JSON.parse(stdout)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)
const rounded = (usd: number): number => Number(usd.toPrecision(12))

/** Asks every command, and compares what it says with the verdict. */
async function compare(file: string, expected: Verdict): Promise<void> {
  const { events, malformed, agents, lost, pending, waiting, costUsd } = expected
  const state = await json('state', ['--no-index'], file)
  const usage = { calls: expected.modelCalls, costUsd, unpriced: expected.unpriced }
  assert.deepEqual(
    {
      events: state.events,
      malformed: state.malformed,
      agents: state.agents.length,
      lost: state.agents.filter(({ status }: { status: string }) => status === 'lost').length,
      pending: state.pending.length,
      waiting: sum(state.inboxes.map((inbox: { waiting: number }) => inbox.waiting)),
      usage: {
        calls: state.usage.calls,
        costUsd: rounded(state.usage.costUsd),
        unpriced: state.usage.unpriced,
      },
    },
    { events, malformed, agents, lost, pending, waiting, usage },
    'state',
  )

  const indexed = await json('state', [], file)
  assert.deepEqual(indexed, state, 'state with an index')

  const stats = await json('stats', [], file)
  const ofStats: { status: string; waiting: number; received: number }[] = Object.values(stats.agents)
  assert.deepEqual(
    {
      events: stats.events,
      malformed: stats.malformed,
      agents: ofStats.length,
      lost: ofStats.filter(({ status }) => status === 'lost').length,
      pending: stats.pending,
      usage: {
        calls: stats.usage.calls,
        costUsd: rounded(stats.usage.costUsd),
        unpriced: stats.usage.unpricedCalls,
      },
    },
    { events, malformed, agents, lost, pending, usage },
    'stats',
  )
  for (const { agentId, status } of state.agents) {
    const inbox = state.inboxes.find(({ recipient }: { recipient: string }) => recipient === agentId)
    const { [agentId]: of } = stats.agents
    assert.deepEqual([of.status, of.waiting], [status, inbox?.waiting ?? 0], `stats of ${agentId}`)
  }

  const top = await json('top', ['--once'], file)
  assert.deepEqual(
    {
      events: top.events,
      malformed: top.malformed,
      agents: sum(Object.values(top.counts)),
      pending: top.pending,
      waiting: top.inbox,
      usage: {
        calls: top.usage.calls,
        costUsd: rounded(top.usage.costUsd),
        unpriced: top.usage.unpriced,
      },
    },
    { events, malformed, agents, pending, waiting, usage },
    'top',
  )
  for (const { agentId, status, pending: own, inbox } of top.agents) {
    const one = state.agents.find((agent: { agentId: string }) => agent.agentId === agentId)
    const box = state.inboxes.find(({ recipient }: { recipient: string }) => recipient === agentId)
    const asked = state.pending.filter(({ from }: { from: string }) => from === agentId)
    assert.deepEqual([status, own, inbox], [one.status, asked.length, box?.waiting ?? 0], `top of ${agentId}`)
  }

  const audit = await json('audit', [], file)
  assert.deepEqual(
    [audit.events, audit.malformed, audit.counts.pending],
    [events, malformed, pending],
    'audit',
  )
  const ids = (list: { id: string }[]): string[] => list.map(({ id }) => id)
  const waits = ids(state.pending)
  assert.deepEqual(ids((await json('audit', ['--pending'], file)).cases), waits, 'audit --pending')
  assert.deepEqual(ids((await json('pending', [], file)).pending), waits, 'pending')

  for (const by of ['agent', 'model', 'hour']) {
    const { total, ...cost } = await json('cost', ['--by', by], file)
    assert.deepEqual(
      [cost.events, cost.malformed, total.calls, rounded(total.costUsd), total.unpricedCalls],
      [events, malformed, usage.calls, usage.costUsd, usage.unpriced],
      `cost --by ${by}`,
    )
  }

  for (const [command, count] of [
    ['calls', expected.calls],
    ['waits', expected.waits],
  ] as const) {
    const report = await json(command, [], file)
    assert.deepEqual(
      [report.events, report.malformed, report.total?.[command] ?? 0],
      [events, malformed, count],
      command,
    )
  }

  const check = await json('check', ['--fail-on', 'none', '--no-config'], file)
  assert.deepEqual([check.events, check.malformed], [events, malformed], 'check')
  const ended = await json('check', ['--fail-on', 'none', '--no-config', '--closed'], file)
  const unanswered = ended.findings.filter(({ rule }: Json) => rule === 'unanswered-escalation')
  assert.equal(sum(unanswered.map(({ count }: Json) => count)), pending, 'check --closed')

  const out = join(file, '..', 'spans.json')
  const exported = await json('export', ['--format', 'otlp-json', '-o', out, '--force'], file)
  assert.deepEqual([exported.malformed, exported.lost], [malformed, expected.lostLives], 'export')
  const table = await json('export', ['--format', 'csv', '-o', out, '--force'], file)
  assert.deepEqual([table.malformed, table.rows - housekeeping(stats.kinds)], [malformed, events], 'csv')

  const diff = await json('diff', [file], file)
  assert.deepEqual(
    [diff.verdict, diff.a.events, diff.b.events, diff.a.malformed],
    ['same', events, events, malformed],
    'diff',
  )
}

const housekeeping = (kinds: Record<string, number>): number =>
  sum(Object.entries(kinds).flatMap(([kind, count]) => (kind.startsWith('log.') ? [count] : [])))

const LISTED = calcPrice({ input_tokens: 1000, output_tokens: 100 }, 'claude-sonnet-4-5', {
  providerId: 'anthropic',
})?.total_price as number

test('a hive of ours, with an end', async (t) => {
  const { hive, file } = tempHive(t)
  const lead = hive.spawn({ agentId: 'boss', name: 'Boss', isGod: true })
  const coder = lead.spawn({ agentId: 'coder' })
  const tester = lead.spawn({ agentId: 'tester' })
  // Events: 3 so far.
  const first = lead.message({ to: 'coder', act: 'request', subject: '1' })
  lead.message({ to: 'coder', act: 'request', subject: '2' })
  coder.drain([first])
  // coder 1 waits; 6 events.
  coder.message({ to: 'god', act: 'inform', subject: '3' })
  lead.message({ to: 'broadcast', act: 'inform', subject: '4' })
  coder.message({ to: 'human', act: 'inform', subject: '5' })
  coder.message({ to: 'nobody-here', act: 'inform', subject: '6' })
  // coder 2, tester 1, boss 1, a stranger 1; nobody for the human: 5 wait; 10 events.
  const [yes, no] = [coder.escalate({ subject: 'a?' }), coder.escalate({ subject: 'b?' })]
  coder.escalate({ subject: 'c?' })
  await hive.approve(yes.id, true, { by: 'ana' })
  await hive.approve(no.id, false, { by: 'ana' })
  // 1 pending; 15 events.
  lead.usage({ model: 'm', inputTokens: 1, outputTokens: 1, costUsd: 6 })
  coder.usage({ model: 'claude-sonnet-4-5', provider: 'anthropic', inputTokens: 1000, outputTokens: 100 })
  coder.usage({ model: 'nobody-knows-this', inputTokens: 1, outputTokens: 1 })
  coder.call({ host: 'a', ms: 1, status: 200 })
  coder.call({ host: 'a', ms: 1, status: 500 })
  tester.wait({ resource: 'db', ms: 3, holder: 'coder' })
  tester.tool({ name: 'grep', ok: true, ms: 1 })
  // 22 events.
  coder.end()
  tester.end({ status: 'error', error: 'it broke' })
  lead.end()
  await hive.shutdown()
  await compare(file, {
    events: 25,
    malformed: 0,
    agents: 3,
    lost: 0,
    lostLives: 0,
    pending: 1,
    waiting: 5,
    modelCalls: 3,
    costUsd: rounded(6 + LISTED),
    unpriced: 1,
    calls: 2,
    waits: 1,
  })
})

test('a hive of processes: escalations and usage of the child, approval of the parent', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const program = fileURLToPath(new URL('../programs/process-hive.js', import.meta.url))
  const child = spawn(process.execPath, [program, file], { env: cleanEnvironment(), stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  await compare(file, {
    // The parent's: 2 spawns, usage, message, call, approval, 2 exits. The child's: spawn, message, 2 usage, call,
    // wait, 2 escalations, exit.
    events: 8 + 9,
    malformed: 0,
    agents: 2,
    lost: 0,
    lostLives: 0,
    pending: 1,
    waiting: 2,
    modelCalls: 3,
    costUsd: 7.5,
    unpriced: 1,
    calls: 2,
    waits: 1,
  })
  const audit = await json('audit', [], file)
  const childLog = join(`${file}.agents`, 'coder.jsonl')
  assert.equal(audit.ok, true)
  assert.deepEqual(
    audit.cases.map((each: Json) => [
      each.status,
      each.asker.name,
      each.place.log,
      each.decisions[0]?.place.log,
    ]),
    [
      ['approved', 'Coder', childLog, file],
      ['pending', 'Coder', childLog, undefined],
    ],
  )
  const asked = linesOf(childLog).findIndex(({ kind }) => kind === 'escalate') + 1
  assert.equal(audit.cases[0].place.line, asked)
  const alone = await json('cost', ['--this-file'], file)
  assert.deepEqual([alone.total.calls, alone.total.costUsd], [1, 1.5])
})

/** Lines of a log of ours, numbered; `log.open` as the writers of a container write them, each with pid 1. */
function ownLog(t: TestContext, events: [kind: string, fields?: object][], name = 'hive.jsonl'): string {
  const file = join(tempFolder(t), name)
  writeFileSync(file, ownLines(events).join(''))
  return file
}

function ownLines(events: [kind: string, fields?: object][]): string[] {
  return events.map(([kind, fields], i) => {
    const line = { ts: 1_787_386_181_000 + i, kind, ...fields, seq: i + 1, session: 's' }
    return `${JSON.stringify(line)}\n`
  })
}

const opened = (started: number, fields: object = {}): [string, object] => [
  'log.open',
  { format: 1, segment: 1, writer: 'hivelog/0', pid: 1, host: 'h', started, ...fields },
]

test('a killed writer, and another that has the same pid, host and session', async (t) => {
  const file = ownLog(t, [
    opened(1000),
    ['spawn', { agentId: 'a', name: 'A', isGod: true }],
    ['spawn', { agentId: 'b', name: 'B' }],
    ['spawn', { agentId: 'c', name: 'C' }],
    ['exit', { agentId: 'b', exitCode: 1 }],
    ['escalate', { from: 'c', to: 'human', subject: '?', id: 'e1' }],
    ['approval', { id: 'e1', approve: 'yes' }],
    ['usage', { agentId: 'c', costUsd: 0.25 }],
    // Here a and c are lost.
    opened(2000),
    ['spawn', { agentId: 'a', name: 'A', isGod: true }],
    ['message', { from: 'a', to: 'b', act: 'inform', subject: 's', id: 'm1' }],
    ['message', { from: 'a', to: 'c', act: 'inform', subject: 's', id: 'm2' }],
    ['message', { from: 'a', to: 'broadcast', act: 'inform', subject: 's', id: 'm3' }],
    ['usage', { agentId: 'a', costUsd: 1 }],
  ])
  await compare(file, {
    events: 12,
    malformed: 0,
    agents: 3,
    lost: 1,
    lostLives: 2,
    // The answer is neither yes nor no.
    pending: 1,
    // Of b, which ended, and of c, which is lost; nobody lives but the sender of the broadcast.
    waiting: 2,
    modelCalls: 2,
    costUsd: 1.25,
    unpriced: 0,
    calls: 0,
    waits: 0,
  })
  assert.equal(
    (await json('state', ['--no-index'], file)).agents.find((each: Json) => each.agentId === 'b').status,
    'error',
  )
})

test('a torn line, lines that are none, and an approval before its escalation', async (t) => {
  const file = ownLog(t, [
    opened(1000),
    ['spawn', { agentId: 'a', name: 'A' }],
    ['approval', { id: 'e1', approve: true, by: 'ana' }],
  ])
  const more = ownLines([
    ...Array.from({ length: 3 }, (): [string] => ['x']),
    ['log.torn', { bytes: 9 }],
    ['escalate', { from: 'a', to: 'human', subject: '?', id: 'e1' }],
    ['escalate', { from: 'a', to: 'human', subject: '?', id: 'e2' }],
    ['escalate', { from: 'a', to: 'human', subject: 'again', id: 'e2' }],
    ['call', { agentId: 'a', host: 'h' }],
  ]).slice(3)
  writeFileSync(file, `{"ts":17873\n${more.join('')}not json\n`, { flag: 'a' })
  await compare(file, {
    events: 6,
    malformed: 2,
    agents: 1,
    lost: 0,
    lostLives: 0,
    pending: 1,
    waiting: 0,
    modelCalls: 0,
    costUsd: 0,
    unpriced: 0,
    calls: 1,
    waits: 0,
  })
})

test('the log of an older Munder Difflin', async (t) => {
  const file = join(tempFolder(t), 'log.jsonl')
  copyFileSync(join(packageRoot(), 'test', 'fixtures', 'munder-difflin.log.jsonl'), file)
  await compare(file, {
    events: 19,
    malformed: 0,
    // god and jim; spawned again while archived is no loss.
    agents: 2,
    lost: 0,
    lostLives: 0,
    pending: 0,
    // All five to god, who drains none.
    waiting: 5,
    modelCalls: 0,
    costUsd: 0,
    unpriced: 0,
    calls: 0,
    waits: 0,
  })
})

/** As shared by that program's newer versions; after each message, what waits for whom. */
const MUNDER_NEW: [kind: string, fields: object][] = [
  [
    'app-start',
    { version: '1', packaged: true, appPath: '/a', exePath: '/e', electron: '1', platform: 'linux' },
  ],
  ['spawn', { agentId: 'pam', name: 'Pam', isGod: true }],
  ['spawn', { agentId: 'jim', name: 'Jim', isGod: false }],
  ['spawn', { agentId: 'kim', name: 'Kim', isGod: false }],
  ['spawn', { agentId: 'dwight', name: 'Dwight', isGod: false }],
  ['rename', { agentId: 'jim', previousName: 'Jim', name: 'James' }],
  ['role', { agentId: 'jim', role: 'tester' }],
  ['session', { agentId: 'jim', sessionId: 's-1' }],
  ['tasks', { count: 3 }],
  ['cwd_invalid', { agentId: 'jim', cwd: '/x', issue: 'missing' }],
  // pam 1: she is the god.
  ['message', { from: 'human', to: 'god', act: 'request', subject: '1', id: 'm1' }],
  // jim 1
  ['message', { from: 'scheduler', to: 'jim', act: 'request', subject: 'without an id' }],
  // pam 2, kim 1
  [
    'message',
    { from: 'jim', to: 'broadcast', act: 'inform', subject: '3', id: 'm3', delivered: ['kim', 'pam'] },
  ],
  // pam 3, kim 2, dwight 1
  ['message', { from: 'jim', to: 'broadcast', act: 'inform', subject: '4', id: 'm4' }],
  // pam 4: in such a log the human is the god.
  ['message', { from: 'jim', to: 'human', act: 'inform', subject: '5', id: 'm5' }],
  // Nobody took it.
  ['message', { from: 'kim', to: 'jim', act: 'inform', subject: '6', id: 'm6', delivered: [] }],
  // jim 2, and 1 again
  ['message', { from: 'kim', to: 'jim', act: 'inform', subject: '7', id: 'm7' }],
  ['drop', { reason: 'hop-cap', from: 'kim', to: 'jim', id: 'm7' }],
  // gone 1, and then pam 5 in its place
  ['message', { from: 'pam', to: 'gone', act: 'inform', subject: '8', id: 'm8' }],
  ['drop', { reason: 'no-inbox', from: 'pam', to: 'gone', id: 'm8' }],
  // Into no inbox.
  ['terminal-handoff', { from: 'pam', to: 'jim', act: 'request', subject: '9', id: 'm9', delivered: true }],
  ['agent-hold', { id: 'dwight', onHold: true }],
  // jim 2, kim 3, dwight 2: who is held gets it too.
  ['message', { from: 'pam', to: 'broadcast', act: 'inform', subject: '10', id: 'm10' }],
  ['archive', { agentId: 'dwight', archived: true }],
  // jim 3, kim 4: who is archived does not.
  ['message', { from: 'pam', to: 'broadcast', act: 'inform', subject: '11', id: 'm11' }],
  // jim 0: without ids a drain takes all.
  ['drain', { agentId: 'jim', count: 1 }],
  ['escalate', { from: 'jim', to: 'human', subject: 'a?', id: 'e1' }],
  ['approval', { id: 'e1', approve: true }],
  // 1 pending: 'true' is not true.
  ['escalate', { from: 'jim', to: 'human', subject: 'b?', id: 'e2' }],
  ['approval', { id: 'e2', approve: 'true' }],
  // dwight 3: to an agent by its name it waits there.
  ['message', { from: 'pam', to: 'dwight', act: 'inform', subject: '12', id: 'm12' }],
  ['condense', { agentId: 'pam', oldBytes: 10, newBytes: 5 }],
  ['condense-abort', { agentId: 'pam', reason: 'too small' }],
  // pam, jim and kim are lost; dwight stays archived.
  [
    'app-start',
    { version: '2', packaged: true, appPath: '/a', exePath: '/e', electron: '1', platform: 'linux' },
  ],
  ['spawn', { agentId: 'pam', name: 'Pam', isGod: true }],
  ['spawn', { agentId: 'jim', name: 'Jim', isGod: false }],
  ['archive', { agentId: 'dwight', archived: false }],
  // jim 1, dwight 4
  ['message', { from: 'pam', to: 'broadcast', act: 'inform', subject: '13', id: 'm13' }],
]

test('the log of a newer Munder Difflin, with every kind that it has', async (t) => {
  const folder = join(tempFolder(t), 'hive')
  mkdirSync(folder)
  const file = join(folder, 'log.jsonl')
  const lines = MUNDER_NEW.map(([kind, fields], i) =>
    JSON.stringify({ ts: 1_787_386_181_000 + i, kind, ...fields }),
  )
  writeFileSync(file, `${lines.join('\n')}\n`)
  await compare(file, {
    events: MUNDER_NEW.length,
    malformed: 0,
    agents: 4,
    // kim, alive when the harness was started again.
    lost: 1,
    lostLives: 3,
    pending: 1,
    // pam 5, jim 1, kim 4, dwight 4
    waiting: 14,
    modelCalls: 0,
    costUsd: 0,
    unpriced: 0,
    calls: 0,
    waits: 0,
  })
})
