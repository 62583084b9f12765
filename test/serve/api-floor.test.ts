/** State and floor at any position are those that `hivelog state` tells. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HiveState } from '../../src/model/state.js'
import type { EventPage, Floor, LogOverview } from '../../src/serve/api/shapes.js'
import { type Api, busyLog, familyLog, foreignLog, numbers, tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { hivelog } from '../kit/reader-cli.js'

type Told = HiveState & { file: string }

async function stateOf(file: string, at: number): Promise<Told> {
  const { stdout, stderr } = await hivelog(['state', '--json', '--at', String(at), file])
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout)
}

/** What a floor shows of a state, told from the state alone. */
function assertFloor(floor: Floor, state: Told): void {
  const waiting = new Map(state.inboxes.map(({ recipient, waiting }) => [recipient, waiting]))
  const expected = state.agents.map(({ agentId, name, isGod, status, since, usage }) => ({
    agentId,
    name,
    isGod,
    status,
    since,
    waiting: waiting.get(agentId) ?? 0,
    calls: usage?.calls ?? 0,
    costUsd: usage?.costUsd ?? 0,
    pending: state.pending.filter(({ from }) => from === agentId).length,
  }))
  const shown = floor.agents.map(({ agentId, name, isGod, status, since, inbox, usage, pending }) => ({
    agentId,
    name,
    isGod,
    status,
    since,
    waiting: inbox.waiting,
    calls: usage.calls,
    costUsd: usage.costUsd,
    pending,
  }))
  assert.deepEqual(shown, expected)
  assert.deepEqual(floor.usage, state.usage)
  assert.deepEqual(
    floor.pending.map(({ id, ts }) => [id, ts]),
    state.pending.map(({ id, ts }) => [id, ts]),
  )
  for (const { last, agentId } of floor.agents) {
    assert.equal(last?.ts, state.agents.find((agent) => agent.agentId === agentId)?.lastTs)
  }
}

async function assertAt({ get }: Api, log: string, position: number, state: Told): Promise<void> {
  const { position: at, ...told } = await get<Told & { position: number }>(`${log}/state?at=${position}`)
  assert.ok(at <= position)
  assert.deepEqual(told, state)
  assertFloor(await get<Floor>(`${log}/floor?at=${position}`), state)
}

test('at many places of a log that is longer than what lies between kept states', async (t) => {
  const file = busyLog(tempFolder(t), 10_000)
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('busy.jsonl')
  const next = numbers(seedOfRun() + 2)
  for (let i = 0; i < cases(200, 30); i++) {
    const position = 1 + next(10_000)
    await assertAt(api, log, position, await stateOf(file, position))
  }
})

test('in a log without numbers the position is that of the line', async (t) => {
  const file = foreignLog(tempFolder(t))
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('munder.jsonl')
  const { last, events } = await api.get<LogOverview>(log)
  assert.ok(events > 5)
  for (let position = 1; position <= last; position++)
    await assertAt(api, log, position, await stateOf(file, position))
})

test('in a hive of several logs the position is that in the merged story', async (t) => {
  const file = familyLog(tempFolder(t))
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const { events } = await api.get<EventPage>(`${log}/events?limit=1000`)
  assert.deepEqual(
    events.map(({ position }) => position),
    events.map((_, i) => i + 1),
  )
  const own = events.filter((event) => event.log === file)
  assert.ok(own.length > 5 && own.length < events.length)
  for (const { seq, position } of own) {
    await assertAt(api, log, position, await stateOf(file, seq as number))
  }
})

test('the floor names the last messages, and where what is pending was asked', async (t) => {
  const folder = tempFolder(t)
  const file = busyLog(folder, 3_000)
  const api = await tempApi(t, { logs: [folder] })
  const log = await api.log('busy.jsonl')
  const floor = await api.get<Floor>(`${log}/floor?at=2000`)
  assert.equal(floor.position, 2000)
  const { events } = await api.get<EventPage>(`${log}/events?before=2001&kind=message&limit=50`)
  assert.deepEqual(
    floor.edges.map(({ position, from, to }) => [position, from, to]),
    events.map(({ position, event }) => [
      position,
      (event as { from?: string }).from,
      (event as { to?: string }).to,
    ]),
  )
  for (const { id, position } of floor.pending) {
    const [asked] = (await api.get<EventPage>(`${log}/events?after=${position - 1}&limit=1`)).events
    assert.equal((asked?.event as { id?: string } | undefined)?.id, id)
  }
  assert.ok(floor.pending.length > 0)
  assert.equal(file, join(folder, 'busy.jsonl'))
})
