/**
 * What is said in a coding agent's terminal decides what that coding agent asked, and nothing else: a token of the scope
 * `ingest` alone decides nothing that a program asked.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { putDecision } from '../../src/decide/decisions.js'
import { serve } from '../../src/serve/server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { linesOf, logOf, logsRequest, send, spansRequest, tempServer } from '../kit/serve-support.js'

const HOOKS = '/v1/hooks/claude-code'
const BASH = { tool_name: 'Bash', tool_input: { command: 'npm publish' } }
const SECRET = 'npm_abcdefghijklmnopqrstuvwxyz0123456789'

/** Each record of telemetry is another one. */
let ts = 1_700_000_000_000

type Server = Awaited<ReturnType<typeof tempServer>>

const sender = (t: TestContext, store?: string): Promise<Server> => tempServer(t, store, ['ingest'])

async function taken(server: Server, path: string, body: string): Promise<void> {
  const answer = await send(server, path, body)
  assert.equal(answer.status, 200, answer.bytes.toString())
}

const hook = (server: Server, name: string, more: Record<string, unknown> = {}, session = 's-1') =>
  taken(
    server,
    `${HOOKS}?wait=0`,
    JSON.stringify({ session_id: session, hook_event_name: name, ...BASH, ...more }),
  )

const ran = (server: Server, id: string, session?: string) =>
  hook(server, 'PostToolUse', { tool_use_id: id }, session)

async function asksInHook(server: Server, id: string): Promise<void> {
  await hook(server, 'PreToolUse', { tool_use_id: id })
  await hook(server, 'PermissionRequest')
}

const asksByIngest = (server: Server, id: string, more: Record<string, unknown> = {}) =>
  taken(
    server,
    '/v1/ingest',
    JSON.stringify({
      kind: 'escalate',
      from: 'prog',
      to: 'human',
      subject: 'drop db?',
      id,
      session: 's-1',
      ...more,
    }),
  )

const codexSaid = (server: Server, id: string, decision = 'approved') =>
  taken(
    server,
    '/v1/logs',
    logsRequest([
      {
        name: 'codex.tool_decision',
        ts: ts++,
        attributes: { 'session.id': 's-1', source: 'User', decision, call_id: id, tool_name: 'shell' },
      },
    ]),
  )

const claudeSaid = (server: Server, id: string, decision = 'accept') =>
  taken(
    server,
    '/v1/logs',
    logsRequest([
      {
        name: 'claude_code.tool_decision',
        ts: ts++,
        attributes: {
          'session.id': 's-1',
          source: 'user_temporary',
          decision,
          tool_use_id: id,
          tool_name: 'Bash',
        },
      },
    ]),
  )

/** Every path on which an `ingest` token can say that a tool was allowed. */
async function saysAllowed(server: Server, id: string): Promise<void> {
  await ran(server, id)
  await hook(server, 'PostToolUseFailure', { tool_use_id: id })
  await codexSaid(server, id)
  await claudeSaid(server, id)
}

const approvals = (server: Server): unknown[] =>
  linesOf(server, 's-1')
    .filter(({ kind }) => kind === 'approval')
    .map(({ id, approve, via }) => [id, approve, via])

/** What a person decides beside the log is what it says in the end. */
async function personRejects(server: Server, id: string): Promise<void> {
  assert.deepEqual(approvals(server), [])
  const put = putDecision(logOf(server, 's-1'), { id, approve: false, by: 'ana', via: 'cli', ts: Date.now() })
  assert.deepEqual(put, { put: true })
  while (approvals(server).length === 0) await new Promise((done) => setTimeout(done, 10))
  assert.deepEqual(approvals(server), [[id, false, 'cli']])
}

test('what a program asked is decided by no hook and no telemetry of an ingest token', async (t) => {
  const server = await sender(t)
  await asksByIngest(server, 'e1')
  await saysAllowed(server, 'e1')
  await personRejects(server, 'e1')
  await saysAllowed(server, 'e1')
  assert.deepEqual(approvals(server), [['e1', false, 'cli']])
})

test('nor where it came as a log record or with a span', async (t) => {
  const server = await sender(t)
  const fields = { from: 'prog', to: 'human', subject: 'drop db?', id: 'e1', _terminal: 'claude-code' }
  const body = { kind: 'escalate', ...fields }
  await taken(
    server,
    '/v1/logs',
    logsRequest([{ name: 'hive.escalate', body, attributes: { 'session.id': 's-1' } }]),
  )
  const attributes = Object.fromEntries(
    Object.entries({ ...fields, id: 'e2' }).map(([name, value]) => [`hive.${name}`, value]),
  )
  const span = {
    id: '00000000000000aa',
    name: 'work',
    from: 1_700_000_000_000,
    to: 1_700_000_000_100,
    attributes: { 'session.id': 's-1', 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'prog' },
    events: [{ name: 'hive.escalate', ts: 1_700_000_000_010, attributes }],
  }
  await taken(server, '/v1/traces', spansRequest([span]))
  assert.deepEqual(
    linesOf(server, 's-1')
      .filter(({ kind }) => kind === 'escalate')
      .map(({ id, _terminal }) => [id, _terminal]),
    [
      ['e1', undefined],
      ['e2', undefined],
    ],
  )
  for (const id of ['e1', 'e2']) await saysAllowed(server, id)
  assert.deepEqual(approvals(server), [])
})

