/** Claude Code's hooks that wait for a person: the decision is written down, and is the answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { putDecision } from '../../src/decide/decisions.js'
import { type Answer, linesOf, logOf, send, tempServer } from '../kit/serve-support.js'

const PATH = '/v1/hooks/claude-code'
const hook = (name: string, more: Record<string, unknown> = {}): string =>
  JSON.stringify({ session_id: 'one', cwd: '/home/ana/work', hook_event_name: name, ...more })
const BASH = {
  tool_name: 'Bash',
  tool_input: { command: 'npm publish --token npm_abcdefghijklmnopqrstuvwxyz0123456789' },
}

type Server = Awaited<ReturnType<typeof tempServer>>

/** The escalations of the session's log, as soon as there are so many. */
async function asked(server: Server, count = 1): Promise<string[]> {
  for (;;) {
    try {
      const ids = linesOf(server, 'one').filter(({ kind }) => kind === 'escalate')
      if (ids.length >= count) return ids.map(({ id }) => id as string)
    } catch {
      // The log is not there yet.
    }
    await pause(10)
  }
}

const decide = (server: Server, id: string, approve: boolean, note?: string): void => {
  const put = putDecision(logOf(server, 'one'), {
    id,
    approve,
    by: 'ana',
    via: 'page',
    ...(note !== undefined && { note }),
    ts: Date.now(),
  })
  assert.deepEqual(put, { put: true })
}

const decisionIn = (answer: Answer): unknown => answer.json().hookSpecificOutput?.decision

test('a permission request waits for the decision, which is the answer; it is on the disk first', async (t) => {
  const server = await tempServer(t)
  await send(server, PATH, hook('PreToolUse', { ...BASH, tool_use_id: 'toolu_1' }))
  const waiting = send(server, `${PATH}?wait=30`, hook('PermissionRequest', BASH))
  const ids = await asked(server)
  assert.deepEqual(ids, ['toolu_1'], 'the id of the run that the hook before it named')
  decide(server, 'toolu_1', true)
  const answer = await waiting
  assert.deepEqual(answer.json(), {
    hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: { behavior: 'allow' } },
  })
  await send(
    server,
    PATH,
    hook('PostToolUse', { ...BASH, tool_use_id: 'toolu_1', tool_response: { stdout: '' } }),
  )
  const lines = linesOf(server, 'one')
  assert.deepEqual(
    lines.map(({ kind }) => kind),
    ['spawn', 'tool.start', 'escalate', 'approval', 'tool'],
  )
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'approval').map(({ id, approve, by, via }) => [id, approve, by, via]),
    [['toolu_1', true, 'ana', 'page']],
  )
  const { subject } = lines[2] as { subject?: string }
  assert.match(subject as string, /^Bash: npm publish --token /)
  assert.ok(!subject?.includes('npm_abcdefghij'), 'secrets in the question are masked')
})

test('a rejection says who and why', async (t) => {
  const server = await tempServer(t)
  const waiting = send(server, PATH, hook('PermissionRequest', BASH), { 'hivelog-wait': '30' })
  const [id] = await asked(server)
  decide(server, id as string, false, 'not on a Friday')
  assert.deepEqual(decisionIn(await waiting), {
    behavior: 'deny',
    message: 'ana did not allow it: not on a Friday',
  })
})

test('after the limit the answer is empty, and what was decided elsewhere is heard of by the log events', async (t) => {
  const server = await tempServer(t)
  await send(server, PATH, hook('PreToolUse', { ...BASH, tool_use_id: 'toolu_2' }))
  const answer = await send(server, `${PATH}?wait=0`, hook('PermissionRequest', BASH))
  assert.deepEqual([answer.status, answer.json()], [200, {}])
  const decision = {
    resourceLogs: [
      {
        scopeLogs: [
          {
            logRecords: [
              {
                timeUnixNano: '1800000000000000000',
                body: { stringValue: 'claude_code.tool_decision' },
                attributes: Object.entries({
                  'session.id': 'one',
                  tool_name: 'Bash',
                  tool_use_id: 'toolu_2',
                  decision: 'reject',
                  source: 'user_reject',
                }).map(([key, stringValue]) => ({ key, value: { stringValue } })),
              },
            ],
          },
        ],
      },
    ],
  }
  await send(server, '/v1/logs', JSON.stringify(decision))
  assert.deepEqual(
    linesOf(server, 'one')
      .filter(({ kind }) => kind === 'escalate' || kind === 'approval')
      .map(({ kind, id, approve }) => [kind, id, approve]),
    [
      ['escalate', 'toolu_2', undefined],
      ['approval', 'toolu_2', false],
    ],
  )
})

