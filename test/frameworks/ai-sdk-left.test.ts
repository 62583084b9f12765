/** Runs of the AI SDK whose end nobody tells, as of a stream that was not read to its end: their agents do not stay. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import v8 from 'node:v8'
import vm from 'node:vm'
import { Runs } from '../../src/frameworks/ai-sdk/runs.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, tempHive, until } from '../kit/hive-support.js'

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

function setUp(t: TestContext, most?: number) {
  const { hive, file } = tempHive(t, { serviceName: 'app' })
  const runs = new Runs(new Stage(hive), most)
  /** As the SDK's channel tells that a run begins: with what it would tell its end with. */
  const begin = (callId: string): object => {
    const message = {
      type: 'streamText',
      event: { callId, operationId: 'ai.streamText', functionId: callId, modelId: 'gpt-x' },
    }
    runs.entered(message)
    runs.onStart(message.event)
    return message
  }
  const lines = (...kinds: string[]) =>
    eventsOf(file)
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ kind, agentId, name, status, error }) => [kind, agentId, name ?? status, error])
  return { hive, runs, begin, lines }
}

test('an agent ends when nobody can read on, with its tools and its call; others go on', async (t) => {
  const { hive, runs, begin, lines } = setUp(t)
  const held = begin('held')
  begin('left')
  runs.onLanguageModelCallStart({ callId: 'left', modelId: 'gpt-x' })
  runs.onToolExecutionStart({ callId: 'left', toolCall: { toolCallId: 'c-1', toolName: 'grep', input: {} } })
  await until(() => {
    collect()
    return lines('exit').length > 0
  }, 'the agent has ended')
  await hive.flush()
  assert.deepEqual(lines('usage', 'tool', 'exit'), [
    ['usage', 'left', undefined, 'left unfinished'],
    ['tool', 'left', 'grep', 'left unfinished'],
    ['exit', 'left', 'killed', 'left unfinished'],
  ])
  runs.onEnd((held as { event: object }).event)
  await hive.shutdown()
  assert.deepEqual(lines('exit').slice(1), [
    ['exit', 'held', 'ok', undefined],
    ['exit', 'app', 'ok', undefined],
  ])
})

test('of more runs than there are at once the oldest are taken for left', async (t) => {
  const { hive, begin, lines } = setUp(t, 2)
  const held = ['one', 'two', 'three'].map(begin)
  await hive.flush()
  assert.deepEqual(lines('spawn', 'exit'), [
    ['spawn', 'app', 'app', undefined],
    ['spawn', 'one', 'one', undefined],
    ['spawn', 'two', 'two', undefined],
    ['spawn', 'three', 'three', undefined],
    ['exit', 'one', 'killed', 'left unfinished'],
  ])
  assert.equal(held.length, 3)
})
