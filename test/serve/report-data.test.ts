/** A report holds what the API answers, and reads the log no more often for many agents than for few. */
import assert from 'node:assert/strict'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AgentAnswer, Floor, FloorAgent } from '../../src/serve/api/shapes.js'
import { collectReport, type ReportLimits } from '../../src/serve/report-data.js'
import { busyLog, familyLog, foreignLog, tempApi } from '../kit/api-server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { StoryLog } from '../kit/story.js'

const LIMITS: ReportLimits = { events: 5_000, floors: 400, contents: 1_000_000 }

/** Two agents ask in one's place, a god hears of what is dropped, one is back under another name. */
function changesOfOthers(folder: string): string {
  const log = new StoryLog(join(folder, 'hive.jsonl'))
  for (const [i, agentId] of ['a', 'b', 'c', 'd'].entries())
    log.at(i, 'spawn', { agentId, name: agentId.toUpperCase(), ...(i === 0 && { isGod: true }) })
  log.at(10, 'escalate', { from: 'c', to: 'human', subject: 'mine', id: 'x' })
  // In the place of that of c, which has no event of its own by that.
  log.at(11, 'escalate', { from: 'b', to: 'human', subject: 'no, mine', id: 'x' })
  log.at(12, 'message', { from: 'c', to: 'd', id: 'm1', act: 'query', subject: 'there?' })
  log.at(13, 'message', { from: 'c', to: 'broadcast', id: 'm2', subject: 'all' })
  log.at(14, 'drop', { id: 'm1', to: 'd', reason: 'full' })
  log.at(15, 'drain', { agentId: 'b', count: 1 })
  log.at(16, 'message', { from: 'd', to: 'c', id: 'm3', act: 'inform', subject: 'here', inReplyTo: 'm1' })
  log.at(17, 'approval', { id: 'x', approve: false, by: 'human' })
  log.at(18, 'exit', { agentId: 'd', code: 1 })
  log.at(19, 'spawn', { agentId: 'd', name: 'other', parent: 'a' })
  log.at(20, 'snapshot', { agentId: 'd', label: 'one', ...log.artifact('a content') })
  return log.file
}

async function assertSame(t: TestContext, file: string): Promise<void> {
  const report = await collectReport(file, { ...LIMITS, floors: 60 })
  const api = await tempApi(t, { logs: [file] })
  const [path = ''] = Object.keys(report.answers).filter((each) => /^\/api\/logs\/[^/]+$/.test(each))
  // The floors one after the other, each with what changed since the one before.
  const agents = new Map<string, FloorAgent>()
  assert.ok(report.floors.length > 5)
  for (const { agents: changed, ...step } of report.floors) {
    for (const agent of changed) agents.set(agent.agentId, agent)
    const { edges: _, ...floor } = await api.get<Floor>(`${path}/floor?at=${step.position}`)
    const there = floor.agents.map(({ agentId }) => agents.get(agentId))
    assert.deepEqual(JSON.parse(JSON.stringify({ ...step, agents: there })), floor)
  }
  const ofAgents = Object.keys(report.answers).filter((each) => each.startsWith(`${path}/agent/`))
  assert.deepEqual(new Set(ofAgents), new Set([...agents.keys()].map((id) => `${path}/agent/${id}`)))
  const talks = new Set<string>()
  for (const each of ofAgents) {
    const answer = await api.get<AgentAnswer>(each)
    assert.deepEqual(JSON.parse(JSON.stringify(report.answers[each])), answer)
    const { partners } = answer.partners as { partners: { name: string }[] }
    for (const { name } of partners) talks.add(`${path}/talk?a=${answer.agent.agentId}&b=${name}`)
    for (const { ref } of answer.snapshots) assert.ok(report.contents[ref] !== undefined)
  }
  assert.ok(talks.size > 0)
  for (const each of talks)
    assert.deepEqual(JSON.parse(JSON.stringify(report.answers[each])), await api.get(each), each)
}

test('floors, agents and talks of a report are those of the API', async (t) => {
  for (const make of [changesOfOthers, familyLog, foreignLog]) await assertSame(t, make(tempFolder(t)))
  await assertSame(t, busyLog(tempFolder(t), 200))
})

test('a log of many agents is opened as often as one of few', async (t) => {
  const real = fsPromises.open
  const opened = new Map<string, number>()
  fsPromises.open = (async (...given: Parameters<typeof real>) => {
    const path = String(given[0])
    opened.set(path, (opened.get(path) ?? 0) + 1)
    return real(...given)
  }) as typeof real
  syncBuiltinESMExports()
  defer(t, () => {
    fsPromises.open = real
    syncBuiltinESMExports()
  })
  const counts: (number | undefined)[] = []
  for (const agents of [5, 60]) {
    const log = new StoryLog(join(tempFolder(t), 'hive.jsonl'))
    for (let i = 0; i < agents; i++) log.at(i, 'spawn', { agentId: `a${i}` })
    for (let i = 0; i < agents; i++)
      log.at(100 + i, 'message', { from: `a${i}`, to: `a${(i + 1) % agents}`, id: `m${i}`, subject: 's' })
    const report = await collectReport(log.file, { ...LIMITS, floors: 5 })
    const kept = Object.keys(report.answers)
    assert.equal(kept.filter((each) => each.includes('/agent/')).length, agents)
    assert.equal(kept.filter((each) => each.includes('/talk?')).length, 2 * agents)
    counts.push(opened.get(log.file))
  }
  assert.ok((counts[0] as number) > 0)
  assert.equal(counts[1], counts[0])
})
