import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

/** One call at each time, as `cost --by` groups them in a zone. */
async function grouped(t: { after(fn: () => void): void }, by: string, zone: string, times: string[]) {
  const cwd = scratch(t)
  const lines = times.map((time) =>
    JSON.stringify({
      ts: Date.parse(time),
      kind: 'usage',
      agentId: 'a',
      inputTokens: 1,
      outputTokens: 1,
      costUsd: 1,
    }),
  )
  writeFileSync(join(cwd, 'hive.jsonl'), `${lines.join('\n')}\n`)
  const json = await hivelog(['cost', '--by', by, '--json'], { cwd, env: { TZ: zone } })
  assert.equal(json.stderr, '')
  const { rows, zone: told } = JSON.parse(json.stdout)
  const text = linesOf((await hivelog(['cost', '--by', by], { cwd, env: { TZ: zone } })).stdout)
  return {
    zone: told,
    rows: rows.map(({ key, ts, calls }: { key: string; ts: number; calls: number }) => [
      key,
      new Date(ts).toISOString(),
      calls,
    ]),
    text,
  }
}

test('hours are those of the zone that TZ names, in the order of time, with their offset', async (t) => {
  const times = [
    '2026-08-22T22:10:00Z',
    '2026-08-22T08:59:59.999Z',
    '2026-08-22T08:00:00Z',
    '2026-08-22T22:50:00Z',
  ]
  assert.deepEqual((await grouped(t, 'hour', 'UTC', times)).rows, [
    ['2026-08-22T08:00:00+00:00', '2026-08-22T08:00:00.000Z', 2],
    ['2026-08-22T22:00:00+00:00', '2026-08-22T22:00:00.000Z', 2],
  ])
  const kolkata = await grouped(t, 'hour', 'Asia/Kolkata', times)
  assert.deepEqual(kolkata.rows, [
    ['2026-08-22T13:00:00+05:30', '2026-08-22T07:30:00.000Z', 1],
    ['2026-08-22T14:00:00+05:30', '2026-08-22T08:30:00.000Z', 1],
    ['2026-08-23T03:00:00+05:30', '2026-08-22T21:30:00.000Z', 1],
    ['2026-08-23T04:00:00+05:30', '2026-08-22T22:30:00.000Z', 1],
  ])
  assert.match(kolkata.zone, /^Asia\/(Kolkata|Calcutta)$/)
  assert.match(kolkata.text[0] ?? '', /4 model calls by hour, Asia\/(Kolkata|Calcutta)$/)
  assert.match(kolkata.text[3] ?? '', /^2026-08-22 13:00 {2}/)
})

test('the hour that comes twice when clocks go back is two hours', async (t) => {
  const times = ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00Z']
  const { rows, text } = await grouped(t, 'hour', 'Europe/Berlin', times)
  assert.deepEqual(rows, [
    ['2026-10-25T02:00:00+02:00', '2026-10-25T00:00:00.000Z', 1],
    ['2026-10-25T02:00:00+01:00', '2026-10-25T01:00:00.000Z', 1],
    ['2026-10-25T03:00:00+01:00', '2026-10-25T02:00:00.000Z', 1],
  ])
  assert.deepEqual(
    text.slice(3, 6).map((line) => line.slice(0, 22)),
    ['2026-10-25 02:00+02:00', '2026-10-25 02:00+01:00', '2026-10-25 03:00+01:00'],
  )
})

test('days are local days, of 23 hours too', async (t) => {
  const times = ['2026-03-28T23:30:00Z', '2026-03-29T21:59:00Z', '2026-03-29T22:00:00Z']
  const { rows, zone } = await grouped(t, 'day', 'Europe/Berlin', times)
  assert.deepEqual(rows, [
    ['2026-03-29', '2026-03-28T23:00:00.000Z', 2],
    ['2026-03-30', '2026-03-29T22:00:00.000Z', 1],
  ])
  assert.equal(zone, 'Europe/Berlin')
})
