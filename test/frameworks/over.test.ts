/** What frameworks do after the hive was shut down: nothing of it is told, and nothing is said. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import { adapter } from '../../src/frameworks/langchain/adapter.js'
import { Stage } from '../../src/frameworks/stage.js'
import { captureDiag, eventsOf, tempHive } from '../kit/hive-support.js'

test('a graph of LangGraph that runs on, and one that begins later', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t, { serviceName: 'app' })
  adapter.install(new Stage(hive))
  // As the first of LangChain's packages does.
  const storage = new AsyncLocalStorage<Record<PropertyKey, unknown>>()
  Object.assign(globalThis, { [Symbol.for('ls:tracing_async_local_storage')]: storage })
  const variables = storage.getStore()?.[Symbol.for('lc:context_variables')] as Record<string, unknown>
  const handler = variables.hivelog0 as Record<string, (...args: unknown[]) => void>
  const begin = (id: string): void =>
    handler.handleChainStart?.({ id: ['langgraph', 'pregel'] }, {}, id, undefined, [], {}, '', id)
  begin('early')
  handler.handleToolStart?.({}, '{}', 't-1', 'early', [], {}, 'grep')
  await hive.shutdown()
  const before = eventsOf(file)
  begin('late')
  handler.handleToolEnd?.('found', 't-1')
  for (const id of ['early', 'late']) handler.handleChainEnd?.({}, id)
  await new Promise(setImmediate)
  assert.deepEqual(
    before.filter(({ kind }) => kind === 'exit').map(({ agentId, status }) => [agentId, status]),
    [
      ['early', 'killed'],
      ['app', 'ok'],
    ],
  )
  assert.deepEqual([said, eventsOf(file)], [[], before])
})

test('what is told to a hive that is over is not taken in', async (t) => {
  const said = captureDiag(t)
  const { hive } = tempHive(t)
  const stage = new Stage(hive)
  const fail = (): never => {
    throw new Error('broken')
  }
  assert.equal(
    stage.tell('X', () => 7),
    7,
  )
  assert.equal(stage.tell('X', fail), undefined)
  assert.deepEqual(said, ['hivelog: something that X does is not recorded: broken'])
  await hive.shutdown()
  assert.equal(stage.tell('X', fail), undefined)
  assert.equal(stage.tell('Y', fail), undefined)
  assert.equal(said.length, 1)
})
