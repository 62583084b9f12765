/** The check of `npm run test:frameworks` itself: each way in which a log can be wrong is found. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../kit/hive-support.js'

interface Seen {
  event: Record<string, unknown>
  at: number
  file: string
}
interface Compared {
  problems: string[]
  late: string[]
  slowestMs: number
  counts: Record<string, string>
}
const kit = (file: string) => import(pathToFileURL(join(packageRoot(), 'test/frameworks/kit', file)).href)
const { compare } = (await kit('truth.mjs')) as {
  compare(input: { lines: Seen[]; truth: object; calls: object[]; marks: object[] }): Compared
}

const events = [
  { kind: 'log.open' },
  { kind: 'spawn', agentId: 'main', name: 'main', pid: 7 },
  { kind: 'spawn', agentId: 'lead', name: 'lead', parent: 'main' },
  { kind: 'usage', agentId: 'lead', model: 'm', inputTokens: 10, outputTokens: 2, responseId: 'r1' },
  { kind: 'tool.start', agentId: 'lead', name: 'ask', toolCallId: 'c1' },
  { kind: 'spawn', agentId: 'helper', name: 'helper', parent: 'lead' },
  { kind: 'message', from: 'lead', to: 'helper', act: 'delegate', subject: 's', id: 'm1' },
  { kind: 'usage', agentId: 'helper', model: 'm', inputTokens: 20, outputTokens: 4, responseId: 'r2' },
  { kind: 'exit', agentId: 'helper', status: 'ok' },
  { kind: 'tool', agentId: 'lead', name: 'ask', toolCallId: 'c1', ok: true },
  { kind: 'escalate', from: 'lead', to: 'human', subject: 'may ask run?', id: 'e1' },
  { kind: 'approval', id: 'e1', approve: true },
  { kind: 'exit', agentId: 'lead', status: 'ok' },
] as const

const truth = {
  agents: [{ name: 'lead' }, { name: 'helper', parent: 'lead' }],
  tools: [{ agent: 'lead', name: 'ask', toolCallId: 'c1' }],
  messages: [{ from: 'lead', to: 'helper', act: 'delegate' }],
  escalations: [{ from: 'lead', subject: 'ask', approve: true }],
}
const call = (agent: string, input: number, output: number, responseId: string, at: number) => ({
  agent,
  asked: 'm',
  inputTokens: input,
  outputTokens: output,
  responseId,
  startedAt: at,
  endedAt: at,
})
// Each line is there 1 ms after what it tells.
const calls = [call('lead', 10, 2, 'r1', 1_002), call('helper', 20, 4, 'r2', 1_006)]
const marks = [{ what: 'tool', toolCallId: 'c1', at: 1_003 }]

/** The log with some lines changed; they are numbered anew. */
function check(
  change: (events: Record<string, unknown>[]) => Record<string, unknown>[],
  shiftMs = 0,
): Compared {
  const lines = change(events.map((event) => ({ ...event }))).map((event, i) => ({
    event: { ts: 1_000 + i, seq: i + 1, session: 's', ...event },
    at: 1_000 + i + shiftMs,
    file: 'hive.jsonl',
  }))
  return compare({ lines, truth, calls, marks })
}
const without = (kind: string) => (all: Record<string, unknown>[]) =>
  all.filter((event) => event.kind !== kind)
const twice = (kind: string) => (all: Record<string, unknown>[]) =>
  all.flatMap((event) => (event.kind === kind ? [event, event] : [event]))
const changed = (kind: string, fields: object) => (all: Record<string, unknown>[]) =>
  all.map((event) => (event.kind === kind ? { ...event, ...fields } : event))

test('a log that says all and nothing twice has no problem', () => {
  const { problems, late, counts } = check((all) => all)
  assert.deepEqual({ problems, late }, { problems: [], late: [] })
  assert.equal(counts.agents, '2/2')
  assert.equal(counts.calls, '2/2')
})

for (const kind of ['usage', 'tool', 'tool.start', 'message', 'escalate', 'approval', 'exit']) {
  test(`a log that lacks its ${kind} lines has a problem`, () => {
    assert.notDeepEqual(check(without(kind)).problems, [])
  })
}

for (const kind of ['usage', 'tool', 'tool.start', 'message', 'escalate', 'approval', 'spawn']) {
  test(`a log that says ${kind} twice has a problem`, () => {
    assert.notDeepEqual(check(twice(kind)).problems, [])
  })
}

const WRONG: [string, string, object][] = [
  ['an agent of another name', 'spawn', { name: 'other' }],
  ['an agent of another parent', 'spawn', { parent: 'helper' }],
  ['an agent that ended otherwise', 'exit', { status: 'error' }],
  ['other tokens', 'usage', { inputTokens: 11 }],
  ['another model', 'usage', { model: 'n' }],
  ['tokens of a cache that nobody read', 'usage', { cacheReadTokens: 5 }],
  ['a call that did not fail', 'usage', { error: 'no' }],
  ['the call of another agent', 'usage', { agentId: 'lead' }],
  ['a tool that failed', 'tool', { ok: false }],
  ['a tool of another call', 'tool', { toolCallId: 'c2' }],
  ['a message of another act', 'message', { act: 'transfer' }],
  ['another decision', 'approval', { approve: false }],
  ['a decision of what nobody asked', 'approval', { id: 'e2' }],
  ['another session', 'tool', { session: 't' }],
]
for (const [what, kind, fields] of WRONG) {
  test(`a log with ${what} has a problem`, () => {
    assert.notDeepEqual(check(changed(kind, fields)).problems, [])
  })
}

test('what an agent does before it is spawned, or after it has ended, is a problem', () => {
  const moved = (all: Record<string, unknown>[]) => {
    const [helper] = all.splice(5, 1)
    return [...all, helper as Record<string, unknown>]
  }
  const said = check(moved).problems.join('\n')
  assert.match(said, /helper, which was never spawned/)
})

test('lines that come late are told apart from lines that are wrong', () => {
  const { problems, late, slowestMs } = check((all) => all, 60)
  assert.deepEqual(problems, [])
  assert.ok(late.length >= 3, `the calls, the tool and the agents are late: ${late}`)
  assert.ok(slowestMs >= 60 && slowestMs < 63, `${slowestMs}`)
})
