import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CallOptions, Calls } from '../../src/analyse/calls.js'
import { Durations, RELATIVE_ERROR } from '../../src/analyse/quantiles.js'
import { callReport } from '../../src/analyse.js'
import type { HiveEvent } from '../../src/index.js'
import { FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

function calls(events: object[], options: CallOptions = {}, kind = 'call') {
  const reducer = new Calls(options)
  for (const [i, fields] of events.entries()) {
    const event = { ts: i, kind, agentId: 'coder', host: 'a.example', ...fields } as HiveEvent
    reducer.add({ event, seq: i + 1, offset: 0, bytes: 1, file: 'hive.jsonl', log: 'hive.jsonl' })
  }
  return reducer.report()
}

test('counts calls a host, with errors of each sort once', () => {
  const { rows, total } = calls([
    { status: 200 },
    { status: 404, error: 'not found' },
    { status: 429 },
    { status: '429' },
    { status: 503 },
    { error: 'ECONNRESET' },
    { status: 200, error: null },
    { host: 'B.example', status: 200, error: '' },
  ])
  assert.deepEqual(
    rows.map(({ key, calls }) => [key, calls]),
    [
      ['a.example', 7],
      ['b.example', 1],
    ],
  )
  const [{ errors, clientErrors, rateLimited, serverErrors, otherErrors } = {}] = rows
  assert.deepEqual([errors, clientErrors, rateLimited, serverErrors, otherErrors], [5, 1, 2, 1, 1])
  assert.deepEqual([total?.calls, total?.errors], [8, 5])
})

test('p50, p95, max and total are exact for few calls; bad durations are counted apart', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => ({ ms: 100 - i }))
  const { rows, badDurations } = calls([...hundred, { ms: -1 }, { ms: '5' }, {}, { ms: null }])
  assert.deepEqual(rows[0]?.ms, { count: 100, p50: 50, p95: 95, max: 100, total: 5050 })
  assert.equal(badDurations, 2)
})

test('first and last time, busiest minute, and agents, those with most calls first', () => {
  const { rows } = calls([
    { ts: 60_000, agentId: 'b' },
    { ts: 180_001, agentId: 'a' },
    { ts: 120_000, agentId: 'a' },
    { ts: 180_002, agentId: 'a' },
  ])
  const [{ firstTs, lastTs, peakMinute, agents, agentsCut } = {}] = rows
  assert.deepEqual([firstTs, lastTs, peakMinute], [60_000, 180_002, { calls: 2, ts: 180_000 }])
  assert.deepEqual([agents, agentsCut], [['a', 'b'], false])
})

test('groups by path without its query, by agent, by status, and tools by name', () => {
  const events = [
    { method: 'get', path: '/x?page=1', status: 200 },
    { method: 'GET', path: '/x#top', status: 500 },
    { path: 7, agentId: undefined },
  ]
  const keys = (by: CallOptions['by']): string[] => calls(events, by && { by }).rows.map(({ key }) => key)
  assert.deepEqual(keys('path'), ['GET a.example/x', 'a.example'])
  assert.deepEqual(keys('agent'), ['coder', '(none)'])
  assert.deepEqual(keys('status'), ['200', '500', '(none)'])
  const tools = calls(
    // A line that says neither `ok` nor an error is no failure.
    [{ name: 'grep', ok: true, ms: 3 }, { name: 'grep', ok: false }, {}, { name: 'cat', error: 'none' }],
    { by: 'tool' },
    'tool',
  )
  assert.deepEqual(
    tools.rows.map(({ key, calls, errors }) => [key, calls, errors]),
    [
      ['grep', 2, 1],
      ['(none)', 1, 0],
      ['cat', 1, 1],
    ],
  )
})

test('past the greatest number of keys, calls are counted together', () => {
  const { rows, others, total } = calls(
    Array.from({ length: 50 }, (_, i) => ({ host: `h${i % 10}`, ms: i })),
    { maxKeys: 4 },
  )
  assert.deepEqual([rows.length, others?.key, others?.calls, total?.calls], [4, '(others)', 30, 50])
})

test('a hundred agents a row are named, and more are told of', () => {
  const { rows } = calls(Array.from({ length: 150 }, (_, i) => ({ agentId: `a${i}` })))
  assert.deepEqual([rows[0]?.agents.length, rows[0]?.agentsCut], [100, true])
})

test('fields of any type never throw, and every call is in one row', () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>('__proto__', null, undefined, {}, [], ''),
    fc.string(),
    fc.double(),
  )
  const event = fc.record({
    host: value,
    method: value,
    path: value,
    status: value,
    ms: value,
    agentId: value,
  })
  const by = fc.constantFrom<CallOptions['by']>('host', 'path', 'agent', 'status', 'tool')
  fc.assert(
    fc.property(fc.array(event), by, (events, by = 'host') => {
      const { rows, total } = calls(events, { by }, by === 'tool' ? 'tool' : 'call')
      assert.equal(
        rows.reduce((sum, row) => sum + row.calls, 0),
        events.length,
      )
      for (const row of [...rows, ...(total === undefined ? [] : [total])]) {
        const { clientErrors, rateLimited, serverErrors, otherErrors } = row
        assert.equal(row.errors, clientErrors + rateLimited + serverErrors + otherErrors)
        assert.ok(row.errors <= row.calls)
      }
    }),
    { seed: 7 },
  )
})

test('any quantile of many durations is within 1 % of the exact one, or beneath the least that counts', () => {
  const values = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 1e6 }), fc.double({ min: 0, max: 1e9, noNaN: true })),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  const share = fc.constantFrom(0.01, 0.5, 0.9, 0.95, 0.99, 1)
  fc.assert(
    fc.property(values, share, fc.constantFrom(1, 20), (some, share, times) => {
      const all = Array.from({ length: times }, () => some).flat()
      const durations = new Durations()
      for (const ms of all) durations.add(ms)
      const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * all.length)) - 1] as number
      const got = durations.quantile(share) as number
      const error = Math.abs(got - exact)
      assert.ok(
        all.length <= 512 ? error === 0 : error <= exact * RELATIVE_ERROR * 1.0001 + 0.001,
        `${got} ${exact}`,
      )
    }),
    { seed: 7 },
  )
  assert.equal(new Durations().quantile(0.5), undefined)
  const beyond = new Durations()
  for (let i = 0; i < 1000; i++) beyond.add(1e15)
  assert.equal(beyond.quantile(0.5), 1e15)
})

test('reads all segments, and says something true of a log of another writer', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).event('call', { agentId: 'coder', host: 'a.example', status: 200, ms: 5 })
  log.rotate({ gzip: true })
  log.raw('not json\n').event('call', { agentId: 'lead', host: 'a.example', status: 500, ms: 7 })
  const report = await callReport(file)
  assert.deepEqual([report.files, report.by, report.events, report.malformed], [[file], 'host', 2, 1])
  assert.deepEqual([report.rows[0]?.calls, report.rows[0]?.agents], [2, ['coder', 'lead']])
  const foreign = join(scratch(t), 'log.jsonl')
  writeFileSync(foreign, FOREIGN)
  const none = await callReport(foreign)
  assert.deepEqual([none.events, none.rows, none.total, none.others], [3, [], undefined, undefined])
})
