/** Logs of other harnesses, without ids of spans: one span an agent life, and the same ids each time. */
import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { type RebuildOptions, rebuildSpans } from '../../src/analyse.js'
import { hrToMillis } from '../../src/otel/span-mapping.js'
import { scratch } from '../kit/reader-log.js'

/** Lines of a real log of the Munder Difflin harness. */
const SAMPLE = [
  '{"ts":1787386181194,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}',
  '{"ts":1787386181611,"kind":"archive","agentId":"god","archived":true}',
  '{"ts":1787386394433,"kind":"message","from":"scheduler","to":"god","act":"request","subject":"Hourly ops standup","id":"2026-08-22T08-13-14-431Z-7ffb1a"}',
  '{"ts":1787386937183,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}',
  '{"ts":1787386937630,"kind":"archive","agentId":"god","archived":true}',
  '{"ts":1787387727415,"kind":"message","from":"human","to":"god","act":"request","subject":"Task from the human","id":"2026-08-22T08-35-27-413Z-622de6"}',
  '{"ts":1787390520924,"kind":"spawn","agentId":"jim-mt464s0y","name":"Jim","isGod":false}',
  '{"ts":1787390520983,"kind":"archive","agentId":"jim-mt464s0y","archived":true}',
]

function logOf(t: TestContext, lines: (string | object)[], name = 'log.jsonl'): string {
  const file = join(scratch(t), name)
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  writeFileSync(file, texts.map((line) => `${line}\n`).join(''))
  return file
}

async function spansOf(file: string, options?: RebuildOptions): Promise<ReadableSpan[]> {
  const spans: ReadableSpan[] = []
  for await (const span of rebuildSpans(file, options)) spans.push(span)
  return spans
}

const idsOf = (spans: ReadableSpan[]): string[] => spans.map((span) => JSON.stringify(span.spanContext()))
const named = (spans: ReadableSpan[], name: string) => spans.filter((span) => span.name === name)
const tracesOf = (spans: ReadableSpan[]) => new Set(spans.map((span) => span.spanContext().traceId)).size
const eventNames = (span: ReadableSpan | undefined) => span?.events.map(({ name }) => name)

test('each life of an agent is a span, a spawn under the same id begins another, and all are one trace', async (t) => {
  const spans = await spansOf(logOf(t, SAMPLE))
  const [first, second] = named(spans, 'invoke_agent Nitya')
  assert.equal(spans.length, 4)
  assert.equal(tracesOf(spans), 1)
  assert.deepEqual([eventNames(first), eventNames(second)], [['hive.archive'], ['hive.archive']])
  assert.equal(hrToMillis(first?.startTime ?? [0, 0]), 1787386181194)
  assert.equal(hrToMillis(first?.endTime ?? [0, 0]), 1787386181611)
  // It was archived when the next one of that id was spawned: that is no loss.
  assert.equal(first?.attributes['hive.agent.exit_status'], 'archived')
  assert.equal(first?.status.code, 0)
  assert.equal(first?.attributes['hive.agent.is_god'], true)
  assert.equal(first?.events[0]?.attributes?.['hive.archived'], true)
  assert.equal(named(spans, 'invoke_agent Jim').length, 1)
})

test('an exit without a status is what its error, exit code or signal says', async (t) => {
  const exits: [object, string, number][] = [
    [{ exitCode: 1 }, 'error', 2],
    [{ exitCode: 0 }, 'ok', 0],
    [{ error: 'it broke' }, 'error', 2],
    [{ signal: 'SIGKILL' }, 'killed', 0],
    [{ status: 'ok', exitCode: 1 }, 'ok', 0],
    [{}, 'ok', 0],
  ]
  const lines = exits.flatMap(([fields], i) => [
    { ts: 10 * i, kind: 'spawn', agentId: `a${i}`, name: `A${i}` },
    { ts: 10 * i + 1, kind: 'exit', agentId: `a${i}`, ...fields },
  ])
  const spans = await spansOf(logOf(t, lines))
  for (const [i, [, status, code]] of exits.entries()) {
    const [span] = named(spans, `invoke_agent A${i}`)
    assert.deepEqual([span?.attributes['hive.agent.exit_status'], span?.status.code], [status, code])
  }
})

test('a drain that does not say what it took links to the senders of what waited', async (t) => {
  const spawned = ['god', 'jim'].map((agentId, i) => ({ ts: i, kind: 'spawn', agentId, name: agentId }))
  const sent = ['m-1', undefined].map((id, i) => ({ ts: 5 + i, kind: 'message', from: 'god', to: 'jim', id }))
  const spans = await spansOf(
    logOf(t, [...spawned, ...sent, { ts: 9, kind: 'drain', agentId: 'jim', count: 2 }]),
  )
  const [god, jim] = ['god', 'jim'].map((name) => named(spans, `invoke_agent ${name}`)[0])
  assert.deepEqual(
    jim?.links.map(({ context }) => context.spanId),
    [god?.spanContext().spanId],
  )
})

