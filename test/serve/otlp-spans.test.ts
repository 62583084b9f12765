/** Spans that come over OTLP: each event has its agent, whatever comes first, and each is written once. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { EventStore } from '../../src/serve/events.js'
import { spansIn } from '../../src/serve/otlp/request.js'
import { SpanStore } from '../../src/serve/otlp/spans.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { linesOf, type SpanGiven, send, spansRequest, TRACE, tempServer } from '../kit/serve-support.js'

const T = 1_800_000_000_000
const LEAD: SpanGiven = {
  id: '00000000000000a1',
  name: 'invoke_agent Lead',
  from: T,
  to: T + 1_000,
  attributes: {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'Lead',
    'gen_ai.conversation.id': 'chat-1',
  },
}
const TOOL: SpanGiven = {
  id: '00000000000000a2',
  parent: LEAD.id,
  name: 'execute_tool grep',
  from: T + 100,
  to: T + 160,
  attributes: {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'grep',
    'gen_ai.tool.call.id': 'c1',
  },
}
const CALL: SpanGiven = {
  id: '00000000000000a3',
  parent: LEAD.id,
  name: 'chat gpt-5',
  from: T + 200,
  to: T + 700,
  attributes: {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'gpt-5',
    'gen_ai.usage.input_tokens': 120,
    'gen_ai.usage.output_tokens': 30,
  },
}
const ALL = [TOOL, CALL, LEAD]

const told = (server: { store: string }, session = 'chat-1') =>
  linesOf(server, session).map(({ kind, agentId, name, inputTokens }) => [kind, agentId, name ?? inputTokens])

const EXPECTED = [
  ['spawn', 'Lead', 'Lead'],
  ['tool.start', 'Lead', 'grep'],
  ['tool', 'Lead', 'grep'],
  ['usage', 'Lead', 120],
  ['exit', 'Lead', undefined],
]

async function post(server: { url: string; token: string }, spans: readonly SpanGiven[]): Promise<void> {
  const answer = await send(server, '/v1/traces', spansRequest(spans))
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.json(), {})
}

test('spans of an agent become its events, in one request or in several, those below first', async (t) => {
  for (const batches of [[ALL], [[TOOL], [CALL], [LEAD]], [[LEAD], [CALL, TOOL]]]) {
    const server = await tempServer(t)
    for (const batch of batches) await post(server, batch)
    const lines = told(server)
    assert.deepEqual(lines.map(String).sort(), EXPECTED.map(String).sort())
    if (batches[0] !== batches.at(-1) && batches[0]?.[0] === LEAD) continue
    assert.deepEqual(lines, EXPECTED)
  }
})

test('a span that comes again is not written again', async (t) => {
  const server = await tempServer(t)
  await post(server, [TOOL])
  await post(server, [TOOL, CALL])
  await post(server, ALL)
  await post(server, ALL)
  assert.deepEqual(told(server), EXPECTED)
  await server.close()
  const again = await tempServer(t, server.store)
  await post(again, ALL)
  await post(again, [CALL])
  assert.deepEqual(told(again), EXPECTED)
})

test('what waits outlives the server, on the disk and without secrets', async (t) => {
  const server = await tempServer(t)
  const key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH'
  const secret = {
    ...TOOL,
    attributes: { ...TOOL.attributes, 'gen_ai.tool.call.arguments': `{"k":"${key}"}` },
  }
  await post(server, [secret, CALL])
  await server.close()
  const spool = join(server.store, 'spans.waiting')
  assert.equal(statSync(spool).mode & 0o777, 0o600)
  assert.ok(!readFileSync(spool, 'utf8').includes(key))
  const again = await tempServer(t, server.store)
  await post(again, [LEAD])
  assert.deepEqual(told(again), EXPECTED)
  assert.equal(statSync(spool).size, 0)
})

test('spans of different traces, and those that name no session, each go to their own log', async (t) => {
  const server = await tempServer(t)
  const other = { trace: 'f'.repeat(32), id: 'b'.repeat(16) }
  await post(server, [{ ...CALL, ...other, parent: undefined } as never as SpanGiven])
  const lines = linesOf(server, other.trace)
  assert.deepEqual(
    lines.map(({ kind, agentId }) => [kind, agentId]),
    [
      ['spawn', 'shop'],
      ['usage', 'shop'],
    ],
  )
  // The session that the agent names is that of what lies under it.
  await post(server, ALL)
  assert.deepEqual(told(server), EXPECTED)
})

test('approvals in spans need a token that may decide', async (t) => {
  const asked: SpanGiven = {
    ...LEAD,
    events: [
      {
        name: 'hive.escalate',
        ts: T + 10,
        attributes: { 'hive.from': 'Lead', 'hive.to': 'human', 'hive.subject': 'May I?', 'hive.id': 'e1' },
      },
      { name: 'hive.approval', ts: T + 20, attributes: { 'hive.id': 'e1', 'hive.approve': true } },
    ],
  }
  const may = await tempServer(t, undefined, ['ingest', 'decide'])
  await post(may, [asked])
  const mayNot = await tempServer(t, undefined, ['ingest'])
  const answer = await send(mayNot, '/v1/traces', spansRequest([asked]))
  assert.equal(answer.json().partialSuccess.rejectedSpans, '0')
  assert.match(answer.json().partialSuccess.errorMessage, /scope decide/)
  const kinds = (server: { store: string }) => linesOf(server, 'chat-1').map(({ kind }) => kind)
  assert.deepEqual(kinds(may), ['spawn', 'escalate', 'approval', 'exit'])
  assert.deepEqual(kinds(mayNot), ['spawn', 'escalate', 'exit'])
})

test('when nothing more of a trace comes, what waits is told without its agent', async (t) => {
  const store = join(tempFolder(t), 'store')
  const events = new EventStore(store)
  const { mkdirSync } = await import('node:fs')
  mkdirSync(store)
  const spans = await SpanStore.open({ events, patienceMs: 50 })
  defer(t, async () => {
    await spans.close()
    await events.close()
  })
  const given = spansIn(
    JSON.parse(spansRequest([TOOL, { ...CALL, attributes: { ...CALL.attributes, 'session.id': 's' } }])),
  )
  await spans.add(given, false)
  for (;;) {
    try {
      const lines = linesOf({ store }, 's')
      if (lines.some(({ kind }) => kind === 'usage') && lines.some(({ kind }) => kind === 'tool')) {
        assert.deepEqual(new Set(lines.map(({ agentId }) => agentId)), new Set(['shop']))
        break
      }
    } catch {
      // Not yet.
    }
    await pause(20)
  }
})

test('spans that lie under themselves, and under each other, are told', async (t) => {
  const store = join(tempFolder(t), 'store')
  const events = new EventStore(store)
  const { mkdirSync } = await import('node:fs')
  mkdirSync(store)
  const spans = await SpanStore.open({ events, patienceMs: 20 })
  defer(t, async () => {
    await spans.close()
    await events.close()
  })
  const ring = [
    { ...CALL, id: '00000000000000c1', parent: '00000000000000c1' },
    { ...CALL, id: '00000000000000c2', parent: '00000000000000c3' },
    { ...TOOL, id: '00000000000000c3', parent: '00000000000000c2' },
  ]
  await spans.add(spansIn(JSON.parse(spansRequest(ring))), false)
  for (;;) {
    try {
      const kinds = linesOf({ store }, TRACE).map(({ kind }) => kind)
      if (kinds.includes('usage') && kinds.includes('tool')) break
    } catch {
      // Not yet.
    }
    await pause(20)
  }
})

test('more spans than may wait: the oldest are told, none is lost', async (t) => {
  const store = join(tempFolder(t), 'store')
  const events = new EventStore(store)
  const { mkdirSync } = await import('node:fs')
  mkdirSync(store)
  const spans = await SpanStore.open({ events })
  defer(t, async () => {
    await spans.close()
    await events.close()
  })
  const total = 12_000
  const many: SpanGiven[] = Array.from({ length: total }, (_, i) => ({
    ...TOOL,
    id: (i + 1).toString(16).padStart(16, '0'),
    parent: 'e'.repeat(16),
    trace: (Math.floor(i / 100) + 1).toString(16).padStart(32, '0'),
    attributes: { ...TOOL.attributes, 'gen_ai.tool.call.id': `call-${i}`, 'session.id': 'many' },
  }))
  for (let at = 0; at < total; at += 2_000)
    await spans.add(spansIn(JSON.parse(spansRequest(many.slice(at, at + 2_000)))), false)
  const lines = linesOf({ store }, 'many').filter(({ kind }) => kind === 'tool')
  assert.ok(lines.length >= 2_000 && lines.length < total, `${lines.length}`)
  const tops = Array.from({ length: 120 }, (_, i) => ({
    ...LEAD,
    id: 'e'.repeat(16),
    trace: (i + 1).toString(16).padStart(32, '0'),
    attributes: { ...LEAD.attributes, 'gen_ai.conversation.id': 'many' },
  }))
  await spans.add(spansIn(JSON.parse(spansRequest(tops))), false)
  const ids = linesOf({ store }, 'many')
    .filter(({ kind }) => kind === 'tool')
    .map(({ toolCallId }) => toolCallId)
  assert.equal(ids.length, total)
  assert.equal(new Set(ids).size, total)
})
