/** Model calls in a log: on spans of their own, or events on an agent's, as other code and early versions have them. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { rebuildSpans } from '../../src/analyse.js'
import { hrToMillis } from '../../src/otel/span-mapping.js'
import { scratch } from '../kit/reader-log.js'

const TRACE = 'a'.repeat(32)
const idOf = (n: number): string => n.toString(16).padStart(16, '0')
const ME = { agentId: 'a' }
const CALL = { ...ME, model: 'm', inputTokens: 3, outputTokens: 1 }

type Step = [kind: string, span: number, fields: object]

/** The spans of a log with these lines, which are 1 s apart. */
async function spansOf(t: TestContext, steps: Step[], trace = TRACE): Promise<ReadableSpan[]> {
  const file = join(scratch(t), 'log.jsonl')
  const lines = steps.map(([kind, span, fields], i) =>
    JSON.stringify({
      ts: 1_000_000 + 1_000 * i,
      kind,
      ...fields,
      seq: i + 1,
      session: 's',
      checkpoint: i,
      trace: 'trace' in fields ? fields.trace : trace,
      span: idOf(span),
    }),
  )
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  const spans: ReadableSpan[] = []
  const found = rebuildSpans(file)
  for (;;) {
    const next = await found.next()
    if (next.done) {
      assert.equal(next.value.late, 0)
      return spans.sort((x, y) => (x.spanContext().spanId < y.spanContext().spanId ? -1 : 1))
    }
    spans.push(next.value)
  }
}

/** Name, number of the parent, names of the events. */
const told = (spans: ReadableSpan[]) =>
  spans.map(({ name, parentSpanContext: parent, events }) => [
    name,
    parent === undefined ? 0 : Number.parseInt(parent.spanId, 16),
    events.map((event) => event.name.slice('hive.'.length)).join(),
  ])

test('calls on spans of their own lie under the part of the agent that went on', async (t) => {
  const spans = await spansOf(t, [
    ['spawn', 1, ME],
    ['wait', 1, ME],
    ['usage', 2, { ...CALL, ms: 400 }],
    ['usage', 3, CALL],
    ['wait', 4, ME],
    ['usage', 5, { ...ME, error: 'overloaded' }],
    ['exit', 4, { ...ME, status: 'ok' }],
  ])
  assert.deepEqual(told(spans), [
    ['invoke_agent a', 0, 'wait'],
    ['chat m', 1, ''],
    ['chat m', 1, ''],
    ['invoke_agent a', 1, 'wait'],
    ['chat', 4, ''],
  ])
  const [, timed, , , failed] = spans as [
    ReadableSpan,
    ReadableSpan,
    ReadableSpan,
    ReadableSpan,
    ReadableSpan,
  ]
  assert.deepEqual([hrToMillis(timed.startTime), hrToMillis(timed.endTime)], [1_001_600, 1_002_000])
  assert.equal(timed.attributes['gen_ai.usage.input_tokens'], 3)
  assert.deepEqual(failed.status, { code: 2, message: 'overloaded' })
})

test('calls that are events on the agent’s span, as in early logs, stay there', async (t) => {
  const spans = await spansOf(t, [
    ['spawn', 1, ME],
    ['usage', 1, CALL],
    ['wait', 1, ME],
    ['usage', 2, { ...CALL, ms: 5 }],
    ['usage', 2, CALL],
    ['usage', 3, CALL],
    ['exit', 3, { ...ME, status: 'ok' }],
  ])
  assert.deepEqual(told(spans), [
    ['invoke_agent a', 0, 'usage,wait'],
    ['invoke_agent a', 1, 'usage,usage'],
    ['invoke_agent a', 1, 'usage'],
  ])
  assert.deepEqual(
    spans.map(({ attributes }) => attributes['hive.span.part']),
    [undefined, 2, 3],
  )
})

test('a part that begins with a call, of an agent whose spawn is not in the log, loses none of its events', async (t) => {
  const spans = await spansOf(t, [
    ['usage', 7, CALL],
    ['wait', 7, ME],
    ['usage', 7, CALL],
    ['exit', 7, { ...ME, status: 'ok' }],
  ])
  assert.deepEqual(told(spans), [['invoke_agent a', 0, 'usage,wait,usage']])
})

test('a call of an agent that is not in its trace is a call, and no agent', async (t) => {
  const spans = await spansOf(t, [
    ['spawn', 1, ME],
    ['usage', 2, { ...CALL, trace: 'b'.repeat(32) }],
    ['exit', 1, { ...ME, status: 'ok' }],
  ])
  assert.deepEqual(told(spans), [
    ['invoke_agent a', 0, ''],
    ['chat m', 0, ''],
  ])
})

test('of many calls each is a span, and what is on the agent’s span in between stays there', async (t) => {
  const calls = Array.from({ length: 1_000 }, (_, i): Step => ['usage', i + 10, CALL])
  const spans = await spansOf(t, [
    ['spawn', 1, ME],
    ...calls,
    ['wait', 2, ME],
    ['exit', 2, { ...ME, status: 'ok' }],
  ])
  assert.equal(spans.filter(({ name }) => name === 'chat m').length, 1_000)
  assert.deepEqual(told(spans.slice(0, 3)), [
    ['invoke_agent a', 0, ''],
    ['invoke_agent a', 1, 'wait'],
    ['chat m', 1, ''],
  ])
})

test('a span that has a call and then a tool is the tool’s, with the call for an event', async (t) => {
  const spans = await spansOf(t, [
    ['spawn', 1, ME],
    ['usage', 2, CALL],
    ['tool', 2, { ...ME, name: 'ask', ok: true, ms: 10 }],
    ['wait', 1, ME],
    ['exit', 1, { ...ME, status: 'ok' }],
  ])
  assert.deepEqual(told(spans), [
    ['invoke_agent a', 0, 'wait'],
    ['execute_tool ask', 1, 'usage'],
  ])
})

test('a log without ids has a span for each call, always the same', async (t) => {
  const file = join(scratch(t), 'plain.jsonl')
  const lines = [
    { ts: 1_000, kind: 'spawn', ...ME },
    { ts: 3_000, kind: 'usage', ...CALL, ms: 500 },
    { ts: 3_000, kind: 'usage', ...CALL, inputTokens: 'many', error: 'no' },
    { ts: 4_000, kind: 'exit', ...ME },
  ]
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const runs = await Promise.all(
    [1, 2].map(async () => {
      const spans: ReadableSpan[] = []
      for await (const span of rebuildSpans(file)) spans.push(span)
      return spans
    }),
  )
  const [spans, again] = runs as [ReadableSpan[], ReadableSpan[]]
  assert.deepEqual(
    spans.map((span) => span.spanContext().spanId),
    again.map((span) => span.spanContext().spanId),
  )
  const [first, second, agent] = spans as [ReadableSpan, ReadableSpan, ReadableSpan]
  assert.deepEqual([first.name, second.name, agent.name], ['chat m', 'chat m', 'invoke_agent a'])
  assert.equal(first.parentSpanContext?.spanId, agent.spanContext().spanId)
  assert.deepEqual([hrToMillis(first.startTime), hrToMillis(first.endTime)], [2_500, 3_000])
  assert.equal(second.status.code, 2)
  assert.equal(agent.events.length, 0)
})
