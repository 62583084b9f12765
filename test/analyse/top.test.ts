/** What a hive is doing now: the same numbers as its state, and those of the last minute. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { LastMinute } from '../../src/analyse/top/minute.js'
import { TopWatch, topReport } from '../../src/analyse/top.js'
import { followHive } from '../../src/read/follow-hive.js'
import { logsOfHive } from '../../src/read/hive.js'
import { isMalformed } from '../../src/read/items.js'
import { scratch } from '../kit/reader-log.js'
import { cleanUp, StoryLog, T0 } from '../kit/story.js'

test('agents with what they did last, what waits for them, and what they cost', async (t) => {
  const { main } = cleanUp(scratch(t))
  main
    .at(400, 'escalate', { from: 'lead', to: 'human', subject: '?', id: 'e-2' })
    .at(50_000, 'usage', { agentId: 'lead', model: 'x', inputTokens: 10, outputTokens: 5, costUsd: 2 })
    .at(50_001, 'usage', { agentId: 'lead', model: 'unheard-of', inputTokens: 1, outputTokens: 1 })
  const report = await topReport(main.file, { asOf: T0 + 70_000 })
  assert.deepEqual(
    report.agents.map(({ agentId, status, lastKind, idleMs, inbox, pending }) => [
      agentId,
      status,
      lastKind,
      idleMs,
      inbox,
      pending,
    ]),
    [
      ['lead', 'alive', 'usage', 19_999, 1, 1],
      ['coder', 'error', 'exit', 69_700, 0, 0],
    ],
  )
  const [lead, coder] = report.agents
  assert.deepEqual(
    [lead?.calls, lead?.inputTokens, lead?.outputTokens, lead?.costUsd, lead?.lastMinuteUsd, lead?.unpriced],
    [2, 11, 6, 2, 2, 1],
  )
  assert.deepEqual([coder?.costUsd, coder?.lastMinuteUsd], [0.25, 0], 'its call is 70 s ago')
  assert.deepEqual(report.usage, {
    calls: 3,
    inputTokens: 1011,
    outputTokens: 106,
    costUsd: 2.25,
    lastMinuteUsd: 2,
    unpriced: 1,
  })
  assert.deepEqual(report.counts, { alive: 1, held: 0, archived: 0, ended: 1 })
  assert.deepEqual(
    [report.logs, report.events, report.lastMinuteEvents, report.messages, report.inbox, report.pending],
    [2, 18, 2, 5, 1, 1],
  )
})

test('sorted by what is asked for; what is not listed is counted', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
  for (const [i, id] of ['a', 'b', 'c', 'd'].entries())
    log.at(i, 'spawn', { agentId: id, name: id, isGod: false })
  log
    .at(10, 'usage', { agentId: 'b', costUsd: 1 })
    .at(11, 'message', { from: 'd', to: 'c', act: 'inform', subject: 's', id: 'm-1' })
    .at(12, 'escalate', { from: 'a', to: 'human', subject: 's', id: 'e-1' })
    .at(13, 'exit', { agentId: 'b', status: 'ok' })
  const first = async (sort: 'action' | 'inbox' | 'pending' | 'cost'): Promise<string | undefined> =>
    (await topReport(log.file, { sort, asOf: T0 })).agents[0]?.agentId
  assert.deepEqual(
    [await first('action'), await first('inbox'), await first('pending'), await first('cost')],
    ['a', 'c', 'a', 'b'],
  )
  const { agents, notListed } = await topReport(log.file, { limit: 1 })
  assert.deepEqual([agents.length, notListed], [1, 3])
})

test('the last minute is sixty seconds, and takes no more memory for a longer log', () => {
  const minute = new LastMinute()
  for (let i = 0; i < 1000; i++) minute.add(T0 + i * 1000, 1)
  const end = T0 + 999_000
  assert.equal(minute.sum(end), 60)
  assert.equal(minute.sum(end + 10_000), 50)
  assert.equal(minute.sum(end + 60_000), 0)
  // What claims to be of another time takes nothing away.
  minute.add(end + 1e12, 1)
  for (let i = 1000; i < 2000; i++) minute.add(T0 + i * 1000, 2)
  assert.equal(minute.sum(T0 + 1_999_000), 120)
})

test('a hive is followed: its logs, and those that come later; each line once, in order', async (t) => {
  const { main, child } = cleanUp(scratch(t))
  const end = new AbortController()
  const watch = new TopWatch(main.file)
  const seen = new Map<string, number[]>()
  const following = (async () => {
    for await (const item of followHive([main.file], { signal: end.signal, pollMs: 20 })) {
      if (isMalformed(item)) continue
      seen.set(item.log, [...(seen.get(item.log) ?? []), item.seq])
      watch.add(item)
    }
  })()
  const until = async (what: string, isDone: () => boolean): Promise<void> => {
    for (let i = 0; !isDone(); i++) {
      assert.ok(i < 1000, `no ${what} in 20 s`)
      await pause(20)
    }
  }
  const count = (file: string): number => seen.get(file)?.length ?? 0
  await until('story', () => count(main.file) === 10 && count(child.file) === 7)
  main.at(500, 'tool', { agentId: 'lead', name: 'x', ok: true })
  child.at(501, 'tool', { agentId: 'coder', name: 'x', ok: true })
  const late = main.child('late').at(502, 'spawn', { agentId: 'late', name: 'Late', isGod: false })
  const grandchild = late.child('later').at(503, 'spawn', { agentId: 'later', name: 'Later', isGod: false })
  await until(
    'news',
    () => [late, grandchild].every(({ file }) => count(file) === 1) && count(child.file) === 8,
  )
  await until('news', () => count(main.file) === 11)
  late.at(504, 'exit', { agentId: 'late', status: 'ok' })
  await until('exit', () => count(late.file) === 2)
  end.abort()
  await following
  assert.deepEqual(
    [...(seen.get(main.file) ?? [])],
    Array.from({ length: 11 }, (_, i) => i + 1),
  )
  assert.deepEqual(
    [...(seen.get(child.file) ?? [])],
    Array.from({ length: 8 }, (_, i) => i + 1),
  )
  const { agents, logs } = watch.report([main.file], logsOfHive([main.file]).length)
  assert.equal(logs, 4)
  assert.deepEqual(agents.map(({ agentId, status }) => `${agentId} ${status}`).sort(), [
    'coder error',
    'late ok',
    'later alive',
    'lead alive',
  ])
})
