/** A brief floor is the floor without what agents did last, at any position, though it is made in another way. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FloorPast } from '../../src/serve/api/floor-past.js'
import { FloorTracker } from '../../src/serve/api/floor-tracker.js'
import type { Floor, LogOverview } from '../../src/serve/api/shapes.js'
import { type Api, busyLog, familyLog, foreignLog, numbers, tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { cases, seedOfRun } from '../kit/long-run.js'

const T0 = 1_787_386_181_000
/** Of each log that are looked at; of a shorter one all. */
const PLACES = cases(150, 30)

/** What a brief floor is to be, told from a whole one. */
const briefOf = ({ agents, ...floor }: Floor): Floor => ({
  ...floor,
  agents: agents.map(({ last: _, waits: __, ...agent }) => agent),
})

async function assertBrief({ get }: Api, log: string, position: number): Promise<void> {
  const whole = briefOf(await get<Floor>(`${log}/floor?at=${position}`))
  const brief = await get<Floor>(`${log}/floor?at=${position}&brief=1`)
  // By parts, so that a difference is told by itself.
  for (const part of ['position', 'ts', 'recipients', 'pending', 'usage', 'edges'] as const)
    assert.deepEqual(brief[part], whole[part], `${part} at ${position}`)
  assert.equal(brief.agents.length, whole.agents.length)
  for (const [i, agent] of whole.agents.entries()) {
    const told = brief.agents[i]
    // A kept state does not say how old what an inbox holds no more is; who saw all lines knows it.
    if (agent.inbox.waiting > 100 && agent.inbox.oldestTs === undefined) delete told?.inbox.oldestTs
    assert.deepEqual(told, agent, `at ${position}`)
  }
}

/**
 * A log that nobody would write: recipients that become agents, drops, writers that were lost, names used twice,
 * questions asked again and answers before them.
 */
function roughLog(folder: string, events: number): string {
  const next = numbers(11)
  const lines: string[] = []
  const names = Array.from({ length: 9 }, (_, i) => `r${i}`)
  const any = (): string => names[next(names.length)] as string
  for (let seq = 1; seq <= events; seq++) {
    const make = (kind: string, fields: object): object => ({ ts: T0 + seq * 10, kind, ...fields, seq })
    const choices = [
      () => make('spawn', { agentId: any(), name: `N${next(5)}`, isGod: next(8) === 0, parent: any() }),
      () => make('exit', { agentId: any(), status: ['ok', 'error', 'killed'][next(3)] }),
      () =>
        make('message', { from: any(), to: any(), act: `act${next(3)}`, subject: 's', id: `m${next(200)}` }),
      () => make('message', { from: any(), to: any(), subject: 's', id: `m${next(200)}` }),
      () => make('drain', { agentId: any(), count: next(4) }),
      () => make('drain', { agentId: any(), count: 1, ids: [`m${next(200)}`] }),
      () => make('drop', { from: any(), to: any(), id: `m${next(200)}`, reason: 'no-inbox' }),
      () => make('escalate', { from: any(), to: 'human', subject: 'May I?', id: `e${next(30)}` }),
      () => make('approval', { id: `e${next(30)}`, approve: next(2) === 0 }),
      () => make('usage', { agentId: any(), model: `m${next(2)}`, inputTokens: next(99), outputTokens: 1 }),
      () => make('usage', { agentId: any(), inputTokens: 1, outputTokens: 1, costUsd: next(9) / 7 }),
      () => make('wait', { agentId: any(), resource: 'db', ms: 4 }),
      () => make('log.open', { format: 1, segment: 1, writer: 'test/1', pid: next(3), host: 'h' }),
      () => make('tool', { agentId: any(), name: 'grep', ok: true }),
    ]
    lines.push(JSON.stringify(choices[next(choices.length)]?.()))
  }
  const file = join(folder, 'rough.jsonl')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

test('of logs of one process, of several, and without numbers', async (t) => {
  const folder = tempFolder(t)
  const logs = [busyLog(folder, 9_000), foreignLog(folder), familyLog(folder), roughLog(folder, 6_000)]
  const api = await tempApi(t, { logs })
  const next = numbers(seedOfRun() + 4)
  for (const name of ['busy.jsonl', 'munder.jsonl', 'hive.jsonl', 'rough.jsonl']) {
    const log = await api.log(name)
    const { first, last } = await api.get<LogOverview>(log)
    const places = Math.min(PLACES, last - first + 1)
    for (let i = 0; i < places; i++) {
      const isAll = places < PLACES
      await assertBrief(api, log, isAll ? first + i : first + next(last - first + 1))
    }
    await assertBrief(api, log, last)
    await assertBrief(api, log, last + 10)
    await assertBrief(api, log, 0)
  }
})

test('only 1 asks for a brief one', async (t) => {
  const folder = tempFolder(t)
  const api = await tempApi(t, { logs: [busyLog(folder, 100)] })
  const log = await api.log('busy.jsonl')
  assert.equal((await api.ask(`${log}/floor?brief=yes`)).status, 400)
})

test('rows after too many versions are not known, and the ones before are', () => {
  const past = new FloorPast(20)
  const tracker = new FloorTracker({
    price: () => undefined,
    listener: past.listener,
    onTouched: past.onTouched,
  })
  const floors: Floor[] = []
  for (let row = 0; row < 60; row++) {
    const event = { ts: T0 + row, kind: 'spawn', agentId: `a${row}`, name: 'A', isGod: false } as const
    tracker.add(
      { event, seq: row + 1, log: 'x', file: 'x', line: row + 1, bytes: 10, offset: 0 } as never,
      row + 1,
    )
    past.add(row, event, tracker)
    floors.push(briefOf(tracker.floor()))
  }
  const known = floors.map((_, row) => past.floor(row, { position: row + 1, ts: T0 + row }))
  assert.ok(known[0] !== undefined && known[59] === undefined)
  const end = known.indexOf(undefined)
  assert.ok(end >= 20)
  assert.ok(known.slice(end).every((floor) => floor === undefined))
  assert.deepEqual(known.slice(0, end), floors.slice(0, end))
})