test('senders that never spawn are on the span of the session', async (t) => {
  const [session, ...more] = named(await spansOf(logOf(t, SAMPLE)), 'hive.session')
  assert.deepEqual(more, [])
  assert.deepEqual(
    session?.events.map(({ attributes }) => attributes?.['hive.from']),
    ['scheduler', 'human'],
  )
  assert.deepEqual(session?.status, { code: 0 })
})

test('the ids are the same again, under another name, and when the log has grown', async (t) => {
  const file = logOf(t, SAMPLE)
  const first = idsOf(await spansOf(file))
  assert.deepEqual(idsOf(await spansOf(file)), first)
  const copy = join(scratch(t), 'another.jsonl')
  copyFileSync(file, copy)
  assert.deepEqual(idsOf(await spansOf(copy)), first)
  appendFileSync(file, `${SAMPLE[3]}\n{"ts":1787390520999,"kind":"exit","agentId":"god","status":"ok"}\n`)
  const grown = idsOf(await spansOf(file))
  assert.deepEqual(grown.filter((id) => first.includes(id)).sort(), [...first].sort())
  assert.equal(grown.length, first.length + 1)
})

test('another log has other ids', async (t) => {
  const other = idsOf(
    await spansOf(
      logOf(
        t,
        SAMPLE.map((line) => line.replace('"god"', '"lord"')),
      ),
    ),
  )
  for (const id of idsOf(await spansOf(logOf(t, SAMPLE)))) assert.ok(!other.includes(id))
})

test('children, tools, calls, escalations, approvals, drains and exits are as in a log with ids', async (t) => {
  const ts = 1787386181194
  const spans = await spansOf(
    logOf(t, [
      { ts, kind: 'spawn', agentId: 'lead', name: 'Lead', isGod: true },
      {
        ts: ts + 1,
        kind: 'spawn',
        agentId: 'coder',
        name: 'Coder',
        isGod: false,
        parent: 'lead',
        model: 'm',
      },
      { ts: ts + 2, kind: 'message', from: 'lead', to: 'coder', act: 'request', subject: 's', id: 'm-1' },
      { ts: ts + 3, kind: 'drain', agentId: 'coder', count: 2, ids: ['m-1', 'm-0'] },
      { ts: ts + 20, kind: 'tool', agentId: 'coder', name: 'grep', ok: false, ms: 12, error: 'no' },
      { ts: ts + 21, kind: 'escalate', from: 'coder', to: 'human', subject: 's', id: 'e-1' },
      { ts: ts + 22, kind: 'approval', id: 'e-1', approve: true },
      { ts: ts + 23, kind: 'agent-hold', id: 'coder', onHold: true },
      { ts: ts + 24, kind: 'exit', agentId: 'coder', status: 'error', error: 'gave up' },
      { ts: ts + 25, kind: 'approval', id: 'e-1', approve: false },
      { ts: ts + 26, kind: 'tasks', count: 3 },
    ]),
  )
  const [lead] = named(spans, 'invoke_agent Lead')
  const [coder] = named(spans, 'invoke_agent Coder')
  const [tool] = named(spans, 'execute_tool grep')
  const [session] = named(spans, 'hive.session')
  assert.equal(spans.length, 4)
  assert.equal(coder?.parentSpanContext?.spanId, lead?.spanContext().spanId)
  assert.equal(tool?.parentSpanContext?.spanId, coder?.spanContext().spanId)
  assert.equal(hrToMillis(tool?.startTime ?? [0, 0]), ts + 8)
  assert.deepEqual(tool?.status, { code: 2, message: 'no' })
  assert.deepEqual(eventNames(coder), ['hive.drain', 'hive.escalate', 'hive.approval', 'hive.agent-hold'])
  assert.deepEqual(
    coder?.links.map(({ context }) => context.spanId),
    [lead?.spanContext().spanId],
  )
  assert.deepEqual(coder?.status, { code: 2, message: 'gave up' })
  assert.equal(hrToMillis(coder?.endTime ?? [0, 0]), ts + 24)
  assert.deepEqual(eventNames(session), ['hive.approval', 'hive.tasks'])
})

