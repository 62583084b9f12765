import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { COST_KEYS, Cost } from '../../src/analyse/cost.js'
import { type CostBy, costReport } from '../../src/analyse.js'
import { cases } from '../kit/long-run.js'
import { FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

type Fields = Record<string, unknown>

const OWN = { local: { inputPerMTok: 10, outputPerMTok: 100 } }

function report(events: Fields[], options: ConstructorParameters<typeof Cost>[0] = {}) {
  const cost = new Cost(options)
  for (const event of events) cost.add({ event: { ts: FIRST_TS, kind: 'usage', ...event } })
  return cost.report()
}

const EVENTS: Fields[] = [
  {
    agentId: 'a',
    model: 'x',
    provider: 'p',
    inputTokens: 100,
    outputTokens: 10,
    costUsd: 3,
    task: 't1',
    ms: 5,
  },
  {
    agentId: 'b',
    model: 'x',
    provider: 'p',
    inputTokens: 50,
    outputTokens: 5,
    costUsd: 1,
    decision: 'd',
    ms: 6,
  },
  {
    agentId: 'a',
    model: 'y',
    inputTokens: 1,
    outputTokens: 2,
    cacheReadTokens: 3,
    cacheWriteTokens: 4,
    session: 's',
  },
]

const KEYS: [by: CostBy, rows: [key: string | null, calls: number, costUsd: number][]][] = [
  [
    'agent',
    [
      ['a', 2, 3],
      ['b', 1, 1],
    ],
  ],
  [
    'model',
    [
      ['x', 2, 4],
      ['y', 1, 0],
    ],
  ],
  [
    'provider',
    [
      ['p', 2, 4],
      [null, 1, 0],
    ],
  ],
  [
    'task',
    [
      ['t1', 1, 3],
      [null, 2, 1],
    ],
  ],
  [
    'decision',
    [
      [null, 2, 3],
      ['d', 1, 1],
    ],
  ],
  [
    'session',
    [
      [null, 2, 4],
      ['s', 1, 0],
    ],
  ],
  ['hour', [['2026-08-22T', 3, 4]]],
  ['day', [['2026-08-2', 3, 4]]],
]

test('calls and dollars by every key, the dearest first; what tells no key is a row of its own', () => {
  assert.deepEqual(
    KEYS.map(([by]) => by),
    [...COST_KEYS],
  )
  for (const [by, expected] of KEYS) {
    const { rows, total } = report(EVENTS, { by })
    const time = by === 'hour' || by === 'day'
    assert.deepEqual(
      rows.map(({ key, calls, costUsd }) => [
        time ? key?.slice(0, expected[0]?.[0]?.length) : key,
        calls,
        costUsd,
      ]),
      expected,
      by,
    )
    assert.deepEqual(total, {
      calls: 3,
      failedCalls: 0,
      inputTokens: 151,
      outputTokens: 17,
      cacheReadTokens: 3,
      cacheWriteTokens: 4,
      ms: 11,
      costUsd: 4,
      unpricedCalls: 1,
    })
  }
})

test('shares are of dollars; of tokens where no dollars are known', () => {
  const dollars = report(EVENTS)
  assert.equal(dollars.shareOf, 'dollars')
  assert.deepEqual(
    dollars.rows.map(({ share }) => share),
    [0.75, 0.25],
  )
  const tokens = report([
    { agentId: 'a', inputTokens: 20, outputTokens: 10 },
    { agentId: 'b', inputTokens: 60, outputTokens: 10 },
  ])
  assert.equal(tokens.shareOf, 'tokens')
  assert.deepEqual(
    tokens.rows.map(({ key, share }) => [key, share]),
    [
      ['b', 0.7],
      ['a', 0.3],
    ],
  )
  assert.deepEqual(report([{ agentId: 'a', costUsd: 0 }]).rows[0]?.share, 0)
})

test('a recorded cost goes before own prices, and those before list prices; what is left has none', (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const used = { inputTokens: 1_000_000, outputTokens: 0 }
  new LogWriter(file)
    .event('usage', { agentId: 'a', model: 'local', ...used, costUsd: 0.5 })
    .event('usage', { agentId: 'a', model: 'local', ...used })
    .event('usage', { agentId: 'a', model: 'gpt-4o', ...used })
    .event('usage', { agentId: 'a', model: 'nobodys', provider: 'p', ...used, outputTokens: 7 })
    .event('usage', { agentId: 'a', ...used })
    .event('usage', { agentId: 'a', model: 'local' })
  return costReport(file, { prices: OWN }).then(({ recorded, computed, unpriced, total, rows }) => {
    assert.deepEqual(recorded, { calls: 1, costUsd: 0.5 })
    assert.deepEqual(
      { ...computed, source: 0 },
      {
        calls: 2,
        costUsd: 12.5,
        source: 0,
        models: [
          { model: 'local', as: 'your own prices', calls: 1, costUsd: 10 },
          { model: 'gpt-4o', as: 'openai/gpt-4o', calls: 1, costUsd: 2.5 },
        ],
      },
    )
    assert.match(computed.source ?? '', /genai-prices \d/)
    assert.deepEqual(unpriced, {
      calls: 3,
      models: [
        { model: 'nobodys', provider: 'p', calls: 1, inputTokens: 1_000_000, outputTokens: 7 },
        { calls: 1, inputTokens: 1_000_000, outputTokens: 0 },
        { model: 'local', calls: 1, inputTokens: 0, outputTokens: 0 },
      ],
      others: 0,
    })
    assert.deepEqual([total.costUsd, total.unpricedCalls, rows[0]?.unpricedCalls], [13, 3, 3])
  })
})

test('list prices are only asked for where an event needs one', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file)
    .event('usage', { agentId: 'a', model: 'gpt-4o', inputTokens: 1, outputTokens: 1, costUsd: 0 })
    .event('usage', { agentId: 'a', model: 'local', inputTokens: 1, outputTokens: 1 })
    .event('usage', { agentId: 'a', inputTokens: 1, outputTokens: 1 })
  assert.equal((await costReport(file, { prices: OWN })).computed.source, undefined)
  assert.notEqual((await costReport(file)).computed.source, undefined)
})

