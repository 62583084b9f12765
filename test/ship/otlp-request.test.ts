/** The requests of log records that are written here are, value for value, what OpenTelemetry's own writer makes. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import fc from 'fast-check'
import { type LogRecord, LogRecords } from '../../src/otel/log-records.js'
import { LogRequest } from '../../src/otel/log-request.js'
import { Memory } from '../../src/ship/memory.js'
import { anyText } from '../kit/any-text.js'
import { cases } from '../kit/long-run.js'
import { logsRequestOf } from '../kit/otlp-protobuf.js'

interface Request {
  resourceLogs: {
    resource: unknown
    scopeLogs: { scope: unknown; logRecords: Record<string, unknown>[] }[]
  }[]
}

/** Each record with the resource and scope that it is under, whatever it shares them with. */
function recordsIn(bytes: Uint8Array): unknown[] {
  const { resourceLogs } = logsRequestOf(Buffer.from(bytes)) as Request
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ scope, logRecords }) =>
      logRecords.map((record) => withoutZeros({ resource, scope, record })),
    ),
  )
}

/** A count of 0 may be left out, as any default may. */
function withoutZeros(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutZeros)
  const entries = Object.entries(value).filter(
    ([name, each]) => name !== 'droppedAttributesCount' || each !== 0,
  )
  return Object.fromEntries(entries.map(([name, each]) => [name, withoutZeros(each)]))
}

const line = fc.oneof(
  fc
    .record({
      ts: fc.integer({ min: 0, max: 2 ** 41 }),
      kind: fc.constantFrom('spawn', 'message', 'log.gap', 'x'),
      agentId: fc.string({ unit: 'grapheme', maxLength: 200 }),
      session: fc.constantFrom('one', 'two', 'é'.repeat(150)),
      seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      text: anyText({ maxLength: 20_000 }),
      trace: fc.constant('0af7651916cd43dd8448eb211c80319c'),
      span: fc.constantFrom('b7ad6b7169203331', 'none'),
    })
    .map((event) => Buffer.from(JSON.stringify(event))),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
)
const place = fc.record({
  segment: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  offset: fc.integer({ min: 0, max: 2 ** 40 }),
  number: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
})

test('records come out as OpenTelemetry’s own writer has them, request after request', () => {
  const request = new LogRequest()
  fc.assert(
    fc.property(fc.array(fc.tuple(line, place), { minLength: 1, maxLength: 40 }), (lines) => {
      const made = new LogRecords({ log: '0'.repeat(16), file: 'hive.jsonl', session: 's' }, 'hive')
      const records = lines.flatMap(([bytes, at]) => made.ofLine(bytes, at, 1_700_000_000_000))
      for (const record of records) request.add(record)
      const bytes = request.finish()
      // Theirs puts all of one resource together; each alone, it has the order of the lines.
      const theirs = records.flatMap((record) =>
        recordsIn(ProtobufLogsSerializer.serializeRequest([record]) as Uint8Array),
      )
      assert.deepEqual(recordsIn(bytes), theirs)
      assert.deepEqual(inNoOrder(recordsIn(bytes)), inNoOrder(recordsIn(sdkRequest(records))))
    }),
    { numRuns: cases(60, 60) },
  )
})

const sdkRequest = (records: LogRecord[]): Uint8Array =>
  ProtobufLogsSerializer.serializeRequest(records) as Uint8Array

const inNoOrder = (records: unknown[]): string[] => records.map((record) => JSON.stringify(record)).sort()

test('a line of many mebibytes goes whole, and an artifact beside it', () => {
  const made = new LogRecords({ log: '0'.repeat(16), file: 'hive.jsonl', session: 's' }, 'hive')
  const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7) % 256))
  const ref = createHash('sha256').update(content).digest('hex')
  const long = Buffer.from(JSON.stringify({ ts: 1, kind: 'x', text: 'ü'.repeat(3_000_000) }))
  const records = [
    ...made.ofLine(long, { segment: 1, offset: 0, number: 1 }),
    ...made.ofArtifact(ref, content),
  ]
  const request = new LogRequest()
  for (const record of records) request.add(record)
  assert.deepEqual(recordsIn(request.finish()), recordsIn(sdkRequest(records)))
  for (const record of records.slice(0, 1)) request.add(record)
  assert.deepEqual(recordsIn(request.finish()), recordsIn(sdkRequest(records.slice(0, 1))), 'nothing is left')
})

test('memory is given to one at a time, and only what was taken is taken back', () => {
  const memory = new Memory()
  const [one, two] = [memory.take(100_000), memory.take(100_000)]
  one.fill(1)
  two.fill(2)
  assert.equal(one.length, 100_000)
  assert.ok(one.every((byte) => byte === 1))
  memory.give(one)
  memory.give(one)
  const foreign = Buffer.alloc(131_072)
  memory.give(foreign)
  const [again, other] = [memory.take(120_000), memory.take(120_000)]
  assert.equal(again.buffer, one.buffer)
  assert.notEqual(other.buffer, one.buffer)
  assert.notEqual(other.buffer, foreign.buffer)
  assert.notEqual(other.buffer, two.buffer)
})
