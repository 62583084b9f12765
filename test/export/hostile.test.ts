/** Lines may say anything: they become spans that a backend takes, or nothing, and never an error. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { rebuildSpans } from '../../src/analyse.js'
import { captureDiag } from '../kit/hive-support.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'

async function rebuild(t: TestContext, lines: readonly string[]) {
  const file = join(scratch(t), 'log.jsonl')
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  const spans: ReadableSpan[] = []
  const all = rebuildSpans(file)
  for (;;) {
    const next = await all.next()
    if (next.done) return { spans, report: next.value }
    spans.push(next.value)
  }
}

/** What OTLP over JSON must hold: ids, times in 64 bits, numbers that are numbers. */
function assertSendable(spans: ReadableSpan[]): void {
  const ids = new Set<string>()
  for (const span of spans) {
    const { traceId, spanId } = span.spanContext()
    assert.match(traceId, /^[0-9a-f]{32}$/)
    assert.match(spanId, /^[0-9a-f]{16}$/)
    assert.ok(!ids.has(traceId + spanId), 'each span once')
    ids.add(traceId + spanId)
    for (const [seconds, nanos] of [span.startTime, span.endTime, ...span.events.map(({ time }) => time)]) {
      assert.ok(seconds >= 0 && seconds < 9_223_372_037 && nanos >= 0 && nanos < 1e9)
    }
    assert.ok(span.duration[0] >= 0 && span.duration[1] >= 0)
    JSON.parse(
      Buffer.from(JsonTraceSerializer.serializeRequest([span]) as Uint8Array).toString(),
      (key, value) => {
        if (key === 'doubleValue') assert.equal(typeof value, 'number')
        if (key === 'intValue') assert.ok(Number.isSafeInteger(value))
        return value
      },
    )
  }
}

const KINDS = [
  'spawn',
  'exit',
  'message',
  'drain',
  'escalate',
  'approval',
  'usage',
  'tool',
  'call',
  'log.open',
  'app-start',
  'x',
]
const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'lead', 'm-1', '__proto__', '', 'ok') },
  fc.jsonValue(),
  fc.constantFrom(1e300, -1, 2 ** 60, 0.5, null, [], {}, true),
)
const line = fc
  .record(
    {
      ts: fc.oneof(fc.nat(10), fc.constantFrom(-5, 0.25, 8.64e15, 1787386181194)),
      kind: fc.constantFrom(...KINDS),
      agentId: value,
      from: value,
      name: value,
      parent: value,
      id: value,
      ids: fc.oneof(value, fc.array(value)),
      ms: value,
      status: value,
      error: value,
      session: fc.constantFrom('s', 't', 3),
      checkpoint: fc.oneof(fc.nat(5), value),
      trace: fc.constantFrom('0a'.repeat(16), '0b'.repeat(16), '0'.repeat(32), 7),
      span: fc.constantFrom(...['01', '02', '03', '04', '00'].map((hex) => hex.repeat(8)), null),
      pid: fc.nat(3),
      prev: value,
    },
    { requiredKeys: ['ts', 'kind'] },
  )
  .map((fields) => JSON.stringify(fields))

test('any lines at all give spans that can be sent, each id once', async (t) => {
  const said = captureDiag(t)
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 40 }), async (lines) => {
      const { spans, report } = await rebuild(t, lines)
      assert.equal(report.malformed, 0)
      assertSendable(spans)
    }),
    { numRuns: cases(300, 100), seed: seedOfRun() },
  )
  assert.deepEqual(said, [])
})

test('values that no backend takes are made such that it does', async (t) => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i]))
  const { spans } = await rebuild(t, [
    '{"ts":1,"kind":"spawn","agentId":"a","name":"A"}',
    `{"ts":2,"kind":"odd","agentId":"a","huge":1e999,"long":12345678901234567890,"__proto__":{"x":1},"deep":${deep}}`,
    JSON.stringify({
      ts: 3,
      kind: 'big',
      agentId: 'a',
      text: 'x'.repeat(100_000),
      list: Array(20_000).fill(1),
    }),
    JSON.stringify({ ts: 4, kind: 'many', agentId: 'a', ...many }),
  ])
  assertSendable(spans)
  const [odd, big, wide] = spans[0]?.events ?? []
  assert.equal(odd?.attributes?.['hive.huge'], 'Infinity')
  assert.equal(odd?.attributes?.['hive.long'], '12345678901234567000')
  const { 'hive.text': text, 'hive.list': list } = big?.attributes ?? {}
  assert.equal(String(text).length, 16_384)
  assert.equal(Array.isArray(list) && list.length, 10_000)
  assert.equal(Object.keys(wide?.attributes ?? {}).length, 128)
  assert.equal(wide?.droppedAttributesCount, 301 - 128)
})

test('what is open is bounded: the longest silent are ended, and the report says so', async (t) => {
  const lines = Array.from({ length: 12_000 }, (_, i) =>
    JSON.stringify({ ts: i, kind: 'spawn', agentId: `a${i}`, name: 'n' }),
  )
  const { spans, report } = await rebuild(t, lines)
  assert.equal(spans.length, 12_000)
  assert.deepEqual([report.unended, report.lost], [12_000, 0])
  assert.ok(report.evicted > 0 && report.evicted < 12_000)
})

test('malformed lines are counted and skipped', async (t) => {
  const { spans, report } = await rebuild(t, [
    'not JSON',
    '{"ts":1,"kind":"spawn","agentId":"a","name":"A"}',
    '[]',
  ])
  assert.equal(report.malformed, 2)
  assert.equal(spans.length, 1)
})

test('an empty log has no spans', async (t) => {
  const { spans, report } = await rebuild(t, [])
  assert.deepEqual(spans, [])
  assert.deepEqual(report, { malformed: 0, lost: 0, unended: 0, late: 0, unlinked: 0, evicted: 0 })
})