test('costs and counts that are no numbers from 0 are ignored, and counted', () => {
  const nothings = [-1, '5', Number.NaN, Number.POSITIVE_INFINITY, {}, [], true]
  const { total, ignored, recorded } = report(
    [...nothings, null].map((value) => ({
      agentId: 'a',
      model: 'local',
      costUsd: value,
      inputTokens: value,
      outputTokens: 10,
      cacheReadTokens: value,
      ms: value,
    })),
    { prices: OWN },
  )
  assert.deepEqual(ignored, { costs: 7, tokens: 14 })
  assert.deepEqual([total.inputTokens, total.outputTokens, total.cacheReadTokens, total.ms], [0, 80, 0, 0])
  assert.deepEqual([recorded.calls, total.costUsd, total.unpricedCalls], [0, 0.008, 0])
  assert.equal(report([{ inputTokens: 1e300, outputTokens: 0 }]).ignored.tokens, 1)
})

test('cache tokens beside the input are counted as such', () => {
  const { cacheApart, computed } = report(
    [
      { model: 'local', inputTokens: 100, outputTokens: 0, cacheReadTokens: 100 },
      { model: 'local', inputTokens: 100, outputTokens: 0, cacheReadTokens: 90, cacheWriteTokens: 20 },
      { model: 'local', inputTokens: 0, outputTokens: 0, cacheReadTokens: 100, costUsd: 0 },
    ],
    { prices: OWN },
  )
  assert.deepEqual([cacheApart, computed.costUsd], [1, 0.0031])
})

test('several logs are added up, over their segments, housekeeping and bad lines apart', async (t) => {
  const cwd = scratch(t)
  const [one, two] = [join(cwd, 'one.jsonl'), join(cwd, 'two.jsonl')] as [string, string]
  const log = new LogWriter(one).event('usage', { agentId: 'a', inputTokens: 1, outputTokens: 1, costUsd: 1 })
  log.rotate({ gzip: true })
  log.event('usage', { agentId: 'a', inputTokens: 1, outputTokens: 1, costUsd: 2 }).raw('nonsense\n')
  log.event('log.gap', { lost: 3, reason: 'disk full' })
  new LogWriter(two).event('usage', { agentId: 'b', inputTokens: 1, outputTokens: 1, costUsd: 4 }).message()
  const both = await costReport([one, two])
  assert.deepEqual(both.files, [one, two])
  assert.deepEqual([both.events, both.malformed, both.lost, both.total.costUsd], [4, 1, 3, 7])
  assert.deepEqual(
    both.rows.map(({ key, calls, costUsd }) => [key, calls, costUsd]),
    [
      ['b', 1, 4],
      ['a', 2, 3],
    ],
  )
})

test('a log of others without usage: nothing is made up', async (t) => {
  const file = join(scratch(t), 'log.jsonl')
  writeFileSync(file, FOREIGN)
  const { events, rows, total, recorded, computed, unpriced } = await costReport(file)
  assert.deepEqual([events, rows, total.calls, total.costUsd], [3, [], 0, 0])
  assert.deepEqual([recorded.calls, computed, unpriced.models], [0, { calls: 0, costUsd: 0, models: [] }, []])
})

