/** What MCP servers ask people through Claude Code: recorded once, with the answer that the server hears. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Session } from '../../src/frameworks/claude-agent-sdk/session.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'

const asked = (mcp_server_name = 'release', message = 'Deploy?') => ({
  mcp_server_name,
  message,
  mode: 'form',
})
const callback = (request_id: string, about = asked()) => ({
  type: 'control_request',
  request_id,
  request: { subtype: 'elicitation', ...about },
})
const hook = (request_id: string, hook_event_name: string, more: object = asked()) => ({
  type: 'control_request',
  request_id,
  request: { subtype: 'hook_callback', callback_id: 'hook_0', input: { hook_event_name, ...more } },
})
const answers = (request_id: string, response: unknown) => ({
  type: 'control_response',
  response: { subtype: 'success', request_id, response },
})
const action = (hookEventName: string, said: string) => ({
  hookSpecificOutput: { hookEventName, action: said },
})
/** What the SDK says first: which hooks the application has. */
const initialize = (...events: string[]) => ({
  type: 'control_request',
  request_id: 'init',
  request: { subtype: 'initialize', hooks: Object.fromEntries(events.map((event) => [event, []])) },
})
/** Longer than a hook's answer may still be unheeded. */
const LONG_MS = 300
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function setUp(t: TestContext) {
  const { hive, file } = tempHive(t)
  const session = new Session(new Stage(hive))
  session.output({
    type: 'system',
    subtype: 'init',
    session_id: 's1',
    model: 'claude-opus-5-5',
    cwd: '/work',
  })
  const told = async () => {
    await hive.flush()
    const events = eventsOf(file)
    const escalations = events.filter(({ kind }) => kind === 'escalate')
    return escalations.map(({ id, from, subject }) => [
      `${from}: ${subject}`,
      ...events
        .filter((each) => each.kind === 'approval' && each.id === id)
        .map(({ approve, via, note }) => [approve, via, note].filter((each) => each !== undefined).join(' ')),
    ])
  }
  return { session, told }
}

test('the callback accepts, declines or cancels; what is filled in is not recorded', async (t) => {
  const { session, told } = setUp(t)
  for (const said of ['accept', 'decline', 'cancel']) {
    session.output(callback(said, asked('release', `${said}?`)))
    session.input(answers(said, { action: said, content: { code: 'green-4711' } }))
  }
  session.output(callback('open', asked('release', 'And this?')))
  assert.deepEqual(await told(), [
    ['claude: release asks: accept?', 'true code'],
    ['claude: release asks: decline?', 'false code'],
    ['claude: release asks: cancel?', 'false code cancelled'],
    ['claude: release asks: And this?'],
  ])
})

test('hooks are asked first, several at once, and then the callback: one question', async (t) => {
  const { session, told } = setUp(t)
  session.output(hook('h1', 'Elicitation'))
  session.output(hook('h2', 'Elicitation'))
  session.input(answers('h1', {}))
  session.input(answers('h2', {}))
  session.output(callback('c1'))
  session.input(answers('c1', { action: 'accept' }))
  // The same words again are another question.
  session.output(callback('c2'))
  session.output(callback('c3'))
  session.input(answers('c3', { action: 'decline' }))
  assert.deepEqual(await told(), [
    ['claude: release asks: Deploy?', 'true code'],
    ['claude: release asks: Deploy?'],
    ['claude: release asks: Deploy?', 'false code'],
  ])
})

test('a hook that blocks declines at once; what it says else holds if nobody is asked then', async (t) => {
  const { session, told } = setUp(t)
  session.output(hook('h1', 'Elicitation', asked('a')))
  session.input(answers('h1', { decision: 'block' }))
  session.output(hook('h2', 'Elicitation', asked('b')))
  session.input(answers('h2', action('Elicitation', 'accept')))
  session.output(hook('h3', 'Elicitation', asked('c')))
  session.input(answers('h3', action('Elicitation', 'accept')))
  session.output(callback('c3', asked('c')))
  const [first, second, third] = await told()
  assert.deepEqual(
    [first, second, third],
    [['claude: a asks: Deploy?', 'false hook'], ['claude: b asks: Deploy?'], ['claude: c asks: Deploy?']],
  )
  await pause(LONG_MS)
  session.input(answers('c3', { action: 'decline' }))
  assert.deepEqual((await told()).slice(1), [
    ['claude: b asks: Deploy?', 'true hook'],
    ['claude: c asks: Deploy?', 'false code'],
  ])
})

test('where hooks review answers, an answer holds once they have, and blocked it is a no', async (t) => {
  const { session, told } = setUp(t)
  session.input(initialize('ElicitationResult'))
  for (const [id, said] of [
    ['c1', {}],
    ['c2', { decision: 'block' }],
    ['c3', undefined],
  ] as const) {
    session.output(callback(id, asked(id)))
    session.input(answers(id, { action: 'accept' }))
    assert.equal((await told()).at(-1)?.length, 1)
    if (said === undefined) continue
    session.output(hook(`r-${id}`, 'ElicitationResult', { mcp_server_name: id, action: 'accept' }))
    session.input(answers(`r-${id}`, said))
  }
  assert.deepEqual(await told(), [
    ['claude: c1 asks: Deploy?', 'true code'],
    ['claude: c2 asks: Deploy?', 'false hook'],
    ['claude: c3 asks: Deploy?'],
  ])
  // The last was answered when Claude Code ended.
  session.end(0, null)
  assert.deepEqual((await told()).at(-1), ['claude: c3 asks: Deploy?', 'true code'])
})

test('it is the agent whose tool of that server runs that asks', async (t) => {
  const { session, told } = setUp(t)
  session.output({
    type: 'system',
    subtype: 'task_started',
    task_id: 'sub-1',
    task_type: 'local_agent',
    tool_use_id: 'task-1',
    subagent_type: 'digger',
  })
  session.output({
    type: 'assistant',
    agent_id: 'sub-1',
    parent_tool_use_id: 'task-1',
    message: {
      id: 'm1',
      model: 'claude-opus-5-5',
      content: [{ type: 'tool_use', id: 't1', name: 'mcp__the_release__deploy', input: {} }],
    },
  })
  session.output(callback('c1', asked('the release')))
  session.output(callback('c2', asked('another')))
  const [first, second] = await told()
  assert.match(String(first), /^digger: the release asks/)
  assert.match(String(second), /^claude: another asks/)
})
