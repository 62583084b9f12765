import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type WaitOptions, Waits } from '../../src/analyse/waits.js'
import { waitReport } from '../../src/analyse.js'
import type { HiveEvent } from '../../src/index.js'
import { FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

function waits(events: object[], options: WaitOptions = {}) {
  const reducer = new Waits(options)
  for (const [i, fields] of events.entries()) {
    const event = { ts: 1000 * (i + 1), kind: 'wait', ...fields } as HiveEvent
    reducer.add({
      event,
      seq: i + 1,
      line: i + 1,
      offset: 0,
      bytes: 1,
      file: 'hive.jsonl',
      log: 'hive.jsonl',
    })
  }
  return reducer.report()
}

const wait = (agentId: unknown, resource: unknown, ms: unknown, holder?: unknown): object => ({
  agentId,
  resource,
  ms,
  holder,
})

const EVENTS = [
  wait('coder', 'git', 400, 'lead'),
  wait('tester', 'git', 100, 'lead'),
  wait('coder', 'db', 450, 'tester'),
  wait('coder', 'db', 40),
]

test('how long in total for each resource, longest first, who waited and who held', () => {
  const { rows, total } = waits(EVENTS)
  assert.deepEqual(
    rows.map(({ longest: _, ...row }) => row),
    [
      {
        key: 'git',
        waits: 2,
        totalMs: 500,
        p95Ms: 400,
        maxMs: 400,
        agents: ['coder', 'tester'],
        holders: ['lead'],
      },
      { key: 'db', waits: 2, totalMs: 490, p95Ms: 450, maxMs: 450, agents: ['coder'], holders: ['tester'] },
    ],
  )
  assert.deepEqual([total?.waits, total?.totalMs], [4, 990])
})

test('the longest wait names its line', () => {
  assert.deepEqual(waits(EVENTS).total?.longest, {
    ts: 3000,
    ms: 450,
    log: 'hive.jsonl',
    file: 'hive.jsonl',
    line: 3,
    seq: 3,
    agentId: 'coder',
    resource: 'db',
    holder: 'tester',
  })
})

test('by agent, holder and pair', () => {
  const keys = (by: NonNullable<WaitOptions['by']>): [string, number][] =>
    waits(EVENTS, { by }).rows.map(({ key, totalMs }) => [key, totalMs])
  assert.deepEqual(keys('agent'), [
    ['coder', 890],
    ['tester', 100],
  ])
  assert.deepEqual(keys('holder'), [
    ['lead', 500],
    ['tester', 450],
    ['(none)', 40],
  ])
  assert.deepEqual(keys('pair'), [
    ['coder ← tester', 450],
    ['coder ← lead', 400],
    ['tester ← lead', 100],
    ['coder ← (none)', 40],
  ])
})

test('durations that are missing, no number, or negative are waits without time', () => {
  const { rows, badDurations } = waits([
    wait('a', 'r', -5),
    wait('a', 'r', 'long'),
    wait('a', 'r', undefined),
  ])
  assert.deepEqual([rows[0]?.waits, rows[0]?.totalMs, rows[0]?.longest, badDurations], [3, 0, undefined, 3])
})

test('past the greatest number of keys, waits are counted together', () => {
  const { rows, others } = waits(
    Array.from({ length: 9 }, (_, i) => wait('a', `r${i}`, 1)),
    { maxKeys: 2 },
  )
  assert.deepEqual([rows.length, others?.key, others?.waits], [2, '(others)', 7])
})

test('two agents that wait for each other at the same time, for different things, are named', () => {
  const { mutual } = waits([wait('a', 'git', 900, 'b'), wait('b', 'db', 1500, 'a')])
  assert.deepEqual(mutual, [
    {
      agents: ['a', 'b'],
      resources: ['git', 'db'],
      times: 1,
      longestMs: 500,
      longestTs: 500,
      places: [1, 2].map((line) => ({ log: 'hive.jsonl', file: 'hive.jsonl', line, seq: line })),
    },
  ])
})

test('the same pair again is one finding with its longest overlap, whoever begins', () => {
  const { mutual } = waits([
    wait('a', 'git', 900, 'b'),
    { ...wait('b', 'db', 800, 'a'), ts: 1000 },
    { ...wait('b', 'db', 950, 'a'), ts: 5000 },
    { ...wait('a', 'git', 900, 'b'), ts: 5000 },
  ])
  assert.deepEqual(
    mutual.map(({ agents, times, longestMs, places }) => [
      agents,
      times,
      longestMs,
      places.map(({ seq }) => seq),
    ]),
    [[['a', 'b'], 2, 900, [4, 3]]],
  )
})

test('no circle: one after the other, the same resource, the agent itself, or a third', () => {
  const none: object[][] = [
    [wait('a', 'git', 900, 'b'), wait('b', 'db', 1000, 'a')],
    [wait('a', 'git', 900, 'b'), wait('b', 'git', 1500, 'a')],
    [wait('a', 'git', 900, 'a'), wait('a', 'db', 1500, 'a')],
    [wait('a', 'git', 900, 'b'), wait('b', 'db', 1500, 'c')],
  ]
  for (const events of none) assert.deepEqual(waits(events).mutual, [])
})

test('fields of any type never throw, and every wait is in one row', () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>('a', 'b', '__proto__', null, undefined, {}, [], ''),
    fc.double(),
  )
  const event = fc.record({ agentId: value, resource: value, holder: value, ms: value })
  const by = fc.constantFrom<WaitOptions['by']>('resource', 'agent', 'holder', 'pair')
  fc.assert(
    fc.property(fc.array(event), by, (events, by = 'resource') => {
      const { rows } = waits(events, { by })
      assert.equal(
        rows.reduce((sum, row) => sum + row.waits, 0),
        events.length,
      )
    }),
    { seed: 7 },
  )
})

test('reads all segments, and says something true of a log of another writer', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).event('wait', wait('coder', 'git', 5, 'lead'))
  log.rotate()
  log.raw('not json\n').event('wait', wait('lead', 'git', 7, 'coder'))
  const report = await waitReport(file)
  assert.deepEqual([report.files, report.by, report.events, report.malformed], [[file], 'resource', 2, 1])
  assert.deepEqual([report.total?.totalMs, report.total?.longest?.ts], [12, FIRST_TS + 5])
  const foreign = join(scratch(t), 'log.jsonl')
  writeFileSync(foreign, FOREIGN)
  const none = await waitReport(foreign)
  assert.deepEqual([none.events, none.rows, none.total, none.mutual], [3, [], undefined, []])
})