test('bad use throws, and says what is known', async () => {
  await assert.rejects(costReport('none.jsonl'), /cannot read none.jsonl: there is no such file/)
  const by = 'colour' as CostBy
  await assert.rejects(costReport('x', { by }), {
    name: 'OptionsError',
    message:
      "costReport: by: 'colour' is not possible; use 'agent', 'model', 'provider', 'task', 'decision', 'session', 'hour' or 'day'",
  })
  const prices = { m: { inputPerMTok: -1, outputPerMTok: 0 } }
  await assert.rejects(costReport('x', { prices }), {
    name: 'OptionsError',
    message: /prices of "m": inputPerMTok/,
  })
})

test('fields of any type and name: never an exception, always finite sums that add up', () => {
  const value = fc.oneof(
    fc.constantFrom('__proto__', 'constructor', 'gpt-4o', '', 'local'),
    fc.anything(),
    fc.double(),
  )
  const event = fc.dictionary(
    fc.constantFrom(
      'agentId',
      'model',
      'provider',
      'inputTokens',
      'outputTokens',
      'cacheReadTokens',
      'cacheWriteTokens',
      'costUsd',
      'task',
      'decision',
      'session',
      'ms',
    ),
    value,
  )
  const ts = fc.oneof(
    fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true }),
    fc.constantFrom(8.64e15, -8.64e15),
  )
  const by = fc.constantFrom(...COST_KEYS)
  fc.assert(
    fc.property(fc.array(fc.tuple(event, ts), { maxLength: 30 }), by, (events, key) => {
      const cost = new Cost({ by: key, prices: OWN })
      for (const [fields, at] of events) cost.add({ event: { ...fields, ts: at, kind: 'usage' } })
      const { total, rows, recorded, computed, unpriced } = cost.report()
      assert.equal(total.calls, events.length)
      assert.equal(
        rows.reduce((sum, { calls }) => sum + calls, 0),
        events.length,
      )
      assert.equal(recorded.calls + computed.calls + unpriced.calls, events.length)
      for (const row of [total, ...rows]) {
        for (const part of Object.values(row)) if (typeof part === 'number') assert.ok(Number.isFinite(part))
      }
    }),
    { seed: 11, numRuns: cases(2000, 2000) },
  )
})

test('a log that names more models than there are: the first 10,000 are told apart, and all are counted', () => {
  const events = Array.from({ length: 10_020 }, (_, i) => ({
    model: `m-${i}`,
    inputTokens: 1,
    outputTokens: 0,
  }))
  const { unpriced, total } = report(events)
  assert.deepEqual([unpriced.calls, unpriced.models.length, unpriced.others], [10_020, 10_000, 20])
  assert.equal(total.unpricedCalls, 10_020)
})

test('a call that failed is a call, with the tokens that are known of it, and costs what they cost', () => {
  const failed = { ts: 0, kind: 'usage', agentId: 'a', model: 'local', error: '503' }
  const events = [
    failed,
    { ...failed, agentId: 'b', inputTokens: 1_000_000 },
    { ...failed, agentId: 'b', model: 'unknown' },
    { ...failed, agentId: 'b', error: '', inputTokens: 1_000_000 },
    { ...failed, agentId: 'c', costUsd: 2 },
    { ...failed, agentId: 'd', error: undefined },
  ]
  const prices = { local: { inputPerMTok: 10, outputPerMTok: 100 } }
  const { rows, total, unpriced, computed, recorded, ignored } = report(events, { prices })
  assert.deepEqual(
    rows.map(({ key, calls, failedCalls, inputTokens, costUsd, unpricedCalls }) => [
      key,
      calls,
      failedCalls,
      inputTokens,
      costUsd,
      unpricedCalls,
    ]),
    [
      ['b', 3, 2, 2_000_000, 20, 0],
      ['c', 1, 1, 0, 2, 0],
      ['a', 1, 1, 0, 0, 0],
      ['d', 1, 0, 0, 0, 1],
    ],
  )
  assert.deepEqual([total.calls, total.failedCalls, total.costUsd, total.unpricedCalls], [6, 4, 22, 1])
  assert.deepEqual([computed.calls, recorded.calls, unpriced.calls], [2, 1, 1])
  assert.deepEqual(unpriced.models, [{ model: 'local', calls: 1, inputTokens: 0, outputTokens: 0 }])
  assert.deepEqual(ignored, { costs: 0, tokens: 0 }, 'what is left out is no wrong value')
})
