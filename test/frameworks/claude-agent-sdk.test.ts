/** Messages and logs of a real Claude Code (2.1.332, with a fake model), and what they become. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { JsonLines } from '../../src/frameworks/claude-agent-sdk/json-lines.js'
import { LogReceiver, logsIn } from '../../src/frameworks/claude-agent-sdk/log-receiver.js'
import { Session } from '../../src/frameworks/claude-agent-sdk/session.js'
import { Stage } from '../../src/frameworks/stage.js'
import { captureDiag, eventsOf, packageRoot, tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const recorded = (name: string): string =>
  readFileSync(join(packageRoot(), 'test/fixtures', `claude-code-2.1.332.${name}.ndjson`), 'utf8')

const messages = (): unknown[] =>
  recorded('messages')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

function setUp(t: TestContext, hasLogs: boolean) {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const session = new Session(new Stage(hive))
  session.other = hasLogs ? 'logs' : 'nowhere'
  const events = async () => {
    await new Promise((resolve) => setTimeout(resolve, 40))
    await hive.flush()
    return eventsOf(file)
  }
  return { session, events, said, hive }
}

/** The SDK's answer to the first request for a permission. */
function allow(session: Session, behavior: string): void {
  const asked = messages().find((each) => (each as { type: string }).type === 'control_request')
  const { request_id } = asked as { request_id: string }
  session.input({ type: 'control_response', response: { request_id, response: { behavior } } })
}

function play(session: Session, behavior = 'allow'): void {
  for (const message of messages()) {
    session.output(message)
    if ((message as { type: string }).type === 'control_request') allow(session, behavior)
  }
}

test('agents, tools, hand-offs and permissions are those of the run', async (t) => {
  const { session, events, said } = setUp(t, false)
  play(session)
  session.end(0, null)
  const found = (await events()).filter(({ pid }) => pid === undefined)
  const of = (kind: string, ...names: string[]) =>
    found.filter((event) => event.kind === kind).map((event) => names.map((name) => event[name]))
  assert.deepEqual(of('spawn', 'agentId', 'model'), [
    ['claude', 'claude-opus-5-5'],
    ['researcher', undefined],
  ])
  assert.deepEqual(of('tool.start', 'agentId', 'name', 'toolCallId'), [
    ['claude', 'Bash', 'toolu_b1'],
    ['claude', 'Task', 'toolu_t1'],
    ['researcher', 'Bash', 'toolu_b2'],
  ])
  assert.deepEqual(of('tool', 'agentId', 'toolCallId', 'ok', 'resultBytes'), [
    ['claude', 'toolu_b1', true, Buffer.byteLength('(Bash completed with no output)')],
    [
      'claude',
      'toolu_t1',
      true,
      found.find(({ toolCallId, kind }) => kind === 'tool' && toolCallId === 'toolu_t1')?.resultBytes,
    ],
    ['researcher', 'toolu_b2', true, 5],
  ])
  assert.deepEqual(of('message', 'from', 'to', 'act'), [
    ['claude', 'researcher', 'delegate'],
    ['researcher', 'claude', 'return'],
  ])
  assert.deepEqual(of('escalate', 'from', 'subject'), [['claude', 'may Bash run?']])
  assert.deepEqual(of('approval', 'approve', 'via'), [[true, 'code']])
  assert.deepEqual(of('exit', 'agentId', 'status'), [
    ['researcher', 'ok'],
    ['claude', 'ok'],
  ])
  assert.doesNotMatch(JSON.stringify(found), /find honey|found honey|bashenv/)
  assert.deepEqual(said, [])
})

test('without its logs the tokens of the output are not known, and not made up', async (t) => {
  const { session, events } = setUp(t, false)
  play(session)
  session.end(0, null)
  const usages = (await events()).filter(({ kind }) => kind === 'usage')
  assert.deepEqual(
    usages.map(({ agentId, responseId, inputTokens, outputTokens }) => [
      agentId,
      responseId,
      inputTokens,
      outputTokens,
    ]),
    [
      ['claude', 'msg_0001fake', 107, undefined],
      ['claude', 'msg_0002fake', 114, undefined],
      ['claude', 'msg_0003fake', 121, undefined],
      ['researcher', 'msg_0004fake', 128, undefined],
      ['researcher', 'msg_0005fake', 135, undefined],
      ['claude', 'msg_0006fake', 500, undefined],
    ],
  )
})

