/** What adapters of frameworks tell: agents with ids of their own, and nothing twice. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Stage } from '../../src/frameworks/stage.js'
import type { Hive, HiveOptions } from '../../src/index.js'
import { captureDiag, eventsOf, type Line, tempHive } from '../kit/hive-support.js'

function tempStage(
  t: TestContext,
  options?: HiveOptions,
): { stage: Stage; hive: Hive; lines(): Promise<Line[]> } {
  const { hive, file } = tempHive(t, { serviceName: 'app', ...options })
  const stage = new Stage(hive)
  return {
    stage,
    hive,
    async lines() {
      await hive.shutdown()
      return eventsOf(file)
    },
  }
}

const calls = (lines: Line[]): Line[] => lines.filter(({ kind }) => kind === 'usage')

test('agents that run at once under one name are different ones, also where one calls itself', async (t) => {
  const said = captureDiag(t)
  const { stage, lines } = tempStage(t)
  const first = stage.begin({ name: 'coder', model: 'gpt-4o', role: 'writes code' })
  const second = stage.running.run(first, () => stage.begin({ name: 'coder' }))
  first.end()
  const third = stage.begin({ name: 'coder', parent: second })
  const known = stage.begin({ name: 'coder', id: 'c-17' })
  const nameless = stage.begin({})
  const hostile = stage.begin({ name: 17, id: Symbol('x'), model: '' } as never)
  assert.deepEqual(
    [first, second, third, known, nameless, hostile].map(({ agentId, name }) => [agentId, name]),
    [
      ['coder', 'coder'],
      ['coder#2', 'coder'],
      ['coder', 'coder'],
      ['c-17', 'coder'],
      ['agent', 'agent'],
      ['agent#2', 'agent'],
    ],
  )
  const spawns = (await lines()).filter(({ kind }) => kind === 'spawn')
  assert.deepEqual(
    spawns.map(({ agentId, parent }) => [agentId, parent]),
    [
      ['app', undefined],
      ['coder', 'app'],
      ['coder#2', 'coder'],
      ['coder', 'coder#2'],
      ['c-17', 'app'],
      ['agent', 'app'],
      ['agent#2', 'app'],
    ],
  )
  assert.deepEqual(
    [spawns[1]?.model, spawns[1]?.role, spawns[2]?.model],
    ['gpt-4o', 'writes code', undefined],
  )
  assert.deepEqual(said, [])
})

test('the present agent is the one in whose run the code is, else the process’s', async (t) => {
  const { stage, hive } = tempStage(t)
  const agent = stage.begin({ name: 'coder' })
  const process = stage.implicit()
  assert.equal(stage.current(), process)
  assert.equal(hive.recorder.running(), undefined)
  await stage.running.run(agent, async () => {
    await new Promise(setImmediate)
    assert.equal(stage.current(), agent)
    assert.equal(hive.recorder.running(), agent.life)
    agent.end()
    assert.equal(stage.current(), process, 'its run is over')
    assert.equal(hive.recorder.running(), undefined)
  })
  const other = new Stage(hive)
  const second = stage.begin({ name: 'second' })
  assert.equal(
    other.running.run(second, () => hive.recorder.running()),
    second.life,
  )
  assert.equal(
    stage.running.run(second, () => hive.recorder.running()),
    second.life,
    'of each stage',
  )
})

test('a tool has a line when it begins and one when it ends', async (t) => {
  const { stage, lines } = tempStage(t)
  const agent = stage.begin({ name: 'coder' })
  const end = stage.tool(agent, { name: 'grep', toolCallId: 'c-1', argsBytes: 12 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  end({ ok: false, error: 'no file', resultBytes: 3, name: 'other' } as never)
  end({ ok: true })
  stage.tool(agent, { name: 'ls' })({ ok: true })
  const tools = (await lines()).filter(({ kind }) => kind.startsWith('tool'))
  const [began, ended] = tools
  assert.deepEqual(
    tools.map(({ kind, agentId, name, toolCallId, ok }) => [kind, agentId, name, toolCallId, ok]),
    [
      ['tool.start', 'coder', 'grep', 'c-1', undefined],
      ['tool', 'coder', 'grep', 'c-1', false],
      ['tool.start', 'coder', 'ls', undefined, undefined],
      ['tool', 'coder', 'ls', undefined, true],
    ],
  )
  assert.deepEqual([ended?.error, ended?.argsBytes, ended?.resultBytes], ['no file', 12, 3])
  const ms = ended?.ms as number
  assert.ok(ms >= 19 && ms <= (ended as Line).ts - (began as Line).ts + 1, `${ms}`)
})

test('a model call that an adapter tells is one with the span of it, and two with another of the adapter’s', async (t) => {
  const { stage, hive, lines } = tempStage(t)
  const agent = stage.begin({ name: 'coder' })
  const call = { model: 'gpt-4o', inputTokens: 10, outputTokens: 5, ms: 40, source: 'one' }
  const { usageOnce } = hive.recorder
  const span = {
    source: 'scope',
    agentId: 'coder',
    session: hive.sessionId,
    model: 'gpt-4o',
    inputTokens: 10,
    outputTokens: 5,
  }
  const now = Date.now()
  assert.ok(usageOnce.isNew({ ...span, startTs: now - 40, endTs: now }))
  stage.usage(agent, { ...call, endTs: now })
  stage.usage(agent, { ...call, endTs: now, ttftMs: 7, responseId: 'r-1' })
  assert.ok(!usageOnce.isNew({ ...span, source: 'third', responseId: 'r-1', startTs: now - 40, endTs: now }))
  stage.usage(agent, { ...call, endTs: now, source: 'two', error: 'aborted' })
  const told = calls(await lines())
  assert.deepEqual(told.length, 1)
  assert.deepEqual(
    [told[0]?.agentId, told[0]?.ttftMs, told[0]?.responseId, told[0]?.source, told[0]?.endTs],
    ['coder', 7, 'r-1', undefined, undefined],
  )
})

test('an adapter’s call begins `ms` before its end, and ends now if it does not say', async (t) => {
  const { stage, hive, lines } = tempStage(t)
  const agent = stage.begin({ name: 'coder' })
  const tokens = { inputTokens: 10, outputTokens: 5 }
  const { usageOnce } = hive.recorder
  const span = { source: 'scope', agentId: 'coder', session: hive.sessionId, ...tokens }
  const now = Date.now()
  assert.ok(usageOnce.isNew({ ...span, startTs: now - 80, endTs: now - 39 }))
  stage.usage(agent, { ...tokens, ms: 40, endTs: now })
  assert.ok(usageOnce.isNew({ ...span, startTs: now - 200_000, endTs: now - 100_000 }))
  stage.usage(agent, { ...tokens, ms: 100_000, endTs: now - 100_000 })
  assert.ok(usageOnce.isNew({ ...span, inputTokens: 11, startTs: now - 500, endTs: now }))
  stage.usage(agent, { ...tokens, inputTokens: 11, ms: 500 })
  assert.equal(calls(await lines()).length, 1)
})

test('a call that failed has no tokens of its own making, and one that knows nothing is written all the same', async (t) => {
  const said = captureDiag(t)
  const { stage, lines } = tempStage(t)
  const agent = stage.begin({ name: 'coder' })
  stage.usage(agent, { model: 'gpt-4o', error: '429 too many requests', ms: 3 })
  stage.usage(agent, { model: 'gpt-4o', error: 'aborted', inputTokens: 10, ms: 3 })
  stage.usage(agent, { model: 'gpt-4o', ms: 3 })
  stage.usage(agent, undefined as never)
  const told = calls(await lines())
  assert.deepEqual(said, [])
  assert.deepEqual(
    told.map(({ error, inputTokens, outputTokens }) => [error, inputTokens, outputTokens]),
    [
      ['429 too many requests', undefined, undefined],
      ['aborted', 10, undefined],
      [undefined, undefined, undefined],
      [undefined, undefined, undefined],
    ],
  )
})

test('the user’s own `agent.usage` is always recorded', async (t) => {
  const { stage, lines } = tempStage(t)
  const agent = stage.begin({ name: 'coder' })
  const call = { model: 'gpt-4o', inputTokens: 10, outputTokens: 5, responseId: 'r' }
  stage.usage(agent, call)
  agent.usage(call)
  agent.usage(call)
  assert.equal(calls(await lines()).length, 3)
})

test('a question is asked once while it waits, and its answer is recorded once', async (t) => {
  const said = captureDiag(t)
  const { stage, hive, lines } = tempStage(t)
  const agent = stage.begin({ name: 'coder' })
  stage.escalate(agent, 'thread:call-1', 'may I?')
  stage.escalate(agent, 'thread:call-1', 'may I?')
  stage.decide('thread:call-1', true, { by: 'ann' })
  stage.decide('thread:call-1', false)
  stage.escalate(agent, 'thread:call-1', 'and again?')
  stage.decide('thread:call-1', false, { note: 'no' })
  agent.escalate({ id: 'own', subject: 'the application asks' })
  stage.escalate(agent, 'own', 'the framework tells it too')
  await hive.approve('own', true, { via: 'page' })
  stage.escalate(agent, 'third', 'x')
  await hive.approve('third', true, { via: 'page' })
  stage.decide('third', true)
  stage.decide('third', true)
  assert.deepEqual(
    (await lines())
      .filter(({ kind }) => kind === 'escalate' || kind === 'approval')
      .map(({ kind, id, approve, by, via, note, subject }) => [kind, id, subject ?? approve, by, via, note]),
    [
      ['escalate', 'thread:call-1', 'may I?', undefined, undefined, undefined],
      ['approval', 'thread:call-1', true, 'ann', 'code', undefined],
      ['escalate', 'thread:call-1', 'and again?', undefined, undefined, undefined],
      ['approval', 'thread:call-1', false, undefined, 'code', 'no'],
      ['escalate', 'own', 'the application asks', undefined, undefined, undefined],
      ['approval', 'own', true, undefined, 'page', undefined],
      ['escalate', 'third', 'x', undefined, undefined, undefined],
      ['approval', 'third', true, undefined, 'page', undefined],
    ],
  )
  assert.deepEqual(said, [])
})

test('an answer to what another process asked is recorded without a warning', async (t) => {
  const said = captureDiag(t)
  const { stage, lines } = tempStage(t)
  stage.decide('thread:call-9', true)
  stage.decide('thread:call-9', true)
  assert.deepEqual(
    (await lines()).map(({ kind, id, via }) => [kind, id, via]),
    [['approval', 'thread:call-9', 'code']],
  )
  assert.deepEqual(said, [])
})

test('a hand-off is a message of the one who hands off', async (t) => {
  const { stage, lines } = tempStage(t)
  const agent = stage.begin({ name: 'triage' })
  stage.handOff(agent, 'coder', 'transfer', 'fix the test', { conversation: 't-1', to: 'nobody' })
  const message = (await lines()).find(({ kind }) => kind === 'message')
  assert.deepEqual(
    [message?.from, message?.to, message?.act, message?.subject, message?.conversation],
    ['triage', 'coder', 'transfer', 'fix the test', 't-1'],
  )
})

test('a scope that tells other things too is covered while its adapter says so', (t) => {
  const { stage, hive } = tempStage(t)
  let isNow = false
  stage.coversWhile('langfuse-sdk', () => isNow)
  const answers = [false, true, false].map((is) => {
    isNow = is
    return hive.recorder.covered.has('langfuse-sdk')
  })
  assert.deepEqual(answers, [false, true, false])
  isNow = true
  assert.equal(hive.recorder.covered.has('langfuse-sdk2'), false)
})

test('scopes that an adapter covers are known by name and by how they begin', (t) => {
  const { stage, hive } = tempStage(t)
  const { covered } = hive.recorder
  assert.equal(covered.has('ai'), false)
  stage.covers('ai', '@mastra/*', undefined as never)
  for (const [name, is] of [
    ['ai', true],
    ['ai2', false],
    ['@mastra/core', true],
    ['@mastra', false],
    ['constructor', false],
  ] as const) {
    assert.equal(covered.has(name), is, name)
    assert.equal(covered.has(name), is, name)
  }
  for (let n = 0; n < 5_000; n++) covered.has(`scope-${n}`)
  assert.ok(covered.has('@mastra/observability'))
})