test('several wait at once, each for its own decision', async (t) => {
  const server = await tempServer(t)
  const waiting: Promise<Answer>[] = []
  for (let i = 0; i < 5; i++) {
    const input = { tool_name: 'Bash', tool_input: { command: `step ${i}` } }
    await send(server, PATH, hook('PreToolUse', { ...input, tool_use_id: `toolu_${i}` }))
    waiting.push(send(server, `${PATH}?wait=30`, hook('PermissionRequest', input)))
  }
  await asked(server, 5)
  for (let i = 4; i >= 0; i--) decide(server, `toolu_${i}`, i % 2 === 0)
  const answers = await Promise.all(waiting)
  assert.deepEqual(
    answers.map((answer) => (decisionIn(answer) as { behavior: string }).behavior),
    ['allow', 'deny', 'allow', 'deny', 'allow'],
  )
})

test('who asks may go; a server that stops lets all go at once, and a decision given meanwhile is kept', async (t) => {
  const server = await tempServer(t)
  const abort = new AbortController()
  const gone = fetch(`${server.url}${PATH}?wait=600`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}` },
    body: hook('PermissionRequest', BASH),
    signal: abort.signal,
  })
  await asked(server)
  abort.abort()
  await assert.rejects(gone)
  const waiting = send(
    server,
    `${PATH}?wait=600`,
    hook('PermissionRequest', { ...BASH, agent_id: 'helper', agent_type: 'x' }),
  )
  const [first, second] = await asked(server, 2)
  await server.close()
  assert.deepEqual((await waiting).json(), {})
  decide(server, second as string, false)
  // Nothing more is told to this one: it takes what lies there all the same.
  const again = await tempServer(t, server.store)
  for (;;) {
    const decided = linesOf(again, 'one').filter(({ kind }) => kind === 'approval')
    if (decided.length > 0) {
      assert.deepEqual(
        decided.map(({ id, approve }) => [id, approve]),
        [[second, false]],
      )
      break
    }
    await pause(20)
  }
  assert.notEqual(first, second)
})

test('a session that ends and is resumed: its agent ends, and lives again', async (t) => {
  const server = await tempServer(t)
  for (const body of [
    hook('SessionStart', { source: 'startup', model: 'claude-opus-5-5' }),
    hook('SessionEnd', { reason: 'other' }),
    hook('SessionEnd', { reason: 'other' }),
    hook('UserPromptSubmit', { prompt: 'go on', prompt_id: 'p2' }),
    hook('Notification', { message: 'Claude is waiting for your input', notification_type: 'idle_prompt' }),
    hook('StopFailure', { error: 'rate_limit' }),
    hook('PreCompact', { trigger: 'auto' }),
  ]) {
    const answer = await send(server, PATH, body)
    assert.deepEqual([answer.status, answer.json()], [200, {}])
  }
  assert.deepEqual(
    linesOf(server, 'one').map(({ kind, model, type, error }) => [kind, model ?? type ?? error]),
    [
      ['spawn', 'claude-opus-5-5'],
      ['exit', undefined],
      ['spawn', undefined],
      ['user.prompt', undefined],
      ['notification', 'idle_prompt'],
      ['turn.end', 'rate_limit'],
    ],
  )
})

test('what is no hook is refused in words', async (t) => {
  const server = await tempServer(t)
  for (const body of [
    '',
    '{',
    'null',
    '[]',
    '{"session_id":7,"hook_event_name":"Stop"}',
    '{"session_id":"x"}',
  ]) {
    const answer = await send(server, PATH, body)
    assert.equal(answer.status, 400, body)
    assert.equal(typeof answer.json().error, 'string')
  }
  for (const wait of ['-1', '601', 'x', '1e2']) {
    assert.equal((await send(server, `${PATH}?wait=${wait}`, hook('PermissionRequest', BASH))).status, 400)
  }
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const input = `{"session_id":"x","hook_event_name":"PreToolUse","tool_use_id":"t","tool_input":${deep}}`
  assert.equal((await send(server, PATH, input)).status, 400)
  const reader = await tempServer(t, undefined, ['read', 'decide'])
  assert.equal((await send(reader, PATH, hook('Stop'))).status, 403)
})