test('a span that goes on with an answer decides nothing either, unless its sender may decide', async (t) => {
  const id = '0123456789abcdef0123456789abcdef'
  const input = JSON.stringify({ lg_name: 'Command', resume: { [id]: true }, goto: [] })
  const goesOn = spansRequest([
    {
      id: '00000000000000ab',
      name: 'LangGraph',
      from: 1_700_000_000_000,
      to: 1_700_000_000_100,
      attributes: {
        'session.id': 's-1',
        'openinference.span.kind': 'CHAIN',
        'input.value': input,
        metadata: JSON.stringify({ thread_id: 't' }),
      },
    },
  ])
  const server = await sender(t)
  await asksByIngest(server, id)
  const answer = await send(server, '/v1/traces', goesOn)
  assert.match(answer.json().partialSuccess.errorMessage, /scope decide/)
  await personRejects(server, id)
  const may = await tempServer(t, undefined, ['ingest', 'decide'])
  await asksByIngest(may, id)
  await taken(may, '/v1/traces', goesOn)
  assert.deepEqual(approvals(may), [[id, true, 'code']])
})

test('a program cannot write that its question is a coding agent’s, nor is it after a restart', async (t) => {
  const store = join(tempFolder(t), 'store')
  const first = await sender(t, store)
  await asksByIngest(first, 'e1', { _terminal: 'claude-code', _key: 'x' })
  await taken(
    first,
    '/v1/ingest',
    JSON.stringify({
      agent_id: 'prog',
      session_id: 's-1',
      event: 'escalate',
      payload: { to: 'human', subject: 'drop db?', id: 'e2', _terminal: 'codex' },
    }),
  )
  await first.close()
  const server = { ...(await serve({ store, port: 0 })), token: first.token }
  defer(t, () => server.close())
  for (const id of ['e1', 'e2']) await saysAllowed(server, id)
  assert.deepEqual(approvals(server), [])
})

test('what was asked under one id by both is decided by people alone, whoever asked first', async (t) => {
  const store = join(tempFolder(t), 'store')
  const first = await sender(t, store)
  await asksInHook(first, 'later')
  await asksByIngest(first, 'later')
  await asksByIngest(first, 'earlier')
  await asksInHook(first, 'earlier')
  const ids = linesOf(first, 's-1')
    .filter(({ kind }) => kind === 'escalate')
    .map(({ id, from }) => [id === 'later' || id === 'earlier' ? id : 'one of its own', from])
  assert.deepEqual(ids, [
    ['later', 'claude'],
    ['later', 'prog'],
    ['earlier', 'prog'],
    ['one of its own', 'claude'],
  ])
  for (const id of ['later', 'earlier']) await saysAllowed(first, id)
  assert.deepEqual(approvals(first), [])
  await first.close()
  const server = { ...(await serve({ store, port: 0 })), token: first.token }
  defer(t, () => server.close())
  for (const id of ['later', 'earlier']) {
    await ran(server, id)
    await codexSaid(server, id, 'approved_for_session')
  }
  assert.deepEqual(approvals(server), [])
})

test('ids that are the same in the log are the same: a masked secret in them tells none apart', async (t) => {
  const server = await sender(t)
  await asksByIngest(server, `ask ${SECRET}`)
  const other = `ask ${SECRET.replace('abc', 'xyz')}`
  await saysAllowed(server, other)
  await asksInHook(server, other)
  await ran(server, other)
  assert.deepEqual(approvals(server), [])
})

test('many questions do not make the server forget whose one was', async (t) => {
  const server = await sender(t)
  await asksByIngest(server, 'e1')
  const others = Array.from({ length: 20_100 }, (_, i) =>
    JSON.stringify({ kind: 'escalate', from: 'prog', to: 'human', subject: 'x', id: `o${i}` }),
  )
  const answer = await send(server, '/v1/ingest', others.join('\n'), { 'hivelog-session': 's-1' })
  assert.equal(answer.json().accepted, 20_100)
  await saysAllowed(server, 'e1')
  await saysAllowed(server, 'o20000')
  assert.deepEqual(approvals(server), [])
})

test('a hook of another session, and another coding agent, decide nothing', async (t) => {
  const server = await sender(t)
  await asksInHook(server, 'toolu_1')
  await ran(server, 'toolu_1', 's-2')
  await codexSaid(server, 'toolu_1')
  assert.deepEqual(approvals(server), [])
  assert.deepEqual(
    linesOf(server, 's-2').filter(({ kind }) => kind === 'approval'),
    [],
  )
})

test('what a coding agent asked is still decided in its terminal, also after a restart', async (t) => {
  const store = join(tempFolder(t), 'store')
  const first = await sender(t, store)
  await asksInHook(first, 'toolu_1')
  await ran(first, 'toolu_1')
  await codexSaid(first, 'call_1')
  await claudeSaid(first, 'toolu_2', 'reject')
  await asksInHook(first, 'toolu_3')
  await asksInHook(first, 'toolu_4')
  await first.close()
  const server = { ...(await serve({ store, port: 0 })), token: first.token }
  defer(t, () => server.close())
  await ran(server, 'toolu_3')
  await claudeSaid(server, 'toolu_4', 'reject')
  assert.deepEqual(approvals(server), [
    ['toolu_1', true, 'cli'],
    ['call_1', true, 'cli'],
    ['toolu_2', false, 'cli'],
    ['toolu_3', true, 'cli'],
    ['toolu_4', false, 'cli'],
  ])
})
