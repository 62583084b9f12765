/** Where the tokens of Claude Code's answers are found when its logs go elsewhere: its transcripts, and pieces of answers. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Session } from '../../src/frameworks/claude-agent-sdk/session.js'
import { isTheirs } from '../../src/frameworks/claude-agent-sdk/telemetry.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const usage = (input_tokens: number, output_tokens: number) => ({ input_tokens, output_tokens })
/** In the pipe an answer is told before it is whole. */
const inPipe = (id: string, input: number, more: object = {}) => ({
  type: 'assistant',
  message: { id, model: 'claude-opus-5-5', stop_reason: null, content: [], usage: usage(input, 1) },
  ...more,
})
const written = (id: string, input: number, output: number, more: object = {}) => ({
  type: 'assistant',
  timestamp: new Date().toISOString(),
  message: {
    id,
    model: 'claude-opus-5-5',
    stop_reason: 'end_turn',
    content: [],
    usage: usage(input, output),
  },
  ...more,
})

function setUp(t: TestContext, other: 'logs' | 'transcripts' | 'nowhere', session_id = 's-1') {
  const { hive, file } = tempHive(t)
  const folder = dirname(file)
  const session = new Session(new Stage(hive), [`CLAUDE_CONFIG_DIR=${join(folder, 'config')}`])
  session.other = other
  session.output({ type: 'system', subtype: 'init', session_id, cwd: '/my/work', model: 'claude-opus-5-5' })
  const write = (name: string, ...lines: object[]): void => {
    const path = join(folder, 'config/projects/-my-work', name)
    mkdirSync(dirname(path), { recursive: true })
    appendFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }
  const calls = async () => {
    await hive.flush()
    return eventsOf(file)
      .filter(({ kind }) => kind === 'usage')
      .map(({ agentId, responseId, inputTokens, outputTokens }) => [
        agentId,
        responseId,
        inputTokens,
        outputTokens,
      ])
  }
  return { session, write, calls, folder }
}

/** Until there are so many calls: an answer waits for its transcript. */
async function until(calls: () => Promise<unknown[]>, count: number): Promise<unknown[]> {
  for (let n = 0; n < 100 && (await calls()).length < count; n++) await pause(50)
  return calls()
}

test('an answer has the tokens that the transcript says once it is whole', async (t) => {
  const { session, write, calls } = setUp(t, 'transcripts')
  write('s-1.jsonl', { ...written('m0', 1, 99), timestamp: '2020-01-01T00:00:00.000Z' })
  session.output(inPipe('m1', 10))
  write('s-1.jsonl', {
    ...written('m1', 10, 1),
    message: { ...inPipe('m1', 10).message, usage: usage(10, 1) },
  })
  await pause(250)
  assert.deepEqual(await calls(), [])
  write('s-1.jsonl', written('m1', 10, 25), { type: 'user', message: { content: 'x' } })
  assert.deepEqual(await until(calls, 1), [['claude', 'm1', 10, 25]])
  // The same answer, piece by piece.
  write('s-1.jsonl', written('m1', 10, 25))
  session.output(inPipe('m1', 10))
  session.end(0, null)
  await pause(100)
  assert.equal((await calls()).length, 1)
})

test('calls of sub-agents that are in no message are in their transcripts', async (t) => {
  const { session, write, calls } = setUp(t, 'transcripts')
  session.output({
    type: 'system',
    subtype: 'task_started',
    task_type: 'local_agent',
    task_id: 'a1',
    subagent_type: 'digger',
  })
  write('s-1.jsonl', { type: 'user', message: { content: 'x' } })
  write('s-1/subagents/agent-a1.jsonl', written('m2', 20, 30, { agentId: 'a1' }))
  session.end(0, null)
  assert.deepEqual(await until(calls, 1), [['digger', 'm2', 20, 30]])
})

test('without a transcript an answer is told without the tokens of its output', async (t) => {
  const { session, calls } = setUp(t, 'transcripts')
  session.output(inPipe('m1', 10))
  assert.deepEqual(await until(calls, 1), [['claude', 'm1', 10, undefined]])
})

test('logs that do not come are not waited for', async (t) => {
  const { session, write, calls } = setUp(t, 'logs')
  session.output(inPipe('m1', 10))
  write('s-1.jsonl', written('m1', 10, 25))
  assert.deepEqual(await until(calls, 1), [['claude', 'm1', 10, 25]])
})

test('pieces of an answer tell its tokens, before its message or after', async (t) => {
  const { session, calls } = setUp(t, 'transcripts')
  const piece = (event: object) => session.output({ type: 'stream_event', event })
  const starts = (id: string) => piece({ type: 'message_start', message: { id } })
  const ends = (output_tokens: number, stop_reason: string | null) =>
    piece({ type: 'message_delta', delta: { stop_reason }, usage: { output_tokens } })
  starts('m1')
  session.output(inPipe('m1', 10))
  ends(4, null)
  assert.deepEqual(await calls(), [])
  ends(25, 'end_turn')
  starts('m2')
  ends(35, 'end_turn')
  session.output(inPipe('m2', 20))
  assert.deepEqual(await calls(), [
    ['claude', 'm1', 10, 25],
    ['claude', 'm2', 20, 35],
  ])
})

test('ids of sessions and sub-agents lead to no other files', async (t) => {
  const { session, write, calls, folder } = setUp(t, 'transcripts', '../../x')
  writeFileSync(join(folder, 'x.jsonl'), `${JSON.stringify(written('m9', 1, 2))}\n`)
  mkdirSync(join(folder, 'config/projects/-my-work'), { recursive: true })
  session.output({
    type: 'system',
    subtype: 'task_started',
    task_type: 'local_agent',
    task_id: '../../../../x',
    subagent_type: 'digger',
  })
  write('other.jsonl', written('m8', 1, 2))
  session.end(0, null)
  await pause(100)
  assert.deepEqual(await calls(), [])
})

test('telemetry that somebody has set up is theirs: in the environment, or in settings', (t) => {
  const { folder } = setUp(t, 'nowhere')
  const config = join(folder, 'home')
  const work = join(folder, 'work')
  const own = [`CLAUDE_CONFIG_DIR=${config}`, 'PATH=/bin', 'OTEL_SERVICE_NAME=mine']
  assert.equal(isTheirs(own, ['claude'], work), false)
  for (const pair of [
    'CLAUDE_CODE_ENABLE_TELEMETRY=1',
    'OTEL_TRACES_EXPORTER=otlp',
    'OTEL_SDK_DISABLED=true',
  ])
    assert.equal(isTheirs([...own, pair], ['claude'], work), true, pair)
  const settings = JSON.stringify({ env: { OTEL_LOGS_EXPORTER: 'otlp' } })
  assert.equal(isTheirs(own, ['claude', '--settings', settings], work), true)
  assert.equal(isTheirs(own, ['claude', `--settings=${settings}`], work), true)
  assert.equal(isTheirs(own, ['claude', '--settings', '{"model":"opus"}'], work), false)
  for (const path of [join(config, 'settings.json'), join(work, '.claude/settings.local.json')]) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, settings)
    assert.equal(isTheirs(own, ['claude'], work), true, path)
    writeFileSync(path, '{"env":{"FOO":"1"}}')
    assert.equal(isTheirs(own, ['claude'], work), false, path)
  }
})
