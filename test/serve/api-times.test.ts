/** From when to when a hive is, and how many events it has, is said alike by its overview, the list, stats and the command. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LogList, LogOverview } from '../../src/serve/api/shapes.js'
import { tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

test('neither the first line nor the last one decides, nor what a writer says of itself', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  mkdirSync(`${file}.agents`)
  const lines = (of: readonly [number, string][]): string =>
    of.map(([ts, kind], i) => `${JSON.stringify({ ts, kind, seq: i + 1, session: 's' })}\n`).join('')
  // Sent by somebody with a clock of his own to a log that was opened later; the earliest is in the middle.
  const own = [
    [9_000, 'log.open'],
    [3_000, 'note'],
    [1_000, 'note'],
    [2_000, 'note'],
  ] as const
  const kid = [
    [8_000, 'log.open'],
    [4_000, 'note'],
    [5_000, 'note'],
    [2_500, 'note'],
  ] as const
  writeFileSync(file, lines(own as never))
  writeFileSync(join(`${file}.agents`, 'kid.jsonl'), lines(kid as never))

  const api = await tempApi(t, { logs: [file] })
  const path = await api.log('hive.jsonl')
  const expected = { firstTs: 1_000, lastTs: 5_000, events: 6 }
  const pick = ({ firstTs, lastTs, events }: typeof expected) => ({ firstTs, lastTs, events })
  assert.deepEqual(pick(await api.get<LogOverview & typeof expected>(path)), expected)
  assert.deepEqual(pick(await api.get<typeof expected>(`${path}/stats`)), expected)
  assert.deepEqual(pick(JSON.parse((await hivelog(['stats', '--json', file])).stdout)), expected)
  const [listed] = (await api.get<LogList>('/api/logs')).logs
  assert.deepEqual([listed?.firstTs, listed?.lastTs], [1_000, 5_000])
  const { kinds } = await api.get<LogOverview>(path)
  assert.deepEqual(kinds, [
    { kind: 'note', count: 6 },
    { kind: 'log.open', count: 2 },
  ])
})
