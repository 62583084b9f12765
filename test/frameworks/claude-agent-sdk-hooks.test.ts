/** Hooks of the application's, as Claude Code calls them over its pipes: what they decide, and what only they tell. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { answerOf } from '../../src/frameworks/claude-agent-sdk/hooks.js'
import { Session } from '../../src/frameworks/claude-agent-sdk/session.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const init = { type: 'system', subtype: 'init', session_id: 's1', model: 'claude-opus-5-5', cwd: '/work' }
const wants = (id: string, name = 'Bash', input: object = { command: 'ls' }) => ({
  type: 'assistant',
  message: { id: `msg_${id}`, model: 'claude-opus-5-5', content: [{ type: 'tool_use', id, name, input }] },
})
const result = (id: string, more: object = {}, meta: object = {}) => ({
  type: 'user',
  message: { content: [{ type: 'tool_result', tool_use_id: id, content: 'it', ...more }] },
  tool_result_meta: [{ id, ...meta }],
})
const hook = (request_id: string, input: object) => ({
  type: 'control_request',
  request_id,
  request: { subtype: 'hook_callback', callback_id: 'hook_0', input },
})
const mayUse = (request_id: string, tool_use_id: string) => ({
  type: 'control_request',
  request_id,
  request: { subtype: 'can_use_tool', tool_name: 'Bash', tool_use_id, input: { command: 'ls' } },
})
const answers = (request_id: string, response: unknown) => ({
  type: 'control_response',
  response: { subtype: 'success', request_id, response },
})
const toolHook = (hook_event_name: string, tool_use_id: string | undefined, more: object = {}) => ({
  hook_event_name,
  tool_name: 'Bash',
  tool_input: { command: 'ls' },
  ...(tool_use_id !== undefined && { tool_use_id }),
  ...more,
})

/** Longer than a tool that nobody objects to waits before it counts as running. */
const LONG_MS = 250
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function setUp(t: TestContext) {
  const { hive, file } = tempHive(t)
  const session = new Session(new Stage(hive))
  session.output(init)
  const told = async (...kinds: string[]) => {
    await hive.flush()
    return eventsOf(file).filter(({ kind, pid }) => pid === undefined && kinds.includes(String(kind)))
  }
  return { session, told }
}

test('a tool waits for the hook that may forbid it, however long that takes', async (t) => {
  const { session, told } = setUp(t)
  session.output(wants('t1'))
  session.output(hook('r1', toolHook('PreToolUse', 't1')))
  await pause(LONG_MS)
  session.input(
    answers('r1', {
      hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny' },
    }),
  )
  await pause(LONG_MS)
  session.output(
    result('t1', { is_error: true }, { permission_decision: { decision: 'reject', source: 'hook' } }),
  )
  session.end(0, null)
  assert.deepEqual(await told('tool.start', 'tool', 'escalate', 'approval'), [])
})

test('once the hook has nothing against it, it runs', async (t) => {
  const { session, told } = setUp(t)
  session.output(wants('t1'))
  session.output(hook('r1', toolHook('PreToolUse', 't1')))
  await pause(LONG_MS)
  assert.deepEqual(await told('tool.start'), [])
  session.input(answers('r1', {}))
  await pause(LONG_MS)
  assert.equal((await told('tool.start')).length, 1)
  session.output(result('t1'))
  assert.equal((await told('tool')).length, 1)
})

test('a permission is asked for once, and the one who answers first has decided', async (t) => {
  const { session, told } = setUp(t)
  session.output(wants('t1'))
  session.output(mayUse('r1', 't1'))
  session.output(hook('r2', toolHook('PermissionRequest', undefined)))
  session.input(
    answers('r2', {
      hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: { behavior: 'allow' } },
    }),
  )
  session.output({ type: 'control_cancel_request', request_id: 'r1' })
  session.input(answers('r1', { behavior: 'deny', message: 'too late' }))
  session.output(result('t1', {}, { permission_decision: { decision: 'accept', source: 'hook' } }))
  assert.equal((await told('escalate')).length, 1)
  assert.deepEqual(
    (await told('approval')).map(({ id, approve, via }) => [id, approve, via]),
    [['s1:t1', true, 'hook']],
  )
  assert.equal((await told('tool')).length, 1)
})