test('its logs tell the tokens, each call once, whichever comes first', async (t) => {
  for (const logsFirst of [false, true]) {
    const { session, events, hive } = setUp(t, true)
    const logs = recorded('logs')
      .split('\n')
      .flatMap((line) => logsIn(line))
    const tell = (): void => {
      for (const { name, attributes } of logs) session.log(name, attributes)
    }
    const [init, ...rest] = messages()
    session.output(init)
    if (logsFirst) {
      // Of agents that are known.
      for (const each of rest) if (JSON.stringify(each).includes('"task_started"')) session.output(each)
      tell()
    }
    for (const each of rest) session.output(each)
    if (!logsFirst) tell()
    session.end(0, null)
    const usages = (await events()).filter(({ kind }) => kind === 'usage')
    assert.deepEqual(
      usages
        .map(({ responseId, inputTokens, outputTokens }) => [
          inputTokens,
          outputTokens,
          logsFirst ? '' : responseId,
        ])
        .sort(([a], [b]) => (a as number) - (b as number)),
      [
        [107, 13, logsFirst ? '' : 'msg_0001fake'],
        [114, 16, logsFirst ? '' : 'msg_0002fake'],
        [121, 19, logsFirst ? '' : 'msg_0003fake'],
        [128, 22, logsFirst ? '' : 'msg_0004fake'],
        [135, 25, logsFirst ? '' : 'msg_0005fake'],
        [500, 5, logsFirst ? '' : 'msg_0006fake'],
      ],
      `logs first: ${logsFirst}`,
    )
    await hive.shutdown()
  }
})

test('a tool that is not allowed has not run', async (t) => {
  const { session, events } = setUp(t, false)
  const [init, asks, permission] = messages()
  for (const each of [init, asks, permission]) session.output(each)
  allow(session, 'deny')
  session.output({
    type: 'user',
    message: { content: [{ type: 'tool_result', tool_use_id: 'toolu_b1', is_error: true, content: 'no' }] },
    tool_result_meta: [
      { id: 'toolu_b1', permission_decision: { decision: 'reject', source: 'user_reject' } },
    ],
  })
  session.end(0, null)
  const kinds = (await events()).map(({ kind, approve }) => (kind === 'approval' ? approve : kind))
  assert.ok(kinds.includes(false))
  assert.ok(!kinds.includes('tool') && !kinds.includes('tool.start'), kinds.join(' '))
})

test('one that is killed leaves nothing open', async (t) => {
  const { session, events } = setUp(t, true)
  for (const each of messages().slice(0, 9)) session.output(each)
  allow(session, 'allow')
  session.end(null, 'SIGKILL')
  const exits = (await events()).filter(({ kind }) => kind === 'exit')
  assert.deepEqual(
    exits.map(({ agentId, status }) => [agentId, status]),
    [
      ['researcher', 'killed'],
      ['claude', 'killed'],
    ],
  )
})

test('lines come in any pieces, and hostile ones do no harm', (t) => {
  const { session } = setUp(t, true)
  const bytes = Buffer.from(recorded('messages'))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 30 }), (cuts) => {
      const got: unknown[] = []
      const lines = new JsonLines((message) => got.push(message))
      const ends = [...cuts, bytes.length].sort((a, b) => a - b)
      for (const [i, end] of ends.entries()) lines.add(bytes.subarray(ends[i - 1] ?? 0, end))
      assert.equal(got.length, messages().length)
      assert.deepEqual(got, messages())
    }),
    { numRuns: cases(30, 30) },
  )
  fc.assert(
    fc.property(
      fc.constantFrom('assistant', 'user', 'system', 'control_request', 'result'),
      fc.object(),
      (type, rest) => {
        session.output({ ...rest, type })
        session.input({ ...rest, type: 'control_response' })
        session.log('claude_code.api_request', rest)
      },
    ),
    { numRuns: cases(50, 50) },
  )
})

test('the receiver takes what is sent to a child’s own address, and nothing else', async () => {
  const receiver = new LogReceiver()
  const got: string[] = []
  const taker = { log: (name: string) => got.push(name) }
  const url = receiver.urlFor(taker)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const body = recorded('logs')
    .split('\n')
    .find((line) => line.includes('api_request'))
  const send = async (to: string, method = 'POST') =>
    (await fetch(to, { method, ...(method === 'POST' && { body: body as string }) })).status
  assert.equal(await send(url), 200)
  const { length } = got
  assert.ok(length > 0)
  assert.equal(await send(url.replace(/\/[0-9a-f]{32}\//, '/0/')), 404)
  assert.equal(await send(url, 'GET'), 404)
  receiver.forget(taker)
  assert.equal(await send(url), 404)
  assert.equal(got.length, length)
})