test('a long life is continued after 100 events, with ids that follow from the first', async (t) => {
  const lines = [SAMPLE[0] as string]
  for (let i = 0; i < 250; i++)
    lines.push(`{"ts":${1787386181200 + i},"kind":"role","agentId":"god","role":"r${i}"}`)
  const parts = named(await spansOf(logOf(t, lines)), 'invoke_agent Nitya')
  assert.deepEqual(
    parts.map(({ events, attributes }) => [events.length, attributes['hive.span.part']]),
    [
      [100, undefined],
      [100, 2],
      [50, 3],
    ],
  )
  assert.deepEqual(
    parts.map(({ links }) => links[0]?.context.spanId),
    [undefined, parts[0]?.spanContext().spanId, parts[1]?.spanContext().spanId],
  )
  assert.equal(new Set(idsOf(parts)).size, 3)
  assert.deepEqual(parts[0]?.endTime, parts[1]?.startTime)
})

test('an app-start begins a trace, and ends the agents of the one before', async (t) => {
  const start = (ts: number) => ({ ts, kind: 'app-start', version: '1.0', packaged: true })
  const spans = await spansOf(logOf(t, [start(1), ...SAMPLE, start(1787390520990), ...SAMPLE.slice(0, 2)]))
  assert.equal(tracesOf(spans), 2)
  assert.equal(spans.length, 4 + 2)
})

test('an agent that is named before it is spawned has a life from there on', async (t) => {
  const spans = await spansOf(logOf(t, [{ ts: 5, kind: 'session', agentId: 'a', sessionId: 'x' }]))
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['invoke_agent a'],
  )
  assert.equal(spans[0]?.events[0]?.attributes?.['hive.sessionId'], 'x')
})

test('a drain links to the span that handed a message off, as to one that sent it', async (t) => {
  const spans = await spansOf(
    logOf(t, [
      { ts: 1_000, kind: 'spawn', agentId: 'lead', name: 'Lead' },
      { ts: 1_001, kind: 'spawn', agentId: 'coder', name: 'Coder' },
      { ts: 1_002, kind: 'terminal-handoff', from: 'lead', to: 'coder', id: 'm-1', delivered: true },
      { ts: 1_003, kind: 'note', from: 'lead', id: 'n-1' },
      { ts: 1_004, kind: 'drain', agentId: 'coder', count: 2, ids: ['m-1', 'n-1'] },
    ]),
  )
  const [lead, coder] = [named(spans, 'invoke_agent Lead')[0], named(spans, 'invoke_agent Coder')[0]]
  assert.deepEqual(
    coder?.links.map(({ context }) => context.spanId),
    [lead?.spanContext().spanId],
  )
})

test('an escalation is answered once: what is said of its id again is no more the agent’s', async (t) => {
  const spans = await spansOf(
    logOf(t, [
      { ts: 1_000, kind: 'spawn', agentId: 'coder', name: 'Coder' },
      { ts: 1_001, kind: 'escalate', from: 'coder', to: 'human', subject: 's', id: 'e-1' },
      { ts: 1_002, kind: 'approval', id: 'e-1', approve: true },
      { ts: 1_003, kind: 'approval', id: 'e-1', approve: false },
    ]),
  )
  assert.deepEqual(eventNames(named(spans, 'invoke_agent Coder')[0]), ['hive.escalate', 'hive.approval'])
  assert.deepEqual(eventNames(named(spans, 'hive.session')[0]), ['hive.approval'])
})

test('links beyond what a span may hold are counted, as the SDK counts them', async (t) => {
  const senders = 10_040
  const lines: object[] = []
  const ids: string[] = []
  for (let i = 0; i < senders; i++) {
    ids.push(`m-${i}`)
    lines.push({ ts: 1_001 + i, kind: 'message', from: `a${i}`, session: `s${i}`, id: `m-${i}` })
  }
  lines.push({ ts: 80_000, kind: 'spawn', agentId: 'reader', name: 'Reader' })
  // The second time they are linked to already.
  for (let i = 0; i < 2; i++)
    lines.push({ ts: 90_000 + i, kind: 'drain', agentId: 'reader', count: senders, ids })
  const [reader] = named(await spansOf(logOf(t, lines)), 'invoke_agent Reader')
  assert.deepEqual([reader?.links.length, reader?.droppedLinksCount], [10_000, 40])
})

test('how long a span took is told right across a second', async (t) => {
  const tool = { kind: 'tool', agentId: 'a', ok: true }
  const spans = await spansOf(
    logOf(t, [
      { ts: 1_000, kind: 'spawn', agentId: 'a', name: 'A' },
      { ...tool, ts: 2_100, name: 'across', ms: 200 },
      { ...tool, ts: 5_950, name: 'within', ms: 3_900 },
      { ...tool, ts: 9_000, name: 'whole', ms: 3_000 },
      { ...tool, ts: 9_500, name: 'long', ms: 7_501 },
    ]),
  )
  const durations = ['across', 'within', 'whole', 'long'].map(
    (name) => named(spans, `execute_tool ${name}`)[0]?.duration,
  )
  assert.deepEqual(durations, [
    [0, 200_000_000],
    [3, 900_000_000],
    [3, 0],
    [7, 501_000_000],
  ])
})