test('a hook that only looks leaves the answer to others; where none comes, the result says it', async (t) => {
  const { session, told } = setUp(t)
  session.output(wants('t1'))
  session.output(hook('r1', toolHook('PermissionRequest', undefined)))
  session.input(answers('r1', {}))
  assert.equal((await told('approval')).length, 0)
  session.output(result('t1', { is_error: true }, { permission_decision: { decision: 'reject' } }))
  assert.deepEqual(
    (await told('approval')).map(({ approve }) => approve),
    [false],
  )
  assert.deepEqual(await told('tool.start', 'tool'), [])
})

test('sub-agents that only hooks tell begin and end by them; one that has to go on goes on', async (t) => {
  const { session, told } = setUp(t)
  const ofSub = { agent_id: 'a1', agent_type: 'digger' }
  session.output(hook('r1', { hook_event_name: 'SubagentStart', ...ofSub }))
  session.input(answers('r1', {}))
  session.output(hook('r2', { hook_event_name: 'SubagentStop', ...ofSub }))
  session.input(answers('r2', { decision: 'block', reason: 'go on' }))
  assert.deepEqual(await told('exit'), [])
  session.output(hook('r3', { hook_event_name: 'SubagentStop', ...ofSub }))
  session.input(answers('r3', {}))
  assert.deepEqual(
    (await told('spawn', 'exit', 'message')).map(({ kind, agentId, from, parent, act }) => [
      kind,
      agentId ?? from,
      agentId === 'claude' ? undefined : (parent ?? act),
    ]),
    [
      ['spawn', 'claude', undefined],
      ['spawn', 'digger', 'claude'],
      ['message', 'claude', 'delegate'],
      ['message', 'digger', 'return'],
      ['exit', 'digger', undefined],
    ],
  )
})

test('tools of a sub-agent’s sub-agent are told by hooks, and once where messages tell them too', async (t) => {
  const { session, told } = setUp(t)
  const begins = (task_id: string, tool_use_id: string, subagent_type: string) => ({
    type: 'system',
    subtype: 'task_started',
    task_type: 'local_agent',
    task_id,
    tool_use_id,
    subagent_type,
  })
  session.output(wants('t1', 'Task', { subagent_type: 'researcher' }))
  session.output(begins('a1', 't1', 'researcher'))
  // Hooks know the tool by another name than models, and may come first.
  const runsDigger = { agent_id: 'a1', tool_name: 'Agent', tool_input: { subagent_type: 'digger' } }
  session.output(hook('r1', toolHook('PreToolUse', 't2', runsDigger)))
  session.input(answers('r1', {}))
  session.output({
    ...wants('t2', 'Task', { subagent_type: 'digger' }),
    parent_tool_use_id: 't1',
    agent_id: 'a1',
  })
  session.output(begins('a2', 't2', 'digger'))
  session.output(hook('r2', toolHook('PreToolUse', 't3', { agent_id: 'a2' })))
  session.input(answers('r2', {}))
  session.output({ ...wants('t3'), parent_tool_use_id: 't2', agent_id: 'a2' })
  session.output(hook('r3', toolHook('PostToolUse', 't3', { agent_id: 'a2', tool_response: 'four' })))
  session.output({ ...result('t3'), parent_tool_use_id: 't2', agent_id: 'a2' })
  session.output(wants('t3'))
  assert.deepEqual(
    (await told('tool.start')).map(({ agentId, name, toolCallId }) => [agentId, name, toolCallId]),
    [
      ['claude', 'Task', 't1'],
      ['researcher', 'Task', 't2'],
      ['digger', 'Bash', 't3'],
    ],
  )
  assert.deepEqual(
    (await told('tool')).map(({ agentId, toolCallId, ok, argsBytes, resultBytes }) => [
      agentId,
      toolCallId,
      ok,
      argsBytes,
      resultBytes,
    ]),
    [['digger', 't3', true, Buffer.byteLength('{"command":"ls"}'), 4]],
  )
})

test('what hooks are asked and answer may be anything', (t) => {
  const { session } = setUp(t)
  fc.assert(
    fc.property(
      fc.constantFrom('PreToolUse', 'PostToolUse', 'PermissionRequest', 'SubagentStart', 'SubagentStop'),
      fc.object(),
      fc.anything(),
      (event, input, response) => {
        session.output(hook('r', { ...input, hook_event_name: event }))
        session.input(answers('r', response))
        const { isAllowed } = answerOf(response)
        assert.ok(isAllowed === undefined || typeof isAllowed === 'boolean')
      },
    ),
    { numRuns: cases(100, 100) },
  )
  assert.equal(answerOf({ behavior: 'toString' }).isAllowed, undefined)
})
